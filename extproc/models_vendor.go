package extproc

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// mostListed is the longest page that a client can ask for, at both vendors.
const mostListed = 1000

// anthropicModel is a model in Anthropic's list. Source: Anthropic API
// reference, "List Models".
type anthropicModel struct {
	Type        string `json:"type"`
	ID          string `json:"id"`
	DisplayName string `json:"display_name"`
	// CreatedAt is the epoch if the release is unknown, as Anthropic has it.
	CreatedAt string `json:"created_at"`
}

type anthropicPage struct {
	Data    []anthropicModel `json:"data"`
	HasMore bool             `json:"has_more"`
	FirstID *string          `json:"first_id"`
	LastID  *string          `json:"last_id"`
}

// anthropicList gives a page of the models that make answers, the newest first:
// limit of them, after after_id or before before_id.
func anthropicList(l listing) (any, *llm.Problem) {
	limit, p := l.number("limit", 20)
	if p != nil {
		return nil, p
	}
	models := l.answering()
	slices.SortStableFunc(models, func(a, b offer) int { return b.Created.Compare(a.Created) })
	after, before := l.query.Get("after_id"), l.query.Get("before_id")
	from, to := 0, len(models)
	switch {
	case after != "" && before != "":
		return nil, invalidQuery("before_id", "after_id and before_id cannot both be given.")
	case after != "":
		if from, p = cursor(models, "after_id", after); p != nil {
			return nil, p
		}
		from++
	case before != "":
		if to, p = cursor(models, "before_id", before); p != nil {
			return nil, p
		}
	}
	page := anthropicPage{Data: []anthropicModel{}, HasMore: to-from > limit}
	if before != "" {
		from = max(from, to-limit) // the page next to the cursor
	}
	to = min(to, from+limit)
	for i := from; i < to; i++ {
		page.Data = append(page.Data, anthropicModelOf(&models[i]))
	}
	if n := len(page.Data); n > 0 {
		page.FirstID, page.LastID = &page.Data[0].ID, &page.Data[n-1].ID
	}
	return page, nil
}

func cursor(models []offer, param, id string) (int, *llm.Problem) {
	i := slices.IndexFunc(models, func(o offer) bool { return o.Name == id })
	if i < 0 {
		return 0, invalidQuery(param, "There is no model "+strconv.QuoteToASCII(id)+" in this list.")
	}
	return i, nil
}

func anthropicModelOf(o *offer) anthropicModel {
	created := o.Created
	if created.IsZero() {
		created = time.Unix(0, 0)
	}
	return anthropicModel{Type: "model", ID: o.Name, DisplayName: o.Title, CreatedAt: created.UTC().Format(time.RFC3339)}
}

// geminiModel is a model in Gemini's list. Source: Gemini API reference,
// "Models".
type geminiModel struct {
	Name        string   `json:"name"` // models/…
	Version     string   `json:"version"`
	DisplayName string   `json:"displayName"`
	Input       int64    `json:"inputTokenLimit,omitempty"`
	Output      int64    `json:"outputTokenLimit,omitempty"`
	Methods     []string `json:"supportedGenerationMethods"`
	Thinking    bool     `json:"thinking,omitempty"`
}

type geminiPage struct {
	Models []geminiModel `json:"models"`
	Next   string        `json:"nextPageToken,omitempty"`
}

// geminiList gives a page of the models that make answers: pageSize of them,
// from where the token of the page before says.
func geminiList(l listing) (any, *llm.Problem) {
	size, p := l.number("pageSize", 50)
	if p != nil {
		return nil, p
	}
	models, from := l.answering(), 0
	if token := l.query.Get("pageToken"); token != "" {
		// The token is the last name of the page before, so that a change of the
		// catalog between two pages neither repeats a model nor loses one.
		from, _ = slices.BinarySearchFunc(models, token+"\x00", func(o offer, name string) int { return cmp.Compare(o.Name, name) })
	}
	page := geminiPage{Models: []geminiModel{}}
	to := min(len(models), from+size)
	for i := from; i < to; i++ {
		page.Models = append(page.Models, geminiModelOf(&models[i]))
	}
	if to < len(models) && to > from {
		page.Next = models[to-1].Name
	}
	return page, nil
}

// geminiModelOf names Google's own models without their creator, as its clients
// ask for them.
func geminiModelOf(o *offer) geminiModel {
	able, _ := o.able()
	m := geminiModel{
		Name: "models/" + strings.TrimPrefix(o.Name, "google/"), Version: "1", DisplayName: o.Title,
		Input: o.context(), Output: o.output(), Methods: []string{}, Thinking: able.Has(llm.NeedReasoning),
	}
	if !o.embeds() {
		m.Methods = []string{"generateContent", "countTokens"}
	}
	return m
}

// answering are the models that make answers.
func (l *listing) answering() []offer {
	return slices.DeleteFunc(slices.Clone(l.offers), func(o offer) bool { return o.embeds() })
}

// number reads the length of a page.
func (l *listing) number(param string, normal int) (int, *llm.Problem) {
	text := l.query.Get(param)
	if text == "" {
		return normal, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > mostListed {
		return 0, invalidQuery(param, param+" must be a whole number from 1 to "+strconv.Itoa(mostListed)+".")
	}
	return n, nil
}

func invalidQuery(param, message string) *llm.Problem {
	return &llm.Problem{Kind: llm.InvalidRequest, Param: param, Message: message}
}
