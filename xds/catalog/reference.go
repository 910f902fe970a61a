package catalog

import (
	"errors"
	"regexp"
	"strings"
)

// Reference says where a secret is kept, never the secret: "env:NAME" or
// "file:PATH".
type Reference struct{ Scheme, Name string }

// Schemes of references.
const (
	SchemeEnv  = "env"
	SchemeFile = "file"
)

// String is the notation ParseReference reads; "" for the zero Reference.
func (r Reference) String() string {
	if r == (Reference{}) {
		return ""
	}
	return r.Scheme + ":" + r.Name
}

// envName is what every shell can set. A key may have that form by chance; that
// is looksSecret's to find.
var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

const referenceRight = "write env:NAME for an environment variable or file:PATH for a file, never the key itself"

// ParseReference reads the notation of a Reference. Its error never repeats
// what it was given: that may be the secret itself.
func ParseReference(s string) (Reference, error) {
	scheme, name, ok := strings.Cut(s, ":")
	switch {
	case !ok || scheme != SchemeEnv && scheme != SchemeFile:
		if looksSecret(s) {
			return Reference{}, errors.New("a secret in clear text stands here; " + referenceRight)
		}
		return Reference{}, errors.New("is not a reference; " + referenceRight)
	case scheme == SchemeEnv && looksSecret(name):
		return Reference{}, errors.New("a secret in clear text stands after env:; " + referenceRight)
	case scheme == SchemeEnv && !envName.MatchString(name):
		return Reference{}, errors.New("does not name an environment variable; write env: and letters, digits and underscores, such as env:OPENAI_API_KEY")
	case scheme == SchemeFile && !fileName(name):
		return Reference{}, errors.New("does not name a file; write file: and its path, such as file:secrets/openai.key")
	}
	return Reference{Scheme: scheme, Name: name}, nil
}

// fileName tells whether s can be the path of a file.
func fileName(s string) bool {
	return s != "" && len(s) <= 1024 && strings.TrimSpace(s) == s && !strings.ContainsFunc(s, control) && !strings.HasSuffix(s, "/")
}

func control(c rune) bool { return c < ' ' || c == 0x7f }
