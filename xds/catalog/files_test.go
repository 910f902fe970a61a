package catalog

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// certified makes a certificate and its key, as PEM.
func certified(t *testing.T) (certificate, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &secret.PublicKey, secret)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}))
}

const fileful = `open: true
listen: {tls: {cert: a.crt, key: a.key}}
providers:
  one: {dialect: openai, base_url: 'https://one.example', ca: roots.pem}
  two: {dialect: openai, base_url: 'https://two.example', ca: roots.pem}
models: {m/m: {targets: [one, two]}}
issuers: [{name: ci, issuer: 'https://ci.example', audience: [d], ca: roots.pem}]
store: {redis: {addresses: [r], tls: true, ca: roots.pem}}
generations: {jsonl: kept/records.jsonl}
`

// filed is a directory with the catalog and every file that it names, but for
// what changes says of them; "" is none.
func filed(t *testing.T, changes map[string]string) (path string) {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"dragoman.yaml": fileful, "kept/other": "x"}
	files["a.crt"], files["a.key"] = certified(t)
	root, _ := certified(t)
	files["roots.pem"] = "# what we trust\n" + root + root
	for name, text := range changes {
		files[name] = text
	}
	for name, text := range files {
		if text == "" {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "dragoman.yaml")
}

func TestFilesThatCannotBeUsedAreNamedWithLineAndField(t *testing.T) {
	t.Parallel()
	root, key := certified(t)
	_, other := certified(t)
	const roots = `:4:63: providers.one.ca: \S+roots.pem `
	for _, test := range []struct {
		name    string
		changes map[string]string
		want    []string // one error each, in order
	}{
		{"all are good", nil, nil},
		{"none is there", map[string]string{"a.crt": "", "a.key": "", "roots.pem": "", "kept/other": ""}, []string{
			`:2:22: listen.tls.cert: \S+a.crt cannot be read: no such file or directory; name a file with the certificate`,
			`:2:34: listen.tls.key: \S+a.key cannot be read: .*; name a file with the certificate's private key`,
			roots + "cannot be read", `:5:63: providers.two.ca: \S+roots.pem cannot be read`, `:7:71: issuers\[0\].ca: `, `:8:48: store.redis.ca: `,
			`:9:22: generations.jsonl: the directory \S+kept is needed: no such file or directory; make it, or name a file elsewhere`,
		}},
		{"no PEM", map[string]string{"a.crt": "hello", "a.key": "hello", "roots.pem": "hello"}, []string{
			`listen.tls.cert: \S+a.crt holds no certificate; a certificate begins with -----BEGIN CERTIFICATE-----`,
			`listen.tls.key: \S+a.key holds no private key; a key begins with`, roots + "holds no certificate", "providers.two", "issuers", "redis",
		}},
		{"a key for a certificate and the other way round", map[string]string{"a.crt": key, "a.key": root}, []string{"listen.tls.cert: .* holds no certificate", "listen.tls.key: .* holds no private key"}},
		{"another's key", map[string]string{"a.key": other}, []string{`listen.tls.key: \S+a.key is not the key of the certificate in \S+a.crt; name the key`}},
		{"a key that cannot be read", map[string]string{"a.key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}, []string{"listen.tls.key: .* holds a key that cannot be read"}},
		{"a key with a passphrase", map[string]string{"a.key": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"}, []string{"listen.tls.key: .* needs a passphrase; take it off"}},
		{"half an authority", map[string]string{"roots.pem": root + root[:len(root)/2]}, []string{roots + "holds 1 of 2 certificates that are not whole; export it again", "two", "issuers", "redis"}},
		{"an authority of other bytes", map[string]string{"roots.pem": root + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, []string{roots + "holds a certificate, number 2, that cannot be read: ", "two", "issuers", "redis"}},
		{"a directory", map[string]string{"roots.pem": "", "roots.pem/file": "x"}, []string{roots + "cannot be read: it is not a regular file", "two", "issuers", "redis"}},
		{"records in a directory's place", map[string]string{"kept/records.jsonl/file": "x"}, []string{`generations.jsonl: \S+records.jsonl is a directory; name a file`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filed(t, test.changes)
			c, err := Load(path, os.LookupEnv)
			if err != nil {
				t.Fatal(err)
			}
			err = c.Verify(Files{Envoy: true, Own: true, Records: true})
			var errs Errors
			if errors.As(err, &errs); len(errs) != len(test.want) {
				t.Fatalf("%d errors, want %d:\n%v", len(errs), len(test.want), err)
			}
			for i, want := range test.want {
				if !regexp.MustCompile(want).MatchString(errs[i].Error()) || !strings.HasPrefix(errs[i].Error(), path+":") {
					t.Errorf("error %d is\n%v, want\n%s", i, errs[i], want)
				}
			}
			if text := err; text != nil && (strings.Contains(text.Error(), "MII") || strings.Contains(text.Error(), "hello")) {
				t.Errorf("a file's content is in the error: %v", err)
			}
			checked, err := Check(path, os.LookupEnv)
			if err != nil || (checked.Err() == nil) != (test.want == nil) {
				t.Errorf("Check = %v, %v", err, checked.Err())
			}
			if checked, err := Check(path, nil); err != nil || checked.Err() != nil {
				t.Errorf("without the environment: %v, %v", err, checked.Err())
			}
		})
	}
}

func TestFilesThatOthersOpenMayBeElsewhere(t *testing.T) {
	t.Parallel()
	path := filed(t, map[string]string{"a.crt": "", "a.key": "", "kept/other": ""})
	c, err := Load(path, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Verify(Files{Own: true}); err != nil {
		t.Errorf("files of Envoy are looked for: %v", err)
	}
	var absent []string
	elsewhere := func(e Error) { absent = append(absent, e.Field) }
	if err := c.Verify(Files{Envoy: true, Elsewhere: elsewhere}); err != nil {
		t.Errorf("files that are elsewhere: %v", err)
	}
	if diff := cmp.Diff([]string{"listen.tls.cert", "listen.tls.key"}, absent); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "a.crt"), []byte("garbled"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.Verify(Files{Envoy: true, Elsewhere: elsewhere}); err == nil || !strings.Contains(err.Error(), "listen.tls.cert") {
		t.Errorf("a garbled one is good: %v", err)
	}
}

func TestWhatOthersFindWrongStandsAmongTheErrorsOnce(t *testing.T) {
	t.Parallel()
	checked, err := Check(filed(t, map[string]string{"roots.pem": ""}), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	var errs Errors
	errors.As(checked.Err(), &errs)
	before := len(errs)
	checked.Fault("store.redis", errors.New("follows from its authorities"))
	checked.Fault(checked.IssuerField("ci"), errors.New("follows from its authorities"))
	checked.Fault("store.postgres", errors.New("is away; name another"))
	checked.Fault("providers.two.credential", errors.New("file:gone cannot be read"))
	if errors.As(checked.Err(), &errs); len(errs) != before+2 {
		t.Fatalf("%d errors after %d:\n%v", len(errs), before, errs)
	}
	for _, want := range []string{":5:3: providers.two.credential: file:gone cannot be read", ":8:1: store.postgres: is away; name another"} {
		if !strings.Contains(errs.Error(), want) {
			t.Errorf("no %q in\n%v", want, errs)
		}
	}
}

func FuzzCertificates(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nA: b\n\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----"))
	f.Add([]byte("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END EC PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if wrong, right := certificates(text); (wrong == "") != (right == "") || wrong == "" && !x509.NewCertPool().AppendCertsFromPEM(text) {
			t.Errorf("good, and of no use: %q, %q", wrong, right)
		}
		if wrong, right := privateKey(text); (wrong == "") != (right == "") {
			t.Errorf("%q, %q", wrong, right)
		}
	})
}
