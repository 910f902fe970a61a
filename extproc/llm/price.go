package llm

import (
	"math"
	"math/bits"
)

// Prices are what one target asks for its tokens. Nil Prices are unknown, which
// is not free: free is a price of zero.
type Prices struct {
	Rates
	// Tiers hold for whole requests with more input, ordered by Over.
	Tiers []Tier
}

// Tier is what requests cost that have more than Over tokens of input. A class
// without a price of its own costs what it costs without the tier, and if it
// has none there, what its parent costs in the tier.
type Tier struct {
	Over Tokens
	Rates
}

// Rates are what a token of each class costs. A class without a price of its
// own costs what its parent does: CacheRead, CacheWrite and AudioInput as much
// as Input, CacheWriteHour as CacheWrite, Reasoning and AudioOut as Output.
type Rates struct {
	Input, CacheRead, CacheWrite Opt[PicoUSD]
	CacheWriteHour, AudioInput   Opt[PicoUSD]
	Output, Reasoning, AudioOut  Opt[PicoUSD]
}

// Cost is what the usage costs. Each token is counted once, in the class that
// says most about it: input read from a cache, written to one for an hour or
// for less, audio, and the rest; output of reasoning, audio, and the rest. A
// report whose parts exceed the whole is cut to the whole. The sum is exact and
// rounded once, half up. False if nothing was reported, or if tokens were used
// that have no price.
func (p *Prices) Cost(u Usage) (NanoUSD, bool) {
	if p == nil || !u.Known() {
		return 0, false
	}
	rates := p.at(u.Input.Or(0))
	var b bill
	rest := max(u.Input.Or(0), 0)
	read := within(u.CacheRead, &rest)
	write := within(u.CacheWrite, &rest)
	hour := within(u.CacheWriteHour, &write)
	audio := within(u.AudioInput, &rest)
	b.add(read, rates.CacheRead)
	b.add(hour, rates.CacheWriteHour)
	b.add(write, rates.CacheWrite)
	b.add(audio, rates.AudioInput)
	b.add(rest, rates.Input)
	rest = max(u.Output.Or(0), 0)
	thought := within(u.Reasoning, &rest)
	audio = within(u.AudioOut, &rest)
	b.add(thought, rates.Reasoning)
	b.add(audio, rates.AudioOut)
	b.add(rest, rates.Output)
	return b.total(), !b.unknown
}

// Bound is the most that so much input and output can cost, whatever classes
// they turn out to be of. False if a class that they may be of has no price.
func (p *Prices) Bound(input, output Tokens) (NanoUSD, bool) {
	if p == nil {
		return 0, false
	}
	rates := p.at(input)
	var b bill
	b.add(max(input, 0), dearest(rates.Input, rates.CacheRead, rates.CacheWrite, rates.CacheWriteHour, rates.AudioInput))
	b.add(max(output, 0), dearest(rates.Output, rates.Reasoning, rates.AudioOut))
	return b.total(), !b.unknown
}

// dearest is the highest of prices; none if the first, on which the others fall
// back, has none.
func dearest(prices ...Opt[PicoUSD]) Opt[PicoUSD] {
	top := prices[0]
	for _, p := range prices[1:] {
		if top.Set() && p.Or(0) > top.Or(0) {
			top = p
		}
	}
	return top
}

// at gives the price of every class for a request with that much input.
func (p *Prices) at(input Tokens) Rates {
	r := p.Rates
	for i := range p.Tiers {
		if t := &p.Tiers[i]; input > t.Over {
			r = t.Rates.over(p.Rates)
		}
	}
	r.CacheRead = r.CacheRead.Else(r.Input)
	r.CacheWrite = r.CacheWrite.Else(r.Input)
	r.CacheWriteHour = r.CacheWriteHour.Else(r.CacheWrite)
	r.AudioInput = r.AudioInput.Else(r.Input)
	r.Reasoning = r.Reasoning.Else(r.Output)
	r.AudioOut = r.AudioOut.Else(r.Output)
	return r
}

// over fills in from base what r leaves open.
func (r Rates) over(base Rates) Rates {
	r.Input = r.Input.Else(base.Input)
	r.CacheRead = r.CacheRead.Else(base.CacheRead)
	r.CacheWrite = r.CacheWrite.Else(base.CacheWrite)
	r.CacheWriteHour = r.CacheWriteHour.Else(base.CacheWriteHour)
	r.AudioInput = r.AudioInput.Else(base.AudioInput)
	r.Output = r.Output.Else(base.Output)
	r.Reasoning = r.Reasoning.Else(base.Reasoning)
	r.AudioOut = r.AudioOut.Else(base.AudioOut)
	return r
}

// within takes a part out of the whole, as much of it as there is.
func within(part Opt[Tokens], whole *Tokens) Tokens {
	n := min(max(part.Or(0), 0), *whole)
	*whole -= n
	return n
}

// bill sums prices of 10⁻¹² dollars in 128 bits: 10¹² tokens at MaxPrice, in
// every class, fit.
type bill struct {
	high, low uint64
	unknown   bool
}

func (b *bill) add(n Tokens, price Opt[PicoUSD]) {
	each, known := price.Get()
	if n == 0 {
		return
	}
	if !known {
		b.unknown = true
		return
	}
	high, low := bits.Mul64(uint64(n), uint64(max(each, 0)))
	var carry uint64
	b.low, carry = bits.Add64(b.low, low, 0)
	b.high, carry = bits.Add64(b.high, high, carry)
	if carry > 0 {
		b.high, b.low = math.MaxUint64, math.MaxUint64
	}
}

// total is the sum in 10⁻⁹ dollars, the most there is if it exceeds that.
func (b *bill) total() NanoUSD {
	const picoPerNano = 1000
	if b.high >= picoPerNano/2 {
		return math.MaxInt64
	}
	low, carry := bits.Add64(b.low, picoPerNano/2, 0)
	n, _ := bits.Div64(b.high+carry, low, picoPerNano)
	if n > math.MaxInt64 {
		return math.MaxInt64
	}
	return NanoUSD(n)
}
