package guard

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestStreamEndTellsTheTruth(t *testing.T) {
	r := startRig(t)
	spaced := `data: {"choices":[{"delta":{},"finish_reason" : "length" }]}` + "\n\n"
	blankReason := `data: {"choices":[{"delta":{"content":"a"},"finish_reason":""}]}` + "\n\n"
	native := `data: {"choices":[{"delta":{},"native_finish_reason":"stop","finish_reason":null}]}` + "\n\n"
	talks := `data: {"choices":[{"delta":{"content":"\"finish_reason\":\"stop\" finish_reason\":\"stop\""},"finish_reason":null}]}` + "\n\n"
	named := `data: {"choices":[{"delta":{"content":"finish_reason"},"finish_reason":null}]}` + "\n\n"
	long := `data: {"choices":[{"delta":{"content":"` + strings.Repeat("long ", 30000) + `"},"finish_reason":"stop"}]}` + "\n\n"
	saysDone := `data: {"choices":[{"delta":{"content":"data: [DONE]"},"finish_reason":"stop"}]}` + "\n\n"
	unfinished, _, _ := strings.Cut(finish, "stop")
	const failed = `data: {"error": {"message":"The engine is overloaded","type":"server_error","code":null}}` + "\n\n"
	saysError := `data: {"choices":[{"delta":{"content":"{\"error\":{}}"},"finish_reason":null}],"error":null}` + "\n\n"
	tests := map[string]struct{ body, added string }{
		"whole":                          {role + content + finish + done, ""},
		"end marker without space":       {role + finish + "data:[DONE]\n\n", ""},
		"end marker without blank line":  {role + finish + "data: [DONE]", ""},
		"no end marker":                  {role + content + finish, done},
		"no end marker after usage":      {role + finish + usage, done},
		"white space around the reason":  {role + spaced, done},
		"finish in a long event":         {role + long, done},
		"end marker only in text":        {role + saysDone, done},
		"finish without blank line":      {role + strings.TrimSuffix(finish, "\n"), "\n" + done},
		"finish without line end":        {role + strings.TrimSuffix(finish, "\n\n"), "\n\n" + done},
		"no finish":                      {role + content, broken},
		"no finish, only an end marker":  {role + content + done, broken},
		"empty reason":                   {role + blankReason, broken},
		"only a native reason":           {role + native, broken},
		"reason in text":                 {role + talks, broken},
		"reason's name as text":          {role + named, broken},
		"cut within an event":            {role + content[:100], "\n\n" + broken},
		"cut within a finish":            {role + unfinished, "\n\n" + broken},
		"cut after a line end":           {role + "data: {}\n", "\n" + broken},
		"cut after a carriage return":    {role + "data: {}\r", "\n\n" + broken},
		"nothing but a heartbeat":        {": hi\n\n", broken},
		"nothing but a comment":          {": hi\n", "\n" + broken},
		"end in CRLF":                    {strings.ReplaceAll(role+content+finish, "\n", "\r\n"), done},
		"end in CR":                      {strings.ReplaceAll(role+content+finish, "\n", "\r"), done},
		"end marker in CRLF":             {strings.ReplaceAll(role+content+finish+done, "\n", "\r\n"), ""},
		"no finish, in CRLF":             {strings.ReplaceAll(role+content, "\n", "\r\n"), broken},
		"an error":                       {role + content + failed, ""},
		"an error and an end marker":     {role + content + failed + done, ""},
		"an error in CRLF":               {strings.ReplaceAll(role+content+failed, "\n", "\r\n"), ""},
		"an error in CR":                 {strings.ReplaceAll(role+content+failed, "\n", "\r"), ""},
		"an error without line end":      {role + strings.TrimSuffix(failed, "\n\n"), "\n\n"},
		"an error that is gone past":     {role + failed + content, broken},
		"an error in text":               {role + saysError, broken},
		"finish after a byte order mark": {"\xef\xbb\xbf" + finish, done},
	}
	for name, tt := range tests {
		for _, unit := range []int{1, 3, 33, 64, 65, 1000, 1 << 20} {
			if unit < 33 && len(tt.body) > 5000 {
				continue
			}
			for e := endEmpty; e <= endWithData; e++ {
				for _, o := range []orders{tailOnly, both} {
					want := tt.body + tt.added
					if o == both {
						want = strings.ReplaceAll(want, usage, "")
					}
					if got := r.fetch(t, "h2", reply{writes: each(tt.body, unit), end: e}, o); got != want {
						t.Errorf("%s by %d, end %d, %v: got %q", name, unit, e, o, abbreviate(got))
					}
				}
			}
		}
		if got := r.fetch(t, "h1", reply{writes: each(tt.body, 100)}, tailOnly); got != tt.body+tt.added {
			t.Errorf("%s over HTTP/1.1: got %q", name, abbreviate(got))
		}
	}
	r.noScriptErrors(t)
}

