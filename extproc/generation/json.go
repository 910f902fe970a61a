package generation

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// generationData is the answer of GET /v1/generation. Clients insist on every
// number. tokens_prompt and native_tokens_prompt are all of the input, with what
// was read from and written to a cache, which stands beside them by itself.
type generationData struct {
	ID               string      `json:"id"`
	TotalCost        json.Number `json:"total_cost"`
	UpstreamCost     json.Number `json:"upstream_inference_cost"`
	Usage            json.Number `json:"usage"`
	CreatedAt        string      `json:"created_at"`
	Model            string      `json:"model"`
	OwnCredential    bool        `json:"is_byok"`
	Provider         string      `json:"provider_name"`
	Streamed         bool        `json:"streamed"`
	FinishReason     string      `json:"finish_reason"`
	Latency          int64       `json:"latency"`         // to the first token, ms
	Time             int64       `json:"generation_time"` // of the whole, ms
	Prompt           llm.Tokens  `json:"tokens_prompt"`
	Completion       llm.Tokens  `json:"tokens_completion"`
	NativePrompt     llm.Tokens  `json:"native_tokens_prompt"`
	NativeCompletion llm.Tokens  `json:"native_tokens_completion"`
	NativeReasoning  llm.Tokens  `json:"native_tokens_reasoning"`
	NativeCached     llm.Tokens  `json:"native_tokens_cached"`
	NativeCreation   llm.Tokens  `json:"native_tokens_cache_creation"`
	WebSearches      int64       `json:"billable_web_search_calls"`
	MarketCost       json.Number `json:"market_cost"`
	GatewayCost      json.Number `json:"gateway_cost"`
	SurchargeCost    json.Number `json:"surcharge_cost"`
}

// GenerationJSON is a record as GET /v1/generation shows it.
func GenerationJSON(r *Record) []byte { //nolint:revive // beside ReportJSON and CreditsJSON it says which
	input, output := r.Usage.Input.Or(0), r.Usage.Output.Or(0)
	cost, market := Dollars(r.Cost), Dollars(r.Market)
	first := r.FirstToken
	if first == 0 {
		first = r.Took // an answer in one piece
	}
	return marshal(struct {
		Data generationData `json:"data"`
	}{generationData{
		r.ID.String(), cost, market, cost, r.Started.UTC().Format("2006-01-02T15:04:05.000Z"), r.ServedModel(), r.Own(), r.LastProvider(),
		r.Stream, r.Finish, first.Milliseconds(), r.Took.Milliseconds(), input, output, input, output,
		r.Usage.Reasoning.Or(0), r.Usage.CacheRead.Or(0), r.Usage.CacheWrite.Or(0), 0, market, cost, "0",
	}})
}

// reportRow is a row of GET /v1/report: a row has the members it is grouped by.
type reportRow struct {
	Day        string  `json:"day,omitempty"`
	Hour       string  `json:"hour,omitempty"`
	Model      *string `json:"model,omitempty"`
	Provider   *string `json:"provider,omitempty"`
	Key        *string `json:"api_key_name,omitempty"`
	Tenant     *string `json:"tenant,omitempty"`
	Tag        *string `json:"tag,omitempty"`
	User       *string `json:"user,omitempty"`
	Credential *string `json:"credential_type,omitempty"`
	sumsForm
}

// sumsForm are the sums of a row. Members after Requests are beyond what
// clients of other gateways know.
type sumsForm struct {
	TotalCost     json.Number `json:"total_cost"`
	MarketCost    json.Number `json:"market_cost"`
	SurchargeCost json.Number `json:"surcharge_cost"`
	GatewayCost   json.Number `json:"gateway_cost"`
	Input         llm.Tokens  `json:"input_tokens"`
	Output        llm.Tokens  `json:"output_tokens"`
	Cached        llm.Tokens  `json:"cached_input_tokens"`
	Creation      llm.Tokens  `json:"cache_creation_input_tokens"`
	Reasoning     llm.Tokens  `json:"reasoning_tokens"`
	Requests      int64       `json:"request_count"`
	Failed        int64       `json:"failed_count"`
	Unpriced      int64       `json:"unpriced_count"`
	Estimated     int64       `json:"estimated_count"`
}

func formOfSums(s *Sums) sumsForm {
	cost := Dollars(s.Cost)
	return sumsForm{
		cost, Dollars(s.Market), "0", cost, s.Input, s.Output, s.CacheRead, s.CacheWrite, s.Reasoning,
		s.Requests, s.Failed, s.Unpriced, s.Estimated,
	}
}

// SumsJSON is a sum as an object with the members of a report's rows.
func SumsJSON(s Sums) json.RawMessage { return marshal(formOfSums(&s)) }

// ReportJSON is a report as GET /v1/report shows it: {"results": [...]}.
func ReportJSON(rows []Row, g Grouping) []byte {
	results := make([]reportRow, len(rows))
	for i := range rows {
		r := &rows[i]
		f := reportRow{sumsForm: formOfSums(&r.Sums)}
		switch g.Per {
		case Day:
			f.Day = r.Time.UTC().Format(time.DateOnly)
		case Hour:
			f.Hour = r.Time.UTC().Format("2006-01-02T15")
		}
		if into := f.member(g.By); into != nil {
			*into = &r.Value
		}
		results[i] = f
	}
	return marshal(struct {
		Results []reportRow `json:"results"`
	}{results})
}

func (f *reportRow) member(d Dimension) **string {
	switch d {
	case ByModel:
		return &f.Model
	case ByProvider:
		return &f.Provider
	case ByKey:
		return &f.Key
	case ByTenant:
		return &f.Tenant
	case ByTag:
		return &f.Tag
	case ByUser:
		return &f.User
	case ByCredential:
		return &f.Credential
	}
	return nil
}

// CreditsJSON is the answer of GET /v1/credits: dollars as decimal strings.
func CreditsJSON(balance, used llm.NanoUSD) []byte {
	return marshal(struct {
		Balance   string `json:"balance"`
		TotalUsed string `json:"total_used"`
	}{balance.String(), used.String()})
}

// marshal writes what cannot fail: structs of text and numbers of our own. Text
// for terminals and logs needs no escapes for browsers.
func marshal(v any) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return []byte("{}") // unreachable, and still JSON
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}
