package simulator

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// voice is one path of Gemini or Bedrock, where the path tells whether the
// answer is a stream.
type voice struct {
	path   string
	body   func(text string, extra ...string) string
	stream bool
}

func geminiBody(text string, extra ...string) string {
	return joined(append([]string{`"contents":[{"role":"user","parts":[{"text":` + quote(text) + `}]}]`}, extra...)...)
}

func bedrockBody(text string, extra ...string) string {
	return joined(append([]string{`"messages":[{"role":"user","content":[{"text":` + quote(text) + `}]}]`}, extra...)...)
}

const (
	geminiPath  = "/v1beta/models/gemini-3-pro-preview"
	vertexPath  = "/v1/projects/p/locations/global/publishers/google/models/gemini-3-pro-preview"
	bedrockPath = "/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0"
)

var voices = map[string]voice{
	"gemini answer":  {geminiPath + ":generateContent", geminiBody, false},
	"gemini stream":  {geminiPath + ":streamGenerateContent?alt=sse", geminiBody, true},
	"gemini array":   {geminiPath + ":streamGenerateContent", geminiBody, true},
	"vertex answer":  {vertexPath + ":generateContent", geminiBody, false},
	"vertex stream":  {vertexPath + ":streamGenerateContent?alt=sse", geminiBody, true},
	"bedrock answer": {bedrockPath + "/converse", bedrockBody, false},
	"bedrock stream": {bedrockPath + "/converse-stream", bedrockBody, true},
}

func (v voice) request(body string) Request {
	return Request{Method: http.MethodPost, Path: v.path, Body: []byte(body)}
}

func TestGeminiAndBedrockFindTheirScripts(t *testing.T) {
	p := New(Config{Name: "acme", Now: noon})
	for name, v := range voices {
		header := v.request(v.body("x"))
		header.Header = http.Header{"X-Sim": {`{"text":"told"}`}}
		for place, r := range map[string]Request{
			"member": v.request(v.body("x", `"sim":{"*":{"text":"told"}}`)), "marker": v.request(v.body(`x [[sim:{"acme":{"text":"told"}}]]`)), "header": header,
		} {
			if got := string(p.Body(r)); !strings.Contains(got, "told") {
				t.Errorf("%s, %s: %q", name, place, got)
			}
		}
	}
}

func TestGeminiAndBedrockBreakAsPlanned(t *testing.T) {
	s := serve(t, Config{Record: 1})
	for name, v := range voices {
		for _, script := range []string{
			``, `"events":50`, `"reasoning":3,"tools":2`, `"reasoning":2,"redacted":true`, `"text":"a\n\"b\\ — 🐪"`, `"silent":true`, `"size":100000`, `"echo":true`,
			`"error_first":true`, `"error_after_role":true`, `"error_mid":true,"events":4`, `"malformed":true`, `"malformed_mid":true,"events":4`,
			`"truncate":true,"events":9`, `"no_done":true`, `"no_usage":true`, `"html":true`, `"empty":true`, `"wrong_type":true`, `"status":503`, `"status":429,"retry_after":7`,
			`"context_length":true`, `"unsupported":"x"`, `"refusal":"content_filter"`, `"write":7,"events":9`, `"eol":"lf","comments":1,"events":2`,
			`"reset":"mid","events":10`, `"close":"prelude","events":10`, `"hang":"headers"`, `"tools":2,"arguments":"whole"`, `"tools":2,"arguments":"first"`,
			`"tools":2,"arguments":"last"`, `"tools":2,"arguments":"mixed"`, `"tools":1,"arguments":"empty"`,
		} {
			t.Run(name+" "+script, func(t *testing.T) {
				body := v.body("Tell me of camels", `"sim":{"*":{`+script+`}}`)
				if strings.Contains(script, "hang") { // nothing to compare but that there is nothing
					if got := s.Body(v.request(body)); len(got) != 0 {
						t.Errorf("got %q", got)
					}
					return
				}
				got := s.sends(t, tongue{path: v.path}, body)
				broken := strings.Contains(script, "reset") || strings.Contains(script, "close")
				if (got.err != nil) != broken {
					t.Fatalf("the connection ended with %v", got.err)
				}
				want := string(s.Body(s.Records()[0].Request))
				if got.body != want && !strings.Contains(script, "reset") {
					t.Errorf("got %.600q, want %.600q", got.body, want)
				}
				if got.header.Get("Retry-After") != "" {
					t.Error("these vendors send no Retry-After")
				}
			})
		}
	}
}

