package admin

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// asked are fakes of what the founder wires.
type asked struct {
	query Query
	err   error
}

func (a *asked) Usage(_ context.Context, q Query) (Page, error) {
	a.query = q
	return Page{Data: []json.RawMessage{[]byte(`{"cost":"1.5"}`)}, Next: "n"}, a.err
}

func (a *asked) Generations(ctx context.Context, q Query) (Page, error) { return a.Usage(ctx, q) }

func TestUsageAndGenerationsAreAskedStrictly(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.want(404, "GET", "usage", "")
	fake := &asked{}
	s.api.Usage, s.api.Generations = fake, fake
	for _, path := range []string{"usage", "generations"} {
		got := s.want(200, "GET", path+"?from=2027-01-01&to=2027-02-01T00:00:00%2B01:00&tenant=acme&model=openai/gpt&by=model&after=x&limit=5", "")
		if diff := cmp.Diff(map[string]any{"data": []any{map[string]any{"cost": "1.5"}}, "next": "n"}, got); diff != "" {
			t.Error(diff)
		}
		want := Query{
			From: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2027, 1, 31, 23, 0, 0, 0, time.UTC),
			Tenant: "acme", Model: "openai/gpt", By: "model", After: "x", Limit: 5,
		}
		if diff := cmp.Diff(want, fake.query); diff != "" {
			t.Error(diff)
		}
		for query, param := range map[string]string{
			"from=yesterday": "from", "from=2027-02-01&to=2027-01-01": "to", "limit=0": "limit", "limit=1001": "limit", "limit=x": "limit",
			"tenant=a&tenant=b": "tenant", "colour=red": "colour", "key=%00": "key", "a=%zz": "",
		} {
			p, _ := s.want(400, "GET", path+"?"+query, "")["error"].(map[string]any)
			if got, _ := p["param"].(string); got != param || p["type"] != "invalid_request" {
				t.Errorf("%s: %v", query, p)
			}
		}
	}
	fake.err = &QueryError{Param: "by", Message: "is no dimension"}
	s.want(400, "GET", "usage", "")
	fake.err = errors.New("dial tcp 10.1.2.3: refused")
	if got := toText(t, s.want(503, "GET", "usage", "")); strings.Contains(got, "10.1.2.3") || !strings.Contains(s.log.String(), "10.1.2.3") {
		t.Errorf("%s\n%s", got, s.log)
	}
}

func TestAStoreThatIsAwayIsSaidWithoutItsName(t *testing.T) {
	t.Parallel()
	s := begin(t)
	if err := s.db.Close(); err != nil {
		t.Fatal(err)
	}
	for method, body := range map[string]string{"GET": "", "POST": `{"name":"ci"}`} {
		w := s.ask(method, "keys", body)
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), `"unavailable"`) || strings.Contains(w.Body.String(), "dgm_") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}
