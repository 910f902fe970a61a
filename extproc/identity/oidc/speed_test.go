package oidc

import (
	"fmt"
	"testing"
)

func TestARememberedTokenAllocatesNothing(t *testing.T) {
	a := newAuthority(t)
	v := a.verifier(a.entry())
	token := []byte(a.token("rsa", nil))
	passes(t, v, string(token), "the first time")
	ctx := t.Context()
	if n := testing.AllocsPerRun(200, func() {
		if _, p := v.Verify(ctx, token); p != nil {
			t.Fatal(p)
		}
	}); n != 0 {
		t.Errorf("Verify allocates %v times", n)
	}
}

func BenchmarkVerifyRemembered(b *testing.B) {
	a := newAuthority(b)
	v := a.verifier(a.entry())
	token := []byte(a.token("rsa", nil))
	b.ReportAllocs()
	for b.Loop() {
		if _, p := v.Verify(b.Context(), token); p != nil {
			b.Fatal(p)
		}
	}
}

// BenchmarkVerifyNew judges tokens as for the first time.
func BenchmarkVerifyNew(b *testing.B) {
	for _, kid := range []string{"rsa", "ec", "ed"} {
		b.Run(fmt.Sprint(methods[kid].Alg()), func(b *testing.B) {
			a := newAuthority(b)
			v := a.verifier(a.entry())
			token := []byte(a.token(kid, nil))
			if _, p := v.Verify(b.Context(), token); p != nil {
				b.Fatal(p)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, _, no := v.judge(b.Context(), token); no != nil {
					b.Fatal(no.problem.Message)
				}
			}
		})
	}
}
