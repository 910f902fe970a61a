package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// bedrock is Amazon Bedrock's runtime API (Bedrock API Reference, "Amazon
// Bedrock Runtime"): Converse for conversations, InvokeModel for embeddings.
var bedrock = dialect{
	name:           "bedrock",
	route:          bedrockRoute,
	authorize:      bedrockAuthorize,
	read:           bedrockRead,
	models:         bedrockModels,
	count:          bedrockCount,
	embed:          bedrockEmbed,
	headers:        bedrockHeaders,
	failureHeaders: bedrockFailureHeaders,
	embedHeaders:   bedrockEmbedHeaders,
	revise:         bedrockRevise,
	blocks:         true,
	retryInBody:    true,
	answer:         bedrockAnswer,
	events:         bedrockEvents,
	failure:        bedrockFailure,
	streamFailure:  bedrockStreamFailure,
	garbage:        bedrockGarbage,
	garble:         bedrockGarble,
}

const bedrockGarbage = `{"contentBlockIndex":0,"delta":{"te`

// Forms of InvokeModel: whose embeddings they are.
const (
	bedrockTitan  = "titan"
	bedrockCohere = "cohere"
)

// bedrockRoute knows /model/{id}/{operation}, where the id is one segment and
// whatever it holds is escaped, and the list of models, which in truth another
// host serves.
func bedrockRoute(r *Request) (route, bool) {
	path, _, _ := strings.Cut(r.Path, "?")
	if strings.HasSuffix(path, "/foundation-models") {
		return route{op: opModels, method: http.MethodGet}, true
	}
	_, rest, found := strings.Cut(path, "/model/")
	id, operation, cut := cutLast(rest, "/")
	if !found || !cut || id == "" {
		return route{}, false
	}
	rt := route{model: decodePath(id), form: operation}
	switch operation {
	case "converse":
	case "converse-stream":
		rt.stream = true
		rt.framing = wire{mediaType: "application/vnd.amazon.eventstream", bare: true}
	case "count-tokens":
		rt.op = opCount
	case "invoke":
		rt.op = opEmbeddings
		if rt.form = bedrockTitan; strings.Contains(rt.model, "cohere.embed") {
			rt.form = bedrockCohere
		}
	default:
		return route{}, false
	}
	return rt, true
}

// claude tells whether the model of a route is Anthropic's, whose own rules
// apply then.
func (rt route) claude() bool { return strings.Contains(rt.model, "anthropic.claude") }

// bedrockAuthorize takes an API key as a bearer token, or a signature.
func bedrockAuthorize(r *Request, c *Config) *failure {
	header := r.Header.Get("Authorization")
	deny := func(kind, message string) *failure {
		return &failure{status: http.StatusForbidden, reason: wrongKey, subject: kind, detail: message}
	}
	if token := bearer(r.Header); token != "" {
		if c.Key == "" && len(c.AccessKeys) == 0 || c.Key != "" && token == string(c.Key) {
			return nil
		}
		return deny("AccessDeniedException", "Authentication failed: Please make sure your API Key is valid.")
	}
	if header == "" && c.Key == "" && len(c.AccessKeys) == 0 {
		return nil
	}
	var bad *sigV4Failure
	if len(c.AccessKeys) > 0 || c.Key != "" {
		bad = verifySigV4(r, "bedrock", c.AccessKeys, c.Now())
	} else {
		_, bad = parseSigV4(header)
	}
	if bad != nil {
		return deny(bad.kind, bad.message)
	}
	return nil
}

func bedrockHeaders(h http.Header, id string) { h.Set("X-Amzn-Requestid", requestID(id)) }

// requestID makes a UUID of an id.
func requestID(id string) string {
	sum := sha256.Sum256([]byte(id))
	text := hex.EncodeToString(sum[:16])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// bedrockEmbedHeaders carries the only count that some models' answers have.
func bedrockEmbedHeaders(h http.Header, e *embedding) {
	h.Set("X-Amzn-Requestid", requestID(e.model))
	h.Set("X-Amzn-Bedrock-Input-Token-Count", strconv.FormatInt(e.tokens, 10))
	h.Set("X-Amzn-Bedrock-Invocation-Latency", "1")
}

func bedrockModels(_ string, _ int64, ids []string) []byte {
	out := []byte(`{"modelSummaries":[`)
	for i, id := range ids {
		if i > 0 {
			out = append(out, ',')
		}
		vendor, _, _ := strings.Cut(id, ".")
		output := "TEXT"
		if strings.Contains(id, "embed") {
			output = "EMBEDDING"
		}
		out = fmt.Appendf(out, `{"modelArn":%s,"modelId":%s,"modelName":%s,"providerName":%s,"inputModalities":["TEXT"],"outputModalities":[%q],`+
			`"responseStreamingSupported":%t,"customizationsSupported":[],"inferenceTypesSupported":["ON_DEMAND"],"modelLifecycle":{"status":"ACTIVE"}}`,
			appendString(nil, "arn:aws:bedrock:us-east-1::foundation-model/"+id), appendString(nil, id), appendString(nil, id),
			appendString(nil, vendor), output, output == "TEXT")
	}
	return append(out, "]}"...)
}

func bedrockCount(a *ask) []byte {
	return append(strconv.AppendInt([]byte(`{"inputTokens":`), a.prompt, 10), '}')
}
