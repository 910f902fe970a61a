package embedding

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// How many texts one call takes (Gemini API, "Embeddings"; Vertex AI, "Text
// embeddings API").
const (
	geminiBatch    = 100
	vertexBatch    = 250
	vertexGemini   = "gemini-embedding-001" // one at a time
	geminiPrefix   = "gemini"
	maasWord       = "maas"
	modelsPrefix   = "models/"
	vertexModels   = "/publishers/google/models/"
	retrievedTexts = "RETRIEVAL_DOCUMENT"
)

// way is one of Google's three methods.
type way uint8

const (
	batch   way = iota // Gemini API: batchEmbedContents
	predict            // Vertex AI: predict
	single             // Vertex AI: embedContent, for the newer models
)

func wayOf(t dialect.Target) way {
	id := bareID(t.ID)
	switch {
	case t.Platform != dialect.Vertex:
		return batch
	case strings.Contains(id, geminiPrefix) && id != vertexGemini, strings.Contains(id, maasWord):
		return single
	}
	return predict
}

func bareID(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

func geminiPath(_ *dialect.Envelope, t dialect.Target) string {
	id := url.PathEscape(bareID(t.ID))
	switch wayOf(t) {
	case predict:
		return vertexModels + id + ":predict"
	case single:
		return vertexModels + id + ":embedContent"
	}
	return "/" + modelsPrefix + id + ":batchEmbedContents"
}

func encodeGemini(dst []byte, r *llm.Request, t dialect.Target) ([]byte, []string, *llm.Problem) {
	e, p := embedOf(r)
	if p == nil {
		p = texts(e)
	}
	way := wayOf(t)
	switch {
	case p != nil:
	case way == single, way == predict && bareID(t.ID) == vertexGemini:
		p = atMost(e, 1)
	case way == predict:
		p = atMost(e, vertexBatch)
	default:
		p = atMost(e, geminiBatch)
	}
	if p != nil {
		return dst, nil, p
	}
	d := drops{}
	if e.Title != "" && e.Task != retrievedTexts {
		d.name("title")
	}
	o := newObject(dst)
	o.Open()
	switch way {
	case batch:
		o.BeginArray("requests")
		for i := range e.Inputs {
			o.Open()
			o.Text("model", modelsPrefix+bareID(t.ID))
			o.content(e.Inputs[i].Text)
			o.settings(e, "taskType")
			o.OptInt("outputDimensionality", e.Dimensions)
			o.End()
		}
		o.EndArray()
	case predict:
		o.predict(e)
	case single:
		o.content(e.Inputs[0].Text)
		o.Begin("embedContentConfig")
		o.settings(e, "taskType")
		o.OptInt("outputDimensionality", e.Dimensions)
		o.Raw("autoTruncate", []byte("false"))
		o.End()
	}
	o.End()
	d.foreign(r)
	return o.B, d.names, nil
}

func (o *object) predict(e *llm.Embed) {
	o.BeginArray("instances")
	for i := range e.Inputs {
		o.Open()
		o.Text("content", e.Inputs[i].Text)
		o.settings(e, "task_type")
		o.End()
	}
	o.EndArray()
	o.Begin("parameters")
	o.OptInt("outputDimensionality", e.Dimensions)
	o.Raw("autoTruncate", []byte("false")) // an input that is cut unseen has another vector
	o.End()
}

func (o *object) content(text string) {
	o.Begin("content")
	o.BeginArray("parts")
	o.Open()
	o.Text("text", text)
	o.End()
	o.EndArray()
	o.End()
}

func (o *object) settings(e *llm.Embed, task string) {
	o.TextIf(task, e.Task)
	if e.Task == retrievedTexts {
		o.TextIf("title", e.Title)
	}
}

// readGemini reads the answers of all three methods.
func readGemini(body []byte) *answer {
	a := &answer{usage: geminiUsage(findGeminiUsage(body))}
	w := scan.Over(body)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "embedding":
			a.add(0, members.Find(w.Value(), "values"))
		case "embeddings":
			ok := w.Array()
			for i := 0; ok && w.Element(); i++ {
				a.add(i, members.Find(w.Value(), "values"))
			}
		case "predictions":
			ok := w.Array()
			for i := 0; ok && w.Element(); i++ {
				a.add(i, members.Find(members.Find(w.Value(), "embeddings"), "values"))
			}
		case "error":
			a.failed = true
		}
	}
	return a
}

// findGeminiUsage gives usageMetadata; predict counts each text beside its
// vector instead, and gets such an object with their sum.
func findGeminiUsage(body []byte) []byte {
	if usage := members.Find(body, "usageMetadata"); usage != nil {
		return usage
	}
	sum, told := int64(0), false
	w := scan.Over(members.Find(body, "predictions"))
	for ok := w.Array(); ok && w.Element(); {
		statistics := members.Find(members.Find(w.Value(), "embeddings"), "statistics")
		if n, ok := scan.Float(members.Find(statistics, "token_count")); ok && llm.Count(int64(n)).Set() {
			sum, told = sum+int64(n), true
		}
	}
	if !told {
		return nil
	}
	return append(strconv.AppendInt([]byte(`{"promptTokenCount":`), sum, 10), '}')
}

func geminiUsage(raw []byte) *llm.Usage {
	n, ok := scan.Int(members.Find(raw, "promptTokenCount"))
	if !ok || !llm.Count(n).Set() {
		return nil
	}
	return &llm.Usage{Input: llm.Count(n)}
}
