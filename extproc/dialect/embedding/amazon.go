package embedding

import (
	"slices"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// amazonModel is a family of embedding models on Bedrock (user guide,
// "Inference request parameters").
type amazonModel struct {
	word       string // in the model's id
	batch      int    // texts in one call
	dimensions []int64
	cohere     bool
	// sized: the dimensions can be chosen; else they are those of the model.
	sized bool
}

// cohereBatch is how many texts Cohere's models take in one call.
const cohereBatch = 96

var amazonModels = []amazonModel{
	{word: "titan-embed-text-v2", batch: 1, dimensions: []int64{1024, 512, 256}, sized: true},
	{word: "titan-embed-text-v1", batch: 1, dimensions: []int64{1536}},
	{word: "titan-embed-g1-text", batch: 1, dimensions: []int64{1536}},
	{word: "cohere.embed-v4", batch: cohereBatch, dimensions: []int64{1536, 1024, 512, 256}, cohere: true, sized: true},
	{word: "cohere.embed-english-v3", batch: cohereBatch, dimensions: []int64{1024}, cohere: true},
	{word: "cohere.embed-multilingual-v3", batch: cohereBatch, dimensions: []int64{1024}, cohere: true},
}

func amazonModelOf(id string) (*amazonModel, *llm.Problem) {
	for i := range amazonModels {
		if strings.Contains(id, amazonModels[i].word) {
			return &amazonModels[i], nil
		}
	}
	return nil, unsupported("model", "this model's way of embedding is not known here")
}

// inputTypes are Cohere's words for Gemini's tasks. It wants one; a client that
// says nothing fills an index more often than it asks one.
var inputTypes = map[string]string{
	"RETRIEVAL_QUERY": "search_query", "QUESTION_ANSWERING": "search_query", "CODE_RETRIEVAL_QUERY": "search_query",
	"CLASSIFICATION": "classification", "CLUSTERING": "clustering",
}

const defaultInputType = "search_document"

func encodeBedrock(dst []byte, r *llm.Request, t dialect.Target) ([]byte, []string, *llm.Problem) {
	m, p := amazonModelOf(t.ID)
	if p != nil {
		return dst, nil, p
	}
	e, p := embedOf(r)
	if p == nil {
		p = texts(e)
	}
	if p == nil {
		p = atMost(e, m.batch)
	}
	if p == nil {
		p = m.fits(e)
	}
	if p != nil {
		return dst, nil, p
	}
	d := drops{}
	o := newObject(dst)
	o.Open()
	if m.cohere {
		o.cohere(e, m)
		if e.Task != "" && e.Task != retrievedTexts && inputTypes[e.Task] == "" {
			d.name("task")
		}
	} else {
		o.Text("inputText", e.Inputs[0].Text)
		if m.sized {
			o.OptInt("dimensions", e.Dimensions)
		}
		if e.Task != "" {
			d.name("task")
		}
	}
	o.End()
	if e.Title != "" {
		d.name("title")
	}
	d.foreign(r)
	return o.B, d.names, nil
}

// fits refuses dimensions that the model does not have: a vector of another size
// is of no use to who asked.
func (m *amazonModel) fits(e *llm.Embed) *llm.Problem {
	n, ok := e.Dimensions.Get()
	if !ok || slices.Contains(m.dimensions, n) {
		return nil
	}
	return unsupported("dimensions", "the target has no embeddings of "+strconv.FormatInt(n, 10)+" dimensions")
}

func (o *object) cohere(e *llm.Embed, m *amazonModel) {
	o.BeginArray("texts")
	for i := range e.Inputs {
		o.Quoted(e.Inputs[i].Text)
	}
	o.EndArray()
	kind := inputTypes[e.Task]
	if kind == "" {
		kind = defaultInputType
	}
	o.Text(inputType, kind)
	o.BeginArray("embedding_types")
	o.Quoted("float")
	o.EndArray()
	if m.sized {
		o.OptInt("output_dimension", e.Dimensions)
	}
	o.Text("truncate", "NONE")
}

// readBedrock reads Titan's answers and both shapes of Cohere's.
func readBedrock(body []byte) *answer {
	a := &answer{usage: bedrockUsage(findBedrockUsage(body))}
	w := scan.Over(body)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "embedding":
			a.add(0, w.Value())
		case "embeddings":
			raw := w.Value()
			if scan.KindOf(raw) == scan.Object {
				raw = members.Find(raw, "float")
			}
			list := scan.Over(raw)
			ok := list.Array()
			for i := 0; ok && list.Element(); i++ {
				a.add(i, list.Value())
			}
		case "message", "Message", "__type":
			a.failed = a.failed || scan.KindOf(w.Value()) == scan.String
		}
	}
	return a
}

// titanCount is the member in which Titan counts. Cohere's answers do not tell;
// Bedrock does in the header x-amzn-bedrock-input-token-count.
const titanCount = "inputTextTokenCount"

func findBedrockUsage(body []byte) []byte {
	raw := members.Find(body, titanCount)
	if scan.KindOf(raw) != scan.Number {
		return nil
	}
	var o object
	o.Open()
	o.Raw(titanCount, raw)
	o.End()
	return o.B
}

func bedrockUsage(raw []byte) *llm.Usage {
	n, ok := scan.Int(members.Find(raw, titanCount))
	if !ok || !llm.Count(n).Set() {
		return nil
	}
	return &llm.Usage{Input: llm.Count(n)}
}
