package credential

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/oauth2"
)

// longest is how much of a library's error is kept, in bytes.
const longest = 600

// secretVariables hold secrets that the clouds' libraries read by themselves
// and that an answer may repeat.
var secretVariables = []string{
	"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
	"AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_PASSWORD",
}

var (
	// word is what a secret is made of, whole: base64 in both alphabets, and
	// the points and tildes of tokens.
	word = regexp.MustCompile(`[A-Za-z0-9+/=_~.-]{20,}`)
	// rule is a line that only separates.
	rule = regexp.MustCompile(`-{4,}`)
)

// scrub is the text of an error of the clouds' libraries on one line and
// without secrets. They quote whole answers, and a token service's answers may
// quote what it was sent.
func scrub(err error) string {
	text := err.Error()
	if answer := (*oauth2.RetrieveError)(nil); errors.As(err, &answer) && answer.Response != nil {
		text = "the token service answers " + answer.Response.Status
		if answer.ErrorCode != "" {
			text += ": " + answer.ErrorCode + " " + answer.ErrorDescription
		} else {
			text += ": " + string(answer.Body)
		}
	}
	for _, name := range secretVariables {
		if value := os.Getenv(name); value != "" {
			text = strings.ReplaceAll(text, value, Redacted)
		}
	}
	text = word.ReplaceAllStringFunc(text, func(w string) string {
		if random(w) {
			return Redacted
		}
		return w
	})
	text = strings.Join(strings.FieldsFunc(rule.ReplaceAllString(text, " "), func(c rune) bool {
		return unicode.IsSpace(c) || unicode.IsControl(c)
	}), " ")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}

// random tells whether a long word reads like a secret: digits, capitals and
// small letters in one. Host names, GUIDs and paths of APIs do not.
func random(w string) bool {
	return strings.ContainsFunc(w, unicode.IsDigit) && strings.ContainsFunc(w, unicode.IsUpper) && strings.ContainsFunc(w, unicode.IsLower)
}
