package dialect_test

import (
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestAnAnswerEndsForTheReasonOfItsLastChoice(t *testing.T) {
	c := &dialect.Codec{Wire: dialect.Wire{
		FinishAt: []string{"choices", "why"}, Finishes: map[string]llm.FinishReason{"stop": llm.FinishStop, "": llm.FinishLength},
	}}
	for body, want := range map[string]llm.FinishReason{
		`{"choices":[{"why":"x"},{"a":[1],"why":"stop"}],"n":1}`: llm.FinishStop,
		`{"choices":[{"why":"STOP"}]}`:                           llm.FinishStop,
		`{"choices":[{"why":"news"}]}`:                           llm.FinishOther,
		`{"choices":{"why":"stop"}}`:                             llm.FinishStop,
		`{"choices":[]}`:                                         llm.FinishLength,
		`{"choices":[{"why":null}]}`:                             llm.FinishLength,
		`{"choices":"stop"}`:                                     llm.FinishLength,
		`{`:                                                      llm.FinishLength,
		``:                                                       llm.FinishLength,
	} {
		if got := c.FinishOf([]byte(body)); got != want {
			t.Errorf("%s: %v, want %v", body, got, want)
		}
	}
}
