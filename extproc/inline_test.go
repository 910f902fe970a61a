package extproc

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/fetch"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// shelf gives every URL a picture of so many bytes of text.
type shelf int

func (s shelf) Get(context.Context, string) (fetch.Media, *llm.Problem) {
	return fetch.Media{Type: "image/png", Base64: strings.Repeat("A", int(s))}, nil
}

func showing(pictures int) *llm.Request {
	m := llm.Message{Parts: make([]llm.Part, pictures)}
	for i := range m.Parts {
		m.Parts[i].Media = &llm.Media{URL: "https://pictures.example/cat.png"}
	}
	return &llm.Request{Messages: []llm.Message{m}}
}

func TestWhatIsInlinedIsBoundedTogetherAndCountsAsHeld(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		pictures int
		most     int64
		room     int64 // of the process
		want     llm.Kind
		held     bool
	}{
		"what fits":                      {3, 300, 1000, 0, true},
		"more than a request may have":   {4, 300, 1000, llm.Unsupported, false},
		"more than the process may hold": {3, 300, 250, llm.Overloaded, false},
		"more pictures than are fetched": {maxInlined + 1, 1 << 20, 1 << 20, llm.Unsupported, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := New(Config{Logger: slog.New(slog.DiscardHandler), MaxExchanges: 1, MaxHeld: tt.room, Media: shelf(100)})
			rq := showing(tt.pictures)
			held, p := s.inline(t.Context(), rq, nil, tt.most)
			if (p == nil) != tt.held || p != nil && p.Kind != tt.want {
				t.Fatalf("problem %v", p)
			}
			if _, counted := s.Open(); counted != int64(held) || counted > min(tt.most, tt.room) {
				t.Errorf("%d bytes are held, %d are told", counted, held)
			}
			if last := rq.Messages[0].Parts[tt.pictures-1].Media; tt.held && (held != 100*tt.pictures || last.URL != "" || len(last.Base64) != 100) {
				t.Errorf("%d bytes held, the last picture is %+v", held, last)
			}
		})
	}
}

func TestClaudeOnVertexGetsPicturesByURLAsBytesFromItsOwnClientsToo(t *testing.T) {
	t.Parallel()
	const asking = `{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":%s}]}]}`
	byURL := fmt.Sprintf(asking, `{"type":"url","url":"https://pictures.example/cat.png"}`)
	byBytes := fmt.Sprintf(asking, `{"type":"base64","media_type":"image/png","data":"AAAA"}`)
	for name, tt := range map[string]struct {
		body     string
		platform dialect.Platform
		patched  bool
	}{
		"by URL, on Vertex":     {byURL, dialect.Vertex, false},
		"by URL, at Anthropic":  {byURL, dialect.Direct, true},
		"by bytes, on Vertex":   {byBytes, dialect.Vertex, true},
		"by bytes, at its own":  {byBytes, dialect.Direct, true},
		"the word in mere text": {`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"\"url\""}]}`, dialect.Vertex, true},
	} {
		codec := table.Codec(llm.Anthropic)
		env, p := codec.Scan([]byte(tt.body))
		if p != nil {
			t.Fatal(p)
		}
		x := &exchange{codec: codec, envelope: env}
		if got := x.patches([]byte(tt.body), codec, dialect.Target{Platform: tt.platform}); got != tt.patched {
			t.Errorf("%s: patched %v", name, got)
		}
	}
}
