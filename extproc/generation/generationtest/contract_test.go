package generationtest_test

import (
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/generation/generationtest"
)

func TestTheSimpleStoreKeepsItsOwnContract(t *testing.T) {
	generationtest.Contract(t, func(*testing.T) generationtest.Store { return generationtest.NewMemory() })
}
