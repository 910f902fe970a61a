package gemini

import (
	"encoding/base64"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// anySignature is the signature that the API accepts on calls of another
// vendor's model ("Thought signatures", FAQ): models since Gemini 3 refuse a
// call without any.
const anySignature = "skip_thought_signature_validator"

// thoughtOf reads a thoughtSignature. The field holds bytes, so a sealed
// thought lies in base64 of its own: SDKs decode it and encode it again, in
// either alphabet. Sealed text is ASCII without characters that the alphabets
// write differently.
func thoughtOf(signature string) *llm.Thought {
	if signature == "" {
		return nil
	}
	if packed, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(signature, "=")); err == nil {
		if t, ok := llm.OpenThought(string(packed)); ok {
			return &t
		}
	}
	return &llm.Thought{Signature: signature, Format: llm.FormatGemini}
}

// signatureOf writes a thought as a thoughtSignature for a client; "" if there
// is nothing to come back.
func signatureOf(t *llm.Thought) string {
	switch {
	case t == nil || t.Signature == "" && t.Encrypted == "":
		return ""
	case t.Format == llm.FormatGemini && t.Encrypted == "":
		return t.Signature
	case t.Format == llm.FormatGemini && t.Signature == "":
		return t.Encrypted
	}
	return base64.StdEncoding.EncodeToString([]byte(t.Seal()))
}

// readable is the signature of a thought for the vendor itself; foreign tells
// that the thought is another vendor's. A thought of unsaid origin is taken for
// the vendor's: the provider judges.
func readable(t *llm.Thought) (signature string, foreign bool) {
	switch {
	case t == nil:
		return "", false
	case t.Format != "" && t.Format != llm.FormatGemini:
		return "", true
	case t.Signature != "":
		return t.Signature, false
	}
	return t.Encrypted, false
}

// madePrefix begins the ids made here for calls that came without one.
const madePrefix = "call_dgm_"

// madeID is an id that follows from what identifies a call.
func madeID(parts ...string) string {
	h := fnv.New64a()
	for _, p := range parts {
		h.Write([]byte(strconv.Itoa(len(p)) + ":" + p))
	}
	return madePrefix + strconv.FormatUint(h.Sum64(), 36)
}

// givenID is the id of a call unless it was made here.
func givenID(id string) string {
	if strings.HasPrefix(id, madePrefix) {
		return ""
	}
	return id
}
