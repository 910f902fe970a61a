// Package llm is the neutral model of the dialect hub: request, event, usage
// and problem in the words all wire formats share.
//
// Every dialect decodes into these types and encodes out of them, so N
// dialects need N translators. What a dialect can say and these types cannot
// is kept as raw JSON beside the part it belongs to ([Extra]), tagged with the
// dialect: it survives between equal dialects and is named as dropped between
// different ones.
//
// Refuses: I/O, clocks, wire formats. Imports nothing of ours. All types are
// plain values; whoever holds one owns it.
package llm
