package envoytest

import (
	"testing"
)

func TestMain(m *testing.M) { Main(m) }

func TestAnAnswerComesThroughRealEnvoy(t *testing.T) {
	t.Parallel()
	for _, child := range []bool{false, true} {
		g := Start(t, Options{Child: child})
		a := g.MustPost(t, `{"model":"sim/chat","messages":[{"role":"user","content":"Hello"}]}`)
		if a.Status != 200 || a.Header.Get("X-Dragoman-Provider") != "alpha" {
			t.Error(a)
		}
	}
}
