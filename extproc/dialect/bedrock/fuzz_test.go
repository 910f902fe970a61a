package bedrock_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/bedrock"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
)

func FuzzStream(f *testing.F) { suite().FuzzStream(f) }
func FuzzAnswer(f *testing.F) { suite().FuzzAnswer(f) }
func FuzzErrors(f *testing.F) { suite().FuzzErrors(f) }

// What Converse can say of a request survives the way there and back, and what
// is written keeps Converse's rules.
func FuzzRequest(f *testing.F) {
	s := suite()
	for _, in := range s.Inputs(f, "request") {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, p := openai.DecodeRequest(body)
		if p != nil {
			return
		}
		for _, target := range s.Targets {
			out, dropped, p := bedrock.EncodeRequest(nil, r, target.Target)
			if p != nil {
				continue
			}
			if stable, again, _ := bedrock.EncodeRequest(nil, r, target.Target); !bytes.Equal(out, stable) || !cmp.Equal(dropped, again) {
				t.Fatalf("the output is not stable: %s", cmp.Diff(string(out), string(stable)))
			}
			if !json.Valid(out) {
				t.Fatalf("broken JSON for %s: %s", target.Name, out)
			}
			if hasOptions(out) || bytes.HasPrefix(out, []byte(`{"messages":[]`)) {
				continue // what the client says to Bedrock alone is as it says; who says nothing is refused
			}
			back, err := decodeRequest(out, target.ID)
			if err != nil {
				t.Fatalf("%s: %v", out, err)
			}
			if fault := fault(out); fault != "" {
				t.Fatalf("%s: %s", out, fault)
			}
			second, _, p := bedrock.EncodeRequest(nil, back, target.Target)
			if p != nil {
				t.Fatalf("%s: %s", out, p.Message)
			}
			if diff := cmp.Diff(withoutMetadata(out), withoutMetadata(second)); diff != "" {
				t.Fatalf("%s: %s", target.Name, diff)
			}
		}
	})
}

func hasOptions(out []byte) bool {
	for _, name := range []string{"guardrailConfig", "performanceConfig", "promptVariables", "serviceTier"} {
		if bytes.Contains(out, []byte(name)) {
			return true
		}
	}
	return false
}

// withoutMetadata leaves out what the decoder of the tests does not keep in
// order.
func withoutMetadata(out []byte) string {
	return regexp.MustCompile(`,"requestMetadata":\{.*\}\}$`).ReplaceAllString(string(out), "}")
}

var idPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// fault tells which of Converse's rules a request breaks.
func fault(out []byte) string {
	var c converse
	if err := json.Unmarshal(out, &c); err != nil {
		return err.Error()
	}
	tools, names := false, map[string]bool{}
	for i, m := range c.Messages {
		if want := [...]string{"user", "assistant"}[i%2]; m.Role != want {
			return fmt.Sprintf("message %d is by the %s", i, m.Role)
		}
		if len(m.Content) == 0 {
			return fmt.Sprintf("message %d is empty", i)
		}
		text, document := false, false
		for _, b := range m.Content {
			if f := b.fault(); f != "" {
				return f
			}
			text, document = text || b.Text != nil, document || b.Document != nil
			tools = tools || b.ToolUse != nil || b.ToolResult != nil
			if b.Document != nil {
				if names[b.Document.Name] {
					return "two documents have one name"
				}
				names[b.Document.Name] = true
			}
		}
		if document && !text {
			return "a document without text"
		}
	}
	if tools && c.ToolConfig == nil {
		return "calls without tools"
	}
	return ""
}

func (b *block) fault() string {
	switch {
	case b.Text != nil && strings.TrimSpace(*b.Text) == "":
		return "blank text"
	case b.ToolUse != nil && !idPattern.MatchString(b.ToolUse.ToolUseID),
		b.ToolResult != nil && !idPattern.MatchString(b.ToolResult.ToolUseID):
		return "an id that does not fit"
	case b.ToolUse != nil && b.ToolUse.Input[0] != '{':
		return "an input that is no object"
	case b.ToolResult != nil && len(b.ToolResult.Content) == 0:
		return "an empty result"
	case b.Document != nil && (b.Document.Name == "" || len(b.Document.Name) > 200 || strings.Contains(b.Document.Name, "  ")):
		return "a document's name that does not fit"
	}
	return ""
}