func TestGeminiAndBedrockBreakInTheMiddleOfTheirContent(t *testing.T) {
	p := New(Config{Name: "acme", Now: noon})
	count := func(v voice, script string) (contents, finishes int) {
		x, _ := p.exchange(&Request{Path: v.path, Body: []byte(v.body("x", `"sim":{"*":{`+script+`}}`))}, noon())
		for f := range x.plan().stream {
			switch f.part {
			case PartContent:
				contents++
			case PartFinish:
				finishes++
			}
		}
		return contents, finishes
	}
	for name, v := range voices {
		if !v.stream {
			continue
		}
		for _, script := range []string{`"events":10`, `"events":4,"reasoning":4`, `"tools":3`, `"silent":true`} {
			whole, _ := count(v, script)
			cut, finished := count(v, script+`,"truncate":true`)
			want := (whole + 1) / 2
			if script == `"tools":3` && name != "bedrock stream" {
				want = whole // calls come whole: the middle of the arguments is behind them
			}
			if finished != 0 || cut != want {
				t.Errorf("%s %s: cut after %d of %d, %d finishes", name, script, cut, whole, finished)
			}
		}
	}
}

func TestGeminiAndBedrockKeepTheirWireFormats(t *testing.T) {
	p := New(Config{Name: "acme", Now: noon, Models: nil})
	const schema = `{"type":"object","properties":{"city":{"type":"string"}}}`
	tools := map[string]string{
		"gemini":  `"tools":[{"functionDeclarations":[{"name":"weather","parameters":` + schema + `}]}]`,
		"vertex":  `"tools":[{"functionDeclarations":[{"name":"weather","parameters":` + schema + `}]}]`,
		"bedrock": `"toolConfig":{"tools":[{"toolSpec":{"name":"weather","inputSchema":{"json":` + schema + `}}}]}`,
	}
	names := map[string]bool{}
	for name, v := range voices {
		vendor, kind, _ := strings.Cut(name, " ")
		folder := vendor
		if vendor == "vertex" {
			folder = "gemini"
		}
		for file, script := range map[string]string{
			"text": `"text":"Two words","reasoning":2,"tools":2`, "redacted": `"text":"Two words","reasoning":2,"redacted":true`, "silent": `"silent":true`,
			"error": `"error_mid":true,"events":2`, "quota": `"status":429,"retry_after":7`, "refused": `"refusal":"content_policy_violation"`,
			"cached": `"events":1,"usage":{"prompt_tokens":100,"cached_tokens":60,"cache_write_tokens":15,"completion_tokens":30,"reasoning_tokens":10}`,
		} {
			path := filepath.Join(folder, strings.Join([]string{vendor, kind, file}, "-")+".txt")
			names[path] = true
			body := v.body("Tell me of camels", tools[vendor], `"sim":{"*":{`+script+`}}`)
			t.Run(path, func(t *testing.T) {
				got := p.Body(v.request(body))
				if lines, err := frames(got); err == nil && len(lines) > 0 {
					got = []byte(strings.Join(lines, "\n") + "\n")
				}
				golden(t, path, got)
			})
		}
	}
	for _, folder := range []string{"gemini", "bedrock"} {
		files, err := filepath.Glob(filepath.Join("testdata", folder, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if rest, _ := filepath.Rel("testdata", file); !names[rest] {
				t.Errorf("%s is the golden file of nothing", file)
			}
		}
	}
}

func TestAGeminiArrayIsJSONHoweverItEnds(t *testing.T) {
	p := New(Config{Name: "acme", Now: noon})
	v := voices["gemini array"]
	for script, n := range map[string]int{
		`"events":3`: 4, `"silent":true`: 1, `"error_first":true`: 1, `"error_after_role":true`: 1, `"error_mid":true,"events":4`: 3, `"error_mid":true,"silent":true`: 1,
		`"refusal":"content_filter"`: 1, `"status":503`: 1,
	} {
		var chunks []struct {
			Error *struct{ Status string }
		}
		got := p.Body(v.request(v.body("x", `"sim":{"*":{`+script+`}}`)))
		if err := json.Unmarshal(got, &chunks); err != nil || len(chunks) != n {
			t.Errorf("%s: %v: %d chunks in %s", script, err, len(chunks), got)
			continue
		}
		failed := chunks[n-1].Error != nil && chunks[n-1].Error.Status == "UNAVAILABLE"
		if failed != (strings.Contains(script, "error") || strings.Contains(script, "status")) {
			t.Errorf("%s: %s", script, got)
		}
	}
}

// geminiRefusals are requests with the sentences that refuse them.
var geminiRefusals = []struct{ body, sentence string }{
	{`{"contents":[{"parts":[{"text":"x"}]}],"foo":1}`, `Invalid JSON payload received. Unknown name "foo": Cannot find field.`},
	{`{"messages":[]}`, `Invalid JSON payload received. Unknown name "messages": Cannot find field.`},
	{
		`{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"object","additionalProperties":false,"$schema":"s",` +
			`"properties":{"a":{"$ref":"#/x"},"b":{"type":"string","const":"c"}}}}]}]}`,
		`Invalid JSON payload received. Unknown name "additionalProperties" at 'tools[0].function_declarations[0].parameters': Cannot find field.` + "\n" +
			`Invalid JSON payload received. Unknown name "$schema" at 'tools[0].function_declarations[0].parameters': Cannot find field.` + "\n" +
			`Invalid JSON payload received. Unknown name "$ref" at 'tools[0].function_declarations[0].parameters.properties[0].value': Cannot find field.` + "\n" +
			`Invalid JSON payload received. Unknown name "const" at 'tools[0].function_declarations[0].parameters.properties[1].value': Cannot find field.`,
	},
	{
		`{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":["string","null"]}}}}]}]}`,
		`Invalid JSON payload received. Unknown name "type" at 'tools[0].function_declarations[0].parameters.properties[0].value': Proto field is not repeating, cannot start list.`,
	},
	{`{"contents":[{"parts":[{"text":5}]}]}`, `Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), 5`},
	{`{"contents":"x"}`, `Invalid value at 'contents' (type.googleapis.com/google.ai.generativelanguage.v1beta.Content), "x"`},
	{
		`{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"?"}}]}]}`,
		`Invalid value at 'contents[0].parts[0].inline_data.data' (TYPE_BYTES), Base64 decoding failed for "?"`,
	},
	{
		`{"contents":[{"parts":[{"text":"x","functionCall":{"name":"f"}}]}]}`,
		`Invalid value at 'contents[0].parts[0]' (oneof), oneof field 'data' is already set. Cannot set 'functionCall'`,
	},
	{`{}`, "* GenerateContentRequest.contents: contents is not specified\n"},
	{`{"contents":[{"role":"user","parts":[]}]}`, "* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.\n"},
	{`{"contents":[{"parts":[{}]}]}`, "* GenerateContentRequest.contents[0].parts[0].data: required oneof field 'data' must have one initialized field\n"},
	{`{"contents":[{"parts":[{"inlineData":{"data":"aGk="}}]}]}`, "* GenerateContentRequest.contents[0].parts[0].inline_data.mime_type: mime_type must be specified.\n"},
	{`{"contents":[{"role":"assistant","parts":[{"text":"x"}]}]}`, "Please use a valid role: user, model."},
	{`{"contents":[{"role":"model","parts":[{"text":"x"}]}]}`, "Please ensure that single turn requests end with a user role or the role field is empty."},
	{
		`{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT","properties":{}}}]}]}`,
		"* GenerateContentRequest.tools[0].function_declarations[0].parameters.properties: should be non-empty for OBJECT type\n",
	},
	{
		`{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":"ARRAY"}},"required":["b"]}}]}]}`,
		"* GenerateContentRequest.tools[0].function_declarations[0].parameters.properties[a].items: missing field.\n" +
			"* GenerateContentRequest.tools[0].function_declarations[0].parameters.required[0]: property is not defined\n",
	},
	{
		`{"contents":[{"parts":[{"text":"x"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}}`,
		"* GenerateContentRequest.tool_config.function_calling_config: Function calling config is set without function_declarations.\n",
	},
	{
		`{"contents":[{"parts":[{"text":"x"}]},{"role":"model","parts":[{"functionCall":{"name":"f"}},{"functionCall":{"name":"g"}}]},` +
			`{"parts":[{"functionResponse":{"name":"f","response":{}}}]}]}`,
		"Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.",
	},
	{
		`{"contents":[{"parts":[{"text":"x"}]},{"role":"model","parts":[{"text":"f"}]},{"parts":[{"functionResponse":{"name":"f","response":{}}}]}]}`,
		"Please ensure that function response turn comes immediately after a function call turn.",
	},
	{
		`{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f"}}]},{"parts":[{"functionResponse":{"name":"f","response":{}}}]}]}`,
		"Please ensure that function call turn comes immediately after a user turn or after a function response turn.",
	},
	{
		`{"contents":[{"parts":[{"text":"x"}]},{"role":"model","parts":[{"functionCall":{"name":"f"}}]},{"parts":[{"functionResponse":{"response":{}}}]}]}`,
		"* GenerateContentRequest.contents[2].parts[0].function_response.name: Name cannot be empty.\n",
	},
	{`{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"thinkingConfig":{"thinkingBudget":0}}}`, "Budget 0 is invalid. This model only works in thinking mode."},
	{
		`{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"thinkingConfig":{"thinkingBudget":99999}}}`,
		"The thinking budget 99999 is invalid. Please choose a value between 128 and 32768.",
	},
	{
		`{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"thinkingConfig":{"thinkingLevel":"LOW"}}}`,
		"Thinking level is not supported for this model.",
	},
	{
		`{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"responseMimeType":"application/json"},"tools":[{"functionDeclarations":[{"name":"f"}]}]}`,
		"Function calling with a response mime type: 'application/json' is unsupported",
	},
	{`{`, "Invalid JSON payload received. Unexpected token.\n\n^"},
}

func TestGeminiRefusesInItsOwnSentences(t *testing.T) {
	p := New(Config{Name: "acme", Now: noon})
	for _, c := range geminiRefusals {
		body := p.Body(Request{Path: "/v1beta/models/gemini-2.5-pro:generateContent", Body: []byte(c.body)})
		var got struct {
			Error struct {
				Code            int
				Message, Status string
				Details         []struct {
					Type            string                                `json:"@type"`
					FieldViolations []struct{ Field, Description string } `json:"fieldViolations"`
				}
			}
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		if got.Error.Message != c.sentence || got.Error.Code != 400 || got.Error.Status != "INVALID_ARGUMENT" {
			t.Errorf("%s:\n got %q\nwant %q", c.body, got.Error.Message, c.sentence)
		}
		if strings.HasPrefix(c.sentence, "Invalid value") || strings.Contains(c.sentence, "Unknown name") {
			var said []string
			for _, v := range got.Error.Details[0].FieldViolations {
				said = append(said, v.Description)
			}
			if strings.Join(said, "\n") != c.sentence {
				t.Errorf("%s: violations are %q", c.body, said)
			}
		}
	}
}

func TestGeminiReadsProtoJSON(t *testing.T) {
	one := `{"contents":[{"role":"user","parts":[{"text":"x"},{"inlineData":{"mimeType":"image/png","data":"_-8="}}]}],"systemInstruction":{"parts":[{"text":"s"}]},` +
		`"generationConfig":{"maxOutputTokens":"5","topK":3.0,"thinkingConfig":null},"toolConfig":{"functionCallingConfig":{"mode":"auto"}}}`
	other := `{"contents":{"role":"user","parts":[{"text":"x"},{"inline_data":{"mime_type":"image/png","data":"/+8"}}]},"system_instruction":{"parts":{"text":"s"}},` +
		`"generation_config":{"max_output_tokens":5,"top_k":3},"tool_config":{"function_calling_config":{"mode":"AUTO"}}}`
	var heard [2]*Heard
	for i, body := range []string{one, other} {
		h, err := Hear(Request{Path: geminiPath + ":generateContent", Body: []byte(body)})
		if err != nil {
			t.Fatal(err)
		}
		heard[i] = h
	}
	if diff := cmp.Diff(heard[0], heard[1]); diff != "" || heard[0].MaxTokens != 5 || heard[0].Turns[0].Parts[1].Bytes != 2 {
		t.Errorf("%+v\n%s", heard[0], diff)
	}
}

func TestGeminiHearsSchemasAsJSONSchema(t *testing.T) {
	full := `{"type":"object","properties":{"a":{"type":["string","null"],"enum":["x"]},"b":{"type":"array","items":{"type":"integer"}},"c":{"anyOf":[{"type":"number"},{"type":"boolean"}]}},"required":["a"]}`
	subset := `{"type":"OBJECT","properties":{"a":{"type":"STRING","nullable":true,"enum":["x"]},"b":{"type":"ARRAY","items":{"type":"INTEGER"}},"c":{"anyOf":[{"type":"NUMBER"},{"type":"BOOLEAN"}]}},"required":["a"],"propertyOrdering":["a"]}`
	for _, member := range []string{`"parameters":` + subset, `"parametersJsonSchema":` + full} {
		h, err := Hear(Request{Path: geminiPath + ":generateContent", Body: []byte(geminiBody("x", `"tools":[{"functionDeclarations":[{"name":"f",`+member+`}]}]`))})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(full, string(h.Tools[0].Schema)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestGeminiIsFoundAmongItsNeighbours(t *testing.T) {
	for path, want := range map[string]string{
		"/v1beta/models": "gemini", "/v1/models": "openai", "/v1/models?key=k": "gemini", "/v1beta/openai/models": "openai",
		"/v1beta/models/m:generateContent": "gemini", "/x/y/models/m%2Fn:countTokens": "gemini", "/v1beta/models/m:predict": "openai",
		"/v1/projects/p/locations/l/publishers/google/models/m:predict":       "gemini",
		"/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict": "vertex-anthropic",
		"/v1/projects/p/locations/l/publishers/google/models/m:embedContent":  "gemini",
		"/v1beta/openai/chat/completions":                                     "openai",
		"/model/m/converse":                                                   "bedrock",
		"/prefix/model/a%2Fb%3A0/converse-stream":                             "bedrock",
		"/model/amazon.titan-embed-text-v2%3A0/invoke":                        "bedrock",
		"/model/m/count-tokens":                                               "bedrock",
		"/foundation-models":                                                  "bedrock",
		"/model/m/other":                                                      "openai",
	} {
		// What nobody else claims is OpenAI's chat.
		if d, _, _ := dialectOf(&Request{Method: http.MethodPost, Path: path}); d.name != want && d.name != want+"-chat" {
			t.Errorf("%s speaks %s, want %s", path, d.name, want)
		}
	}
}

// FuzzProtoJSON holds what the reader gives against encoding/json: what is in
// normal spelling stays as it is.
func FuzzProtoJSON(f *testing.F) {
	for _, c := range geminiRefusals {
		f.Add(c.body, false)
	}
	f.Add(geminiBody("x"), true)
	f.Add(`{"contents":{"parts":{"text":"a\ud800"}},"labels":{"a":"b"},"generation_config":{"top_k":"1e3","seed":"9"}}`, true)
	f.Fuzz(func(t *testing.T, body string, vertex bool) {
		if !json.Valid([]byte(body)) {
			return
		}
		first := &protoReader{vertex: vertex}
		normal := first.normal("GenerateContentRequest", []byte(body))
		if !json.Valid(normal) {
			t.Fatalf("%q reads as %q", body, normal)
		}
		if len(first.bad) > 0 {
			return
		}
		second := &protoReader{vertex: vertex}
		if again := string(second.normal("GenerateContentRequest", normal)); again != string(normal) || len(second.bad) > 0 {
			t.Errorf("%q reads as %q, %v", normal, again, second.bad)
		}
		if _, err := Hear(Request{Path: geminiPath + ":generateContent", Body: []byte(body)}); err != nil && err.Error() == "" {
			t.Error("refused without a word")
		}
	})
}
