package extproc

import (
	"strings"
	"testing"
	"testing/synctest"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/dragoman-gateway/dragoman/envoy"
)

const wholeAnswer = `{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}`

// answerOf is the message in which Envoy brings an express answer back; the
// status is the guard's word that it is the express attempt's own.
func answerOf(t *testing.T, status, body string) *extprocv3.ProcessingRequest {
	t.Helper()
	m := responsePiece(body, true)
	if status != "" {
		said, err := structpb.NewStruct(map[string]any{envoy.AnswerStatus: status})
		if err != nil {
			t.Fatal(err)
		}
		m.MetadataContext = &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{envoy.AnswerNamespace: said}}
	}
	return m
}

func TestAnExpressAnswerInAnotherDialectComesBackTranslated(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status, body string
		want         string // within what replaces the body; "" = it passes
		broken       bool
	}{
		"an answer":                       {"200", wholeAnswer, `"model":"sim/translated"`, false},
		"the client's own mistake":        {"400", `{"error":{"message":"no such voice","type":"invalid_request_error"}}`, `no such voice`, false},
		"an answer of a later attempt":    {"", wholeAnswer, "", false},
		"an answer that nobody can read":  {"200", `{"choices":[`, "", true},
		"an answer that is another thing": {"200", `[]`, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newTestService(t)
				c := newTalk(t.Context())
				c.in <- requestHead(false, ":method", "POST", ":authority", "127.0.0.1", ":path", "/v1/chat/completions", "content-type", "application/json", "content-length", "76")
				c.in <- requestPiece(`{"model":"sim/translated","messages":[{"role":"user","content":"Hi"}]}`, true)
				c.in <- answerOf(t, tt.status, tt.body)
				err := s.router(c)
				out := c.replies()
				if tt.broken {
					if err == nil || len(out) != 2 {
						t.Errorf("error %v, replies %v", err, out)
					}
					return
				}
				if err != nil || len(out) != 3 {
					t.Fatalf("error %v, replies %v", err, out)
				}
				got := string(out[2].GetResponseBody().GetResponse().GetBodyMutation().GetBody())
				if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
					t.Errorf("the client reads %q, want %q", got, tt.want)
				}
			})
		})
	}
}
