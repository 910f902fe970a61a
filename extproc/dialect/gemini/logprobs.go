package gemini

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// fromLogprobs writes a logprobsResult in the words of OpenAI chat, which the
// neutral model uses: alternatives stand in the token they compete with.
func fromLogprobs(raw []byte) llm.Raw {
	tops := elements(members.Find(raw, "topCandidates"))
	var o object
	o.Open()
	o.BeginArray("content")
	for i, chosen := range elements(members.Find(raw, "chosenCandidates")) {
		o.Open()
		o.token(chosen)
		o.BeginArray("top_logprobs")
		if i < len(tops) {
			for _, c := range elements(members.Find(tops[i], "candidates")) {
				o.Open()
				o.token(c)
				o.End()
			}
		}
		o.EndArray()
		o.End()
	}
	o.EndArray()
	o.End()
	return o.B
}

func (o *object) token(raw []byte) {
	text, _ := scan.Text(members.Find(raw, "token"))
	o.Text("token", text)
	o.Raw("logprob", numberOr0(members.Find(raw, "logProbability")))
	o.Raw("bytes", []byte("null"))
}

func numberOr0(raw []byte) []byte {
	if scan.KindOf(raw) != scan.Number {
		return []byte("0")
	}
	return raw
}

func elements(raw []byte) (list [][]byte) {
	w := scan.Over(raw)
	for ok := w.Array(); ok && w.Element(); {
		list = append(list, w.Value())
	}
	return list
}

// logprobs writes the log probabilities of one or more deltas as one
// logprobsResult.
func (o *object) logprobs(list []llm.Raw) {
	o.Begin("logprobsResult")
	o.BeginArray("chosenCandidates")
	tops := false
	each := func(visit func(token []byte)) {
		for _, raw := range list {
			for _, token := range elements(members.Find(raw, "content")) {
				visit(token)
			}
		}
	}
	each(func(token []byte) {
		o.candidateToken(token)
		tops = tops || len(elements(members.Find(token, "top_logprobs"))) > 0
	})
	o.EndArray()
	if tops {
		o.BeginArray("topCandidates")
		each(func(token []byte) {
			o.Open()
			o.BeginArray("candidates")
			for _, c := range elements(members.Find(token, "top_logprobs")) {
				o.candidateToken(c)
			}
			o.EndArray()
			o.End()
		})
		o.EndArray()
	}
	o.End()
}

func (o *object) candidateToken(raw []byte) {
	text, _ := scan.Text(members.Find(raw, "token"))
	o.Open()
	o.Text("token", text)
	o.Raw("logProbability", numberOr0(members.Find(raw, "logprob")))
	o.End()
}
