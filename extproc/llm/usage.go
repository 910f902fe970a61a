package llm

// Tokens counts tokens.
type Tokens int64

// Usage is what an exchange used, by token class. Absent classes were not
// reported. Input counts all of the prompt, cache reads and writes included;
// Output counts all that was generated, reasoning included: dialects whose
// vendors count otherwise convert.
type Usage struct {
	Input      Opt[Tokens]
	CacheRead  Opt[Tokens] // part of Input
	CacheWrite Opt[Tokens] // part of Input
	// CacheWriteHour is written to live for an hour, at another price; part of
	// CacheWrite.
	CacheWriteHour Opt[Tokens]
	AudioInput     Opt[Tokens] // part of Input
	Output         Opt[Tokens]
	Reasoning      Opt[Tokens] // part of Output
	AudioOut       Opt[Tokens] // part of Output
	// Extra are members of the provider's usage object without a neutral word.
	Extra Extras
}

// MaxTokens bounds a believable count; larger and negative reports are
// ignored.
const MaxTokens Tokens = 1e12

// Count makes a reported count a class of usage: absent if it is not
// believable.
func Count(n int64) Opt[Tokens] {
	if n < 0 || Tokens(n) > MaxTokens {
		return Opt[Tokens]{}
	}
	return Some(Tokens(n))
}

// Merge adds a later report of the same exchange. Reports are running totals:
// per class the greater one holds, so a final report of zero does not erase
// what the first one said.
func (u *Usage) Merge(later Usage) {
	for _, c := range [...]struct {
		into *Opt[Tokens]
		from Opt[Tokens]
	}{
		{&u.Input, later.Input},
		{&u.CacheRead, later.CacheRead},
		{&u.CacheWrite, later.CacheWrite},
		{&u.CacheWriteHour, later.CacheWriteHour},
		{&u.AudioInput, later.AudioInput},
		{&u.Output, later.Output},
		{&u.Reasoning, later.Reasoning},
		{&u.AudioOut, later.AudioOut},
	} {
		if n, ok := c.from.Get(); ok && n >= c.into.Or(0) {
			*c.into = Some(n)
		}
	}
	if len(later.Extra) > 0 {
		u.Extra = later.Extra
	}
}

// Add adds what another exchange or attempt used. Counts stay believable: a sum
// beyond MaxTokens is MaxTokens.
func (u *Usage) Add(other Usage) {
	for _, c := range [...]struct {
		into *Opt[Tokens]
		from Opt[Tokens]
	}{
		{&u.Input, other.Input},
		{&u.CacheRead, other.CacheRead},
		{&u.CacheWrite, other.CacheWrite},
		{&u.CacheWriteHour, other.CacheWriteHour},
		{&u.AudioInput, other.AudioInput},
		{&u.Output, other.Output},
		{&u.Reasoning, other.Reasoning},
		{&u.AudioOut, other.AudioOut},
	} {
		if n, ok := c.from.Get(); ok {
			*c.into = Some(min(c.into.Or(0)+n, MaxTokens))
		}
	}
}

// Total is all input and output.
func (u *Usage) Total() Tokens { return u.Input.Or(0) + u.Output.Or(0) }

// Fresh is the input that is neither read from nor written to a cache.
func (u *Usage) Fresh() Tokens {
	return max(0, u.Input.Or(0)-u.CacheRead.Or(0)-u.CacheWrite.Or(0))
}

// Known tells whether anything was reported.
func (u *Usage) Known() bool { return u.Input.Set() || u.Output.Set() }
