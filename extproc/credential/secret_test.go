package credential

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const canary = "sk-canary-7f3a"

// shows tells whether text has the canary in any form that printers know.
func shows(text string) bool {
	text = strings.ToLower(text)
	decimal := strings.Trim(fmt.Sprintf("%d", []byte(canary)), "[]")
	for _, form := range []string{canary, hex.EncodeToString([]byte(canary)), fmt.Sprintf("% x", canary), decimal, strings.ReplaceAll(decimal, " ", ", ")} {
		if strings.Contains(text, form) {
			return true
		}
	}
	return strings.Contains(text, "0x73, 0x6b") // %#v of bytes
}

func TestASecretCannotBeSeen(t *testing.T) {
	secret := NewSecret(canary)
	header := Header{Name: "authorization", Value: Value(canary)}
	type exported struct{ S Secret }
	type headed struct{ H Header }
	type unexported struct{ s Secret }
	values := map[string]any{
		"secret": secret, "pointer": &secret, "slice": []Secret{secret}, "map": map[string]Secret{"k": secret},
		"in a struct": exported{secret}, "header in a struct": headed{header}, "in a field nobody may call": unexported{secret}, "deep": []any{[]unexported{{secret}}},
		"header": header, "headers": []Header{header}, "header value": header.Value, "set": &Set{entries: map[string]*entry{"p": {headers: []Header{header}, secrets: [][]byte{[]byte(canary)}}}},
		"nil set": (*Set)(nil),
	}
	for name, v := range values {
		t.Run(name, func(t *testing.T) {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%b", "%c", "%U", "%t", "%e", "%p", "%T", "%10.3v", "%z"} {
				if verb == "%p" && strings.HasPrefix(name, "header") {
					continue // see Value
				}
				if got := fmt.Sprintf(verb, v); shows(got) {
					t.Errorf("%s prints %s", verb, got)
				}
			}
			if got := errors.New(fmt.Sprint(v)).Error(); shows(got) {
				t.Errorf("an error says %s", got)
			}
			for _, marshal := range []func(any) ([]byte, error){json.Marshal, xml.Marshal} {
				if got, _ := marshal(v); shows(string(got)) {
					t.Errorf("marshalling gives %s", got)
				}
			}
			var out bytes.Buffer
			for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
				slog.New(h).Info("a log line", "value", v, slog.Group("g", "value", v))
			}
			if shows(out.String()) {
				t.Errorf("a log says %s", out.String())
			}
		})
	}
}

func TestTheCanaryWouldBeNoticed(t *testing.T) {
	type open struct{ S string }
	b := []byte(canary)
	for _, text := range []string{
		fmt.Sprint(open{canary}), fmt.Sprintf("%x", canary), fmt.Sprintf("% x", canary), fmt.Sprintf("%X", canary), fmt.Sprintf("%v", b), fmt.Sprintf("%#v", b),
	} {
		if !shows(text) {
			t.Errorf("%s passes for redacted", text)
		}
	}
}

func TestWhatIsPrintedSaysSo(t *testing.T) {
	s := NewSecret(canary)
	b, err := json.Marshal(struct{ S Secret }{s})
	if err != nil || string(b) != `{"S":"(secret)"}` {
		t.Errorf("JSON is %s, %v", b, err)
	}
	for _, got := range []string{fmt.Sprint(s), s.String(), s.GoString(), s.LogValue().String(), Value(canary).String(), Value(canary).GoString(), Value(canary).LogValue().String()} {
		if got != Redacted {
			t.Errorf("printed as %q, want %q", got, Redacted)
		}
	}
}

func TestASecretHoldsWhatItWasGiven(t *testing.T) {
	s := NewSecret(canary)
	if s.Reveal() != canary || !s.Set() {
		t.Errorf("the secret reveals something else, or is not set: %v", s.Set())
	}
	var read Secret
	if err := read.UnmarshalText([]byte(canary)); err != nil || !read.Equal(s) {
		t.Errorf("a secret read from text differs: %v", err)
	}
	for _, other := range []Secret{{}, NewSecret(""), NewSecret(canary[1:]), NewSecret(canary[:5] + "x" + canary[6:])} {
		if other.Equal(s) || s.Equal(other) {
			t.Error("two different secrets are equal")
		}
	}
	if zero := NewSecret(""); zero.Set() || zero.Reveal() != "" || !zero.Equal(Secret{}) {
		t.Error("the empty secret is not the zero one")
	}
}
