package credential

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestATenantsOwnKeyIsSentAsTheProviderExpectsIt(t *testing.T) {
	c := parse(t, "open: true\nproviders:\n  anthropic: {credential: 'env:GATEWAY'}\n  openai: {credential: 'env:GATEWAY'}\n")
	o := NewOwn(c, map[string]Secret{"anthropic": NewSecret("sk-own"), "gone": NewSecret("sk-gone")})
	p := c.Provider("anthropic")
	if !o.Has(p) || o.Has(c.Provider("openai")) || (*Own)(nil).Has(p) || o.Has(nil) {
		t.Error("the wrong providers have a key of the tenant's")
	}
	headers, err := o.Authorize(p)
	if diff := cmp.Diff([]string{"x-api-key: sk-own"}, seen(headers)); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if got := string(o.Redact(p, []byte("your key sk-own is bad"))); strings.Contains(got, "sk-own") {
		t.Errorf("redacted: %s", got)
	}
	if text := fmt.Sprintf("%v %+v %#v", o, o, *o); strings.Contains(text, "sk-own") {
		t.Errorf("printed: %s", text)
	}
}

func TestATenantsOwnKeyThatIsClosedIsItsOwnAndAuthorizesNothing(t *testing.T) {
	c := parse(t, "open: true\nproviders:\n  anthropic: {credential: 'env:GATEWAY'}\n  openai: {credential: 'env:GATEWAY'}\n")
	o := NewOwn(c, map[string]Secret{"openai": {}})
	closed := c.Provider("openai")
	if !o.Has(closed) || string(o.Redact(closed, []byte("a text"))) != "a text" {
		t.Error("a closed key is not known")
	}
	for name, try := range map[string]func() ([]Header, error){
		"closed": func() ([]Header, error) { return o.Authorize(closed) },
		"none":   func() ([]Header, error) { return o.Authorize(c.Provider("anthropic")) },
		"nobody": func() ([]Header, error) { return (*Own)(nil).Authorize(closed) },
	} {
		headers, err := try()
		if p := (*llm.Problem)(nil); headers != nil || !errors.As(err, &p) || p.Kind != llm.Unauthenticated {
			t.Errorf("%s: %v, %v", name, headers, err)
		}
	}
}
