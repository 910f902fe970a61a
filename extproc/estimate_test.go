package extproc

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAnEstimateCountsAnImageByItselfAndNotByItsBytes(t *testing.T) {
	t.Parallel()
	image := func(size int) string {
		return `{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + strings.Repeat("A", size) + `"}}`
	}
	for name, tt := range map[string]struct {
		content    string
		from, upTo int
	}{
		"text":                 {`[{"type":"text","text":"` + strings.Repeat("word ", 200) + `"}]`, 250, 300},
		"an image":             {"[" + image(2000) + "]", imageTokens, imageTokens + 100},
		"an image of a tool's": {`[{"type":"tool_result","tool_use_id":"t","content":[` + image(2000) + `]}]`, imageTokens, imageTokens + 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTestService(t)
			c := newTalk(t.Context())
			c.in <- requestHead(false, ":method", "POST", ":authority", "127.0.0.1", ":path", "/v1/messages/count_tokens", "content-type", "application/json")
			c.in <- requestPiece(`{"model":"sim/chat","messages":[{"role":"user","content":`+tt.content+`}]}`, true)
			if err := s.router(c); err != nil {
				t.Fatal(err)
			}
			im := c.replies()[0].GetImmediateResponse()
			var answer struct {
				Tokens int `json:"input_tokens"`
			}
			if err := json.Unmarshal(im.GetBody(), &answer); err != nil || im.GetStatus().GetCode() != 200 {
				t.Fatalf("%v: %s", err, im.GetBody())
			}
			if answer.Tokens < tt.from || answer.Tokens > tt.upTo {
				t.Errorf("%d tokens, want %d to %d", answer.Tokens, tt.from, tt.upTo)
			}
		})
	}
}
