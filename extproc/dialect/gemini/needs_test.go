package gemini_test

import (
	"encoding/base64"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/gemini"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// The vendor would refuse a sealed thought ("Corrupted thought signature"), so a
// request that has one must not pass as it is.
func TestASealedThoughtIsFound(t *testing.T) {
	sealed := func(thought llm.Thought) string {
		return base64.StdEncoding.EncodeToString([]byte(thought.Seal()))
	}
	for _, c := range []struct {
		name, signature string
		want            bool
	}{
		{"another vendor's", sealed(llm.Thought{Format: llm.FormatAnthropic, Signature: "c2ln"}), true},
		{"one of a long id", sealed(llm.Thought{Format: llm.FormatOpenAI, ID: "rs_0123456789", Encrypted: "gAAA"}), true},
		{"the vendor's own", "CpkBAVKhc7mU", false},
		{"none", "", false},
	} {
		for _, member := range []string{"thoughtSignature", "thought_signature"} {
			body := `{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f"},"` + member + `":"` + c.signature + `"}]}]}`
			e, p := gemini.Scan([]byte(body))
			if p != nil {
				t.Fatal(p)
			}
			if got := e.Uses&dialect.UsesSealed != 0; got != c.want {
				t.Errorf("%s in %s: found %t", c.name, member, got)
			}
		}
	}
}
