package otlp

import (
	"go.opentelemetry.io/otel/attribute"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Names of OpenTelemetry's conventions for generative AI (semantic conventions
// 1.41, "gen_ai"). They have no place for money.
const (
	operationName = "gen_ai.operation.name"
	providerName  = "gen_ai.provider.name"
	requestModel  = "gen_ai.request.model"
	requestStream = "gen_ai.request.stream"
	responseModel = "gen_ai.response.model"
	finishReasons = "gen_ai.response.finish_reasons"
	firstChunk    = "gen_ai.response.time_to_first_chunk" // seconds
	inputTokens   = "gen_ai.usage.input_tokens"           //nolint:gosec // a count, no credential
	outputTokens  = "gen_ai.usage.output_tokens"          //nolint:gosec // a count, no credential
	cacheRead     = "gen_ai.usage.cache_read.input_tokens"
	cacheWrite    = "gen_ai.usage.cache_creation.input_tokens"
	reasoning     = "gen_ai.usage.reasoning.output_tokens"
	errorType     = "error.type"
	httpStatus    = "http.response.status_code"
)

// operation is the conventions' word for what was asked.
func operation(r *generation.Record) string {
	switch llm.Dialect(r.Surface) {
	case llm.Embeddings, llm.GeminiEmbeddings, llm.BedrockEmbeddings:
		return "embeddings"
	}
	return "chat"
}

// attributes leave out what is unknown.
type attributes []attribute.KeyValue

func (a *attributes) text(name, value string) {
	if value != "" {
		*a = append(*a, attribute.String(name, value))
	}
}

func (a *attributes) number(name string, value int) {
	if value != 0 {
		*a = append(*a, attribute.Int(name, value))
	}
}

func (a *attributes) flag(name string, value bool) {
	if value {
		*a = append(*a, attribute.Bool(name, true))
	}
}

func (a *attributes) usage(u *llm.Usage) {
	for _, c := range []struct {
		name  string
		count llm.Opt[llm.Tokens]
	}{{inputTokens, u.Input}, {outputTokens, u.Output}, {cacheRead, u.CacheRead}, {cacheWrite, u.CacheWrite}, {reasoning, u.Reasoning}} {
		if n, ok := c.count.Get(); ok {
			*a = append(*a, attribute.Int64(c.name, int64(n)))
		}
	}
}

// money is exact as text; a number for sums goes with it.
func (a *attributes) money(name string, n llm.NanoUSD) {
	*a = append(*a, attribute.String(name, n.String()), attribute.Int64(name+"_nano_usd", int64(n)))
}

func exchangeAttributes(r *generation.Record) []attribute.KeyValue {
	a := attributes{attribute.Bool(requestStream, r.Stream), attribute.Bool("dragoman.priced", r.Priced)}
	a.text(operationName, operation(r))
	a.text(requestModel, r.Model)
	a.text(responseModel, r.Served)
	a.text(providerName, r.LastProvider())
	if r.Finish != "" {
		a = append(a, attribute.StringSlice(finishReasons, []string{r.Finish}))
	}
	if r.FirstToken > 0 {
		a = append(a, attribute.Float64(firstChunk, r.FirstToken.Seconds()))
	}
	a.usage(&r.Usage)
	a.text(errorType, r.Error)
	a.number(httpStatus, r.Status)
	a.money("dragoman.cost", r.Cost)
	a.money("dragoman.market_cost", r.Market)
	a.text("dragoman.generation", r.ID.String())
	a.text("dragoman.key", r.Key)
	a.text("dragoman.tenant", r.Tenant)
	if len(r.Tags) > 0 {
		a = append(a, attribute.StringSlice("dragoman.tags", r.Tags))
	}
	a.text("dragoman.user", r.User)
	a.text("dragoman.surface", r.Surface)
	a.text("dragoman.lane", r.Lane)
	a.number("dragoman.attempts", len(r.Attempts))
	a.flag("dragoman.byok", r.Own())
	a.flag("dragoman.estimated", r.Estimated)
	a.flag("dragoman.unobserved", r.Unobserved)
	a.flag("dragoman.aborted", r.Aborted)
	a.flag("dragoman.corrected", r.Corrected)
	a.flag("dragoman.recovered", r.Recovered)
	return a
}

func attemptAttributes(r *generation.Record, t *generation.Attempt) []attribute.KeyValue {
	var a attributes
	a.text(operationName, operation(r))
	a.text(requestModel, t.Model)
	a.text(providerName, t.Provider)
	a.usage(&t.Usage)
	a.text(errorType, t.Reason)
	a.number(httpStatus, t.Status)
	a.money("dragoman.market_cost", t.Cost)
	a.flag("dragoman.byok", t.Own)
	return a
}
