package bedrock

import (
	"crypto/sha256"
	"encoding/hex"
)

const (
	maxID  = 64 // of the ids of calls and the names of tools
	marked = 8  // hexadecimal digits that keep changed ids apart
)

// fitID fits the id of a tool call to Amazon's pattern, [a-zA-Z0-9_-]{1,64}. An
// id that fits stays; another is changed in a way that depends on nothing but
// itself, so that a call and its result meet again, in every turn alike.
func fitID(id, name string) string {
	if id == "" { // dialects without ids match calls by name
		id = "call_" + name
	}
	fits := len(id) <= maxID
	b := []byte(id)
	for i, c := range b {
		if !alphanumeric(c) && c != '_' && c != '-' {
			b[i], fits = '_', false
		}
	}
	if fits {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	b = append(b[:min(len(b), maxID-1-marked)], '_')
	return string(hex.AppendEncode(b, sum[:marked/2]))
}
