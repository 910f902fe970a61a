package oidc

import (
	"bytes"
	"encoding/base64"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// token is a JSON Web Token taken apart; nothing in it is to be believed until
// its signature is verified.
type token struct {
	algorithm string
	kid       string
	signed    string // what the signature is of
	signature []byte
	claims    jwt.MapClaims
}

// maxKid is the longest name of a key, in bytes: issuers use hashes.
const maxKid = 256

// types are the values of typ that a token for us may have, in lower case (RFC
// 7519 section 5.1, RFC 9068 section 2.1). Others, as those of logout tokens,
// say that the token was made for something else (RFC 8725 section 3.11).
var types = map[string]bool{"jwt": true, "at+jwt": true, "application/jwt": true, "application/at+jwt": true}

// parse takes a token apart. wrong says why it is none; it is "" if all is
// well.
func parse(text []byte) (t token, wrong string) {
	dot := bytes.LastIndexByte(text, '.')
	if dot < 0 || bytes.Count(text, []byte{'.'}) != 2 {
		return t, "does not have three parts"
	}
	head, body, _ := bytes.Cut(text[:dot], []byte{'.'})
	header, wrong := section(head)
	if wrong != "" {
		return t, "has a header that " + wrong
	}
	claims, wrong := section(body)
	if wrong != "" {
		return t, "has a payload that " + wrong
	}
	signature, ok := decode(text[dot+1:])
	if !ok {
		return t, "has a signature that is no base64url"
	}
	t.signed, t.signature, t.claims = string(text[:dot]), signature, claims
	wrong = t.readHeader(header)
	return t, wrong
}

// section decodes one part of a token.
func section(text []byte) (object map[string]any, wrong string) {
	raw, ok := decode(text)
	if !ok {
		return nil, "is no base64url"
	}
	return parseObject(raw)
}

// decode reads base64url without padding (RFC 7515 section 2) in the one form
// that a text has: the library would pass over line breaks.
func decode(text []byte) ([]byte, bool) {
	if bytes.ContainsAny(text, "\r\n") {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().AppendDecode(nil, text)
	return raw, err == nil
}

// readHeader takes what is needed of a header (RFC 7515 section 4.1). What it
// says of where to find keys is not even looked at.
func (t *token) readHeader(header map[string]any) (wrong string) {
	if _, critical := header["crit"]; critical {
		return "has critical extensions (crit), which this gateway does not know"
	}
	if typ, ok := header["typ"]; ok {
		if s, isText := typ.(string); !isText || !types[strings.ToLower(s)] {
			return "has a type (typ) that is not for requests; send one of type JWT"
		}
	}
	var ok bool
	if t.algorithm, ok = header["alg"].(string); !ok {
		return "does not name its algorithm (alg)"
	}
	if t.kid, ok = header["kid"].(string); !ok || t.kid == "" {
		return "does not name the key that it is signed with (kid)"
	}
	if len(t.kid) > maxKid {
		return "names a key (kid) with more than 256 bytes"
	}
	return ""
}
