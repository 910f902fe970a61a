package simulator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/google/go-cmp/cmp"
)

// frames decodes an event stream with Amazon's decoder: a line for each message
// with its headers and payload.
func frames(stream []byte) (lines []string, err error) {
	r, d := bytes.NewReader(stream), eventstream.NewDecoder()
	for {
		m, err := d.Decode(r, nil)
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		var b strings.Builder
		for _, h := range m.Headers {
			fmt.Fprintf(&b, "%s=%s ", h.Name, h.Value)
		}
		lines = append(lines, b.String()+string(m.Payload))
	}
}

func TestAmazonsDecoderReadsEveryFrame(t *testing.T) {
	stream := appendJSONEvent(nil, "messageStart", []byte(`{"role":"assistant"}`))
	stream = appendJSONEvent(stream, "messageStop", nil)
	stream = appendMessage(stream, nil, []byte("bare"))
	stream = appendMessage(stream, []eventHeader{{"n", ""}}, bytes.Repeat([]byte("x"), 1<<20))
	stream = appendException(stream, "throttlingException", []byte(`{"message":"m"}`))
	got, err := frames(stream)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{
		`:event-type=messageStart :content-type=application/json :message-type=event {"role":"assistant"}`,
		`:event-type=messageStop :content-type=application/json :message-type=event `,
		`bare`, `n= ` + strings.Repeat("x", 1<<20),
		`:exception-type=throttlingException :content-type=application/json :message-type=exception {"message":"m"}`,
	}, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzFramesSurviveAmazonsDecoderAndNoChangeGoesUnnoticed(f *testing.F) {
	f.Add("contentBlockDelta", []byte(`{"delta":{"text":"x"}}`), 3, byte(1))
	f.Add("e", []byte{}, 12, byte(0x80))
	f.Fuzz(func(t *testing.T, kind string, payload []byte, at int, change byte) {
		if len(kind) > 1<<10 || len(payload) > 1<<16 {
			t.Skip()
		}
		one := appendJSONEvent(nil, kind, payload)
		two := appendJSONEvent(bytes.Clone(one), kind, payload)
		got, err := frames(two)
		want := ":event-type=" + kind + " :content-type=application/json :message-type=event " + string(payload)
		if err != nil || len(got) != 2 || got[0] != want || got[1] != want || !bytes.Equal(two[:len(one)], one) {
			t.Fatalf("%v: %q", err, got)
		}
		if at < 0 || at >= len(one) || change == 0 {
			return
		}
		one[at] ^= change
		if got, err := frames(one); err == nil && len(got) > 0 {
			t.Errorf("byte %d changed by %x reads as %q", at, change, got)
		}
	})
}

func TestEveryStreamOfBedrockIsFramed(t *testing.T) {
	p := New(Config{Name: "acme", Now: noon})
	body := func(script string) Request {
		return Request{
			Method: http.MethodPost, Path: "/model/" + claudeID + "/converse-stream",
			Body: []byte(`{"messages":[{"role":"user","content":[{"text":"Tell me of camels"}]}],"sim":{"*":{` + script + `}}}`),
		}
	}
	for script, last := range map[string]string{
		``: "metadata", `"events":200`: "metadata", `"tools":3,"reasoning":2,"events":2`: "metadata", `"size":100000`: "metadata", `"truncate":true`: "contentBlockDelta",
		`"error_mid":true`: "modelStreamErrorException", `"malformed":true`: "metadata", `"malformed_mid":true`: "metadata", `"no_usage":true`: "metadata",
		`"error_first":true,"code":"ThrottlingException"`: "throttlingException", `"tools":2,"arguments":"whole"`: "metadata",
		`"tools":2,"arguments":"first"`: "metadata", `"tools":2,"arguments":"last"`: "metadata", `"tools":2,"arguments":"empty"`: "metadata",
	} {
		got, err := frames(p.Body(body(script)))
		if err != nil || len(got) == 0 || !strings.Contains(strings.SplitN(got[len(got)-1], " ", 2)[0], last) {
			t.Errorf("%s: %v: %q", script, err, got)
		}
		for _, line := range got {
			payload := line[strings.IndexByte(line, '{'):]
			if isObject([]byte(payload)) == (payload == bedrockGarbage) {
				t.Errorf("%s: payload %q", script, payload)
			}
		}
	}
}
