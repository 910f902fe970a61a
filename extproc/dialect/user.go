package dialect

import (
	"crypto/sha256"
	"encoding/hex"
)

// userLimit is the longest user that OpenAI's APIs take, in bytes: beyond it
// they answer string_above_max_length.
const userLimit = 64

// OpenAIUser is the user of another dialect's client as OpenAI's APIs take it:
// one that is too long, such as Claude Code's metadata.user_id, becomes its
// SHA-256 in hex, which is as stable and of the right length.
func OpenAIUser(user string) string {
	if len(user) <= userLimit {
		return user
	}
	sum := sha256.Sum256([]byte(user))
	return hex.EncodeToString(sum[:])
}
