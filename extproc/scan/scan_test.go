package scan_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

func TestErrorsCarryTheOffsetAndWhatWasExpected(t *testing.T) {
	for text, want := range map[string]string{
		"":                     `byte 0: expected a JSON value`,
		"  ":                   `byte 2: expected a JSON value`,
		"\xEF\xBB\xBF{}":       `byte 0: expected a JSON value, found a byte order mark`,
		`{"a":1} x`:            `byte 8: expected the end of the text`,
		`{"a" 1}`:              `byte 5: expected ':' after a member name`,
		`{"a":1 "b":2}`:        `byte 7: expected ',' or '}' after a member`,
		`{"a":1,}`:             `byte 7: expected a member name in double quotes`,
		`{a:1}`:                `byte 1: expected a member name in double quotes`,
		`[1,]`:                 `byte 3: expected a JSON value`,
		`[1 2]`:                `byte 3: expected ',' or ']' after an element`,
		`[1`:                   `byte 2: expected ',' or ']' after an element`,
		`01`:                   `byte 1: expected the end of the text`,
		`-`:                    `byte 1: expected a digit`,
		`1.`:                   `byte 2: expected a digit`,
		`1e+`:                  `byte 3: expected a digit`,
		`NaN`:                  `byte 0: expected a JSON value`,
		`nul`:                  `byte 0: expected null`,
		`"abc`:                 `byte 4: expected the closing quote of a string`,
		"\"a\nb\"":             `byte 2: expected an escape instead of a control character in a string`,
		`"a\x"`:                `byte 2: expected one of \" \\ \/ \b \f \n \r \t \uXXXX after a backslash`,
		`"a\u12g4"`:            `byte 2: expected one of \" \\ \/ \b \f \n \r \t \uXXXX after a backslash`,
		"\"0123456789\xff\"":   `byte 11: expected UTF-8 in a string`,
		"\"\xed\xa0\x80\"":     `byte 1: expected UTF-8 in a string`,
		"{\"k\xc3\":1}":        `byte 3: expected UTF-8 in a string`,
		nested(scan.Depth + 1): `byte 200: nesting is deeper than 200 levels`,
		nested(2000):           `byte 200: nesting is deeper than 200 levels`,
	} {
		err := scan.Validate([]byte(text))
		if err == nil {
			t.Errorf("%.40q is accepted", text)
		} else if err.Error() != want {
			t.Errorf("%.40q: got %q, want %q", text, err, want)
		}
	}
}

