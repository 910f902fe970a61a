package simulator

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// gemini is Google's Gemini API (ai.google.dev, "API reference", v1beta) and
// the same models on Vertex AI (cloud.google.com, "Gemini API in Vertex AI").
// Both speak ProtoJSON over HTTP; where they differ, the route's form tells.
var gemini = dialect{
	name:          "gemini",
	route:         geminiRoute,
	authorize:     geminiAuthorize,
	read:          geminiRead,
	models:        geminiModels,
	count:         geminiCount,
	embed:         geminiEmbed,
	headers:       geminiHeaders,
	revise:        geminiRevise,
	blocks:        true,
	retryInBody:   true,
	answer:        geminiAnswer,
	events:        geminiEvents,
	failure:       geminiFailure,
	streamFailure: geminiStreamFailure,
	garbage:       `{"candidates": [{"content": {"parts": [{"text": "Hel`,
}

// Forms of a Gemini route: whose API it is, and the verb.
const (
	geminiVertex = "vertex "
	geminiDirect = "gemini "
)

// onVertex tells whether a route is Vertex AI's.
func (rt route) onVertex() bool { return strings.HasPrefix(rt.form, geminiVertex) }

// verb is what the route's path ends with.
func (rt route) verb() string {
	_, verb, _ := strings.Cut(rt.form, " ")
	return verb
}

// geminiVerbs are the methods of a model.
var geminiVerbs = map[string]operation{
	"generateContent": opChat, "streamGenerateContent": opChat, "countTokens": opCount,
	"embedContent": opEmbeddings, "batchEmbedContents": opEmbeddings, "predict": opEmbeddings,
}

// geminiRoute knows …/models/{model}:{verb} of both APIs and the list of
// models. That list is also OpenAI's path: it is Gemini's under a version that
// only Gemini has, or with a key as only Gemini takes it.
func geminiRoute(r *Request) (route, bool) {
	path, query, _ := strings.Cut(r.Path, "?")
	rt := route{form: geminiDirect}
	if prefix, ok := strings.CutSuffix(path, "/models"); ok && !strings.HasSuffix(prefix, "/openai") {
		own := strings.HasSuffix(prefix, "/v1beta") || r.Header.Get("X-Goog-Api-Key") != "" || queryValue(query, "key") != ""
		rt.op, rt.method = opModels, http.MethodGet
		return rt, own
	}
	i := strings.LastIndex(path, "/models/")
	if i < 0 {
		return rt, false
	}
	model, verb, found := cutLast(path[i+len("/models/"):], ":")
	op, known := geminiVerbs[verb]
	if !found || !known || model == "" {
		return rt, false
	}
	switch prefix := path[:i]; {
	case strings.HasSuffix(prefix, "/publishers/google"):
		rt.form = geminiVertex
		if verb == "batchEmbedContents" {
			return rt, false
		}
	case strings.Contains(prefix, "/publishers/") || verb == "predict":
		return rt, false
	}
	rt.op, rt.form = op, rt.form+verb
	rt.model = decodePath(model)
	rt.stream = verb == "streamGenerateContent"
	rt.framing = wire{crlf: true}
	if rt.stream && queryValue(query, "alt") != "sse" {
		rt.framing = wire{mediaType: "application/json; charset=UTF-8", array: true}
	}
	return rt, true
}

// cutLast cuts a text around the last separator.
func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// decodePath decodes percent escapes; what is no escape stays as it is.
func decodePath(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// queryValue is the first value of a query parameter.
func queryValue(query, name string) string {
	values, err := url.ParseQuery(query)
	if err != nil { // what could be read is in values
		return values.Get(name)
	}
	return values.Get(name)
}

// geminiAuthorize takes the key from a header of Google's own, from the query
// or as a bearer token, which is what Vertex AI takes.
func geminiAuthorize(r *Request, c *Config) *failure {
	_, query, _ := strings.Cut(r.Path, "?")
	key := r.Header.Get("X-Goog-Api-Key")
	if key == "" {
		key = queryValue(query, "key")
	}
	if key == "" {
		key = bearer(r.Header)
	}
	if c.Key == "" || key == string(c.Key) {
		return nil
	}
	status := http.StatusBadRequest
	rt, _ := geminiRoute(r)
	switch {
	case rt.onVertex():
		status = http.StatusUnauthorized
	case key == "":
		status = http.StatusForbidden
	}
	return &failure{status: status, reason: wrongKey, subject: key}
}

// bearer is the token of an Authorization header of that scheme (RFC 6750).
func bearer(h http.Header) string {
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return token
}

func geminiHeaders(h http.Header, _ string) {
	h.Set("Server", "scaffolding on HTTPServer2")
	h.Set("Server-Timing", "gfet4t7; dur=1")
	h.Set("X-Content-Type-Options", "nosniff")
	h["Vary"] = []string{"Origin", "X-Origin", "Referer"}
}

// geminiRevise gives failures the status that this vendor gives them.
func geminiRevise(f *failure) {
	switch f.reason {
	case payloadTooLarge:
		f.status = http.StatusBadRequest
	case wrongMethod:
		f.status = http.StatusNotFound
	}
}

func geminiModels(_ string, _ int64, ids []string) []byte {
	out := []byte(`{"models":[`)
	for i, id := range ids {
		if i > 0 {
			out = append(out, ',')
		}
		verbs := `"generateContent","countTokens"`
		if strings.Contains(id, "embedding") {
			verbs = `"embedContent","batchEmbedContents"`
		}
		out = fmt.Appendf(out, `{"name":%s,"version":"001","displayName":%s,"inputTokenLimit":%d,"outputTokenLimit":%d,`+
			`"supportedGenerationMethods":[%s],"temperature":1,"topP":0.95,"topK":64,"maxTemperature":2}`,
			appendString(nil, "models/"+id), appendString(nil, id), geminiContext, geminiOutput, verbs)
	}
	return append(out, "]}"...)
}

// geminiContext and geminiOutput are the limits of a model, in tokens.
const (
	geminiContext = 1_048_576
	geminiOutput  = 65_536
)

// geminiThree tells whether a model is of the third generation, which demands
// thought signatures.
func geminiThree(model string) bool { return strings.Contains(model, "gemini-3") }

// geminiSkips are the signatures that Google documents for calls which the
// model has not made itself; they are never verified.
var geminiSkips = []string{"skip_thought_signature_validator", "context_engineering_is_the_way_to_go"}

// geminiSkipped tells whether a signature is one of geminiSkips.
func geminiSkipped(signature []byte) bool {
	return slices.ContainsFunc(geminiSkips, func(word string) bool {
		data, _ := decodeBase64(word) // the words are base64
		return bytes.Equal(data, signature)
	})
}
