package settlement_test

import (
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/settlement"
)

func TestBytesTellTokensOnceAnswersWereCounted(t *testing.T) {
	var r settlement.Ratios
	stream := settlement.Shape{Dialect: llm.OpenAI, Stream: true}
	if got := r.Output(stream, 16_000); got < 50 || got > 200 {
		t.Errorf("16 kB of events are %d tokens before anything is known", got)
	}
	short := settlement.Shape{Dialect: llm.Anthropic, Stream: true}
	if r.Output(short, 16_000) <= r.Output(stream, 16_000) {
		t.Error("short events are no more tokens than long ones")
	}
	for range 500 {
		r.Learn(stream, 20_000, 100)
	}
	if got := r.Output(stream, 10_000); got < 50 || got > 52 {
		t.Errorf("half an answer of 100 tokens is taken for %d", got)
	}
	for range 500 {
		r.Learn(stream, 10_000, 100)
	}
	if got := r.Output(stream, 10_000); got < 99 || got > 102 {
		t.Errorf("what was learnt is not forgotten: %d tokens", got)
	}
	if got := r.Output(settlement.Shape{Dialect: llm.OpenAI}, 400); got != 101 {
		t.Errorf("another shape learnt from this one: %d tokens", got)
	}
}

func TestNothingIsLearntOfNonsense(t *testing.T) {
	var r settlement.Ratios
	s := settlement.Shape{Dialect: llm.Gemini}
	r.Learn(s, -1, 10)
	r.Learn(s, 10, 0)
	r.Learn(s, 10, -5)
	if got := r.Output(s, 40); got != 11 {
		t.Errorf("%d tokens", got)
	}
	if r.Output(s, 0) != 0 || r.Output(s, -4) != 0 {
		t.Error("no bytes are tokens")
	}
	if got := r.Output(s, 1<<62); got != llm.MaxTokens {
		t.Errorf("%d tokens are believed", got)
	}
	for range 100 {
		r.Learn(s, 1, 1000) // no token has less than a byte
	}
	if got := r.Output(s, 10); got != 11 {
		t.Errorf("ten bytes are %d tokens", got)
	}
}