func TestValidTextsAreAccepted(t *testing.T) {
	for _, text := range []string{
		`{}`, `[]`, ` { } `, `[ ]`, `null`, `true`, `false`, `0`, `-0`, `-1.5e+10`, `1E9`, `""`,
		`"\u00e9\ud83d\ude00\ud800 é 😀"`, "\"\x7f\"", `[1,[2,{"a":[]}],"x"]`, nested(scan.Depth),
		"\t\r\n{\"a\" : 1 , \"b\" : [ 1 , 2 ] }\n",
	} {
		if err := scan.Validate([]byte(text)); err != nil {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func TestAWalkVisitsMembersAndElementsInOrder(t *testing.T) {
	w := scan.Over([]byte(` {"a": 1, "mod\u0065l" : [ "x", {"y":2} ,null], "skip":{"deep":[1]}, "last" :true }`))
	var got []string
	if w.Object() {
		for w.Member() {
			key := string(w.Key())
			if key == "model" && w.Array() {
				for w.Element() {
					got = append(got, key+"[]="+string(w.Value()))
				}
				continue
			}
			if key == "skip" {
				continue
			}
			got = append(got, key+"="+string(w.Value()))
		}
	}
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	want := []string{"a=1", `model[]="x"`, `model[]={"y":2}`, "model[]=null", "last=true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSpansOfMembersIndexTheText(t *testing.T) {
	text := []byte(`{ "a" : "x" , "b":2}`)
	w := scan.Over(text)
	var got []string
	for ok := w.Object(); ok && w.Member(); {
		from := w.Pos()
		w.Value()
		got = append(got, string(text[w.KeyFrom():w.Pos()]), string(text[from:w.Pos()]))
	}
	if diff := cmp.Diff([]string{`"a" : "x"`, `"x"`, `"b":2`, `2`}, got); diff != "" {
		t.Error(diff)
	}
}

func TestGuardedNamesAppearOnceAndInTheirSpelling(t *testing.T) {
	names := scan.Names{"model", "stream", "max_tokens"}
	for text, want := range map[string]string{
		`{"model":"a","stream":true,"max_tokens":1,"other":1,"other":2}`: "",
		`{"model":"a","model":"b"}`:                                      `byte 13: member "model" appears twice`,
		`{"model":"a","Model":"b"}`:                                      `byte 13: member "Model" must be spelled "model"`,
		`{"Model":"b"}`:                                                  `byte 1: member "Model" must be spelled "model"`,
		`{"mod\u0065l":"b","model":"a"}`:                                 `byte 18: member "model" appears twice`,
		`{"\u004dodel":"b"}`:                                             `byte 1: member "Model" must be spelled "model"`,
		`{"ſtream":true}`:                                                `byte 1: member "ſtream" must be spelled "stream"`,
		`{"max_to\u212aens":1}`:                                          `byte 1: member "max_to` + "\u212a" + `ens" must be spelled "max_tokens"`,
		`{"models":1,"mode":2,"xmodel":3}`:                               "",
	} {
		w := scan.Over([]byte(text))
		var seen scan.Seen
		for ok := w.Object(); ok && w.Member() && w.Guard(names, &seen); {
		}
		got := ""
		if err := w.End(); err != nil {
			got = err.Error()
			if err.Name == "" {
				t.Errorf("%s: the error does not name the member", text)
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestValuesAreRead(t *testing.T) {
	for raw, want := range map[string]any{
		`0`: int64(0), `-7`: int64(-7), `9223372036854775807`: int64(9223372036854775807),
		`-9223372036854775808`: int64(-9223372036854775808),
		`9223372036854775808`:  nil, `-9223372036854775809`: nil, `99999999999999999999`: nil, `1.0`: nil, `1e3`: nil, `"1"`: nil,
	} {
		got, ok := scan.Int([]byte(raw))
		if want == nil && ok || want != nil && (!ok || got != want) {
			t.Errorf("Int(%s) = %d, %t", raw, got, ok)
		}
	}
	if f, ok := scan.Float([]byte(`-1.5e2`)); !ok || f != -150 {
		t.Errorf("Float = %v, %t", f, ok)
	}
	if _, ok := scan.Float([]byte(`1e999`)); ok {
		t.Error("Float accepts what exceeds a float64")
	}
	if v, ok := scan.Truth([]byte(`true`)); !v || !ok {
		t.Error("Truth(true) is false")
	}
	if _, ok := scan.Text([]byte(`1`)); ok {
		t.Error("Text accepts a number")
	}
}

func TestReadingDoesNotAllocate(t *testing.T) {
	text := bytes.Repeat([]byte(`{"model":"m","messages":[{"role":"user","content":"hé\n"}],"n":1}`), 1)
	names := scan.Names{"model", "n"}
	if n := testing.AllocsPerRun(100, func() {
		w := scan.Over(text)
		var seen scan.Seen
		for ok := w.Object(); ok && w.Member() && w.Guard(names, &seen); {
			if w.Array() {
				for w.Element() {
				}
			}
		}
		if w.End() != nil {
			t.Error("refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzValidAgreesWithTheStandardLibrary(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e-3,"\u00e9\\",true,null]}`, `"\ud800"`, "\"\xff\"", `[`, nested(201), "{\"k\xff\":0}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		err := scan.Validate(text)
		if err != nil && (err.Offset < 0 || err.Offset > len(text)) {
			t.Fatalf("offset %d lies outside the text", err.Offset)
		}
		stricter := !utf8.Valid(text) || bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) > scan.Depth
		if valid := json.Valid(text); valid != (err == nil) && (!valid || !stricter) {
			t.Fatalf("json.Valid = %t, ours: %v", valid, err)
		}
	})
}

func FuzzTextAgreesWithTheStandardLibrary(f *testing.F) {
	f.Add([]byte(`"a\u00e9\ud83d\ude00\ud800x\n\/"`))
	f.Add([]byte(`"\ud800\ud83d\ude00"`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if scan.KindOf(raw) != scan.String || scan.Validate(raw) != nil {
			return
		}
		raw = bytes.TrimSpace(raw)
		var want string
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		got, _ := scan.Text(raw)
		if got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
		quoted := scan.AppendQuoted(nil, got)
		if again, _ := scan.Text(quoted); scan.Validate(quoted) != nil || again != got {
			t.Fatalf("quoting changed %q to %s", got, quoted)
		}
	})
}

func TestQuotingReplacesWhatIsNotUTF8(t *testing.T) {
	if got := string(scan.AppendQuoted(nil, "a\xff\x01\"é\u2028")); got != "\"a\uFFFD\\u0001\\\"é\u2028\"" {
		t.Error(got)
	}
}

// A scanner that looks at a byte twice per byte would need minutes for these.
func TestHostileTextsTakeLinearTime(t *testing.T) {
	const size = 8 << 20
	deadline := time.Now().Add(30 * time.Second)
	for name, text := range map[string]string{
		"backslashes":     `"` + strings.Repeat(`\\`, size/2),
		"quotes":          strings.Repeat(`"`, size),
		"open brackets":   strings.Repeat(`[`, size),
		"empty arrays":    "[" + strings.Repeat(`[],`, size/3),
		"escaped keys":    "{" + strings.Repeat(`"\u0061":1,`, size/11),
		"long number":     strings.Repeat(`9`, size) + ".",
		"white space":     strings.Repeat(" ", size),
		"one bad byte":    `"` + strings.Repeat("é", size/2) + "\xff\"",
		"members of one":  "{" + strings.Repeat(`"a":{"b":[1]},`, size/14),
		"escaped strings": "[" + strings.Repeat(`"\n",`, size/5),
	} {
		w := scan.Over([]byte(text))
		for ok := w.Object(); ok && w.Member(); {
		}
		if w.End() == nil {
			t.Errorf("%s are accepted", name)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: still scanning", name)
		}
	}
}

func conversation(bytesOfText int, text string) []byte {
	var b bytes.Buffer
	b.WriteString(`{"model":"m","messages":[`)
	for i := 0; b.Len() < bytesOfText; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"role":"user","content":"` + strings.Repeat(text, 20) + `"}`)
	}
	b.WriteString(`],"stream":true}`)
	return b.Bytes()
}

func BenchmarkValidate(b *testing.B) {
	for name, text := range map[string]string{
		"100KB/plain":  "The quick brown fox jumps over the lazy dog and goes on. ",
		"100KB/escape": `func main() {\n\tfmt.Println(\"hello\")\n}\n`,
		"100KB/utf8":   "Съешь же ещё этих мягких французских булок, 快速的棕色狐狸。",
	} {
		body := conversation(100<<10, text)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if err := scan.Validate(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
