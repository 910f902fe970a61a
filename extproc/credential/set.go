package credential

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// Set holds what authorizes calls to all providers. A nil Set holds nothing.
type Set struct {
	names   []string // of entries, in the catalog's order
	entries map[string]*entry
	sources map[catalog.Reference]*source
	signer  *v4.Signer
}

// entry is one provider's credential. Immutable but for what its source holds.
type entry struct {
	ref     catalog.Reference
	headers []Header // of a static key
	secrets [][]byte // the static key
	names   []string
	source  *source // of a cloud's tokens, nil for a static key
	signer  signer  // AWS's
}

// Options are what a Set is built with. The zero value is the process's own
// environment, the clouds' own HTTP settings and no log.
type Options struct {
	Env    Env          // nil = os.LookupEnv; the clouds' libraries read the process's in any case
	HTTP   *http.Client // asks the clouds for tokens; nil = what their libraries use, which alone honours AWS_CA_BUNDLE
	Logger *slog.Logger
	Now    func() time.Time
}

func (o Options) filled() Options {
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Build resolves the credential of every provider of the catalog. The error
// joins all that are wrong, in the order of the providers' names. A provider
// without a reference wants no credential.
func Build(c *catalog.Catalog, env Env) (*Set, error) {
	return BuildWith(c, Options{Env: env})
}

// BuildWith is Build with more said. It asks no cloud for anything: Await and
// Run do.
func BuildWith(c *catalog.Catalog, o Options) (*Set, error) {
	o = o.filled()
	s := &Set{
		entries: make(map[string]*entry, len(c.Providers)), signer: v4.NewSigner(),
		sources: make(map[catalog.Reference]*source),
	}
	var errs []error
	for _, p := range c.Providers {
		e, err := s.build(p, o)
		if err != nil {
			errs = append(errs, fmt.Errorf("the credential of provider %s: %w", p.Name, err))
			continue
		}
		s.names = append(s.names, p.Name)
		s.entries[p.Name] = e
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return s, nil
}

func (s *Set) build(p *catalog.Provider, o Options) (*entry, error) {
	e := &entry{ref: p.Credential}
	if !p.Credential.Cloud() {
		key, err := resolve(p.Credential, o.Env)
		if err != nil {
			return nil, err
		}
		e.headers = Headers(p, key)
		if key.Set() {
			e.secrets = [][]byte{[]byte(key.Reveal())}
		}
		for _, h := range e.headers {
			e.names = append(e.names, h.Name)
		}
		return e, nil
	}
	e.names = cloudNames[p.Credential.Scheme]
	if p.Credential.Scheme == catalog.SchemeAWS {
		e.signer = signer{s.signer, regionOf(p)}
	}
	if e.source = s.sources[p.Credential]; e.source != nil {
		return e, nil
	}
	fetch, err := fetcherOf(p, o)
	if err != nil {
		return nil, err
	}
	e.source = newSource(p.Credential.String(), fetch, o)
	s.sources[p.Credential] = e.source
	return e, nil
}

// cloudNames are the headers that clouds' credentials come in.
var cloudNames = map[string][]string{
	catalog.SchemeAWS:   {authorization, amzDate, amzHash, amzToken},
	catalog.SchemeGCP:   {authorization, quotaProject},
	catalog.SchemeAzure: {authorization},
}

func fetcherOf(p *catalog.Provider, o Options) (fetcher, error) {
	switch p.Credential.Scheme {
	case catalog.SchemeAWS:
		return amazon{profile: p.Credential.Name, region: regionOf(p), client: o.HTTP}.fetch, nil
	case catalog.SchemeGCP:
		return newGoogle(p.Credential.Name, o)
	default:
		return entra{client: o.HTTP}.fetch, nil
	}
}

// Format prints how many providers the set is for, whatever the verb.
func (s *Set) Format(f fmt.State, _ rune) {
	n := 0
	if s != nil {
		n = len(s.entries)
	}
	_, _ = fmt.Fprintf(f, "credentials of %d providers", n)
}
