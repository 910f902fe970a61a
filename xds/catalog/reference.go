package catalog

import (
	"errors"
	"regexp"
	"strings"
)

// Reference says where a credential is kept, never the credential: "env:NAME"
// or "file:PATH" for a key; "aws:", "aws:PROFILE", "gcp:", "gcp:PATH" or
// "azure:" for what a cloud hands out, found as that cloud's own tools find it.
type Reference struct{ Scheme, Name string }

// Schemes of references.
const (
	SchemeEnv  = "env"
	SchemeFile = "file"
	// SchemeAWS is AWS's default credential chain; Name is a profile of its
	// configuration, "" = the default one.
	SchemeAWS = "aws"
	// SchemeGCP is Google's application default credentials; Name is the file
	// of a service account or an external account, "" = what Google's own
	// search finds.
	SchemeGCP = "gcp"
	// SchemeAzure is Microsoft Entra's default chain: a client secret in the
	// environment, a federated workload identity, a managed identity. Name is
	// empty.
	SchemeAzure = "azure"
)

// Cloud tells whether a cloud hands the credential out, for a time, rather than
// an operator, for good.
func (r Reference) Cloud() bool {
	return r.Scheme == SchemeAWS || r.Scheme == SchemeGCP || r.Scheme == SchemeAzure
}

// File tells whether Name is the path of a file.
func (r Reference) File() bool {
	return r.Scheme == SchemeFile || r.Scheme == SchemeGCP && r.Name != ""
}

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

// profileName is what stands between the brackets of an AWS configuration.
var profileName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}$`)

const referenceRight = "write env:NAME for an environment variable, file:PATH for a file, or aws:, gcp: or azure: for a cloud's own credentials, never the key itself"

// ParseReference reads the notation of a Reference. Its error never repeats
// what it was given: that may be the secret itself.
func ParseReference(s string) (Reference, error) {
	scheme, name, ok := strings.Cut(s, ":")
	if r := (Reference{Scheme: scheme, Name: name}); ok && r.known() {
		if fault := r.fault(); fault != "" {
			return Reference{}, errors.New(fault)
		}
		return r, nil
	}
	if looksSecret(s) {
		return Reference{}, errors.New("a secret in clear text stands here; " + referenceRight)
	}
	return Reference{}, errors.New("is not a reference; " + referenceRight)
}

func (r Reference) known() bool {
	return r.Scheme == SchemeEnv || r.Scheme == SchemeFile || r.Cloud()
}

// fault says what is wrong with the name, "" if nothing is.
func (r Reference) fault() string {
	switch r.Scheme {
	case SchemeEnv:
		switch {
		case looksSecret(r.Name):
			return "a secret in clear text stands after env:; " + referenceRight
		case !envName.MatchString(r.Name):
			return "does not name an environment variable; write env: and letters, digits and underscores, such as env:OPENAI_API_KEY"
		}
	case SchemeFile:
		if !fileName(r.Name) {
			return "does not name a file; write file: and its path, such as file:secrets/openai.key"
		}
	case SchemeAWS:
		switch {
		case looksSecret(r.Name):
			return "a secret in clear text stands after aws:; write aws: for AWS's default chain or aws:PROFILE, never the key itself"
		case r.Name != "" && !profileName.MatchString(r.Name):
			return "does not name an AWS profile; write aws: for AWS's default chain, or aws: and a profile of its configuration"
		}
	case SchemeGCP:
		if r.Name != "" && (!fileName(r.Name) || strings.HasPrefix(strings.TrimSpace(r.Name), "{")) {
			return "does not name a file; write gcp: for application default credentials, or gcp: and the path of a service account's file"
		}
	case SchemeAzure:
		if r.Name != "" {
			return "has something after azure:; write azure: alone, and tell Azure's libraries by their environment variables which identity to use"
		}
	}
	return ""
}

// fileName tells whether s can be the path of a file.
func fileName(s string) bool {
	return s != "" && len(s) <= 1024 && strings.TrimSpace(s) == s && !strings.ContainsFunc(s, control) && !strings.HasSuffix(s, "/")
}

func control(c rune) bool { return c < ' ' || c == 0x7f }
