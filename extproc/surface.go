package extproc

import (
	"bytes"
	"net/url"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// endpoint is what a path asks for.
type endpoint uint8

const (
	unknownPath endpoint = iota
	healthz
	readyz
	chatCompletions
	listModels
	oneModel
	laterPath  // known, served by a later version
	legacyPath // known, superseded
	numEndpoints
)

var endpointNames = [numEndpoints]string{
	"unknown", "healthz", "readyz", "chat.completions", "models", "model", "later", "legacy",
}

func (e endpoint) String() string { return endpointNames[e] }

// paths are matched exactly, after Envoy has resolved dot segments.
var paths = map[string]endpoint{
	"/healthz":             healthz,
	"/readyz":              readyz,
	"/v1/chat/completions": chatCompletions,
	"/v1/models":           listModels,
	"/v1/completions":      legacyPath,
	"/v1/edits":            legacyPath,
	"/v1/engines":          legacyPath,
	"/v1/responses":        laterPath,
	"/v1/messages":         laterPath,
	"/v1/embeddings":       laterPath,
	"/v1/moderations":      laterPath,
	"/v1/batches":          laterPath,
	"/v1/files":            laterPath,
	"/v1/realtime":         laterPath,
	"/v1/rerank":           laterPath,
	"/v1/credits":          laterPath,
	"/v1/generation":       laterPath,
	"/v1/report":           laterPath,
}

// trees are path prefixes, looked at in order.
var trees = []struct {
	prefix   string
	endpoint endpoint
}{
	{"/v1/models/", oneModel},
	{"/v1/engines/", legacyPath},
	{"/v1/responses/", laterPath},
	{"/v1/messages/", laterPath},
	{"/v1/chat/completions/", laterPath},
	{"/v1/images/", laterPath},
	{"/v1/audio/", laterPath},
	{"/v1/videos", laterPath},
	{"/v1/batches/", laterPath},
	{"/v1/files/", laterPath},
	{"/v1/realtime/", laterPath},
	{"/v1/fine_tuning/", laterPath},
	{"/v1/assistants", laterPath},
	{"/v1/threads", laterPath},
	{"/v1/vector_stores", laterPath},
	{"/v1/uploads", laterPath},
	{"/v1beta/models", laterPath},
	{"/v1/ai/", laterPath},
	{"/v3/ai/", laterPath},
	{"/v4/ai/", laterPath},
}

// surfaceOf finds what a request path asks for and, for oneModel, the model's
// name. Clients escape the slash of a name as %2F or send it raw.
func surfaceOf(path []byte) (e endpoint, model string) {
	if i := bytes.IndexByte(path, '?'); i >= 0 {
		path = path[:i]
	}
	if e, ok := paths[string(path)]; ok {
		return e, ""
	}
	for _, t := range trees {
		rest, ok := bytes.CutPrefix(path, []byte(t.prefix))
		if !ok {
			continue
		}
		if t.endpoint != oneModel {
			return t.endpoint, ""
		}
		name, err := url.PathUnescape(string(rest))
		if err != nil || name == "" {
			return unknownPath, ""
		}
		return oneModel, name
	}
	return unknownPath, ""
}

// refuse is the problem of a path that is not served.
func (e endpoint) refuse(path []byte) *llm.Problem {
	const most = 200
	if len(path) > most {
		path = path[:most]
	}
	p := &llm.Problem{
		Kind: llm.NotFound, Code: "unknown_url",
		Message: "Unknown path " + string(path) + ". This gateway serves POST /v1/chat/completions and GET /v1/models.",
	}
	switch e {
	case laterPath:
		p.Kind, p.Code = llm.NotImplemented, ""
		p.Message = "The endpoint " + string(path) + " is not served by this version of the gateway yet. POST /v1/chat/completions and GET /v1/models are."
	case legacyPath:
		p.Code = "legacy_endpoint"
		p.Message = "The legacy endpoint " + string(path) + " is not served. Use POST /v1/chat/completions."
	}
	return p
}
