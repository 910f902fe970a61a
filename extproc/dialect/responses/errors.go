package responses

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// failedCodes are the codes of a failed response for which agents know what to
// do; all other failures are the server's.
var failedCodes = map[llm.Kind]string{
	llm.InvalidRequest: "invalid_prompt",
	llm.ContextLength:  "context_length_exceeded",
	llm.Unsupported:    "invalid_prompt",
	llm.Refused:        "invalid_prompt",
	llm.RateLimited:    "rate_limit_exceeded",
	llm.QuotaExceeded:  "insufficient_quota",
	llm.Overloaded:     "server_is_overloaded",
}

func failedCode(p *llm.Problem) string {
	if code := failedCodes[p.Kind]; code != "" {
		return code
	}
	return "server_error"
}

// errorMembers writes the members of an error event: as documented, and again as
// an error object, which is what the API sends and what clients raise.
func errorMembers(o *object, p *llm.Problem, generation string) {
	body := openai.EncodeError(p, generation)
	w := scan.Over(body)
	for ok := w.Object(); ok && w.Member(); {
		name := string(w.Key())
		value := w.Value()
		if name == "error" {
			inner := scan.Over(value)
			for ok := inner.Object(); ok && inner.Member(); {
				switch key := string(inner.Key()); key {
				case "code", "message", "param":
					o.Raw(key, inner.Value())
				}
			}
		}
		o.Raw(name, value)
	}
}

// EncodeStreamError gives a problem as the last events of a stream whose writer
// is not ours: an error event and response.failed.
func EncodeStreamError(p *llm.Problem, generation string) []byte {
	w := newWriter(dialect.Reply{Generation: generation})
	w.fail(p)
	return w.take()
}
