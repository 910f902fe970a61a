package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxControl is the largest script that control reads, in bytes.
const maxControl = 1 << 20

// State is a provider as control lists it.
type State struct {
	Name      string  `json:"name"`
	URL       string  `json:"url"`
	Listening bool    `json:"listening"`
	Fault     *Script `json:"fault"`
	Stats     Stats   `json:"stats"`
}

// Control serves the fleet's faults over HTTP:
//
//	GET    /                                       lists the providers
//	GET    /{provider}                             tells of one
//	POST   /{provider}?status=503&retry_after=1    sets a fault, in query form
//	POST   /{provider}?fault=status%3D503          the same in one parameter
//	POST   /{provider}                             the same, JSON in the body
//	POST   /{provider}?listener=down               stops the listener; up starts it
//	DELETE /{provider}                             heals: no fault, listener up
//
// PUT is POST. Answers are the provider's state, or {"error": message}.
func (f *Fleet) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, f.States())
	})
	mux.HandleFunc("POST /{provider...}", f.inflict)
	mux.HandleFunc("PUT /{provider...}", f.inflict)
	mux.HandleFunc("GET /{provider...}", func(w http.ResponseWriter, r *http.Request) {
		f.control(w, r, func(*Provider) error { return nil })
	})
	mux.HandleFunc("DELETE /{provider...}", func(w http.ResponseWriter, r *http.Request) {
		f.control(w, r, func(p *Provider) error {
			p.ClearFault()
			return f.Start(p.Name())
		})
	})
	mux.HandleFunc("/{provider...}", func(w http.ResponseWriter, _ *http.Request) {
		const methods = "GET, POST, PUT, DELETE"
		w.Header().Set("Allow", methods)
		reply(w, http.StatusMethodNotAllowed, map[string]string{"error": "use one of " + methods})
	})
	return mux
}

// States lists the providers in the order in which they were added.
func (f *Fleet) States() []State {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]State, 0, len(f.houses))
	for _, h := range f.houses {
		s := State{Name: h.provider.Name(), URL: h.url(), Listening: h.open != nil, Stats: h.provider.Stats()}
		if fault, set := h.provider.Fault(); set {
			s.Fault = &fault
		}
		out = append(out, s)
	}
	return out
}

func (f *Fleet) inflict(w http.ResponseWriter, r *http.Request) {
	f.control(w, r, func(p *Provider) error {
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return err
		}
		if listener, asked := query["listener"]; asked {
			return f.switchListener(p.Name(), listener, len(query))
		}
		s, err := scriptOf(r, query)
		switch {
		case errors.Is(err, ErrUnknownField):
			return fmt.Errorf("%w; and listener in the query, alone: up or down", err)
		case err != nil:
			return err
		}
		return p.SetFault(s)
	})
}

func (f *Fleet) switchListener(name string, to []string, parameters int) error {
	switch word := strings.Join(to, ","); {
	case parameters > 1:
		return errors.New("listener: stands alone")
	case word == "up":
		return f.Start(name)
	case word == "down":
		return f.Stop(name)
	}
	return errors.New("listener: want up or down")
}

// scriptOf reads the script of a control request, from one of its three places.
func scriptOf(r *http.Request, query url.Values) (Script, error) {
	if fault := query.Get("fault"); fault != "" && len(query) == 1 {
		inner, err := url.ParseQuery(fault)
		if err != nil {
			return Script{}, err
		}
		return ParseQuery(inner)
	}
	if len(query) > 0 {
		return ParseQuery(query)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxControl))
	if err != nil {
		return Script{}, err
	}
	return ParseScript(body)
}

// control finds the provider, acts on it and answers.
func (f *Fleet) control(w http.ResponseWriter, r *http.Request, act func(*Provider) error) {
	p := f.Provider(r.PathValue("provider"))
	if p == nil {
		reply(w, http.StatusNotFound, map[string]string{"error": ErrUnknownProvider.Error()})
		return
	}
	if err := act(p); err != nil {
		reply(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	for _, s := range f.States() {
		if s.Name == p.Name() {
			reply(w, http.StatusOK, s)
		}
	}
}

func reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A client that has left cannot be told so.
	_ = json.NewEncoder(w).Encode(value)
}
