package quota

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"
)

// Accounts are all that count a subject's requests for a model. They stay good
// while limits change; new ones follow the new limits.
type Accounts struct {
	subject Subject
	model   string
	set     *rules
	views   []view
}

// Len is how many accounts count the request.
func (a *Accounts) Len() int { return len(a.views) }

// view is one account as one Accounts sees it, with its present lease at hand.
type view struct {
	lease   atomic.Pointer[lease]
	account *account
}

// account is one count of a limit; immutable.
type account struct {
	id    Account
	rule  *rule
	scope string // "tenant acme, model openai/gpt-5"
}

// cache remembers Accounts. It is a table of buckets without a lock: an entry
// is found or it is not, and a new one takes an old one's place.
type cache struct {
	seed    maphash.Seed
	turn    atomic.Uint32 // which place of a full bucket goes next
	buckets [][ways]atomic.Pointer[Accounts]
}

const ways = 8

// newCache makes room for about size entries.
func newCache(size int) *cache {
	buckets := 1
	for buckets*ways < size {
		buckets *= 2
	}
	return &cache{seed: maphash.MakeSeed(), buckets: make([][ways]atomic.Pointer[Accounts], buckets)}
}

func (c *cache) bucket(s *Subject, model string) *[ways]atomic.Pointer[Accounts] {
	const spread = 0x9e3779b97f4a7c15 // 2⁶⁴ divided by the golden ratio
	h := maphash.String(c.seed, s.Key)
	h = h*spread ^ maphash.String(c.seed, s.Tenant)
	h = h*spread ^ maphash.String(c.seed, model)
	for _, t := range s.Tags {
		h = h*spread ^ maphash.String(c.seed, t)
	}
	return &c.buckets[h&uint64(len(c.buckets)-1)]
}

func (a *Accounts) are(s *Subject, model string) bool {
	return a.subject.Key == s.Key && a.subject.Tenant == s.Tenant && a.model == model && slices.Equal(a.subject.Tags, s.Tags)
}

// keep puts a into its bucket: where it was before, where there is room or
// something outdated, or in place of any.
func (c *cache) keep(b *[ways]atomic.Pointer[Accounts], a *Accounts) {
	place := int(c.turn.Add(1) % ways)
	for i := range b {
		switch old := b[i].Load(); {
		case old == nil || old.set != a.set:
			place = i
		case old.are(&a.subject, a.model):
			b[i].Store(a)
			return
		}
	}
	b[place].Store(a)
}

// Accounts finds the accounts that count requests of a subject for a model, or
// for several that may serve it: those of each. It fails if they are more than
// MaxCharges. s is not kept.
func (l *Ledger) Accounts(s *Subject, models ...string) (*Accounts, error) {
	set := l.rules.Load()
	model := ""
	if len(models) == 1 {
		model = models[0]
	} else if len(models) > 1 {
		model = strings.Join(models, separator)
	}
	b := l.cache.bucket(s, model)
	for i := range b {
		if a := b[i].Load(); a != nil && a.set == set && a.are(s, model) {
			return a, nil
		}
	}
	a := &Accounts{
		subject: Subject{Key: strings.Clone(s.Key), Tenant: strings.Clone(s.Tenant)},
		model:   strings.Clone(model), set: set,
	}
	for _, t := range s.Tags {
		a.subject.Tags = append(a.subject.Tags, strings.Clone(t))
	}
	accounts := set.resolve(&a.subject, a.model)
	if len(accounts) > MaxCharges {
		return nil, fmt.Errorf("%d limits count one request, of which no more than %d are possible", len(accounts), MaxCharges)
	}
	a.views = make([]view, len(accounts))
	for i := range accounts {
		a.views[i].account = &accounts[i]
	}
	l.cache.keep(b, a)
	return a, nil
}

// separator stands between models; none has it in its name.
const separator = "\x00"

// resolve finds the accounts of all limits that hold for one of the models.
func (set *rules) resolve(s *Subject, models string) []account {
	var found []account
	for model := range strings.SplitSeq(models, separator) {
		for _, a := range set.resolveOne(s, model) {
			if !slices.ContainsFunc(found, func(b account) bool { return a.id == b.id }) {
				found = append(found, a)
			}
		}
	}
	return slices.Clip(found)
}

func (set *rules) resolveOne(s *Subject, model string) []account {
	var found []account
	values := [NumDimensions]string{Key: s.Key, Tenant: s.Tenant, Model: model}
	for _, r := range set.candidates(s) {
		if !matches(r.Match[Key], s.Key) || !matches(r.Match[Tenant], s.Tenant) || !matches(r.Match[Model], model) {
			continue
		}
		if r.Each[Tag] {
			for _, t := range s.Tags {
				if matches(r.Match[Tag], t) {
					values[Tag] = t
					found = append(found, r.account(&values))
				}
			}
			continue
		}
		if len(r.Match[Tag]) == 0 || slices.ContainsFunc(s.Tags, func(t string) bool { return matches(r.Match[Tag], t) }) {
			found = append(found, r.account(&values))
		}
	}
	return found
}

// account is the rule's for these values.
func (r *rule) account(values *[NumDimensions]string) account {
	text := binary.AppendUvarint(nil, uint64(len(r.Name)))
	text = append(text, r.Name...)
	text = append(text, byte(r.Unit), byte(r.Window))
	var scope []byte
	for d, value := range values {
		if !r.Each[d] {
			continue
		}
		text = append(text, byte(d))
		text = binary.AppendUvarint(text, uint64(len(value)))
		text = append(text, value...)
		if scope != nil {
			scope = append(scope, ", "...)
		}
		if value == "" {
			scope = append(scope, "no "...)
		}
		scope = append(scope, Dimension(d).String()...)
		if value != "" {
			scope = append(append(scope, ' '), value...)
		}
	}
	sum := sha256.Sum256(text)
	return account{id: Account(sum[:16]), rule: r, scope: string(scope)}
}
