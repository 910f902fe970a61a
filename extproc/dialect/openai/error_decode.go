package openai

import (
	"net/http"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/fault"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// DecodeError reads a provider's error. Known forms, all of them seen behind
// "OpenAI-compatible": an error object (OpenAI, Together, Groq, DeepSeek), an
// error string, an array around either (Gemini), an object that is the error
// itself (vLLM, Mistral), FastAPI's detail (Mistral, vLLM), text and HTML. An
// error within a stream has status 200, unless its code is a status.
//
// The credential and its rights are the operator's affair: the text of 401 and
// 403 goes into Cause only.
func DecodeError(status int, header http.Header, body []byte) *llm.Problem {
	var r fault.Reader
	r.Read(body)
	report := r.Report(status, header)
	return report.Problem()
}
