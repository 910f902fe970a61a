package oidc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func TestTemplatesAreFilledWithClaims(t *testing.T) {
	const claims = `{"a":"x","n":42,"neg":-7,"big":12345678901234567890,"frac":1.5,"yes":true,"no":false,"null":null,"empty":"",
		"list":["p","q",3],"none":[],"mixed":["p",{}],"lists":[["p"]],"o":{"a":"inner","o":{"a":"deep"},"list":["r"]},
		"d.o.t":"dotted","d":{"o.t2":"half"},"both.ways":"one","both":{"ways":"two"},"e":{"x":null},"e.x":"other"}`
	object, wrong := parseObject([]byte(claims))
	if wrong != "" {
		t.Fatal(wrong)
	}
	const noText = "has a claim %s that is no text, and tells nobody's name"
	const missing = "has no claim %s, which tells who asks here"
	tests := []struct {
		template string
		want     []string
		wrong    string
	}{
		{"fixed", []string{"fixed"}, ""},
		{"{a}", []string{"x"}, ""},
		{"pre-{a}-{n}-post", []string{"pre-x-42-post"}, ""},
		{"{a}{a}", []string{"xx"}, ""},
		{"{neg}", []string{"-7"}, ""},
		{"{yes}{no}", []string{"truefalse"}, ""},
		{"{o.a}", []string{"inner"}, ""},
		{"{o.o.a}", []string{"deep"}, ""},
		{"{d.o.t}", []string{"dotted"}, ""},
		{"{d.o.t2}", []string{"half"}, ""},
		{"{e.x}", []string{"other"}, ""},
		{"t:{list}", []string{"t:p", "t:q", "t:3"}, ""},
		{"{a}:{list}:{list}", []string{"x:p:p", "x:q:q", "x:3:3"}, ""},
		{"{none}", nil, ""},
		{"{o.list}", []string{"r"}, ""},
		{"{both.ways}", nil, fmt.Sprintf(missing, "both.ways")},
		{"{gone}", nil, fmt.Sprintf(missing, "gone")},
		{"{a.b}", nil, fmt.Sprintf(missing, "a.b")},
		{"{null}", nil, fmt.Sprintf(missing, "null")},
		{"{empty}", nil, fmt.Sprintf(noText, "empty")},
		{"{frac}", nil, fmt.Sprintf(noText, "frac")},
		{"{big}", nil, fmt.Sprintf(noText, "big")},
		{"{o}", nil, fmt.Sprintf(noText, "o")},
		{"{mixed}", nil, fmt.Sprintf(noText, "mixed")},
		{"{lists}", nil, fmt.Sprintf(noText, "lists")},
		{"{list}{o.list}", nil, "has two lists, list and o.list, where one is understood"},
		{"{list}{gone}", nil, fmt.Sprintf(missing, "gone")},
	}
	for _, tt := range tests {
		t.Run(tt.template, func(t *testing.T) {
			compiled, err := compileTemplate(tt.template)
			if err != nil {
				t.Fatal(err)
			}
			got, wrong := compiled.every(object)
			if diff := cmp.Diff(tt.want, got); diff != "" || wrong != tt.wrong {
				t.Errorf("every says %q, want %q (-want +got):\n%s", wrong, tt.wrong, diff)
			}
			one, wrong := compiled.one(object)
			if len(tt.want) == 1 && !strings.Contains(tt.template, "list") && (one != tt.want[0] || wrong != "") {
				t.Errorf("one gives %q, %q", one, wrong)
			}
			if strings.Contains(tt.template, "list") && wrong == "" {
				t.Errorf("a list becomes the one name %q", one)
			}
		})
	}
}

func TestTagsAreBounded(t *testing.T) {
	r, err := compileRule(&catalog.Issuer{
		Issuer: "https://i.example", Audience: []string{"a"}, Algorithms: []string{"ES256"}, Key: "k", Tags: []string{"a:{x}", "b:{x}"},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	list := func(n int, text string) map[string]any {
		out := make([]any, n)
		for i := range out {
			out[i] = fmt.Sprint(text, i)
		}
		return map[string]any{"x": out}
	}
	tests := []struct {
		name   string
		claims map[string]any
		wrong  string
	}{
		{"as many as may be", list(16, ""), ""},
		{"too many", list(17, ""), "gives its requests more than 32 tags"},
		{"a long list", list(65, ""), "has more than 64 elements in its claim x"},
		{"no tag", list(1, "a b"), "has a value in x that cannot be a tag (1 to 64 letters, digits and . _ : / @ + = -, a letter or digit first)"},
		{"a long tag", list(1, strings.Repeat("x", 64)), "has a value in x that cannot be a tag (1 to 64 letters, digits and . _ : / @ + = -, a letter or digit first)"},
	}
	for _, tt := range tests {
		if k, wrong := r.identify(tt.claims); wrong != tt.wrong || (k == nil) != (wrong != "") {
			t.Errorf("%s: %v, %q", tt.name, k, wrong)
		}
	}
}

func TestNamesOfWhoAsksAreChecked(t *testing.T) {
	r, err := compileRule(&catalog.Issuer{Issuer: "https://i.example", Audience: []string{"a"}, Algorithms: []string{"ES256"}, Key: "{sub}"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for sub, want := range map[string]bool{
		"a": true, "repo:o/r:ref:refs/heads/a#1": true, "auth0|5f7c": true, "jane@example.com": true, strings.Repeat("x", 255): true,
		strings.Repeat("x", 256): false, "a b": false, "a\"b": false, "a\\b": false, "a\nb": false, "\x00": false, "é": false, "a\u2028": false,
	} {
		if k, wrong := r.identify(map[string]any{"sub": sub}); (wrong == "") != want || (k != nil) != want {
			t.Errorf("%q: %q", sub, wrong)
		}
	}
}

func TestRequiredClaimsAreMatched(t *testing.T) {
	object, _ := parseObject([]byte(`{"env":"production","groups":["dev","ops"],"n":7,"ok":true,"o":{"x":"y"},"nested":[["ops"]]}`))
	tests := []struct {
		claim, glob string
		want        string
	}{
		{"env", "prod*", ""},
		{"env", "prod", "has another claim env than is required here"},
		{"env", "*", ""},
		{"groups", "ops", ""},
		{"groups", "admin", "has another claim groups than is required here"},
		{"n", "7", ""},
		{"ok", "true", ""},
		{"ok", "false", "has another claim ok than is required here"},
		{"o.x", "y", ""},
		{"o", "*", "has another claim o than is required here"},
		{"nested", "*", "has another claim nested than is required here"},
		{"gone", "*", "has no claim gone, which is required here"},
	}
	for _, tt := range tests {
		r := &rule{require: []catalog.ClaimRule{{Claim: "env", Glob: "*"}, {Claim: tt.claim, Glob: tt.glob}}}
		if got := r.demand(object); got != tt.want {
			t.Errorf("%s: %s: %q, want %q", tt.claim, tt.glob, got, tt.want)
		}
	}
}
