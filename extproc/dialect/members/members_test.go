package members_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestFindGivesTheLastMemberOfAName(t *testing.T) {
	for raw, want := range map[string]string{
		`{"a":1,"b":{"a":2},"a":3}`: "3", `{"\u0061":1}`: "1", `{"a":null}`: "null",
		`{"b":1}`: "", `["a"]`: "", `null`: "", ``: "",
	} {
		if got := members.Find([]byte(raw), "a"); string(got) != want {
			t.Errorf("%s: %s", raw, got)
		}
	}
}

func TestValuesStopAtWhatIsBroken(t *testing.T) {
	for raw, want := range map[string]string{
		`{"a":1}{"b":2} null`: `{"a":1};{"b":2};null`, `1 {"a":`: "1", ` `: "", ``: "",
	} {
		var got []string
		for value := range members.Values([]byte(raw)) {
			got = append(got, string(value))
		}
		if text := strings.Join(got, ";"); text != want {
			t.Errorf("%q: %s", raw, text)
		}
	}
	for value := range members.Values([]byte(`1 2`)) {
		if string(value) != "1" {
			t.Error("goes on behind the end of the loop")
		}
		break
	}
}

func TestOnlyStringsAreUnquoted(t *testing.T) {
	for raw, want := range map[string]string{`"a\n"`: `a\n`, `""`: "", `1`: "", `"`: "", ``: ""} {
		if got := members.Unquoted([]byte(raw)); string(got) != want {
			t.Errorf("%s: %s", raw, got)
		}
	}
	if members.Unquoted([]byte(`1`)) != nil || members.Unquoted([]byte(`""`)) == nil {
		t.Error("an empty string and no string are not told apart")
	}
}

func TestOnlyIntegersCount(t *testing.T) {
	for raw, want := range map[string]int{`7`: 7, `0`: 0, `"7"`: -1, `7.5`: -1, `-7`: -1, `null`: -1, ``: -1} {
		if n, ok := members.Count([]byte(raw)).Get(); ok != (want >= 0) || ok && int(n) != want {
			t.Errorf("%s: %v, %v", raw, n, ok)
		}
	}
}

func TestACloneDoesNotLieInItsText(t *testing.T) {
	text := []byte(`[1]`)
	raw := members.Clone(text)
	text[1] = '2'
	if string(raw) != `[1]` {
		t.Errorf("%s", raw)
	}
}

func TestExtrasAreWrittenWhereTheyLie(t *testing.T) {
	places := members.Places{Dialect: llm.OpenAI, Paths: []string{"in/", "out/"}}
	list := llm.Extras{
		{Dialect: llm.OpenAI, Name: "a", Value: llm.Raw("1")},
		{Dialect: llm.OpenAI, Name: "in/b", Value: llm.Raw("2")},
		{Dialect: llm.Gemini, Name: "c", Value: llm.Raw("3")},
		{Dialect: llm.OpenAI, Name: "else/d", Value: llm.Raw("4")},
	}
	for path, want := range map[string]string{"": `{"a":1,"else/d":4}`, "in/": `{"b":2}`, "out/": `{}`} {
		var o members.Object
		o.Open()
		o.Extras(list, &places, path)
		o.End()
		if diff := cmp.Diff(want, string(o.B)); diff != "" {
			t.Errorf("%q: %s", path, diff)
		}
	}
}

func TestWhatIsAbsentIsNotWritten(t *testing.T) {
	var o members.Object
	o.Open()
	o.TextIf("text", "")
	o.RawIf("raw", nil)
	o.OptInt("integer", llm.Opt[int64]{})
	o.OptTruth("truth", llm.Opt[bool]{})
	o.OptNumber("number", llm.Opt[float64]{})
	o.OptTokens("tokens", llm.Opt[llm.Tokens]{})
	o.Attempts(nil)
	o.End()
	if string(o.B) != "{}" {
		t.Errorf("%s", o.B)
	}
}

func TestMembersAndElementsAreSeparated(t *testing.T) {
	var o members.Object
	o.Open()
	o.TextIf("te\"xt", "a\n")
	o.RawIf("raw", []byte("[ ]"))
	o.OptInt("integer", llm.Some[int64](-1))
	o.OptTruth("truth", llm.Some(false))
	o.OptNumber("number", llm.Some(0.5))
	o.OptTokens("tokens", llm.Count(7))
	o.BeginArray("array")
	o.Quoted("a")
	o.Element([]byte("1"))
	o.Open()
	o.End()
	o.EndArray()
	o.Attempts([]llm.Attempt{{Provider: "p", Model: "m", Reason: "r"}, {Provider: "q", Model: "n", Reason: "s", Status: 429}})
	o.End()
	want := `{"te\"xt":"a\n","raw":[ ],"integer":-1,"truth":false,"number":0.5,"tokens":7,"array":["a",1,{}],` +
		`"attempts":[{"provider":"p","model":"m","reason":"r"},{"provider":"q","model":"n","reason":"s","status":429}]}`
	if diff := cmp.Diff(want, string(o.B)); diff != "" {
		t.Error(diff)
	}
}

func TestLineEndsOfJSONBecomeSpaces(t *testing.T) {
	text := []byte("{\r\n\"a\":\n\"\\n\"}")
	members.OneLine(text)
	if diff := cmp.Diff(`{  "a": "\n"}`, string(text)); diff != "" {
		t.Error(diff)
	}
}
