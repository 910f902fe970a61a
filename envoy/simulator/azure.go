package simulator

import (
	"cmp"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
)

// azure is OpenAI's API as Azure serves it by deployment (Azure OpenAI, "REST
// API reference"): the deployment stands in the path for the model, the version
// in the query, the key in a header of its own, and what is said has passed a
// content filter that reports on it.
var azure = dialect{
	name:          "azure",
	route:         azureRoute,
	authorize:     azureAuthorize,
	read:          azureRead,
	embed:         openAIEmbed,
	headers:       func(h http.Header, id string) { h.Set("Apim-Request-Id", id); h.Set("X-Ms-Region", "Sweden Central") },
	answer:        azureAnswer,
	events:        azureEvents,
	failure:       azureFailure,
	streamFailure: openAIStreamFailure,
	garbage:       openAI.garbage,
}

func azureRoute(r *Request) (route, bool) {
	path, query, _ := strings.Cut(r.Path, "?")
	_, rest, found := strings.Cut(path, "/openai/deployments/")
	deployment, operation, _ := strings.Cut(rest, "/")
	if plain, err := url.PathUnescape(deployment); err == nil {
		deployment = plain
	}
	rt := route{model: deployment, form: versionIn(query)}
	if operation == "embeddings" {
		rt.op = opEmbeddings
	}
	return rt, found && (operation == "chat/completions" || operation == "embeddings")
}

// versionIn is the api-version of a query.
func versionIn(query string) string {
	values, err := url.ParseQuery(query)
	if err != nil {
		return ""
	}
	return values.Get("api-version")
}

// azureKey takes a key of the resource or a token of Entra.
func azureKey(h http.Header) string {
	return cmp.Or(h.Get("Api-Key"), openAIKey(h))
}

func azureAuthorize(r *Request, c *Config) *failure { return c.compare(azureKey(r.Header)) }

func azureRead(rt route, r *Request) (ask, *failure) {
	if rt.form == "" {
		return ask{}, &failure{status: http.StatusNotFound, reason: unknownPath}
	}
	if rt.op == opEmbeddings {
		return embeddingRead("azure", rt, r)
	}
	return chatRead("azure", rt, r)
}

const azureFiltered = `{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},` +
	`"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}`

const azurePrompt = `"prompt_filter_results":[{"prompt_index":0,"content_filter_results":` + azureFiltered + `}]`

// azureAnswer is OpenAI's with what the filter found.
func azureAnswer(s *say) document {
	d := openAIAnswer(s)
	d.tail = append(d.tail[:len(d.tail)-1], `,`+azurePrompt+`}`...)
	return d
}

// azureEvents begins with a chunk that has no choice, nor anything else but
// what the filter found in the prompt.
func azureEvents(s *say) iter.Seq[event] {
	return func(yield func(event) bool) {
		if !yield(event{part: PartPrelude, data: []byte(`{"choices":[],"created":0,"id":"","model":"","object":"",` + azurePrompt + `}`)}) {
			return
		}
		openAIEvents(s)(yield)
	}
}

// azureFailure spells what Azure's front refuses in its own words, and the rest
// in OpenAI's.
func azureFailure(f *failure) []byte {
	var code, message string
	switch {
	case f.status == http.StatusUnauthorized:
		code, message = "401", "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active "+
			"subscription and use a correct regional API endpoint for your resource."
	case f.reason == unknownPath || f.reason == wrongMethod:
		code, message = "404", "Resource not found"
	case f.status == http.StatusNotFound:
		code, message = "DeploymentNotFound", "The API deployment for this resource does not exist. If you created the deployment within the last 5 "+
			"minutes, please wait a moment and try again."
	case f.status == http.StatusTooManyRequests:
		code, message = "429", fmt.Sprintf("Requests to the ChatCompletions_Create Operation under Azure OpenAI API version %s have exceeded call rate "+
			"limit of your current OpenAI S0 pricing tier. Please retry after %d seconds. Please go here: https://aka.ms/oai/quotaincrease if you would like "+
			"to further increase the default rate limit.", f.route.form, cmp.Or(f.retryAfter, 7))
	case f.reason == contentRefused:
		out := appendString([]byte(`{"error":{"message":`), cmp.Or(f.message, "The response was filtered due to the prompt triggering Azure OpenAI's content "+
			"management policy. Please modify your prompt and retry. To learn more about our content filtering policies please read our documentation: "+
			"https://go.microsoft.com/fwlink/?linkid=2198766"))
		out = appendString(append(out, `,"type":null,"param":"prompt","code":`...), cmp.Or(f.code, "content_filter"))
		return append(out, `,"status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":`+
			strings.Replace(azureFiltered, `false,"severity":"safe"`, `true,"severity":"high"`, 1)+`}}}`...)
	default:
		return openAIFailure(f)
	}
	out := appendString([]byte(`{"error":{"code":`), cmp.Or(f.code, code))
	return append(appendString(append(out, `,"message":`...), cmp.Or(f.message, message)), "}}"...)
}
