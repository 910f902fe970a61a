package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// sealKey is the key of all simulated providers: as with the real vendors, what
// one house of a vendor has sealed another house opens. It guards nothing.
const sealKey = "what one simulated provider has thought, another recognises"

// seal vouches for a text in a vendor's form. Forms keep vendors apart: what
// one has sealed another refuses.
func seal(form, text string) string {
	return base64.StdEncoding.EncodeToString(imprint(form, text))
}

// sealed tells whether a seal is that of a text.
func sealed(form, text, with string) bool {
	sum, err := base64.StdEncoding.DecodeString(with)
	return err == nil && hmac.Equal(sum, imprint(form, text))
}

// wrap is a sealed text that hides what it says, for vendors that encrypt.
func wrap(form, text string) string {
	return base64.StdEncoding.EncodeToString(append(imprint(form, text), text...))
}

// unwrap gives what wrap was given.
func unwrap(form, wrapped string) (text string, ok bool) {
	data, err := base64.StdEncoding.DecodeString(wrapped)
	if err != nil || len(data) < sha256.Size {
		return "", false
	}
	text = string(data[sha256.Size:])
	return text, hmac.Equal(data[:sha256.Size], imprint(form, text))
}

func imprint(form, text string) []byte {
	m := hmac.New(sha256.New, []byte(sealKey))
	m.Write([]byte(form))
	m.Write([]byte{0})
	m.Write([]byte(text))
	return m.Sum(nil)
}

// whole is all that prose says. Only for what has to be held whole anyway.
func (p prose) whole() string {
	var b strings.Builder
	n, _ := p.size()
	for block := range p.blocks(n) {
		b.WriteString(block)
	}
	return b.String()
}
