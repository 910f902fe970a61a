package extproc

import (
	"fmt"

	"github.com/dragoman-gateway/dragoman/extproc/private"
)

// ownState makes the state directory this user's alone. Whoever may put files
// there could take the place of the journal or of the admin token.
func ownState(c *ServerConfig) error {
	if c.State == "" {
		return nil
	}
	open, err := private.Dir(c.State)
	if err != nil {
		return fmt.Errorf("the state directory: %w", err)
	}
	mode := fmt.Sprintf("%#o", open.Was)
	switch {
	case open.Closed:
		c.Logger.Warn("others could enter the state directory; it is this user's alone now", "directory", c.State, "mode", mode)
	case open.Was != 0:
		c.Logger.Warn("others may enter the state directory; what this process keeps there, it alone may read", "directory", c.State, "mode", mode)
	}
	return nil
}
