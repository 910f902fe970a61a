package envelope_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/envelope"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

var guarded = scan.Names{"model", "models", "stream", "limit", "providerOptions", "own"}

// Spans of the dialect below.
const (
	model = iota
	models
	options
	own
)

// read scans requests of a dialect that has nothing but what all have.
func read(body []byte) (dialect.Envelope, *llm.Problem) {
	s := envelope.Over(body)
	for ok := s.Object(); ok && s.Next(guarded); {
		switch string(s.Walk.Key()) {
		case "model":
			s.Envelope.Spans[model] = s.Model()
		case "models":
			s.Envelope.Spans[models] = s.Models()
		case "providerOptions":
			s.Envelope.Spans[options] = s.ProviderOptions()
		case "stream":
			s.Envelope.Stream = s.Truth("stream")
		case "limit":
			s.Envelope.MaxTokens = max(0, s.Integer("limit", 1, 9))
		case "own":
			s.Envelope.Spans[own] = s.Member()
		}
	}
	if s.End() {
		s.Named()
	}
	return s.Result()
}

func TestARequestSaysWhatAllDialectsShare(t *testing.T) {
	const body = ` {"own" : [1],"model":"a\u002Fb", "models":["c"],"stream":true,"limit":9,"else":{"model":1},
		"providerOptions":{"vendor":{"gateway":1},"gateway":{"sort":"cost"}} } `
	e, p := read([]byte(body))
	if p != nil {
		t.Fatal(p)
	}
	var spans []string
	for _, s := range e.Spans[:own+1] {
		spans = append(spans, body[s.From:s.To])
	}
	want := []string{
		`"a\u002Fb"`, `"models":["c"]`, `"providerOptions":{"vendor":{"gateway":1},"gateway":{"sort":"cost"}}`, `"own" : [1]`,
	}
	if diff := cmp.Diff(want, spans); diff != "" {
		t.Error(diff)
	}
	e.Spans = [8]dialect.Span{}
	if diff := cmp.Diff(dialect.Envelope{
		Model: "a/b", Stream: true, MaxTokens: 9, N: 1, Options: dialect.Options{Models: []string{"c"}, Sort: "cost"},
	}, e); diff != "" {
		t.Error(diff)
	}
}

func TestNullIsAsGoodAsAbsent(t *testing.T) {
	e, p := read([]byte(`{"model":"m","models":null,"stream":null,"limit":null,"providerOptions":null}`))
	if p != nil {
		t.Fatal(p)
	}
	if e.Stream || e.MaxTokens != 0 || !e.Options.Empty() {
		t.Errorf("%+v", e)
	}
}

func TestAProblemSaysWhichMemberIsWrongAndWhy(t *testing.T) {
	for _, tc := range []struct{ body, param, message string }{
		{``, "", "the request body is not valid JSON: byte 0: expected a JSON value"},
		{`[]`, "", "the request body must be a JSON object"},
		{`{"model":"m"`, "", "the request body is not valid JSON: byte 12: expected ',' or '}' after a member"},
		{`{"model":"m"} x`, "", "the request body is not valid JSON: byte 14: expected the end of the text"},
		{`{"model":1,`, "", "the request body is not valid JSON: byte 11: expected a member name in double quotes"},
		{`{}`, "model", "model is missing"},
		{`{"model":1}`, "model", "model must be a string"},
		{`{"model":""}`, "model", "model must not be empty"},
		{`{"model":"` + strings.Repeat("m", 513) + `"}`, "model", "model must be at most 512 bytes long"},
		{`{"model":"m","model":"n"}`, "model", `the request body is not accepted: byte 13: member "model" appears twice`},
		{`{"model":"m","MODEL":"n"}`, "model", `the request body is not accepted: byte 13: member "MODEL" must be spelled "model"`},
		{`{"model":"m","stream":1}`, "stream", "stream must be true or false"},
		{`{"model":"m","limit":10}`, "limit", "limit must be an integer from 1 to 9"},
		{`{"model":"m","models":"n"}`, "models", "models must be an array of non-empty strings"},
		{`{"model":"m","providerOptions":1}`, "providerOptions", "providerOptions must be an object"},
		{
			`{"model":"m","providerOptions":{"gateway":{"sort":"x"}}}`, "providerOptions.gateway.sort",
			`providerOptions.gateway.sort must be "cost", "ttft" or "tps"`,
		},
		{
			`{"model":"m","providerOptions":{"gateway":{},"gateway":{}}}`, "gateway",
			`the request body is not accepted: byte 45: member "gateway" appears twice`,
		},
	} {
		e, p := read([]byte(tc.body))
		if p == nil {
			t.Errorf("%s: accepted", tc.body)
			continue
		}
		if p.Kind != llm.InvalidRequest || p.Param != tc.param || p.Message != tc.message {
			t.Errorf("%s: %v, %q, %q", tc.body, p.Kind, p.Param, p.Message)
		}
		if diff := cmp.Diff(dialect.Envelope{}, e); diff != "" {
			t.Errorf("%s: %s", tc.body, diff)
		}
	}
}

func TestScanningAllocatesOnlyTheModel(t *testing.T) {
	body := []byte(`{"model":"m/n","stream":true,"limit":3,"else":[1,2,3],"own":1}`)
	if n := testing.AllocsPerRun(50, func() {
		if _, p := read(body); p != nil {
			t.Error(p)
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte(`{"own" : [1],"model":"a","models":["c"],"stream":true,"limit":9,"providerOptions":{"gateway":{"sort":"cost"}}}`))
	f.Add([]byte(`{"model":"a","providerOptions":{"gateway":`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, p := read(body)
		switch {
		case p != nil:
			return
		case scan.Validate(body) != nil:
			t.Fatal("what is not JSON is accepted")
		case e.Model == "" || e.N != 1:
			t.Errorf("%+v", e)
		}
		for i, s := range e.Spans[:own+1] {
			text := body[s.From:s.To]
			if i != model && s.Set() {
				text = append(append([]byte("{"), text...), '}')
			}
			if s.Set() && scan.Validate(text) != nil {
				t.Errorf("span %d: %s", i, text)
			}
		}
	})
}
