package dialect

import (
	"slices"
	"strings"
)

// effortWords are all words for an effort, from the least on.
var effortWords = []string{"none", "minimal", "low", "medium", "high", "xhigh", "max"}

// efforts are the words that OpenAI's models take, by how their ids begin; no
// words = the model does not think and refuses the member ("Reasoning models",
// model pages). Ids that are not told apart take what most do. Models that take
// "none" have it in place of "minimal".
var efforts = []struct{ id, least, most string }{
	{"gpt-5-pro", "high", "high"},
	{"gpt-5.1-codex-max", "none", "xhigh"},
	{"gpt-5.1", "none", "high"},
	{"gpt-5.", "none", "xhigh"},
	{"gpt-5", "minimal", "high"},
	{"o1", "low", "high"},
	{"o3", "low", "high"},
	{"o4", "low", "high"},
	{"gpt-oss", "low", "high"},
	{"gpt-4", "", ""},
	{"gpt-3", "", ""},
	{"chatgpt", "", ""},
}

// OpenAIEffort is the word nearest to an effort that one of OpenAI's models
// takes, "" if it must be left out: none where the model has no such word. A
// word that is not known here stays as it is. thinks is false for models that
// refuse any.
func OpenAIEffort(id, word string) (fitting string, thinks bool) {
	least, most := "low", "high"
	id = id[strings.LastIndexByte(id, '/')+1:]
	for _, m := range efforts {
		if strings.HasPrefix(id, m.id) {
			least, most = m.least, m.most
			break
		}
	}
	at := slices.Index(effortWords, word)
	switch {
	case least == "":
		return "", false
	case at < 0:
		return word, true
	}
	if word == "minimal" && least == "none" {
		return "low", true
	}
	fit := min(max(at, slices.Index(effortWords, least)), slices.Index(effortWords, most))
	if fit != at && word == "none" {
		return "", true
	}
	return effortWords[fit], true
}
