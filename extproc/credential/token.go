package credential

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// token is what a cloud has handed out. Immutable.
type token struct {
	headers []Header        // of a bearer token
	aws     aws.Credentials // what AWS signs with instead
	region  string          // that AWS's own configuration names, "" if none
	secrets [][]byte        // what must not be repeated to clients
	fetched time.Time
	expires time.Time // zero = never
}

// bearerToken authorizes by a token of RFC 6750.
func bearerToken(text string, expires time.Time) *token {
	return &token{
		headers: []Header{{Name: authorization, Value: Value(bearer + text)}},
		secrets: [][]byte{[]byte(text)},
		expires: expires,
	}
}

// usable tells whether providers still accept the token.
func (t *token) usable(now time.Time) bool {
	return t != nil && (t.expires.IsZero() || now.Before(t.expires))
}

const (
	// lookAgain is how often credentials that never end are read anew: files
	// are rotated, too.
	lookAgain = 10 * time.Minute
	// ahead is how long before its end a token is replaced at the latest:
	// enough for a token service to be away for a while.
	ahead = 5 * time.Minute
	// least keeps the loop calm when a service hands out the same token until
	// it has but seconds left, as metadata servers do.
	least = 10 * time.Second
)

// rest is how long after it was fetched a token is replaced: three quarters of
// its life, or earlier to be ahead of its end, but never in the first half of
// its life, which would make short tokens be fetched all the time.
func (t *token) rest() time.Duration {
	if t.expires.IsZero() {
		return lookAgain
	}
	life := t.expires.Sub(t.fetched)
	return max(least, life/2, min(life/4*3, life-ahead))
}
