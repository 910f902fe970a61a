package anthropic

import "github.com/dragoman-gateway/dragoman/extproc/dialect/members"

// fields reads the members of a request into typed fields; the first member of
// a wrong kind becomes the problem. null is as good as absent.
type fields struct{ members.Fields }
