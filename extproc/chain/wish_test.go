package chain

import (
	"slices"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestAModelThatIsNotThereIsAnsweredWithWhereTheListIsAndNothingForbidden(t *testing.T) {
	t.Parallel()
	c := parse(t, `
providers: {one: {dialect: openai, base_url: "http://127.0.0.1:1"}}
models:
  acme/oss: {targets: [one]}
  zeta/oss: {targets: [one]}
  acme/chat: {targets: [one]}
  acme/chats: {targets: [one]}
`)
	missing := func(message string) *llm.Problem {
		return &llm.Problem{Kind: llm.NotFound, Code: "model_not_found", Param: "model", Message: message}
	}
	for _, tt := range []struct {
		name, asked, creator string
		allowed              []string // nil = all
		want                 string
		problem              *llm.Problem
	}{
		{name: "a public name", asked: "acme/oss", want: "acme/oss"},
		{name: "a bare name of the surface's creator", asked: "oss", creator: "zeta", want: "zeta/oss"},
		{name: "nothing is near", asked: "sim/nope", problem: missing(`there is no model "sim/nope"; GET /v1/models lists those that there are`)},
		{
			name: "some are near", asked: "acme/chatt",
			problem: missing(`there is no model "acme/chatt"; did you mean acme/chat, acme/chats? GET /v1/models lists those that there are`),
		},
		{
			name: "one that is near may be used", asked: "acme/chatt", allowed: []string{"acme/chats"},
			problem: missing(`there is no model "acme/chatt"; did you mean acme/chats? GET /v1/models lists those that there are`),
		},
		{
			name: "none that is near may be used", asked: "acme/chatt", allowed: []string{"zeta/oss"},
			problem: missing(`there is no model "acme/chatt"; GET /v1/models lists those that there are`),
		},
		{name: "several creators", asked: "oss", problem: missing(`several creators have a model "oss"; write one of acme/oss, zeta/oss`)},
		{
			name: "several creators, one of which may be used", asked: "oss", allowed: []string{"zeta/oss"},
			problem: missing(`several creators have a model "oss"; write one of zeta/oss`),
		},
		{
			name: "several creators, none of which may be used", asked: "oss", allowed: []string{"acme/chat"},
			problem: missing(`there is no model "oss"; GET /v1/models lists those that there are`),
		},
		{
			name: "a model that may not be used", asked: "chat", allowed: []string{"acme/oss"},
			problem: &llm.Problem{Kind: llm.Forbidden, Code: "model_not_allowed", Param: "model", Message: "This key may not use the model acme/chat."},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := Wish{Name: tt.asked, Creator: tt.creator, Param: "model"}
			if tt.allowed != nil {
				w.Allowed = func(model string) bool { return slices.Contains(tt.allowed, model) }
			}
			m, p := w.Find(c)
			if diff := diffProblem(tt.problem, p); diff != "" || (m == nil) != (p != nil) {
				t.Errorf("%v, problem differs (-want +got):\n%s", m, diff)
			}
			if m != nil && m.Name != tt.want {
				t.Errorf("found %s, want %s", m.Name, tt.want)
			}
		})
	}
}