func TestStreamWithoutABodyBecomesAnError(t *testing.T) {
	r := startRig(t)
	tests := []struct {
		cluster string
		end     end
		want    string
	}{
		{"h1", endEmpty, broken},
		{"h1", endTrailers, broken}, // Envoy drops an HTTP/1.1 trailer
		{"h2", endEmpty, broken},
		{"h2", endTrailers, ""}, // nothing can be added before trailers
	}
	for _, tt := range tests {
		if got := r.fetch(t, tt.cluster, reply{end: tt.end}, both); got != tt.want {
			t.Errorf("%s end %d: got %q, want %q", tt.cluster, tt.end, got, tt.want)
		}
		if got := r.fetch(t, tt.cluster, reply{end: tt.end}, dropOnly); got != "" {
			t.Errorf("%s end %d, no order for the tail: got %q", tt.cluster, tt.end, got)
		}
	}
	r.noScriptErrors(t)
}

func TestStreamThatTrailersEndPassesButGetsNothingAdded(t *testing.T) {
	r := startRig(t)
	for _, body := range []string{role + finish + done, role + content, role + finish, role + content[:100]} {
		for _, unit := range []int{1, 40, 1 << 20} {
			resp := r.open(t, "h2", reply{writes: each(body, unit), end: endTrailers}, both)
			got, err := io.ReadAll(resp.Body)
			if err != nil || string(got) != body {
				t.Errorf("by %d: got %q, %v, want %q", unit, got, err, body)
			}
		}
	}
	r.noScriptErrors(t)
}

func TestStreamGuardStaysOut(t *testing.T) {
	r := startRig(t)
	tests := map[string]reply{
		"of encoded streams":  {header: map[string]string{"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}},
		"of other types":      {header: map[string]string{"Content-Type": "application/json"}},
		"of untyped answers":  {header: map[string]string{"Content-Type": ""}},
		"of other statuses":   {status: http.StatusTooManyRequests},
		"of answers like 201": {status: http.StatusCreated},
	}
	body := role + usage + content
	for name, a := range tests {
		a.writes = []string{body}
		if got := r.fetch(t, "h1", a, both); got != body {
			t.Errorf("%s: got %q", name, got)
		}
	}
	r.noScriptErrors(t)
}

func TestStreamGuardKnowsItsTypeAndLength(t *testing.T) {
	r := startRig(t)
	body := role + usage + content
	tests := map[string]map[string]string{
		"parameters":           {"Content-Type": "Text/Event-Stream; charset=utf-8"},
		"identity":             {"Content-Type": "text/event-stream", "Content-Encoding": "identity"},
		"a length that is off": {"Content-Type": "text/event-stream", "Content-Length": "504"},
	}
	for name, header := range tests {
		if header["Content-Length"] != "" {
			header["Content-Length"] = lengthOf(body)
		}
		resp := r.open(t, "h1", reply{writes: []string{body}, header: header}, both)
		got, err := io.ReadAll(resp.Body)
		if err != nil || string(got) != role+content+broken {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	r.noScriptErrors(t)
}

// TestStreamIsNotHeld lets the provider go on only after the client has read
// everything it has sent so far, so whatever the guard withholds is a deadlock.
func TestStreamIsNotHeld(t *testing.T) {
	r := startRig(t)
	pieces := []string{
		role, content, ": heartbeat\n", ": another\n\n", content + content,
		content[:120], content[120:], // an event that its beginning clears of being usage
		"data: no JSON", "\n\n", "event: x\n\n",
		strings.ReplaceAll(content, "\n", "\r\n"), strings.ReplaceAll(content, "\n", "\r"),
		finish, done,
	}
	for _, cluster := range []string{"h1", "h2"} {
		gate := make(chan struct{}, 1)
		body := r.open(t, cluster, reply{writes: pieces, gate: gate}, both).Body
		for i, piece := range pieces {
			gate <- struct{}{}
			got := make([]byte, len(piece))
			if _, err := io.ReadFull(body, got); err != nil || string(got) != piece {
				t.Fatalf("%s: piece %d: got %q, %v, want %q", cluster, i, got, err, piece)
			}
		}
		if rest, err := io.ReadAll(body); err != nil || len(rest) != 0 {
			t.Errorf("%s: after the end: %q, %v", cluster, rest, err)
		}
	}
	r.noScriptErrors(t)
}

func TestStreamResetStaysAReset(t *testing.T) {
	r := startRig(t)
	for _, cluster := range []string{"h1", "h2"} {
		gate := make(chan struct{}, 3)
		gate <- struct{}{}
		gate <- struct{}{}
		resp := r.open(t, cluster, reply{writes: []string{role, content}, end: endReset, gate: gate}, both)
		got := make([]byte, len(role+content))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != role+content {
			t.Fatalf("%s: got %q, %v", cluster, got, err)
		}
		gate <- struct{}{}
		if rest, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("%s: the stream ended cleanly with %q, want a break", cluster, rest)
		}
	}
	r.noScriptErrors(t)
}
