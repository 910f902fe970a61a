package credential

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestATenantsOwnKeyIsSentAsTheProviderExpectsIt(t *testing.T) {
	c := parse(t, "open: true\nproviders:\n  anthropic: {credential: 'env:GATEWAY'}\n  openai: {credential: 'env:GATEWAY'}\n")
	o := NewOwn(c, map[string]Secret{"anthropic": NewSecret("sk-own"), "gone": NewSecret("sk-gone"), "openai": {}})
	p := c.Provider("anthropic")
	if !o.Has(p) || o.Has(c.Provider("openai")) || (*Own)(nil).Has(p) || o.Has(nil) {
		t.Error("the wrong providers have a key of the tenant's")
	}
	if diff := cmp.Diff([]string{"x-api-key: sk-own"}, seen(o.Headers(p))); diff != "" {
		t.Error(diff)
	}
	if o.Headers(c.Provider("openai")) != nil {
		t.Error("headers without a key")
	}
	if got := string(o.Redact(p, []byte("your key sk-own is bad"))); strings.Contains(got, "sk-own") {
		t.Errorf("redacted: %s", got)
	}
	if text := fmt.Sprintf("%v %+v %#v", o, o, *o); strings.Contains(text, "sk-own") {
		t.Errorf("printed: %s", text)
	}
}
