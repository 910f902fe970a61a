package oidc

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/dragoman-gateway/dragoman/extproc/identity"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// What is remembered: of good tokens, and apart from them, so that a flood of
// bad ones takes nobody's place, of bad ones.
const (
	maxGood  = 16_384
	maxBad   = 4_096
	goodLife = 5 * time.Minute
)

// Config is what a Verifier is made of.
type Config struct {
	// Issuers are the catalog's. Several may have the same iss: a token passes
	// by the first whose audience and required claims it has.
	Issuers []catalog.Issuer
	// Client's transport fetches the keys of issuers without a CAFile; nil for
	// one of the package's own, with the system's roots and proxies.
	Client *http.Client
	// Outage is how long keys stay good that cannot be fetched anew; 0 = 24 h.
	Outage time.Duration
	Now    func() time.Time // nil = time.Now
	Logger *slog.Logger     // nil = none
}

// Verifier judges tokens. A nil Verifier trusts no issuer.
type Verifier struct {
	now     func() time.Time
	rules   map[string][]*rule // by iss, in the catalog's order
	sources map[origin]*source
	good    *cache[verdict]
	bad     *cache[llm.Problem]
}

// verdict is a good token's. It holds while the issuer publishes the keys it
// rests on.
type verdict struct {
	key    *identity.Key
	source *source
	epoch  uint64
}

