package listing

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestAListIsReadAsItWasWritten(t *testing.T) {
	want := &List{
		Source: "somewhere", Date: "2026-07-02",
		Models: []Model{
			{Name: "a/b", Title: "A <B>", Created: "2025-01-02", Aliases: []string{"a/b-1"}, Hosts: []Host{
				{At: "x", ID: "b", Area: "eu", Dialects: []llm.Dialect{"openai"}, Context: 1, Output: 2, Able: []string{"tools"}, Prices: &Prices{
					Rates: Rates{Input: "0", Output: "37.5"}, Tiers: []Tier{{Over: 9, Rates: Rates{CacheRead: "0.0028"}}},
				}},
			}},
			{Name: "c/d", Title: "D", Hosts: []Host{{At: "y", ID: "d"}}},
		},
	}
	text, err := Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	wantText := `{"source":"somewhere","date":"2026-07-02","models":[
{"name":"a/b","title":"A \u003cB\u003e","created":"2025-01-02","aliases":["a/b-1"],"hosts":[{"at":"x","id":"b","area":"eu","dialects":["openai"],"context":1,"output":2,"able":["tools"],"prices":{"input":0,"output":37.5,"tiers":[{"over":9,"cache_read":0.0028}]}}]},
{"name":"c/d","title":"D","hosts":[{"at":"y","id":"d"}]}
]}
`
	if diff := cmp.Diff(wantText, string(text)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	got, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	prices, err := got.Models[0].Hosts[0].Prices.LLM()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&llm.Prices{
		Rates: llm.Rates{Input: llm.Some[llm.PicoUSD](0), Output: llm.Some[llm.PicoUSD](37_500_000)},
		Tiers: []llm.Tier{{Over: 9, Rates: llm.Rates{CacheRead: llm.Some[llm.PicoUSD](2800)}}},
	}, prices); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if prices, err := got.Models[1].Hosts[0].Prices.LLM(); prices != nil || err != nil {
		t.Errorf("unknown prices are %v, %v", prices, err)
	}
}

func TestWhatIsNoPriceIsNotWritten(t *testing.T) {
	if text, err := Encode(&List{Models: []Model{{Hosts: []Host{{Prices: &Prices{Rates: Rates{Input: "much"}}}}}}}); err == nil {
		t.Errorf("written as %s", text)
	}
}
