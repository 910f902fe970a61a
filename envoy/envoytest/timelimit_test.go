package envoytest

import (
	"strings"
	"testing"
	"time"
)

func TestAWholeAttemptCanBeLimitedAndIsNotByDefault(t *testing.T) {
	t.Parallel()
	limited := strings.Replace(DefaultCatalog, `base_url: "{{url "alpha"}}"`, `base_url: "{{url "alpha"}}", timeouts: {request: 1s}`, 1)
	const slow = `{"model":"sim/solo","stream":true,"messages":[{"role":"user","content":"Hi"}],"sim":{"*":{"events":30,"pause":"100ms"}}}`
	for name, tt := range map[string]struct {
		catalog string
		broken  bool
	}{
		"limited":    {limited, true},
		"by default": {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := Start(t, Options{Catalog: tt.catalog})
			began := time.Now()
			a, err := g.Post(t.Context(), slow)
			if err != nil {
				t.Fatal(err)
			}
			whole := strings.HasSuffix(string(a.Body), "data: [DONE]\n\n") && a.Err == nil
			if a.Status != 200 || whole == tt.broken {
				t.Errorf("after %s: whole %v, error %v: %s", time.Since(began), whole, a.Err, a)
			}
			if took := time.Since(began); tt.broken && took > 2500*time.Millisecond {
				t.Errorf("a limit of 1 s ended the stream after %s", took)
			}
		})
	}
}