// New compiles the issuers and reads their CA files; keys come in with Run. The
// error tells of every issuer that cannot be used.
func New(c Config) (*Verifier, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Outage <= 0 {
		c.Outage = 24 * time.Hour
	}
	v := &Verifier{
		now: c.Now, rules: map[string][]*rule{}, sources: map[origin]*source{},
		good: newCache[verdict](maxGood), bad: newCache[llm.Problem](maxBad),
	}
	var errs []error
	for i := range c.Issuers {
		if err := v.trust(&c.Issuers[i], &c); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return v, nil
}

func (v *Verifier) trust(i *catalog.Issuer, c *Config) error {
	r, err := compileRule(i, c.Now)
	if err != nil {
		return err
	}
	of := origin{i.Issuer, i.JWKS, i.CAFile}
	s := v.sources[of]
	if s == nil {
		f, err := newFetcher(of, c.Client)
		if err != nil {
			return fmt.Errorf("issuer %s: %w", i.Name, err)
		}
		s = &source{
			of: of, name: i.Name, fetch: f, now: c.Now, logger: c.Logger, outage: c.Outage,
			wake: make(chan struct{}, 1), flight: make(chan struct{}), // run's first
		}
		v.sources[of] = s
	}
	r.source = s
	v.rules[i.Issuer] = append(v.rules[i.Issuer], r)
	return nil
}

// Trusts tells whether there is any issuer.
func (v *Verifier) Trusts() bool { return v != nil && len(v.rules) > 0 }

// Inherit takes over the keys that old knows of the same issuers, so that a new
// catalog makes nobody wait. Call it before Run.
func (v *Verifier) Inherit(old *Verifier) {
	if v == nil || old == nil {
		return
	}
	for of, s := range v.sources {
		if before := old.sources[of]; before != nil {
			s.inherit(before)
		}
	}
}

// Run fetches keys until ctx ends, and returns when all its goroutines have.
func (v *Verifier) Run(ctx context.Context) {
	var all sync.WaitGroup
	if v != nil {
		for _, s := range v.sources {
			all.Go(func() { s.run(ctx) })
		}
	}
	<-ctx.Done()
	all.Wait()
}

// Verify tells who a token vouches for, or what is wrong with it: in a 401 that
// it is no good token of a trusted issuer for this gateway, in a 403 that it
// lacks claims that are required here, in a 503 that its issuer's keys are not
// known. It keeps nothing of token, and waits only where the token names a key
// that is not known: for ctx, and at most 2 s.
func (v *Verifier) Verify(ctx context.Context, token []byte) (*identity.Key, *llm.Problem) {
	if !v.Trusts() {
		problem := refuse("is of an issuer that is not trusted here").problem
		return nil, &problem
	}
	if len(token) > identity.MaxToken {
		problem := refuse("is longer than 16384 bytes").problem
		return nil, &problem
	}
	now := v.now()
	hash := sha256.Sum256(token)
	if known, ok := v.good.get(&hash, now); ok && known.holds(now) {
		return known.key, nil
	}
	if problem, ok := v.bad.get(&hash, now); ok {
		return nil, refused(problem)
	}
	found, until, no := v.judge(ctx, token)
	if no != nil {
		if no.holds > 0 {
			v.bad.put(&hash, no.problem, now.Add(no.holds))
		}
		return nil, refused(no.problem)
	}
	if most := now.Add(goodLife); until.After(most) {
		until = most
	}
	if until.After(now) {
		v.good.put(&hash, found, until)
	}
	return found.key, nil
}

// refused is a problem of the request's own.
func refused(p llm.Problem) *llm.Problem { return &p }

func (k verdict) holds(now time.Time) bool {
	set := k.source.current(now)
	return set != nil && set.epoch == k.epoch
}

// judge verifies a token that is not remembered; until is its end.
func (v *Verifier) judge(ctx context.Context, text []byte) (found verdict, until time.Time, no *refusal) {
	t, wrong := parse(text)
	if wrong != "" {
		return found, until, refuse(wrong)
	}
	if until, wrong = times(t.claims); wrong != "" {
		return found, until, refuse(wrong)
	}
	issuer, _ := t.claims["iss"].(string)
	rules := v.rules[issuer]
	if len(rules) == 0 {
		return found, until, refuse("is of an issuer that is not trusted here")
	}
	ctx, cancel := context.WithTimeout(ctx, waitMost)
	defer cancel()
	for _, r := range rules {
		var another *refusal
		if found, another = v.by(ctx, r, &t); another == nil {
			return found, until, nil
		}
		// What is said is what the rule that came furthest has to say.
		if no == nil || another.problem.Kind == llm.Forbidden && no.problem.Kind != llm.Forbidden {
			no = another
		}
	}
	return verdict{}, until, no
}

// by judges a token by one rule.
func (v *Verifier) by(ctx context.Context, r *rule, t *token) (verdict, *refusal) {
	method := jwt.GetSigningMethod(t.algorithm)
	if method == nil || !slices.Contains(r.algorithms, t.algorithm) {
		return verdict{}, algorithmRefused(t.algorithm)
	}
	key, epoch, no := v.keyOf(ctx, r.source, t, method)
	if no != nil {
		return verdict{}, no
	}
	if err := method.Verify(t.signed, t.signature, key); err != nil {
		return verdict{}, refuse("has a signature that is not its issuer's").because(err)
	}
	if err := r.validator.Validate(t.claims); err != nil {
		return verdict{}, claimsRefused(err)
	}
	if wrong := r.demand(t.claims); wrong != "" {
		return verdict{}, forbid(wrong)
	}
	who, wrong := r.identify(t.claims)
	if wrong != "" {
		return verdict{}, forbid(wrong)
	}
	return verdict{who, r.source, epoch}, nil
}

// keyOf finds the key that a token names; if it is not known the issuer may
// have published it since.
func (v *Verifier) keyOf(ctx context.Context, s *source, t *token, method jwt.SigningMethod) (any, uint64, *refusal) {
	for first := true; ; first = false {
		set := s.current(v.now())
		if set != nil {
			key, err := set.key(t, method)
			if err == nil {
				return key, set.epoch, nil
			}
			if errors.Is(err, errOtherUse) {
				return nil, 0, refuse("names a key of its issuer that is not for its algorithm")
			}
		}
		if first && s.await(ctx, v.now()) {
			continue
		}
		if set == nil {
			return nil, 0, unavailable()
		}
		return nil, 0, refuse("names a key (kid) that its issuer does not publish").forNow()
	}
}

// latest is the last second that is a time to everybody, in the year 9999.
const latest = 253402300799

// times reads when a token ends, and refuses times that are none: numbers
// beyond the calendar mean another time to each who reads them.
func times(claims jwt.MapClaims) (until time.Time, wrong string) {
	for _, name := range []string{"exp", "nbf", "iat"} {
		value, has := claims[name]
		if !has {
			continue
		}
		number, ok := value.(json.Number)
		seconds, err := number.Float64()
		if !ok || err != nil || seconds < 0 || seconds > latest {
			return until, "has a claim " + name + " that is no time"
		}
		if name == "exp" {
			until = time.Unix(int64(seconds), 0)
		}
	}
	return until, ""
}
