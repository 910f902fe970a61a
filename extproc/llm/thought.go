package llm

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// Formats of thoughts: who can read a Signature or Encrypted. The same
// vendor's models agree wherever they are hosted.
const (
	FormatAnthropic = "anthropic-claude-v1"
	FormatOpenAI    = "openai-responses-v1"
	FormatGemini    = "google-gemini-v1"
	FormatXAI       = "xai-responses-v1"
	// FormatBedrock is Claude's reasoning in the form in which only Bedrock's
	// Converse API gives and takes it: a blob, of which nobody says how it comes
	// of Anthropic's own data. What Claude signed there is FormatAnthropic.
	FormatBedrock = "amazon-bedrock-v1"
)

// sealMark begins a sealed thought. No vendor's own strings begin so: they are
// base64, which has no full stop.
const sealMark = "dgm1."

// Seal packs a thought of another vendor into the one opaque string that a
// dialect has room for, so that it comes back with the next turn. The fields
// are length-prefixed, so that every byte survives.
func (t *Thought) Seal() string {
	var b []byte
	for _, field := range [...]string{t.Format, t.ID, t.Signature, t.Encrypted} {
		b = strconv.AppendInt(b, int64(len(field)), 10)
		b = append(b, ':')
		b = append(b, field...)
	}
	return sealMark + base64.RawURLEncoding.EncodeToString(b)
}

// IsSealed tells whether a string begins as Seal's do.
func IsSealed(s []byte) bool { return len(s) > len(sealMark) && string(s[:len(sealMark)]) == sealMark }

// OpenThought unpacks what Seal packed; ok is false for any other string,
// which is the dialect's own.
func OpenThought(s string) (t Thought, ok bool) {
	packed, ok := strings.CutPrefix(s, sealMark)
	if !ok {
		return Thought{}, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(packed)
	if err != nil {
		return Thought{}, false
	}
	rest := string(raw)
	for _, field := range [...]*string{&t.Format, &t.ID, &t.Signature, &t.Encrypted} {
		length, after, found := strings.Cut(rest, ":")
		n, err := strconv.Atoi(length)
		if !found || err != nil || n < 0 || n > len(after) {
			return Thought{}, false
		}
		*field, rest = after[:n], after[n:]
	}
	return t, rest == ""
}
