package embedding_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/embedding"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func FuzzRequest(f *testing.F) {
	openAI().FuzzRequest(f, func(a, b *llm.Request) string {
		x, y := *a, *b
		x.Model, y.Model = "", ""
		return cmp.Diff(&x, &y, cmp.Comparer(llm.Opt[int64].Equal), cmp.AllowUnexported(llm.Opt[float64]{}, llm.Opt[bool]{}, llm.Opt[string]{}))
	})
}

func FuzzAnswer(f *testing.F)        { openAI().FuzzAnswer(f) }
func FuzzErrors(f *testing.F)        { openAI().FuzzErrors(f) }
func FuzzBedrockErrors(f *testing.F) { amazon().FuzzErrors(f) }

// Providers' answers become answers of OpenAI's, as many vectors in and out,
// in numbers and in base64.
func FuzzProviderAnswers(f *testing.F) {
	for _, s := range []interface {
		Inputs(testing.TB, string) []string
	}{google(), amazon()} {
		for _, in := range s.Inputs(f, "answer") {
			f.Add([]byte(in))
		}
	}
	client := embedding.OpenAI()
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, c := range []*dialect.Codec{embedding.Gemini(), embedding.Bedrock()} {
			_ = c.CheckAnswer(body, false)
			events, p := c.DecodeAnswer(body)
			if (p == nil) != (c.CheckAnswer(body, true) == nil) {
				t.Fatalf("%s: check and decode disagree", c.Name)
			}
			if p != nil {
				continue
			}
			for _, b64 := range []bool{false, true} {
				out := client.EncodeAnswer(nil, events, dialect.Reply{Model: "m", Base64: b64})
				if !json.Valid(out) {
					t.Fatalf("broken JSON %s", out)
				}
				again, p := client.DecodeAnswer(out)
				if p != nil || len(again) != len(events) {
					t.Fatalf("%s: %v", out, p)
				}
			}
		}
	})
}

// Base64 survives the way through numbers bit for bit.
func FuzzVectors(f *testing.F) {
	f.Add([]byte{0, 0, 128, 63, 1, 0, 0, 128})
	f.Fuzz(func(t *testing.T, data []byte) {
		data = data[:len(data)/4*4]
		for i := 0; i < len(data); i += 4 {
			if v := float64(math.Float32frombits(binary.LittleEndian.Uint32(data[i:]))); math.IsNaN(v) || math.IsInf(v, 0) {
				return
			}
		}
		if len(data) == 0 {
			return
		}
		text := base64.StdEncoding.EncodeToString(data)
		c := embedding.OpenAI()
		body := []byte(`{"data":[{"index":0,"embedding":"` + text + `"}]}`)
		for _, b64 := range []bool{false, true} {
			events, p := c.DecodeAnswer(body)
			if p != nil {
				t.Fatal(p)
			}
			body = c.EncodeAnswer(nil, events, dialect.Reply{Base64: b64})
		}
		var out struct{ Data []struct{ Embedding string } }
		if err := json.Unmarshal(body, &out); err != nil || out.Data[0].Embedding != text {
			t.Fatalf("%s became %s: %v", text, body, err)
		}
	})
}
