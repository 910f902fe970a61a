package admin

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// apiRoot is where the API begins.
const apiRoot = "/api/v1/"

// who is the admin token's name in the audit trail.
const who = "admin"

// API is what the operator manages through the admin listener.
type API struct {
	Directory *directory.Directory
	// Catalog is the one in use: which providers and regions there are. nil: that
	// is not asked.
	Catalog func() *catalog.Catalog
	// Usage and Generations answer /api/v1/usage and /api/v1/generations; nil:
	// there is nothing to ask.
	Usage       Usage
	Generations Generations
	Logger      *slog.Logger // of failures that clients are not told the cause of
}

// Usage sums what was used.
type Usage interface {
	Usage(ctx context.Context, q Query) (Page, error)
}

// Generations lists records of exchanges, the latest first.
type Generations interface {
	Generations(ctx context.Context, q Query) (Page, error)
}

// Query says which exchanges are asked for; empty fields ask for all.
type Query struct {
	From, To                          time.Time // zero = open
	Key, Tenant, Model, Provider, Tag string
	By                                string // usage: the dimension to sum by
	After                             string // where the page before ended
	Limit                             int    // 1 to 1000
}

// Page is a part of a listing.
type Page struct {
	Data []json.RawMessage
	Next string // the Query.After of the next page, "" = this was the last
}

// QueryError is returned by Usage and Generations for what cannot be asked.
// Param names the parameter.
type QueryError struct{ Param, Message string }

// Error is the message.
func (e *QueryError) Error() string { return e.Message }

// guardAPI lets requests through that carry the token and are none of another
// site's page.
func (c *listener) guardAPI(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case c.Loopback && !loopbackHost(r.Host):
			fail(w, problem{status: http.StatusForbidden, kind: forbidden, message: "this listener is on loopback; ask it by a name of loopback, such as 127.0.0.1"})
		case !ownOrigin(r.Header["Origin"]):
			fail(w, problem{status: http.StatusForbidden, kind: forbidden, message: "pages of other sites may not use this API"})
		case !c.carriesToken(r):
			c.refused.note(r)
			w.Header().Set("WWW-Authenticate", "Bearer")
			fail(w, problem{status: http.StatusUnauthorized, kind: unauthorized, message: "send the admin token as Authorization: Bearer"})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// ownOrigin tells whether a request comes from no page, or from one on
// loopback.
func ownOrigin(origins []string) bool {
	for _, origin := range origins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || !loopbackHost(u.Host) {
			return false
		}
	}
	return true
}

// storeTime bounds what one call may wait for the store.
const storeTime = 10 * time.Second

// call is a handler that returns its answer. A nil body answers 204.
type call func(r *http.Request) (answered, error)

// answered is an answer; the zero status is 200.
type answered struct {
	status  int
	body    any
	version uint64 // of the one record in body, 0 = several or none
}

func (a *API) handler() http.Handler {
	mux := http.NewServeMux()
	tenants, budgets := a.tenants(), a.budgets()
	for pattern, c := range map[string]call{
		"GET keys": a.listKeys, "POST keys": a.createKey, "GET keys/{id}": a.getKey, "PATCH keys/{id}": a.patchKey,
		"DELETE keys/{id}": a.revokeKey, "POST keys/{id}/rotate": a.rotateKey,
		"GET tenants": tenants.list, "POST tenants": tenants.create, "GET tenants/{name}": tenants.get,
		"PATCH tenants/{name}": tenants.patch, "DELETE tenants/{name}": tenants.delete,
		"GET budgets": budgets.list, "POST budgets": budgets.create, "GET budgets/{name}": budgets.get,
		"PATCH budgets/{name}": budgets.patch, "DELETE budgets/{name}": budgets.delete,
		"GET credentials": a.listOwn, "POST credentials": a.putOwn, "GET credentials/{tenant}/{provider}": a.getOwn,
		"PATCH credentials/{tenant}/{provider}": a.patchOwn, "DELETE credentials/{tenant}/{provider}": a.deleteOwn,
		"GET audit": a.audit, "GET usage": a.usage, "GET generations": a.generations, "GET schema": a.schema,
	} {
		mux.Handle(under(pattern), a.serve(c))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, problem{status: http.StatusNotFound, kind: notFound, message: "there is no such method and path; GET " + apiRoot + "schema lists those with a body"})
	})
	return mux
}

// under puts a pattern's path below the API's root.
func under(pattern string) string {
	for i := range pattern {
		if pattern[i] == ' ' {
			return pattern[:i+1] + apiRoot + pattern[i+1:]
		}
	}
	return pattern
}

// serve answers what a call returns.
func (a *API) serve(c call) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), storeTime)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		out, err := c(r)
		if err == nil {
			out.write(w)
			return
		}
		p := problemOf(err)
		if p.status == http.StatusServiceUnavailable && a.Logger != nil {
			a.Logger.Error("an admin request failed", "method", r.Method, "error", err)
		}
		fail(w, p)
	})
}

func (out answered) write(w http.ResponseWriter) {
	if out.version != 0 {
		w.Header().Set("ETag", etag(out.version))
	}
	if out.body == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if out.status == 0 {
		out.status = http.StatusOK
	}
	answer(w, out.status, out.body)
}
