package catalog

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// secretPrefixes start the keys that vendors hand out, and what surrounds
// them in headers.
var secretPrefixes = []string{
	"sk-", "sk_", "pk-", "pk_", "rk_", "gsk_", "xai-", "csk-", "fw_", "hf_", "r8_", "tgp_", "AIza", "ghp_",
	"gho_", "github_pat_", "glpat-", "xoxb-", "AKIA", "ASIA", "eyJ", "dgm_", "-----BEGIN", "Bearer ", "bearer ", "Basic ", "basic ",
}

// looksSecret errs on the side of secrecy: what it holds for a secret is kept
// out of messages and refused where a name is expected.
func looksSecret(s string) bool {
	s = strings.TrimSpace(s)
	for _, p := range secretPrefixes {
		if strings.HasPrefix(s, p) && len(s) >= 12 {
			return true
		}
	}
	if strings.Contains(s, "@") && strings.Contains(s, ":") {
		return true // a URL with a password in it
	}
	return hasRandomRun(s)
}

// hasRandomRun looks for 24 letters and digits in a row with at least four
// digits: no name reads like that.
func hasRandomRun(s string) bool {
	run, digits, letters := 0, 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			letters++
		default:
			run, digits, letters = 0, 0, 0
			continue
		}
		if run++; run >= 24 && digits >= 4 && letters >= 4 {
			return true
		}
	}
	return false
}

const withheld = "(withheld: it looks like a secret)"

// show quotes what the operator wrote for a message, unless it looks like a
// secret.
func show(s string) string {
	if looksSecret(s) {
		return withheld
	}
	const limit = 80
	if utf8.RuneCountInString(s) > limit {
		s = string([]rune(s)[:limit]) + "…"
	}
	return strconv.Quote(s)
}
