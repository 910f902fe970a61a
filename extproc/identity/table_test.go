package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func TestAKeyIsAllowedWhatItsGlobsSay(t *testing.T) {
	tests := []struct {
		globs []string
		model string
		want  bool
	}{
		{nil, "acme/big", true},
		{[]string{"acme/big"}, "acme/big", true},
		{[]string{"acme/big"}, "acme/bigger", false},
		{[]string{"acme/*"}, "acme/big", true},
		{[]string{"acme/*"}, "other/big", false},
		{[]string{"x/y", "*/big"}, "acme/big", true},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.globs, " ", tt.model), func(t *testing.T) {
			table := BuildTable(Entries{Catalog: []catalog.Key{{Name: "ci", Hash: sha256.Sum256([]byte(good)), Models: tt.globs}}})
			key, p := table.Check(offer("x-api-key: "+good), time.Time{})
			if p != nil {
				t.Fatal(p)
			}
			if got := key.Allows(tt.model); got != tt.want {
				t.Errorf("Allows = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestKeysWhoseHashesBeginAlikeAreToldApart(t *testing.T) {
	hash := sha256.Sum256([]byte(good))
	near := hash
	near[31] ^= 1
	table := BuildTable(Entries{Catalog: []catalog.Key{{Name: "near", Hash: near}, {Name: "good", Hash: hash}}})
	key, p := table.Check(offer("x-api-key: "+good), time.Time{})
	if p != nil || key.Name != "good" {
		t.Errorf("Check gives %v, %v", key, p)
	}
	if key, p := BuildTable(Entries{Catalog: []catalog.Key{{Name: "near", Hash: near}}}).Check(offer("x-api-key: "+good), time.Time{}); p == nil {
		t.Errorf("a hash that begins alike passes as %v", key)
	}
}

func TestATableWithoutKeysLetsNobodyPass(t *testing.T) {
	for _, table := range []*Table{nil, BuildTable(Entries{}), BuildTable(Entries{Catalog: []catalog.Key{{Name: "no hash"}}})} {
		if key, p := table.Check(offer("x-api-key: "+good), time.Time{}); key != nil || p == nil {
			t.Errorf("Check gives %v, %v", key, p)
		}
	}
}

func TestASuccessAllocatesNothing(t *testing.T) {
	table := tableOf(good, "a", "b", "c")
	name, value := []byte("authorization"), []byte("Bearer "+good)
	if n := testing.AllocsPerRun(100, func() {
		var p Presented
		p.Offer([]byte("accept"), value)
		p.Offer(name, value)
		key, problem := table.Check(&p, time.Time{})
		if problem != nil || !key.Allows("acme/big") {
			t.Fatal("not known")
		}
	}); n != 0 {
		t.Errorf("a success allocates %v times", n)
	}
}

func TestAGeneratedKeyPassesWithItsCatalogLine(t *testing.T) {
	secret, hash, err := Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^dgm_[A-Za-z0-9_-]{43}$`).MatchString(secret.Reveal()) {
		t.Errorf("the key has the wrong form, or %d characters", len(secret.Reveal()))
	}
	text := "providers: {p: {dialect: openai, base_url: \"https://p.example\"}}\nmodels: {a/b: {targets: [p]}}\nkeys:\n  " + CatalogLine("ci.1", hash) + "\n"
	c, err := catalog.Parse(catalog.Source{Name: "test", Data: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	key, p := BuildTable(Entries{Catalog: c.Keys}).Check(offer("authorization: Bearer "+secret.Reveal()), time.Time{})
	if p != nil || key.Name != "ci.1" {
		t.Errorf("Check gives %v, %v", key, p)
	}
}

func TestGenerateUsesAllOfItsRandomBits(t *testing.T) {
	zero, _, err := Generate(strings.NewReader(strings.Repeat("\x00", 32)))
	if want := "dgm_" + strings.Repeat("A", 43); err != nil || zero.Reveal() != want {
		t.Errorf("zeros give another key than %s: %v", want, err)
	}
	last, hash, err := Generate(strings.NewReader(strings.Repeat("\x00", 31) + "\x01"))
	if err != nil || last.Equal(zero) || hash != sha256.Sum256([]byte(last.Reveal())) {
		t.Errorf("the last bit counts for nothing, or the hash is of something else: %v", err)
	}
}

func TestGenerateFailsWithoutRandomBits(t *testing.T) {
	broken := errors.New("broken")
	for _, r := range []struct {
		name string
		read func() (Secret, [32]byte, error)
	}{
		{"too few", func() (Secret, [32]byte, error) { return Generate(strings.NewReader("31 bytes are one bit too few..")) }},
		{"none", func() (Secret, [32]byte, error) { return Generate(iotest.ErrReader(broken)) }},
	} {
		if secret, hash, err := r.read(); err == nil || secret.Set() || hash != [32]byte{} {
			t.Errorf("%s: Generate gives a key, or the error %v", r.name, err)
		}
	}
}

func TestCatalogLineQuotesNames(t *testing.T) {
	want := `- {name: "a\"b", hash: "sha256:` + strings.Repeat("00", 32) + `"}`
	if got := CatalogLine(`a"b`, [32]byte{}); got != want {
		t.Errorf("CatalogLine gives %s, want %s", got, want)
	}
}

func BenchmarkCheck(b *testing.B) {
	table := tableOf(good, "a", "b", "c")
	name, value := []byte("authorization"), []byte("Bearer "+good)
	b.ReportAllocs()
	for b.Loop() {
		var p Presented
		p.Offer(name, value)
		_, _ = table.Check(&p, time.Time{})
	}
}
