package identity

import (
	"crypto/sha256"
	"fmt"
	"iter"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// directory gives keys with the ids k_0, k_1 and so on.
func directory(keys ...catalog.Key) iter.Seq2[string, *catalog.Key] {
	return func(yield func(string, *catalog.Key) bool) {
		for i := range keys {
			if !yield(fmt.Sprint("k_", i), &keys[i]) {
				return
			}
		}
	}
}

func entryOf(secret string, k catalog.Key) catalog.Key {
	k.Hash = sha256.Sum256([]byte(secret))
	return k
}

// shown is what of a Key can be seen.
type shown struct {
	Name, ID, Tenant string
	Origin           Origin
	Tags             []string
}

func show(k *Key) shown { return shown{k.Name, k.ID, k.Tenant, k.Origin, k.Tags} }

func TestAKeyIsWhatItsEntryAndItsTenantSay(t *testing.T) {
	table := BuildTable(Entries{
		Catalog: []catalog.Key{
			entryOf("plain", catalog.Key{Name: "ci"}),
			entryOf("tenant", catalog.Key{Name: "web", Tenant: "acme", Tags: []string{"env:prod", "web"}, Models: []string{"a/*"}}),
			entryOf("stranger", catalog.Key{Name: "lone", Tenant: "unlisted", Tags: []string{"b", "a", "b"}}),
		},
		Directory: directory(
			entryOf("managed", catalog.Key{Name: "ci", Tenant: "acme", Tags: []string{"team:x"}}),
			entryOf("plain", catalog.Key{Name: "usurper"}),
		),
		Tenants: []catalog.Tenant{
			{Name: "acme", Tags: []string{"team:x"}, Models: []string{"*/small", "a/big"}},
			{Name: "acme", Tags: []string{"paying"}, Models: []string{"a/*", "b/*"}},
		},
	})
	tests := []struct {
		secret  string
		want    shown
		allowed []string // of a/small, a/big, b/big, c/small
	}{
		{"plain", shown{Name: "ci", ID: "ci"}, []string{"a/small", "a/big", "b/big", "c/small"}},
		{"tenant", shown{"web", "web", "acme", FromCatalog, []string{"env:prod", "paying", "team:x", "web"}}, []string{"a/small", "a/big"}},
		{"stranger", shown{"lone", "lone", "unlisted", FromCatalog, []string{"a", "b"}}, []string{"a/small", "a/big", "b/big", "c/small"}},
		{"managed", shown{"ci", "k_0", "acme", FromDirectory, []string{"paying", "team:x"}}, []string{"a/small", "a/big"}},
	}
	for _, tt := range tests {
		t.Run(tt.secret, func(t *testing.T) {
			key, p := table.Check(offer("x-api-key: "+tt.secret), time.Time{})
			if p != nil {
				t.Fatal(p)
			}
			if diff := cmp.Diff(tt.want, show(key)); diff != "" {
				t.Errorf("the key (-want +got):\n%s", diff)
			}
			var allowed []string
			for _, model := range []string{"a/small", "a/big", "b/big", "c/small"} {
				if key.Allows(model) {
					allowed = append(allowed, model)
				}
			}
			if diff := cmp.Diff(tt.allowed, allowed); diff != "" {
				t.Errorf("allowed models (-want +got):\n%s", diff)
			}
		})
	}
	if table.Len() != 4 {
		t.Errorf("the table knows %d keys, want 4", table.Len())
	}
}

func TestAKeyIsGoodUntilItExpires(t *testing.T) {
	ends := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	table := BuildTable(Entries{Directory: directory(
		entryOf("ends", catalog.Key{Name: "ends", Expires: ends}),
		entryOf("between", catalog.Key{Name: "half", Expires: ends.Add(time.Second / 2)}),
		entryOf("ended", catalog.Key{Name: "old", Expires: time.Unix(-1, 0)}),
		entryOf("never", catalog.Key{Name: "never"}),
	)})
	const over = "The API key expired at 2027-01-31T12:00:00Z; ask for a new one."
	tests := []struct {
		secret string
		at     time.Time
		want   string // the message; empty: it passes
	}{
		{"ends", ends.Add(-time.Nanosecond), ""},
		{"ends", ends, over},
		{"ends", ends.In(time.FixedZone("", 3600)).Add(time.Hour), over},
		{"between", ends.Add(time.Second / 4), over},
		{"between", ends.Add(-time.Nanosecond), ""},
		{"ended", time.Unix(0, 0), "The API key expired at 1969-12-31T23:59:59Z; ask for a new one."},
		{"never", ends.AddDate(5000, 0, 0), ""},
	}
	for _, tt := range tests {
		key, p := table.Check(offer("x-api-key: "+tt.secret), tt.at)
		switch {
		case tt.want == "" && (p != nil || key == nil):
			t.Errorf("%s at %v: %v", tt.secret, tt.at, p)
		case tt.want != "" && (key != nil || p == nil || p.Kind != llm.Unauthenticated || p.Message != tt.want):
			t.Errorf("%s at %v: %v, %v; want %q", tt.secret, tt.at, key, p, tt.want)
		}
	}
}

func TestNobodyOfASuspendedTenantPasses(t *testing.T) {
	table := BuildTable(Entries{
		Catalog:   []catalog.Key{entryOf("one", catalog.Key{Name: "one", Tenant: "acme"}), entryOf("two", catalog.Key{Name: "two"})},
		Directory: directory(entryOf("three", catalog.Key{Name: "three", Tenant: "acme"})),
		Tenants:   []catalog.Tenant{{Name: "acme", Suspended: true}, {Name: "acme"}},
	})
	const want = "The tenant acme is suspended; ask whoever runs this gateway."
	for _, secret := range []string{"one", "three"} {
		key, p := table.Check(offer("x-api-key: "+secret), time.Time{})
		if key != nil || p == nil || p.Kind != llm.Forbidden || p.Code != "tenant_suspended" || p.Message != want {
			t.Errorf("%s: %v, %v", secret, key, p)
		}
	}
	if _, p := table.Check(offer("x-api-key: two"), time.Time{}); p != nil {
		t.Errorf("a key without a tenant: %v", p)
	}
	if key, p := table.Admit(NewKey(Key{Name: "x", Tenant: "acme"}, nil)); key != nil || p == nil || p.Message != want {
		t.Errorf("a token: %v, %v", key, p)
	}
}

func TestATokensKeyIsHeldAgainstItsTenant(t *testing.T) {
	table := BuildTable(Entries{Tenants: []catalog.Tenant{
		{Name: "bare"}, {Name: "acme", Tags: []string{"paying"}, Models: []string{"a/*"}},
	}})
	for _, k := range []*Key{NewKey(Key{Name: "x"}, nil), NewKey(Key{Name: "x", Tenant: "bare"}, nil), NewKey(Key{Name: "x", Tenant: "unlisted"}, nil)} {
		if got, p := table.Admit(k); got != k || p != nil {
			t.Errorf("a key that no rule is about: %v, %v", got, p)
		}
		if n := testing.AllocsPerRun(100, func() { _, _ = table.Admit(k) }); n != 0 {
			t.Errorf("Admit allocates %v times", n)
		}
	}
	k := NewKey(Key{Name: "x", ID: "i/x", Origin: FromIssuer, Tenant: "acme", Tags: []string{"z", "a"}}, []string{"*/big"})
	got, p := table.Admit(k)
	if p != nil {
		t.Fatal(p)
	}
	if diff := cmp.Diff(shown{"x", "i/x", "acme", FromIssuer, []string{"a", "paying", "z"}}, show(got)); diff != "" {
		t.Errorf("the admitted key (-want +got):\n%s", diff)
	}
	if !got.Allows("a/big") || got.Allows("b/big") || got.Allows("a/small") {
		t.Error("the token's and the tenant's models do not hold together")
	}
	if diff := cmp.Diff([]string{"a", "z"}, k.Tags); diff != "" || !k.Allows("b/big") {
		t.Errorf("the token's own key changed: %s", diff)
	}
	if got, p := (*Table)(nil).Admit(k); got != k || p != nil {
		t.Errorf("no table: %v, %v", got, p)
	}
}

// A fleet's directory: time and memory are printed and held to what lets a
// change be applied while requests pass.
func TestAHundredThousandKeysAreATableInNoTime(t *testing.T) {
	const n = 100_000
	keys := make([]catalog.Key, n)
	for i := range keys {
		keys[i] = entryOf(fmt.Sprint("key ", i), catalog.Key{
			Name: fmt.Sprint("key-", i), Tenant: fmt.Sprint("tenant-", i%5000), Tags: []string{"env:prod", "team"}, Models: []string{"a/*"},
		})
	}
	tenants := make([]catalog.Tenant, 5000)
	for i := range tenants {
		tenants[i] = catalog.Tenant{Name: fmt.Sprint("tenant-", i)}
	}
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint("k_", i)
	}
	entries := Entries{Size: n, Tenants: tenants, Directory: func(yield func(string, *catalog.Key) bool) {
		for i := range keys {
			if !yield(ids[i], &keys[i]) {
				return
			}
		}
	}}
	before := heap()
	began := time.Now()
	table := BuildTable(entries)
	took := time.Since(began)
	each := float64(heap()-before) / n
	t.Logf("%d keys: %v, %.0f bytes a key", table.Len(), took.Round(time.Millisecond), each)
	if table.Len() != n || took > 5*time.Second || each > 256 {
		t.Errorf("%d keys of %d, in %v, %.0f bytes a key", table.Len(), n, took, each)
	}
	hash := sha256.Sum256([]byte("key 77777"))
	if k := table.find(&hash); k == nil || k.ID != "k_77777" {
		t.Errorf("found %v", k)
	}
	runtime.KeepAlive(keys)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkBuildTableOf100000(b *testing.B) {
	keys := make([]catalog.Key, 100_000)
	for i := range keys {
		keys[i] = entryOf(fmt.Sprint("key ", i), catalog.Key{Name: "key", Tags: []string{"a", "b"}})
	}
	for b.Loop() {
		BuildTable(Entries{Catalog: keys})
	}
}
