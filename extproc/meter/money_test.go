package meter

import (
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

func TestEveryUnitHasALabel(t *testing.T) {
	m := newMoney()
	for u := range quota.NumUnits {
		if m.limited[u.String()] == nil {
			t.Errorf("refusals by limits on %s are counted as %s", u, other)
		}
	}
}
