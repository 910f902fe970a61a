package dialecttest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Answer is what a server answers always, for a vendor's own client to read.
type Answer struct {
	Status      int
	ContentType string
	Body        []byte
	// Asked is the body of the last request, once it has been answered.
	Asked []byte
}

// Serve starts that server; it ends with the test.
func (a *Answer) Serve(t *testing.T) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.Asked, _ = io.ReadAll(r.Body)
		w.Header().Set("Content-Type", a.ContentType)
		w.WriteHeader(a.Status)
		if _, err := w.Write(a.Body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(srv.Close)
	return srv
}
