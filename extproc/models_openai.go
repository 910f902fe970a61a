package extproc

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// openaiModel is a model in OpenAI's list shape, with what its own list does
// not tell. Source: OpenAI API reference, "List models".
type openaiModel struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`

	Name       string         `json:"name"`
	Type       string         `json:"type"` // language or embedding
	Context    int64          `json:"context_window,omitempty"`
	Output     int64          `json:"max_output_tokens,omitempty"`
	Modalities *modalities    `json:"modalities,omitempty"`
	Able       []string       `json:"capabilities,omitempty"`
	Pricing    *openaiPricing `json:"pricing,omitempty"`
	Providers  []string       `json:"providers"`
}

type modalities struct {
	Input  []string `json:"input"`
	Output []string `json:"output"`
}

// openaiPricing is in dollars a token, as decimal numbers in text: of the first
// target, whom a request reaches that leaves the choice to the gateway.
type openaiPricing struct {
	Input          string        `json:"input,omitempty"`
	Output         string        `json:"output,omitempty"`
	CacheRead      string        `json:"input_cache_read,omitempty"`
	CacheWrite     string        `json:"input_cache_write,omitempty"`
	CacheWriteHour string        `json:"input_cache_write_hour,omitempty"`
	Reasoning      string        `json:"internal_reasoning,omitempty"`
	AudioInput     string        `json:"audio_input,omitempty"`
	AudioOut       string        `json:"audio_output,omitempty"`
	Tiers          []pricingTier `json:"tiers,omitempty"`
}

type pricingTier struct {
	Over int64 `json:"over_input_tokens"`
	openaiPricing
}

func openaiList(l listing) any {
	data := make([]openaiModel, len(l.offers))
	for i := range l.offers {
		data[i] = openaiModelOf(&l.offers[i])
	}
	return struct {
		Object string        `json:"object"`
		Data   []openaiModel `json:"data"`
	}{"list", data}
}

func openaiModelOf(o *offer) openaiModel {
	creator, _, _ := strings.Cut(o.Name, "/")
	m := openaiModel{
		ID: o.Name, Object: "model", OwnedBy: creator, Name: o.Title, Type: "language",
		Context: o.context(), Output: o.output(), Providers: o.providers(),
	}
	if !o.Created.IsZero() {
		m.Created = o.Created.Unix()
	}
	if able, judged := o.able(); judged {
		m.Able, m.Modalities = able.Names(), modalitiesOf(able)
	}
	if o.embeds() {
		m.Type = "embedding"
	}
	if len(o.targets) > 0 {
		m.Pricing = pricingOf(o.targets[0].Prices)
	}
	return m
}

func modalitiesOf(able llm.Needs) *modalities {
	m := &modalities{Input: []string{"text"}, Output: []string{"text"}}
	if able.Has(llm.NeedEmbeddings) {
		m.Output = []string{"embedding"}
	}
	for _, one := range [...]struct {
		need llm.Needs
		name string
		into *[]string
	}{
		{llm.NeedImages, "image", &m.Input},
		{llm.NeedFiles, "file", &m.Input},
		{llm.NeedAudio, "audio", &m.Input},
		{llm.NeedVideo, "video", &m.Input},
		{llm.NeedImageOut, "image", &m.Output},
		{llm.NeedAudioOut, "audio", &m.Output},
	} {
		if able.Has(one.need) {
			*one.into = append(*one.into, one.name)
		}
	}
	return m
}

// pricingOf is nil for unknown prices.
func pricingOf(p *llm.Prices) *openaiPricing {
	if p == nil {
		return nil
	}
	out := ratesOf(&p.Rates)
	for i := range p.Tiers {
		out.Tiers = append(out.Tiers, pricingTier{int64(p.Tiers[i].Over), ratesOf(&p.Tiers[i].Rates)})
	}
	return &out
}

func ratesOf(r *llm.Rates) openaiPricing {
	text := func(p llm.Opt[llm.PicoUSD]) string {
		if each, known := p.Get(); known {
			return each.PerToken()
		}
		return ""
	}
	return openaiPricing{
		Input: text(r.Input), Output: text(r.Output), CacheRead: text(r.CacheRead), CacheWrite: text(r.CacheWrite),
		CacheWriteHour: text(r.CacheWriteHour), Reasoning: text(r.Reasoning), AudioInput: text(r.AudioInput), AudioOut: text(r.AudioOut),
	}
}
