package extproc

import (
	"bytes"
	"net/url"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// endpoint is what a path asks for.
type endpoint uint8

const (
	unknownPath endpoint = iota
	healthz
	readyz
	chatCompletions
	responses
	messages
	countMessages
	generateContent
	countContent
	embeddings
	listModels
	oneModel
	oneGeneration
	report
	credits
	laterPath  // known, served by a later version
	legacyPath // known, superseded
	statePath  // known, but nothing is kept that it could ask for
	numEndpoints
)

// endpoints are their names, the dialect in which their clients speak, and the
// creator whose models a bare name means there.
var endpoints = [numEndpoints]struct {
	name    string
	dialect llm.Dialect
	creator string
}{
	unknownPath:     {"unknown", llm.OpenAI, ""},
	healthz:         {"healthz", llm.OpenAI, ""},
	readyz:          {"readyz", llm.OpenAI, ""},
	chatCompletions: {"chat.completions", llm.OpenAI, ""},
	responses:       {"responses", llm.Responses, ""},
	messages:        {"messages", llm.Anthropic, "anthropic"},
	countMessages:   {"messages.count_tokens", llm.AnthropicCount, "anthropic"},
	generateContent: {"generate_content", llm.Gemini, "google"},
	countContent:    {"count_tokens", llm.GeminiCount, "google"},
	embeddings:      {"embeddings", llm.Embeddings, ""},
	listModels:      {"models", llm.OpenAI, ""},
	oneModel:        {"model", llm.OpenAI, ""},
	oneGeneration:   {"generation", llm.OpenAI, ""},
	report:          {"report", llm.OpenAI, ""},
	credits:         {"credits", llm.OpenAI, ""},
	laterPath:       {"later", llm.OpenAI, ""},
	legacyPath:      {"legacy", llm.OpenAI, ""},
	statePath:       {"state", llm.OpenAI, ""},
}

func (e endpoint) String() string { return endpoints[e].name }

// generates tells whether the endpoint wants something of a model.
func (e endpoint) generates() bool { return e >= chatCompletions && e <= embeddings }

// counts tells whether it counts tokens.
func (e endpoint) counts() bool { return e == countMessages || e == countContent }

// asked is what a request's path says.
type asked struct {
	endpoint endpoint
	// model is named by the paths of Gemini's API and of oneModel.
	model string
	// stream and array are Gemini's: a stream of events, or one JSON array.
	stream, array bool
	// dialect is the one its clients speak; it differs from the endpoint's own
	// where one path serves several vendors' clients.
	dialect llm.Dialect
}

// codec is what answers and errors are written with.
func (a *asked) codec() *dialect.Codec { return table.Codec(a.dialect) }

// paths are matched exactly, after Envoy has resolved dot segments.
var paths = map[string]endpoint{
	"/healthz":                   healthz,
	"/readyz":                    readyz,
	"/v1/chat/completions":       chatCompletions,
	"/v1/responses":              responses,
	"/v1/messages":               messages,
	"/v1/messages/count_tokens":  countMessages,
	"/v1/embeddings":             embeddings,
	"/v1/models":                 listModels,
	"/v1beta/models":             listModels,
	"/v1/completions":            legacyPath,
	"/v1/edits":                  legacyPath,
	"/v1/engines":                legacyPath,
	"/v1/complete":               legacyPath,
	"/v1/responses/input_tokens": laterPath,
	"/v1/responses/compact":      laterPath,
	"/v1/moderations":            laterPath,
	"/v1/batches":                laterPath,
	"/v1/files":                  laterPath,
	"/v1/realtime":               laterPath,
	"/v1/rerank":                 laterPath,
	"/v1/credits":                credits,
	"/v1/generation":             oneGeneration,
	"/v1/report":                 report,
}

// trees are path prefixes, looked at in order.
var trees = []struct {
	prefix   string
	endpoint endpoint
}{
	{"/v1/models/", oneModel},
	{"/v1beta/models/", oneModel},
	{"/v1/engines/", legacyPath},
	{"/v1/responses/", statePath},
	{"/v1/conversations", statePath},
	{"/v1/chat/completions/", statePath},
	{"/v1/messages/", laterPath},
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
	{"/v1beta/", laterPath},
	{"/v1/ai/", laterPath},
	{"/v3/ai/", laterPath},
	{"/v4/ai/", laterPath},
}

// verbs end the paths of Gemini's API, behind the model's name and a colon.
var verbs = map[string]asked{
	"generateContent":       {endpoint: generateContent},
	"streamGenerateContent": {endpoint: generateContent, stream: true},
	"countTokens":           {endpoint: countContent},
	"embedContent":          {endpoint: laterPath},
	"batchEmbedContents":    {endpoint: laterPath},
	"predict":               {endpoint: laterPath},
}

// surfaceOf finds what a request path asks for. Clients escape the slash of a
// model's name as %2F or send it raw.
func surfaceOf(path []byte) asked {
	path, query, _ := bytes.Cut(path, []byte("?"))
	a := pathOf(path)
	a.dialect = endpoints[a.endpoint].dialect
	if !a.endpoint.generates() {
		switch {
		case bytes.HasPrefix(path, []byte("/v1beta/")):
			a.dialect = llm.Gemini
		case bytes.HasPrefix(path, []byte("/v1/messages/")):
			a.dialect = llm.Anthropic
		}
	}
	a.array = a.stream && !hasPair(query, "alt=sse")
	return a
}

func pathOf(path []byte) asked {
	if e, ok := paths[string(path)]; ok {
		return asked{endpoint: e}
	}
	if served(path) != "" {
		return asked{}
	}
	for _, t := range trees {
		rest, ok := bytes.CutPrefix(path, []byte(t.prefix))
		if !ok {
			continue
		}
		if t.endpoint != oneModel {
			return asked{endpoint: t.endpoint}
		}
		name, err := url.PathUnescape(string(rest))
		if err != nil || name == "" {
			return asked{}
		}
		a := asked{endpoint: oneModel}
		if at := strings.LastIndexByte(name, ':'); at > 0 {
			if verb, ok := verbs[name[at+1:]]; ok {
				a, name = verb, name[:at]
			}
		}
		a.model = name
		return a
	}
	return asked{}
}

// served is the path that is served without the slash at the end of this one, ""
// if there is none.
func served(path []byte) string {
	bare := bytes.TrimRight(path, "/")
	if len(bare) == len(path) {
		return ""
	}
	if e, ok := paths[string(bare)]; !ok || e >= laterPath {
		return ""
	}
	return string(bare)
}

// hasPair tells whether a query has exactly this name=value.
func hasPair(query []byte, pair string) bool {
	for part := range bytes.SplitSeq(query, []byte("&")) {
		if string(part) == pair {
			return true
		}
	}
	return false
}

const servedPaths = "POST /v1/chat/completions, /v1/responses, /v1/messages, /v1/messages/count_tokens, /v1/embeddings, " +
	"/v1beta/models/{model}:generateContent, :streamGenerateContent and :countTokens, and GET /v1/models, /v1/generation, /v1/report and /v1/credits"

// refuse is the problem of a path that is not served. Its query stays out of
// it: Google's clients may send their key there.
func (e endpoint) refuse(path []byte) *llm.Problem {
	const most = 200
	path, _, _ = bytes.Cut(path, []byte("?"))
	if len(path) > most {
		path = path[:most]
	}
	p := &llm.Problem{
		Kind: llm.NotFound, Code: "unknown_url",
		Message: "Unknown path " + string(path) + ". This gateway serves " + servedPaths + ".",
	}
	if bare := served(path); e == unknownPath && bare != "" {
		p.Message = "Unknown path " + string(path) + ". Leave out the slash at its end: " + bare + "."
		return p
	}
	switch e {
	case laterPath:
		p.Kind, p.Code = llm.NotImplemented, ""
		p.Message = "The endpoint " + string(path) + " is not served by this version of the gateway. It serves " + servedPaths + "."
	case legacyPath:
		p.Code = "legacy_endpoint"
		p.Message = "The legacy endpoint " + string(path) + " is not served. Use POST /v1/chat/completions."
	case statePath:
		p.Code = "nothing_stored"
		p.Message = "There is nothing at " + string(path) + ": this gateway stores no requests and no answers. Send the whole conversation with each request."
	}
	return p
}
