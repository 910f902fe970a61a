package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/http"
	"strconv"
	"strings"
)

// openAI is the chat completions API as OpenAI serves it (API reference,
// "Chat", "Embeddings" and "Models"), which most vendors copy.
var openAI = dialect{
	name:          "openai-chat",
	route:         openAIRoute,
	authorize:     openAIAuthorize,
	read:          openAIRead,
	models:        openAIModels,
	embed:         openAIEmbed,
	headers:       openAIHeaders,
	answer:        openAIAnswer,
	events:        openAIEvents,
	failure:       openAIFailure,
	streamFailure: openAIStreamFailure,
	garbage:       `{"id":"chatcmpl-broken","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"cont`,
}

func openAIRoute(r *Request) (route, bool) {
	path, _, _ := strings.Cut(r.Path, "?")
	switch {
	case strings.HasSuffix(path, "/chat/completions"):
		return route{op: opChat}, true
	case strings.HasSuffix(path, "/embeddings"):
		return route{op: opEmbeddings}, true
	case strings.HasSuffix(path, "/models"):
		return route{op: opModels, method: http.MethodGet}, true
	}
	return route{}, false
}

// openAIAuthorize takes a bearer token and, at the paths of Azure's form of
// this API, a key of the resource.
func openAIAuthorize(r *Request, c *Config) *failure {
	key := openAIKey(r.Header)
	if strings.Contains(r.Path, "/openai/") {
		key = azureKey(r.Header)
	}
	return c.compare(key)
}

// compare refuses a key that is not the one to expect.
func (c *Config) compare(key string) *failure {
	if c.Key == "" || key == string(c.Key) {
		return nil
	}
	return &failure{status: http.StatusUnauthorized, reason: wrongKey, subject: key}
}

func openAIKey(h http.Header) string {
	scheme, key, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return key
}

func openAIHeaders(h http.Header, id string) {
	h.Set("Openai-Version", "2020-10-01")
	h.Set("Openai-Organization", "simulated")
	h.Set("X-Request-Id", "req_"+id)
	h.Set("X-Ratelimit-Limit-Requests", "10000")
	h.Set("X-Ratelimit-Remaining-Requests", "9999")
	h.Set("X-Ratelimit-Reset-Requests", "6ms")
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func openAIRead(rt route, r *Request) (ask, *failure) {
	if rt.op == opEmbeddings {
		return embeddingRead("openai-chat", rt, r)
	}
	return chatRead("openai-chat", rt, r)
}

// chatRead understands a chat request of the dialect of a name. Its messages
// are walked over, not decoded, unless they need a closer look.
func chatRead(name string, rt route, r *Request) (ask, *failure) {
	a := ask{route: rt}
	var messages, format []byte
	ok := members(r.Body, func(name string, value []byte) bool {
		switch name {
		case "model":
			if rt.model == "" {
				a.model, _ = unquote(value)
			}
		case "messages":
			messages = value
		case "stream":
			a.stream = string(value) == "true"
		case "stream_options":
			members(value, func(name string, value []byte) bool {
				a.wantsUsage = a.wantsUsage || name == "include_usage" && string(value) == "true"
				return true
			})
		case "max_tokens", "max_completion_tokens":
			a.limit, _ = strconv.Atoi(string(value))
		case "tools":
			a.tools = func() []tool { return openAITools(value) }
		case "tool_choice":
			a.choice = openAIChoice(value)
		case "response_format":
			format = value
		case "stop":
			var stops stringOrList
			if json.Unmarshal(value, &stops) == nil {
				a.stops = stops
			}
		case "sim":
			a.sim = value
		}
		return true
	})
	bad := func(r reason, subject string) (ask, *failure) {
		return a, &failure{status: http.StatusBadRequest, reason: r, subject: subject}
	}
	switch {
	case !ok:
		return bad(notJSON, "")
	case a.model == "":
		return bad(missingField, "model")
	case messages == nil:
		return bad(missingField, "messages")
	}
	if a.quote, ok = openAIQuote(messages); !ok {
		return bad(missingField, "messages")
	}
	a.wantsUsage = a.wantsUsage && a.stream
	a.prompt = int64(len(messages)+3) / 4
	a.seed = uint64(crc32.Checksum(messages, castagnoli))
	a.hear = func() *Heard { h, _ := openAIHear(name, a.model, r.Body); return h }
	f := a.lookCloser(name, r.Body, messages, format)
	return a, f
}

// lookCloser decodes a chat request that has more in it than texts.
func (a *ask) lookCloser(name string, body, messages, format []byte) *failure {
	var f chatFormat
	if json.Unmarshal(format, &f) == nil {
		a.schema, a.wantsJSON = f.JSONSchema.Schema, f.Type == "json_object"
	}
	tools := bytes.Contains(messages, []byte(`"tool`))
	if !tools && !bytes.Contains(messages, []byte(markerOpen)) {
		return nil
	}
	h, all := openAIHear(name, a.model, body)
	if len(h.User) > maxUser {
		return userTooLong(h.User)
	}
	heard := h.reading(a.route, nil)
	a.results, a.marker = heard.results, heard.marker
	return openAIOrder(all)
}

// quoteBytes is how much of a message is read to quote it.
const quoteBytes = 1 << 10

// openAIQuote finds the text of the last message of the user; "" if there is
// none. It reports whether messages are a list that holds anything.
func openAIQuote(messages []byte) (string, bool) {
	var all [][]byte
	if !elements(messages, func(m []byte) { all = append(all, m) }) || len(all) == 0 {
		return "", false
	}
	for i := len(all) - 1; i >= 0; i-- {
		var role string
		var content []byte
		members(all[i], func(name string, value []byte) bool {
			switch name {
			case "role":
				role, _ = unquote(value)
			case "content":
				content = value
			}
			return true
		})
		if role == "user" {
			return openAIText(content), true
		}
	}
	return "", true
}

// openAIText is the beginning of a content that is a string or a list of parts.
func openAIText(content []byte) string {
	text := opening(content, quoteBytes)
	elements(content, func(part []byte) {
		members(part, func(name string, value []byte) bool {
			if name == "text" && text == "" {
				text = opening(value, quoteBytes)
			}
			return true
		})
	})
	return text
}

// openAIChoice reads tool_choice: a word, or an object that names a function.
func openAIChoice(value []byte) string {
	var named struct{ Function struct{ Name string } }
	if json.Unmarshal(value, &named) == nil && named.Function.Name != "" {
		return named.Function.Name
	}
	if string(value) == `"required"` {
		return "*"
	}
	return ""
}

func openAITools(raw []byte) (all []tool) {
	var list []struct {
		Function struct {
			Name       string
			Parameters json.RawMessage
		}
	}
	// Tools of other kinds have no function and are passed over.
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	for _, t := range list {
		if t.Function.Name != "" {
			all = append(all, tool{t.Function.Name, t.Function.Parameters})
		}
	}
	return all
}

func openAIModels(owner string, created int64, ids []string) []byte {
	out := []byte(`{"object":"list","data":[`)
	for i, id := range ids {
		if i > 0 {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, `{"id":%s,"object":"model","created":%d,"owned_by":%s}`,
			appendString(nil, id), created, appendString(nil, owner))
	}
	return append(out, "]}"...)
}
