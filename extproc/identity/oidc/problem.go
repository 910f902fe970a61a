package oidc

import (
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// refusal is why a token does not pass, and for how long that will be so: 0 if
// it may change at any time.
type refusal struct {
	problem llm.Problem
	holds   time.Duration
}

// badLife is how long a refusal is remembered: what cannot change by itself
// could still with the issuer's keys.
const badLife = time.Minute

// Codes beside the kinds' own, which clients may match on.
const (
	codeInvalid = "invalid_token"
	codeExpired = "token_expired"
	codeClaims  = "token_not_allowed"
	codeIssuer  = "issuer_unavailable"
)

// refuse says in a 401 what is wrong with a token.
func refuse(wrong string) *refusal {
	return &refusal{llm.Problem{Kind: llm.Unauthenticated, Code: codeInvalid, Message: "The token " + wrong + "."}, badLife}
}

// forbid says in a 403 what a good token's claims lack.
func forbid(wrong string) *refusal {
	return &refusal{llm.Problem{Kind: llm.Forbidden, Code: codeClaims, Message: "The token " + wrong + "."}, badLife}
}

func (r *refusal) because(cause error) *refusal {
	r.problem.Cause = cause
	return r
}

// forNow marks a refusal that another moment may mend.
func (r *refusal) forNow() *refusal {
	r.holds = 0
	return r
}

// unavailable is for tokens of an issuer whose keys nobody knows.
func unavailable() *refusal {
	return &refusal{problem: llm.Problem{
		Kind: llm.Overloaded, Code: codeIssuer, RetryAfter: retryEvery,
		Message: "The keys of the token's issuer cannot be fetched, so the token cannot be checked; try again in half a minute.",
	}}
}

// algorithmRefused tells apart what people try.
func algorithmRefused(algorithm string) *refusal {
	switch {
	case algorithm == "none":
		return refuse("is not signed")
	case len(algorithm) == 5 && algorithm[:2] == "HS":
		return refuse("is signed with a shared secret, which is never accepted")
	}
	return refuse("is signed with an algorithm that is not accepted of its issuer")
}

// claimsRefused says which of the registered claims (RFC 7519 section 4.1) does
// not hold, by golang-jwt's errors; all others are about their form.
func claimsRefused(err error) *refusal {
	var r *refusal
	switch {
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		r = refuse("is meant for another audience (aud)")
	case errors.Is(err, jwt.ErrTokenExpired):
		r = refuse("has expired; get a new one")
		r.problem.Code = codeExpired
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		r = refuse("is not valid yet (nbf)").forNow()
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		r = refuse("lacks one of the claims iss, aud and exp")
	default:
		r = refuse("has claims iss, aud, exp or nbf that do not hold")
	}
	return r.because(err)
}
