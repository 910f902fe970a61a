package openai

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
)

// fields reads the members of a request into typed fields.
type fields struct{ members.Fields }
