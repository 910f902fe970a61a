package credential

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// Inherit takes over an older set's tokens, where references are the same, so
// that a new catalog does not begin without. Call it before the set is used;
// the older one may still be in use, even by Run.
func (s *Set) Inherit(old *Set) {
	if old == nil {
		return
	}
	for ref := range s.sources {
		if kept := old.sources[ref]; kept != nil {
			s.sources[ref] = kept
		}
	}
	for _, e := range s.entries {
		if e.source != nil {
			e.source = s.sources[e.ref]
		}
	}
}

// Await fetches the tokens that are missing, all at once, and returns when all
// have been tried or ctx is done. The error joins what is still missing, in
// the order of the providers' names; the set is of use all the same, for Run
// keeps trying.
func (s *Set) Await(ctx context.Context) error {
	if s == nil {
		return nil
	}
	var (
		tried sync.WaitGroup
		mu    sync.Mutex
		errs  = make(map[catalog.Reference]error) // guarded by mu
	)
	for ref, src := range s.sources {
		if src.current.Load().usable(src.now()) {
			continue
		}
		tried.Go(func() {
			err := src.refresh(ctx)
			mu.Lock()
			defer mu.Unlock()
			errs[ref] = err
		})
	}
	tried.Wait()
	var missing []error
	for _, name := range s.names {
		if err := errs[s.entries[name].ref]; err != nil {
			missing = append(missing, fmt.Errorf("the credential of provider %s: %s cannot be had: %w", name, s.entries[name].ref, err))
		}
	}
	return errors.Join(missing...)
}

// Run keeps tokens fresh until ctx is done, and returns when nothing of it is
// left. Without it tokens end. Sets that share tokens by Inherit may run side
// by side.
func (s *Set) Run(ctx context.Context) {
	if s == nil {
		return
	}
	var kept sync.WaitGroup
	for _, src := range s.sources {
		kept.Go(func() { src.keep(ctx) })
	}
	kept.Wait()
}

// Clouds tells which providers need Run and Await, by name.
func (s *Set) Clouds() []string {
	if s == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.names), func(name string) bool { return s.entries[name].source == nil })
}
