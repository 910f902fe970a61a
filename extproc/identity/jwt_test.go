package identity

import (
	"strings"
	"testing"
	"time"
)

func TestATokenIsToldFromAKeyByItsShape(t *testing.T) {
	tests := []struct {
		name, header string
		want         bool
	}{
		{"a token", "authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln", true},
		{"in another header", "x-api-key: eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln", true},
		{"without a signature", "authorization: Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.", true},
		{"with white space in its JSON", "authorization: Bearer ewogImFsZyI6MX0.e30.c2ln", true},
		{"a key of ours", "authorization: Bearer dgm_0123456789abcdef", false},
		{"a key with dots", "authorization: Bearer sk.proj.secret", false},
		{"two parts", "authorization: Bearer eyJhbGciOiJSUzI1NiJ9.e30", false},
		{"four parts", "authorization: Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln.c2ln", false},
		{"an encrypted token", "authorization: Bearer eyJhbGciOiJSUzI1NiJ9.a.b.c.d", false},
		{"no claims", "authorization: Bearer eyJhbGciOiJSUzI1NiJ9..c2ln", false},
		{"a header that is no object", "authorization: Bearer WzFd.e30.c2ln", false},
		{"one letter", "authorization: Bearer e.e30.c2ln", false},
		{"plain base64", "authorization: Bearer eyJh+/iJ9.e30.c2ln", false},
		{"padding", "authorization: Bearer eyJhbGciOiJSUzI1NiJ9.e30=.c2ln", false},
		{"another scheme", "authorization: Basic eyJhbGciOiJSUzI1NiJ9.e30.c2ln", false},
		{"nothing", "accept: x", false},
		{"as long as may be", "authorization: Bearer eyJ." + strings.Repeat("a", MaxToken-11) + ".c2lnc2", true},
		{"too long", "authorization: Bearer eyJ." + strings.Repeat("a", MaxToken-10) + ".c2lnc2", false},
		{"far too long", "authorization: Bearer eyJ." + strings.Repeat("a", 2*MaxToken) + ".c2lnc2", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := offer(tt.header)
			token, ok := p.JWT()
			if ok != tt.want || ok != (token != nil) {
				t.Fatalf("JWT gives %d bytes, %v", len(token), ok)
			}
			if ok && !strings.HasSuffix(tt.header, string(token)) {
				t.Errorf("the token is %q", token)
			}
		})
	}
}

func TestNothingIsATokenWhereSomethingIsWrong(t *testing.T) {
	const token = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"
	if got, ok := offer("authorization: Bearer "+token, "x-api-key: another").JWT(); ok {
		t.Errorf("of two credentials the token %q counts", got)
	}
	long := "x-api-key: " + strings.Repeat("k", maxKey+1)
	const want = "The header x-api-key is longer than 4096 bytes, which no API key is."
	if _, p := tableOf(good).Check(offer(long), time.Time{}); p == nil || p.Message != want {
		t.Errorf("a long key: %v", p)
	}
	p := offer("authorization: Bearer " + token)
	if n := testing.AllocsPerRun(100, func() { p.JWT() }); n != 0 {
		t.Errorf("JWT allocates %v times", n)
	}
}
