package extproc

import (
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// outputLimit is what a client's format calls the limit of its answer, in tokens;
// "" where answers have none.
var outputLimit = map[llm.Dialect]string{
	llm.OpenAI: "max_tokens", llm.Anthropic: "max_tokens", llm.Responses: "max_output_tokens",
	llm.Gemini: "generationConfig.maxOutputTokens", llm.AISDK: "maxOutputTokens",
}

// advise adds to a refusal how the same request would take less: what its answer
// may take is most of it, as a rule, and the client's to say.
func (e *exchange) advise(r *quota.Refusal, p *llm.Problem) {
	field, answer := outputLimit[e.codec.Name], e.spend.estimate[quota.Output]
	switch {
	case field == "" || answer <= 0 || p.Kind == llm.Overloaded || p.Kind == llm.Forbidden:
		return
	case r.Unit == quota.Tokens && e.spend.estimate[quota.Input] >= r.Amount:
		return // the prompt alone is too long
	case r.Unit != quota.Tokens && r.Unit != quota.Output && r.Unit != quota.Money:
		return
	}
	if p.Kind == llm.InvalidRequest {
		p.Param = field
	}
	switch {
	case e.envelope.MaxTokens <= 0:
		p.Message += " The answer counts with " + quota.Output.Text(answer) + ", for the request does not limit it; send " + field + "."
	case r.Whole():
		p.Message += " Send a smaller " + field + "."
	}
}
