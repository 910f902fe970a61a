package matrix

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// pixel is a PNG of one pixel.
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

func contentCases() []Case {
	return []Case{
		{name: "image", run: func(x *exam) {
			first := x.user("What is this?", saying("A pixel.", ""))
			first.Media = []Media{{Type: "image/png", Base64: pixel}}
			q := Question{Turns: []Turn{first}}
			x.equal("text", "A pixel.", x.answer(q).Text)
			x.checkHeard(q)
		}},
		{name: "images in several turns", run: func(x *exam) {
			first, last := x.user("What is this?", ""), Turn{Text: "And these?"}
			first.Media = []Media{{Type: "image/png", Base64: pixel}}
			last.Media = []Media{{Type: "image/gif", Base64: "R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="}, {Type: "image/png", Base64: pixel}}
			q := Question{Turns: []Turn{first, {Said: "A pixel."}, last}}
			x.answer(q)
			x.checkHeard(q)
		}},
		{name: "file", unless: noFiles, run: func(x *exam) {
			first := x.user("Sum it up.", saying("It is short.", ""))
			first.Media = []Media{{Type: "application/pdf", Name: "short.pdf", Base64: base64.StdEncoding.EncodeToString([]byte("%PDF-1.4 nothing in it"))}}
			q := Question{Turns: []Turn{first}}
			x.equal("text", "It is short.", x.answer(q).Text)
			x.checkHeard(q)
		}},
		{name: "structured output", run: func(x *exam) {
			q := Question{Schema: forecast, Turns: []Turn{x.user("Where does it rain?", "")}}
			o := x.answer(q)
			x.checkForecast(o)
			x.checkSchema(o)
		}},
		{name: "structured output after tools", unless: noToolsBeside, run: func(x *exam) {
			q := Question{Schema: forecast, Tools: []Tool{weather()}, Turns: []Turn{x.user("Where does it rain?", `{"tools":1}`)}}
			o := x.answer(q)
			x.checkCalls(o, 1)
			q.Turns = append(q.Turns, Turn{Replay: o.Turn}, Turn{Results: results(o.Calls)})
			x.checkForecast(x.answer(q))
		}},
	}
}

// noFiles names the models that take none, by the vendor's own list.
func noFiles(_ Surface, t *Target) string {
	if t.Name == "nova" {
		return "the bundled list says that the model takes no files"
	}
	return ""
}

// noToolsBeside leaves out where the schema is a tool's: which of the tools it
// calls is the model's choice, and the scripted one takes the first.
func noToolsBeside(s Surface, t *Target) string {
	if s == Messages && t.Name == "vertex-claude" {
		return "" // a client of this dialect is taken at its word
	}
	if reason := lacks(t, "schema beside tools"); reason != "" {
		return reason
	}
	return lacks(t, "schema")
}

// forecast is a schema within what all vendors allow.
var forecast = json.RawMessage(`{"type":"object","properties":{"city":{"type":"string","enum":[` + string(encode(city)) + `]},` +
	`"days":{"type":"array","items":{"type":"object","properties":{"rain":{"type":"boolean"}},"required":["rain"],"additionalProperties":false}}},` +
	`"required":["city","days"],"additionalProperties":false}`)

func (x *exam) checkForecast(o *Outcome) {
	x.Helper()
	d := json.NewDecoder(strings.NewReader(o.Text))
	d.DisallowUnknownFields()
	var got struct {
		City string `json:"city"`
		Days []struct {
			Rain *bool `json:"rain"`
		} `json:"days"`
	}
	if err := d.Decode(&got); err != nil || got.City != city || len(got.Days) == 0 || got.Days[0].Rain == nil || d.More() {
		x.Errorf("the answer does not fit (%v): %q", err, o.Text)
	}
	if len(o.Calls) > 0 {
		x.Errorf("the answer calls tools: %+v", o.Calls)
	}
	x.equal("finish", "stop", o.Finish)
}

// checkSchema wants the schema heard, as itself or as that of a tool which the
// provider must call.
func (x *exam) checkSchema(o *Outcome) {
	x.Helper()
	h := x.heard()
	want := x.jsonValue(forecast)
	switch {
	case h.Schema != nil:
		x.equal("schema", want, x.jsonValue(h.Schema))
	case lacks(x.target, "schema") == "":
		x.Errorf("the provider heard no schema; dropped is %q", o.Header["x-dragoman-dropped"])
	case len(h.Tools) != 1 || h.Choice != "any" && h.Choice != "tool:"+h.Tools[0].Name:
		x.Errorf("the provider heard %+v, choice %q", h.Tools, h.Choice)
	default:
		got := x.jsonValue(h.Tools[0].Schema)
		if lacks(x.target, "closed tools") != "" {
			delete(want.(map[string]any), "additionalProperties") //nolint:forcetypeassert // it is one
		}
		x.equal("schema of the tool", want, got)
	}
}
