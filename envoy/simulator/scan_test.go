package simulator

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestMembersAndElementsAreFound(t *testing.T) {
	var got []string
	ok := members([]byte(" { \"a\" : [1, {\"b\":\"}\"}] ,\"\\u0063\":-1.5e+3 , \"\":null}\n"), func(name string, value []byte) bool {
		got = append(got, name+"="+string(value))
		elements(value, func(v []byte) { got = append(got, string(v)) })
		return true
	})
	if diff := cmp.Diff([]string{`a=[1, {"b":"}"}]`, "1", `{"b":"}"}`, "c=-1.5e+3", "=null"}, got); diff != "" || !ok {
		t.Errorf("%v\n%s", ok, diff)
	}
}

func TestDeepTextsAreRefused(t *testing.T) {
	deep := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	if !elements(deep(maxDepth), func([]byte) {}) || elements(deep(maxDepth+2), func([]byte) {}) || elements(deep(1<<20), func([]byte) {}) {
		t.Error("depth is not bounded where it should be")
	}
}

func FuzzScannerAgreesWithEncodingJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, ` {"a":1,"b":[true,false,null,"\u00e9\\"]} `, `{"a":1,}`, `[1,]`, `[01]`, `[-]`, `[1.]`, `{"a":1}x`, `[,1]`, `{"a" 1}`,
		`["` + "\x01" + `"]`, `["\"12345678\"\\", "` + "1234567\x1f" + `"]`, `["\`, `["\u12"]`, `["12345678` + "\x7f\x80\xff" + `"]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var names []string
		isObject := members(data, func(name string, value []byte) bool {
			if !json.Valid(value) {
				t.Fatalf("%q: member %q is %q", data, name, value)
			}
			names = append(names, name)
			return true
		})
		count := 0
		isArray := elements(data, func(value []byte) {
			if count++; !json.Valid(value) {
				t.Fatalf("%q: element %q", data, value)
			}
		})
		trimmed := strings.TrimLeft(string(data), " \t\r\n")
		valid := json.Valid(data) && strings.Count(trimmed, "[")+strings.Count(trimmed, "{") < maxDepth
		if valid && (isObject != strings.HasPrefix(trimmed, "{") || isArray != strings.HasPrefix(trimmed, "[")) ||
			!json.Valid(data) && (isObject || isArray) {
			t.Fatalf("%q: object %v, array %v, valid %v", data, isObject, isArray, json.Valid(data))
		}
		if isObject {
			want := map[string]json.RawMessage{}
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatal(err)
			}
			for name := range want {
				if !slices.Contains(names, name) {
					t.Fatalf("%q: member %q was passed over", data, name)
				}
			}
		}
	})
}

func FuzzStringsSurviveEscaping(f *testing.F) {
	f.Add("a\"b\\c\n\x00\u2028é🐪", 5)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		text := appendString(nil, strings.ToValidUTF8(s, "?"))
		got, ok := unquote(text)
		if want := strings.ToValidUTF8(s, "?"); !ok || got != want {
			t.Fatalf("%q became %q by way of %s", want, got, text)
		}
		limit = 16 + max(limit, -limit)%64
		if limit < 0 {
			return
		}
		begin := opening(text, limit)
		if !utf8.ValidString(begin) || !strings.HasPrefix(got, strings.TrimRight(begin, "\uFFFD")) {
			t.Fatalf("%q begins with %q", got, begin)
		}
	})
}

func FuzzProseIsCutIntoWhatItIsMadeOf(f *testing.F) {
	f.Add("some text — with 🐪 in it", 5, 0, 0)
	f.Add("", 0, 1000, 7)
	f.Fuzz(func(t *testing.T, text string, events, size, piece int) {
		text = strings.ToValidUTF8(text, "?")
		if text != "" {
			size = 0
		}
		s := Script{Text: text, Events: events, Size: size, TokensBytes: piece}
		if s.Validate() != nil || size > 1<<18 || events > 1000 || events*piece > 1<<20 {
			return
		}
		p := newProse(&s, text, 42)
		if text == "" && events == 0 && size == 0 {
			return
		}
		var whole, blocks strings.Builder
		count := 0
		for part := range p.pieces() {
			if part == "" || !utf8.ValidString(part) {
				t.Fatalf("piece %d is %q", count, part)
			}
			whole.WriteString(part)
			count++
		}
		length, pieces := p.size()
		for part := range p.blocks(length) {
			blocks.WriteString(part)
		}
		if whole.Len() != length || count != pieces || blocks.String() != whole.String() {
			t.Fatalf("%d bytes in %d pieces, planned %d in %d", whole.Len(), count, length, pieces)
		}
		want := map[bool]int{true: min(events, utf8.RuneCountInString(text)), false: events}[text != ""]
		if events > 0 && (text != "" || size == 0) && count != want {
			t.Fatalf("%d pieces, want %d", count, want)
		}
		if text != "" && whole.String() != text || size > 0 && length != size {
			t.Fatalf("%q made %q", text, whole.String())
		}
	})
}
