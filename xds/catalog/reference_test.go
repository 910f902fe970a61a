package catalog

import (
	"strings"
	"testing"
)

func TestAReferenceReadsWhatItWrites(t *testing.T) {
	for _, text := range []string{
		"env:OPENAI_API_KEY", "env:_x", "env:openai_key", "file:key", "file:/run/secrets/openai", "file:a:b",
		"aws:", "aws:prod", "aws:my.team@acme-1", "gcp:", "gcp:keys/sa.json", "gcp:/etc/wif.json", "azure:",
	} {
		ref, err := ParseReference(text)
		if err != nil || ref.String() != text {
			t.Errorf("ParseReference(%q) = %q, %v", text, ref, err)
		}
	}
	if s := (Reference{}).String(); s != "" {
		t.Errorf("the zero Reference is %q", s)
	}
}

func TestAReferenceThatMayBeASecretIsRefusedWithoutRepeatingIt(t *testing.T) {
	for _, text := range []string{
		"", "env", "env:", "file:", "env:1A", "env:A B", "env:A-B", "env:A\n", "file:a\nb", "file: a", "file:a/", "ENV:A", " env:A", "vault:a",
		"hunter2hunter2", "sk-proj-abcdefghijklmnop", "env:sk_live_abcdefghijkl", "env:abcdefghijklmnopqrst0123456789",
		"aws", "aws:a b", "aws:a/b", "aws:[p]", "aws:AKIAIOSFODNN7EXAMPLE", "aws:" + strings.Repeat("p", 65), "aws: p", "AWS:",
		"gcp", "gcp: sa.json", "gcp:keys/", "gcp:a\nb", `gcp:{"type":"service_account","private_key":"x"}`, "azure", "azure:tenant", "azure: ",
		"env:" + strings.Repeat("A", 200), "file:" + strings.Repeat("a", 2000),
	} {
		ref, err := ParseReference(text)
		if err == nil || ref != (Reference{}) {
			t.Errorf("ParseReference(%q) = %q, %v", text, ref, err)
			continue
		}
		_, name, _ := strings.Cut(text, ":")
		for _, part := range []string{text, name} {
			if len(part) > 8 && strings.Contains(err.Error(), part) {
				t.Errorf("%q is repeated in: %s", part, err)
			}
		}
	}
}

func TestAReferenceTellsWhatItsNameIs(t *testing.T) {
	tests := map[string]struct{ cloud, file bool }{
		"env:A": {}, "file:a": {file: true}, "aws:": {cloud: true}, "aws:p": {cloud: true}, "gcp:": {cloud: true},
		"gcp:a": {cloud: true, file: true}, "azure:": {cloud: true},
	}
	for text, want := range tests {
		ref, err := ParseReference(text)
		if err != nil || ref.Cloud() != want.cloud || ref.File() != want.file {
			t.Errorf("%s: of a cloud %t, a file %t, %v", text, ref.Cloud(), ref.File(), err)
		}
	}
}

func FuzzParseReference(f *testing.F) {
	for _, s := range []string{"env:OPENAI_API_KEY", "file:a/b", "aws:", "aws:prod", "gcp:", "gcp:sa.json", "azure:", "azure:x", "sk-proj-abcdef123456"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := ParseReference(s)
		switch {
		case err == nil && ref.String() != s:
			t.Fatalf("%q reads as %q", s, ref)
		case err != nil && ref != (Reference{}):
			t.Fatalf("%q reads as %q with %v", s, ref, err)
		case err != nil && len(s) > 12 && strings.Contains(err.Error(), s) && !strings.Contains(referenceRight, s):
			t.Fatalf("%q is repeated in: %v", s, err)
		}
	})
}

func TestNamesAreNoSecrets(t *testing.T) {
	for s, want := range map[string]bool{
		"openai": false, "llama-4-scout-17b-16e-instruct": false, "claude-haiku-4-5-20251001": false,
		"OPENROUTER_API_KEY": false, "sk-abc": false, "accounts/fireworks/models/kimi-k2p7-code": false,
		"https://app.example:8443": false, "vendor@example": false,
		"sk-proj-abc123def456": true, "Bearer abcdefgh": true, "AKIAIOSFODNN7EXAMPLE": true,
		"https://me:pw@example.com": true, "0123456789abcdef0123456789abcdef": true, "  gsk_abcdefghij": true, "dgm_abcd-efgh-ijkl": true,
	} {
		if got := looksSecret(s); got != want {
			t.Errorf("looksSecret(%q) = %t", s, got)
		}
	}
}

func FuzzParseBaseURL(f *testing.F) {
	for _, s := range []string{"https://api.openai.com/v1", "http://[::1]:1/", "https://a:b@c", "http://localhost:80", "https://1.2.3.4:65535/a/b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, wrong, right := parseBaseURL(s)
		if (wrong == "") != (right == "") {
			t.Fatalf("%q: wrong %q, right %q", s, wrong, right)
		}
		if wrong != "" {
			return
		}
		again, wrong, _ := parseBaseURL(u.String())
		if wrong != "" || again != u {
			t.Fatalf("%q reads as %+v, its text %q as %+v, %s", s, u, u, again, wrong)
		}
		if !u.TLS && !u.Loopback() {
			t.Fatalf("%q is plain http to %s", s, u.Host)
		}
	})
}
