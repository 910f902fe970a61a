package identity

import "bytes"

// MaxToken is the longest token that is looked at, in bytes; Envoy's default
// limit for all headers together is 60 KiB.
const MaxToken = 16 << 10

// JWT is what was presented if it has the shape of a JSON Web Token in its
// compact form (RFC 7519, RFC 7515 section 3.1): a key looks otherwise. ok is
// false for anything else and where nothing usable was presented. The token
// belongs to the request; how to read it is the verifier's matter.
func (p *Presented) JWT() (token []byte, ok bool) {
	if p.fault != faultNone || !looksJWT(p.value) {
		return nil, false
	}
	return p.value, true
}

// looksJWT tells whether text is three parts of base64url with dots between,
// the first of which begins with {. The last is empty in unsigned tokens, which
// a verifier refuses with better words than a table of keys.
func looksJWT(text []byte) bool {
	head, rest, ok := bytes.Cut(text, []byte{'.'})
	if !ok || !opensObject(head) {
		return false
	}
	body, signature, ok := bytes.Cut(rest, []byte{'.'})
	return ok && len(body) > 0 && isBase64URL(head) && isBase64URL(body) && isBase64URL(signature)
}

// opensObject tells whether base64 text begins with the byte {: six bits in
// its first character, two in the second.
func opensObject(text []byte) bool {
	if len(text) < 2 || text[0] != 'e' {
		return false
	}
	c := text[1]
	return c >= 'w' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

func isBase64URL(text []byte) bool {
	for _, c := range text {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
