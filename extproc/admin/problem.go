package admin

import (
	"context"
	"errors"
	"net/http"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// Kinds of problems, as clients see them.
const (
	invalidRequest = "invalid_request"
	unauthorized   = "unauthorized"
	forbidden      = "forbidden"
	notFound       = "not_found"
	conflict       = "conflict"
	unavailable    = "unavailable"
)

// problem is an error as a client sees it. It holds nothing of what was sent
// but names of fields.
type problem struct {
	status  int
	kind    string
	message string
	param   string    // the field or parameter, "" = none
	all     []problem // everything that is wrong, where it is more than one
}

// Error is the message.
func (p problem) Error() string { return p.message }

// problemView is a problem in JSON.
type problemView struct {
	Message string        `json:"message"`
	Type    string        `json:"type"`
	Param   string        `json:"param,omitempty"`
	All     []problemView `json:"all,omitempty"`
}

func (p problem) view() problemView {
	v := problemView{Message: p.message, Type: p.kind, Param: p.param}
	for _, one := range p.all {
		v.All = append(v.All, one.view())
	}
	return v
}

func fail(w http.ResponseWriter, p problem) {
	if p.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	answer(w, p.status, map[string]any{"error": p.view()})
}

func wrong(param, message string) problem {
	return problem{status: http.StatusBadRequest, kind: invalidRequest, message: message, param: param}
}

// problemOf is the one place that says what clients learn of an error. What a
// store says stays out: it may name addresses.
func problemOf(err error) problem {
	var (
		own     problem
		large   *http.MaxBytesError
		fields  catalog.Errors
		field   *directory.InvalidError
		queried *QueryError
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &large):
		return problem{status: http.StatusRequestEntityTooLarge, kind: invalidRequest, message: "the body is larger than 1 MiB"}
	case errors.As(err, &fields) && len(fields) > 0:
		return ofFields(fields)
	case errors.As(err, &field):
		return wrong(field.Field, field.Message)
	case errors.As(err, &queried):
		return wrong(queried.Param, queried.Message)
	case errors.Is(err, directory.ErrNotFound):
		return problem{status: http.StatusNotFound, kind: notFound, message: err.Error()}
	case errors.Is(err, directory.ErrExists):
		return problem{status: http.StatusConflict, kind: conflict, message: err.Error()}
	case errors.Is(err, directory.ErrConflict):
		return problem{status: http.StatusPreconditionFailed, kind: conflict, message: err.Error()}
	case errors.Is(err, directory.ErrInUse), errors.Is(err, directory.ErrNoMaster):
		return problem{status: http.StatusConflict, kind: conflict, message: err.Error()}
	case errors.Is(err, context.DeadlineExceeded):
		return problem{status: http.StatusServiceUnavailable, kind: unavailable, message: "the store did not answer in time; whether anything was written is not known"}
	}
	return problem{status: http.StatusServiceUnavailable, kind: unavailable, message: "the store cannot be used now; the log says why"}
}

// ofFields is about all fields that are wrong. The catalog withholds what looks
// like a secret.
func ofFields(fields catalog.Errors) problem {
	all := make([]problem, len(fields))
	for i, f := range fields {
		all[i] = wrong(f.Field, f.Message)
	}
	first := all[0]
	if len(all) > 1 {
		first.all = all
	}
	return first
}
