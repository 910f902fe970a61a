package generation

import (
	"encoding/json"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// form is a record as JSON: what stores keep, what JSONL files and the admin
// API show. What is false, zero or unknown is left out; times are nanoseconds,
// money is dollars as exact decimal numbers.
type form struct {
	ID         string        `json:"id"`
	Started    time.Time     `json:"started"`
	Key        string        `json:"key,omitempty"`
	KeyID      string        `json:"key_id,omitempty"`
	Tenant     string        `json:"tenant,omitempty"`
	Tags       []string      `json:"tags,omitempty"`
	User       string        `json:"user,omitempty"`
	Surface    string        `json:"surface,omitempty"`
	Model      string        `json:"model,omitempty"`
	Served     string        `json:"served,omitempty"`
	Provider   string        `json:"provider,omitempty"`
	TargetID   string        `json:"target_id,omitempty"`
	Stream     bool          `json:"stream,omitempty"`
	Lane       string        `json:"lane,omitempty"`
	Status     int           `json:"status,omitempty"`
	Finish     string        `json:"finish,omitempty"`
	Usage      usageForm     `json:"usage"`
	Cost       json.Number   `json:"cost"`
	Market     json.Number   `json:"market_cost"`
	Priced     bool          `json:"priced"`
	FirstToken time.Duration `json:"first_token_ns,omitempty"`
	Took       time.Duration `json:"took_ns,omitempty"`
	Estimated  bool          `json:"estimated,omitempty"`
	Unobserved bool          `json:"unobserved,omitempty"`
	Aborted    bool          `json:"aborted,omitempty"`
	Corrected  bool          `json:"corrected,omitempty"`
	Recovered  bool          `json:"recovered,omitempty"`
	Error      string        `json:"error,omitempty"`
	Attempts   []attemptForm `json:"attempts,omitempty"`
	Contents   *contentsForm `json:"contents,omitempty"`
}

type attemptForm struct {
	Provider string        `json:"provider"`
	Model    string        `json:"model,omitempty"`
	Reason   string        `json:"reason,omitempty"`
	Status   int           `json:"status,omitempty"`
	Began    time.Duration `json:"began_ns"`
	Took     time.Duration `json:"took_ns"`
	Usage    usageForm     `json:"usage"`
	Cost     json.Number   `json:"cost"`
	Priced   bool          `json:"priced"`
	Own      bool          `json:"own,omitempty"`
}

type contentsForm struct {
	Request string `json:"request"`
	Answer  string `json:"answer"`
	Cut     bool   `json:"cut,omitempty"`
}

// usageForm leaves out what was not reported; zero was.
type usageForm struct {
	Input          *llm.Tokens `json:"input,omitempty"`
	CacheRead      *llm.Tokens `json:"cache_read,omitempty"`
	CacheWrite     *llm.Tokens `json:"cache_write,omitempty"`
	CacheWriteHour *llm.Tokens `json:"cache_write_hour,omitempty"`
	AudioInput     *llm.Tokens `json:"audio_input,omitempty"`
	Output         *llm.Tokens `json:"output,omitempty"`
	Reasoning      *llm.Tokens `json:"reasoning,omitempty"`
	AudioOut       *llm.Tokens `json:"audio_output,omitempty"`
}

func pointer(n llm.Opt[llm.Tokens]) *llm.Tokens {
	v, ok := n.Get()
	if !ok {
		return nil
	}
	return &v
}

func optional(n *llm.Tokens) llm.Opt[llm.Tokens] {
	if n == nil {
		return llm.Opt[llm.Tokens]{}
	}
	return llm.Some(*n)
}

func formOfUsage(u *llm.Usage) usageForm {
	return usageForm{
		pointer(u.Input), pointer(u.CacheRead), pointer(u.CacheWrite), pointer(u.CacheWriteHour), pointer(u.AudioInput),
		pointer(u.Output), pointer(u.Reasoning), pointer(u.AudioOut),
	}
}

func (f *usageForm) usage() llm.Usage {
	return llm.Usage{
		Input: optional(f.Input), CacheRead: optional(f.CacheRead), CacheWrite: optional(f.CacheWrite),
		CacheWriteHour: optional(f.CacheWriteHour), AudioInput: optional(f.AudioInput),
		Output: optional(f.Output), Reasoning: optional(f.Reasoning), AudioOut: optional(f.AudioOut),
	}
}

// MarshalJSON writes the record in full; see form for the units.
func (r *Record) MarshalJSON() ([]byte, error) {
	f := form{
		r.ID.String(), r.Started.UTC(), r.Key, r.KeyID, r.Tenant, r.Tags, r.User, r.Surface, r.Model, r.Served, r.Provider, r.TargetID,
		r.Stream, r.Lane, r.Status, r.Finish, formOfUsage(&r.Usage), Dollars(r.Cost), Dollars(r.Market), r.Priced, r.FirstToken, r.Took,
		r.Estimated, r.Unobserved, r.Aborted, r.Corrected, r.Recovered, r.Error, nil, (*contentsForm)(r.Contents),
	}
	for i := range r.Attempts {
		a := &r.Attempts[i]
		f.Attempts = append(f.Attempts, attemptForm{
			a.Provider, a.Model, a.Reason, a.Status, a.Began, a.Took, formOfUsage(&a.Usage), Dollars(a.Cost), a.Priced, a.Own,
		})
	}
	return json.Marshal(&f)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Record) UnmarshalJSON(text []byte) error {
	var f form
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	id, err := ParseID(f.ID)
	if err != nil {
		return err
	}
	cost, err := ParseDollars(f.Cost)
	if err != nil {
		return err
	}
	market, err := ParseDollars(f.Market)
	if err != nil {
		return err
	}
	*r = Record{
		id, f.Started.UTC(), f.Key, f.KeyID, f.Tenant, f.Tags, f.User, f.Surface, f.Model, f.Served, f.Provider, f.TargetID,
		f.Stream, f.Lane, f.Status, f.Finish, nil, f.Usage.usage(), cost, market, f.Priced, f.FirstToken, f.Took,
		f.Estimated, f.Unobserved, f.Aborted, f.Corrected, f.Recovered, f.Error, (*Contents)(f.Contents),
	}
	for i := range f.Attempts {
		a := &f.Attempts[i]
		cost, err := ParseDollars(a.Cost)
		if err != nil {
			return err
		}
		r.Attempts = append(r.Attempts, Attempt{a.Provider, a.Model, a.Reason, a.Status, a.Began, a.Took, a.Usage.usage(), cost, a.Priced, a.Own})
	}
	return nil
}
