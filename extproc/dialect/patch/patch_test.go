package patch_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/patch"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

const body = `{ "a" : 1, "model":"x","b":[2] ,"c":{"d":3} }`

// at is the span of a part of body.
func at(part string) dialect.Span {
	from := strings.Index(body, part)
	return dialect.Span{From: from, To: from + len(part)}
}

func TestEditsTakeTheirPlacesInTheBodyWhateverTheirOrder(t *testing.T) {
	model, member := at(`"x"`), at(`"model":"x"`)
	a, b, c := at(`"a" : 1`), at(`"b":[2]`), at(`"c":{"d":3}`)
	name := patch.Edit{Span: model, Text: `y"`, Quote: true}
	for _, tc := range []struct {
		name string
		cut  []dialect.Span
		add  []patch.Edit
		want string
	}{
		{"no edits", nil, nil, body},
		{"a value", nil, []patch.Edit{name}, `{ "a" : 1, "model":"y\"","b":[2] ,"c":{"d":3} }`},
		{"an empty value", nil, []patch.Edit{{Span: model, Quote: true}}, `{ "a" : 1, "model":"","b":[2] ,"c":{"d":3} }`},
		{"a member behind, one before", []dialect.Span{c, a}, []patch.Edit{name}, `{  "model":"y\"","b":[2]  }`},
		{"all others", []dialect.Span{b, a, c}, nil, `{  "model":"x"  }`},
		{"an absent member", []dialect.Span{{}}, nil, body},
		{
			"an insertion in front of a cut that begins at its byte",
			[]dialect.Span{b},
			[]patch.Edit{patch.Insertion(model.To, `,"n":1`), name},
			`{ "a" : 1, "model":"y\"","n":1 ,"c":{"d":3} }`,
		},
		{"a whole member", nil, []patch.Edit{{Span: member, Text: `"v":null`}}, `{ "a" : 1, "v":null,"b":[2] ,"c":{"d":3} }`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var list patch.List
			for _, span := range tc.cut {
				list.Cut([]byte(body), span, model)
			}
			for _, e := range tc.add {
				list.Add(e)
			}
			if diff := cmp.Diff(tc.want, string(bytes.Join(list.Pieces([]byte(body)), nil))); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff("> "+tc.want, string(list.Append([]byte("> "), []byte(body)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPiecesBetweenEditsLieInTheBody(t *testing.T) {
	text := []byte(body)
	var list patch.List
	list.Cut(text, at(`"b":[2]`), at(`"x"`))
	pieces := list.Pieces(text)
	if len(pieces) != 2 || &pieces[0][0] != &text[0] || &pieces[1][0] != &text[at(`"b":[2]`).To] {
		t.Errorf("%q", pieces)
	}
}

// FuzzCut cuts every set of members out of objects around one that stays.
func FuzzCut(f *testing.F) {
	f.Add([]byte(body), uint8(0b101))
	f.Add([]byte(`{"a":"," , "b":{",":1},"c":[1,2],"d":null}`), uint8(0b1110))
	f.Fuzz(func(t *testing.T, text []byte, set uint8) {
		if scan.Validate(text) != nil {
			return
		}
		var spans []dialect.Span
		w := scan.Over(text)
		for ok := w.Object(); ok && w.Member(); {
			from := w.KeyFrom()
			w.Value()
			spans = append(spans, dialect.Span{From: from, To: w.Pos()})
		}
		if len(spans) == 0 || len(spans) > patch.Most {
			return
		}
		kept := spans[int(set)%len(spans)]
		want := 0
		var list patch.List
		for i, span := range spans {
			if span != kept && set&(1<<i) != 0 {
				list.Cut(text, span, kept)
			} else {
				want++
			}
		}
		out := bytes.Join(list.Pieces(text), nil)
		if err := scan.Validate(out); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		got := 0
		w = scan.Over(out)
		for ok := w.Object(); ok && w.Member(); {
			got++
		}
		if got != want {
			t.Errorf("%s has %d members, not %d", out, got, want)
		}
	})
}
