package simulator

import "iter"

// Shapes in which the arguments of tool calls come in a stream.
const (
	argumentsWhole = "whole" // in one fragment
	argumentsFirst = "first" // in the event that opens the call
	argumentsLast  = "last"  // in the event that closes it, where there is one
	argumentsMixed = "mixed" // fragments of parallel calls take turns
	argumentsEmpty = "empty" // not at all
)

// call is a tool call; its arguments are streamed in fragments.
type call struct {
	id, name, arguments string
	shape               string
}

// tokens cuts the arguments as they are counted.
func (c call) tokens() prose {
	return prose{text: c.arguments, total: len(c.arguments), piece: 8}
}

// fragments cuts the arguments as a stream carries them between the events that
// open and close the call.
func (c call) fragments() prose {
	switch p := c.tokens(); {
	case c.shape == argumentsFirst || c.shape == argumentsLast || c.arguments == "":
		return prose{}
	case c.shape == argumentsWhole:
		p.piece = p.total
		return p
	default:
		return p
	}
}

// opening is what of the arguments the event says that opens the call.
func (c call) opening() string {
	if c.shape == argumentsFirst {
		return c.arguments
	}
	return ""
}

// callStep is a step in streaming calls: the index-th opens, goes on or closes.
type callStep struct {
	index         int
	opens, closes bool
	piece         string
}

// callSteps streams calls one after another or, where their shape is mixed and
// the dialect allows it, all at once.
func callSteps(calls []call, mayMix bool) iter.Seq[callStep] {
	return func(yield func(callStep) bool) {
		if mayMix && len(calls) > 0 && calls[0].shape == argumentsMixed {
			mixedSteps(calls, yield)
			return
		}
		for i, c := range calls {
			if !yield(callStep{index: i, opens: true}) {
				return
			}
			for piece := range c.fragments().pieces() {
				if !yield(callStep{index: i, piece: piece}) {
					return
				}
			}
			if !yield(callStep{index: i, closes: true}) {
				return
			}
		}
	}
}

func mixedSteps(calls []call, yield func(callStep) bool) {
	rest := make([][]string, len(calls))
	longest := 0
	for i, c := range calls {
		for piece := range c.fragments().pieces() {
			rest[i] = append(rest[i], piece)
		}
		longest = max(longest, len(rest[i]))
		if !yield(callStep{index: i, opens: true}) {
			return
		}
	}
	for n := range longest {
		for i := range calls {
			if n < len(rest[i]) && !yield(callStep{index: i, piece: rest[i][n]}) {
				return
			}
		}
	}
	for i := range calls {
		if !yield(callStep{index: i, closes: true}) {
			return
		}
	}
}
