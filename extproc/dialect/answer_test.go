package dialect_test

import (
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
)

func TestAnAnswerIsJudgedByWhatOfItIsThere(t *testing.T) {
	const (
		empty  = "the provider's answer is empty"
		page   = "the provider answered with HTML instead of JSON"
		other  = "the provider's answer is not a JSON object"
		broken = "the provider's answer is broken JSON: byte 5: expected a JSON value"
	)
	for _, tc := range []struct{ body, part, whole string }{
		{"", "", empty},
		{" \n", "", empty},
		{" <html>", page, page},
		{"[1]", other, other},
		{` {"a":`, "", "the provider's answer is broken JSON: byte 6: expected a JSON value"},
		{`{"a":}`, "", broken},
		{` {"a":1} `, "", ""},
	} {
		for complete, want := range map[bool]string{false: tc.part, true: tc.whole} {
			got := ""
			if p := dialect.CheckObject([]byte(tc.body), complete); p != nil {
				got = p.Message
			}
			if got != want {
				t.Errorf("%q, complete %v: %q, not %q", tc.body, complete, got, want)
			}
		}
	}
}

func TestAnErrorMemberThatSaysNothingIsNone(t *testing.T) {
	for raw, want := range map[string]bool{
		`{}`: true, `{"message":"m"}`: true, `[{}]`: true, `"m"`: true, `""`: false, `null`: false, `false`: false, `0`: false, ``: false,
	} {
		if dialect.IsError([]byte(raw)) != want {
			t.Errorf("%s: not %v", raw, want)
		}
	}
}

func TestAnErrorDocumentIsAnObjectOrTheFirstOfAnArray(t *testing.T) {
	for raw, want := range map[string]bool{
		`{"error":"m"}`: true, `{"error":{},"error":null}`: true, `[{"error":{}},1]`: true,
		`{"error":null}`: false, `[1,{"error":{}}]`: false, `[]`: false, `"error"`: false, ``: false,
	} {
		if dialect.IsErrorDocument([]byte(raw)) != want {
			t.Errorf("%s: not %v", raw, want)
		}
	}
}
