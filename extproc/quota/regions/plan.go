package regions

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// Position is how one region stands in a budget's period.
type Position struct {
	Region string
	// Share is configured; Limit is what it has become by transfers.
	Share, Limit quota.Amount
	Used, Leased quota.Amount
	// Demand is what was used of late, in the time that a reserve has to last.
	Demand quota.Amount
}

// free is what a region may still give out.
func (p Position) free() quota.Amount { return p.Limit - p.Used - p.Leased }

// reserve is what a region should have free: twice its demand, and a twentieth
// of its share even if it has shown none, as one that has run out cannot.
func (p Position) reserve() quota.Amount {
	return max(2*min(p.Demand, quota.MaxAmount/2), p.Share/20, 1)
}

// Transfer is an amount that one region is to give another.
type Transfer struct {
	From, To string
	Amount   quota.Amount
}

// Plan fills up the regions that have less than half their reserve from what
// others have beyond theirs. If that is not enough for all, each gets the same
// part of what it lacks. The result depends on the positions only, not on
// their order.
func Plan(positions []Position) []Transfer {
	var needy, donors []Position
	var lack, surplus quota.Amount
	for _, p := range positions {
		switch free, reserve := p.free(), p.reserve(); {
		case free < reserve/2 || free <= 0:
			needy = append(needy, p)
			lack = add(lack, reserve-free)
		case free > reserve:
			donors = append(donors, p)
			surplus = add(surplus, free-reserve)
		}
	}
	byName := func(a, b Position) int { return cmp.Compare(a.Region, b.Region) }
	slices.SortFunc(needy, byName)
	slices.SortFunc(donors, func(a, b Position) int { // the richest first: fewer transfers
		return cmp.Or(cmp.Compare(b.free()-b.reserve(), a.free()-a.reserve()), byName(a, b))
	})
	var out []Transfer
	for _, p := range needy {
		wants := p.reserve() - p.free()
		if surplus < lack {
			wants = part(wants, surplus, lack)
		}
		for i := range donors {
			d := &donors[i]
			amount := min(wants, d.free()-d.reserve())
			if amount <= 0 {
				continue
			}
			out = append(out, Transfer{d.Region, p.Region, amount})
			d.Limit -= amount
			wants -= amount
		}
	}
	return out
}

// add is a sum that stays at most quota.MaxAmount.
func add(a, b quota.Amount) quota.Amount { return min(a+min(b, quota.MaxAmount), quota.MaxAmount) }

// part is a × of / whole, for 0 ≤ of < whole; at most a.
func part(a, of, whole quota.Amount) quota.Amount {
	high, low := bits.Mul64(uint64(a), uint64(of))
	q, _ := bits.Div64(high, low, uint64(whole))
	return quota.Amount(q)
}
