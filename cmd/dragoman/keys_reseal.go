package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/dragoman-gateway/dragoman/extproc"
	"github.com/dragoman-gateway/dragoman/extproc/directory"
)

type keysResealCommand struct {
	Catalog string `help:"The catalog: secrets.key is the new master key, secrets.former has the old ones." default:"dragoman.yaml" env:"DRAGOMAN_CATALOG"`
	State   string `help:"The state directory whose store has them, unless the catalog names a Redis. Without it: dragoman in $$XDG_STATE_HOME, ~/.local/state by default." placeholder:"DIR" env:"DRAGOMAN_STATE"`
}

// Run seals what former master keys have sealed with the current one. It may be
// repeated: what is done is passed over.
func (c *keysResealCommand) Run(ctx context.Context, s streams) error {
	where := keyStore{state: c.State, catalog: c.Catalog}
	err := where.read(s)
	if err == nil {
		where.masters, err = extproc.MasterKeys(ctx, where.served, s.env)
	}
	switch {
	case err != nil:
		return err
	case where.masters == nil:
		return errors.New("the catalog names no master key; add secrets: {key: env:NAME, former: ['env:OLD_NAME']}")
	}
	return where.with(ctx, s, func(d *directory.Directory) error {
		done, failed := 0, 0
		err := d.Reseal(ctx, directory.By{Who: keysWho}, func(o *directory.OwnCredential, err error) {
			if err != nil {
				failed++
				fmt.Fprintf(s.err, "%s's for %s stays as it was: %v\n", o.Tenant, o.Provider, err)
				return
			}
			done++
			fmt.Fprintf(s.out, "%s's for %s is sealed anew.\n", o.Tenant, o.Provider)
		})
		all := len(d.Current().Own)
		switch {
		case err == nil && all == 0:
			_, err = fmt.Fprintln(s.out, "No tenant has a provider key of its own in this store.")
			return err
		case err != nil:
			return fmt.Errorf("%d of %d were sealed anew, then: %w; try again to go on", done, all, err)
		case failed > 0:
			return fmt.Errorf("%d of %s could not be sealed anew; a master key that is not configured belongs in secrets.former", failed, count(all, "provider key"))
		}
		_, err = fmt.Fprintf(s.out, "%s of tenants, all sealed with secrets.key. Once no gateway runs with another one, remove secrets.former.\n", count(all, "provider key"))
		return err
	})
}
