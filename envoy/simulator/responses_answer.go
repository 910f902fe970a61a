package simulator

import (
	"strconv"
	"strings"
)

// repeated are the members of a request that a response repeats, in its order,
// with what stands there if the request does not say.
var repeated = []struct{ name, otherwise string }{
	{"instructions", "null"},
	{"max_output_tokens", "null"},
	{"max_tool_calls", "null"},
	{"parallel_tool_calls", "true"},
	{"previous_response_id", "null"},
	{"prompt_cache_key", "null"},
	{"reasoning", `{"effort":null,"summary":null}`},
	{"safety_identifier", "null"},
	{"store", "true"},
	{"temperature", "1.0"},
	{"text", `{"format":{"type":"text"},"verbosity":"medium"}`},
	{"tool_choice", `"auto"`},
	{"tools", "[]"},
	{"top_logprobs", "0"},
	{"top_p", "1.0"},
	{"truncation", `"disabled"`},
	{"user", "null"},
	{"metadata", "{}"},
}

// responsesRepeats spells what a response repeats of its request.
func responsesRepeats(body []byte) []byte {
	given := map[string][]byte{}
	members(body, func(name string, value []byte) bool {
		given[name] = value
		return true
	})
	var out []byte
	for _, m := range repeated {
		out = append(append(append(out, `,"`...), m.name...), `":`...)
		if value := given[m.name]; value != nil && string(value) != "null" {
			out = append(out, compact(value)...)
		} else {
			out = append(out, m.otherwise...)
		}
	}
	return out
}

// spoken is a say as the Responses API sees it: a list of items.
type spoken struct {
	*say
	thought  string // whole text
	thoughts int    // 1 if there is a reasoning item
	messages int    // 1 if there is a message
}

func spokenOf(s *say) *spoken {
	out := &spoken{say: s}
	if n, _ := s.reasoning.size(); n > 0 {
		out.thoughts, out.thought = 1, s.reasoning.whole()
	}
	if _, n := s.content.size(); n > 0 || len(s.calls) == 0 {
		out.messages = 1
	}
	return out
}

func (s *spoken) messageID() string { return "msg_" + s.say.id }

func (s *spoken) callID(i int) string { return "fc_" + strings.TrimPrefix(s.calls[i].id, "call_") }

// outcome is the status of the response, and why it is not complete.
func (s *spoken) outcome() (status, why string) {
	switch s.finish {
	case "length", "max_output_tokens":
		return "incomplete", "max_output_tokens"
	case "content_filter":
		return "incomplete", "content_filter"
	case "failed", "cancelled":
		return s.finish, ""
	}
	return "completed", ""
}

// open appends a response object up to its output, close the rest.
func (s *spoken) open(dst []byte, ended bool) []byte {
	status, why, completed := "in_progress", "", "null"
	if ended {
		if status, why = s.outcome(); status == "completed" {
			completed = strconv.FormatInt(s.created, 10)
		}
	}
	dst = appendString(append(dst, `{"id":`...), "resp_"+s.say.id)
	dst = append(dst, `,"object":"response","created_at":`...)
	dst = strconv.AppendInt(dst, s.created, 10)
	dst = append(append(append(dst, `,"status":"`...), status...), `","background":false,"completed_at":`...)
	dst = append(append(dst, completed...), `,"error":`...)
	if status == "failed" {
		dst = append(dst, `{"code":"server_error","message":"The server had an error while processing your request. Sorry about that!"}`...)
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"incomplete_details":`...)
	if why != "" {
		dst = append(append(append(dst, `{"reason":"`...), why...), `"}`...)
	} else {
		dst = append(dst, "null"...)
	}
	dst = appendString(append(dst, `,"model":`...), s.model)
	return append(dst, `,"output":[`...)
}

func (s *spoken) close(dst []byte, ended bool) []byte {
	dst = append(append(dst, ']'), s.asked.repeats...)
	dst = append(dst, `,"service_tier":"default","usage":`...)
	if !ended || s.usage == nil {
		return append(dst, "null}"...)
	}
	u := s.usage
	dst = strconv.AppendInt(append(dst, `{"input_tokens":`...), u.prompt, 10)
	dst = strconv.AppendInt(append(dst, `,"input_tokens_details":{"cached_tokens":`...), u.cached, 10)
	if u.written > 0 {
		dst = strconv.AppendInt(append(dst, `,"cache_write_tokens":`...), u.written, 10)
	}
	dst = strconv.AppendInt(append(dst, `},"output_tokens":`...), u.completion, 10)
	dst = strconv.AppendInt(append(dst, `,"output_tokens_details":{"reasoning_tokens":`...), u.reasoning, 10)
	dst = strconv.AppendInt(append(dst, `},"total_tokens":`...), u.total, 10)
	return append(dst, "}}"...)
}

// reasoningItem appends the item of a thought, as it begins or as it is done.
func (s *spoken) reasoningItem(dst []byte, done bool) []byte {
	dst = appendString(append(dst, `{"id":`...), thoughtID(s.thought))
	dst = append(dst, `,"type":"reasoning","summary":[`...)
	if done && !s.hidden {
		dst = append(appendString(append(dst, `{"type":"summary_text","text":`...), s.thought), '}')
	}
	dst = append(dst, ']')
	if r := s.asked.hear().Reasoning; r != nil && r.Encrypted {
		dst = appendString(append(dst, `,"encrypted_content":`...), encryptThought(s.thought))
	}
	return append(dst, '}')
}

// messageStatus is that of an item that is done.
func (s *spoken) messageStatus() string {
	if status, _ := s.outcome(); status == "incomplete" {
		return status
	}
	return "completed"
}

// messageHead appends a message up to its text, messageTail the rest.
func (s *spoken) messageHead(dst []byte, status string) []byte {
	dst = appendString(append(dst, `{"id":`...), s.messageID())
	return append(append(append(dst, `,"type":"message","status":"`...), status...), `","role":"assistant","content":[`...)
}

// callItem appends a function call.
func (s *spoken) callItem(dst []byte, i int, status, arguments string) []byte {
	c := s.calls[i]
	dst = appendString(append(dst, `{"id":`...), s.callID(i))
	dst = append(append(append(dst, `,"type":"function_call","status":"`...), status...), `","arguments":`...)
	dst = appendString(append(appendString(dst, arguments), `,"call_id":`...), c.id)
	return append(appendString(append(dst, `,"name":`...), c.name), '}')
}

// responsesAnswer spells a response.
func responsesAnswer(said *say) document {
	s := spokenOf(said)
	d := document{head: s.open(nil, true)}
	separator := ""
	if s.thoughts > 0 {
		d.head = s.reasoningItem(d.head, true)
		separator = ","
	}
	if s.messages > 0 {
		d.head = s.messageHead(append(d.head, separator...), s.messageStatus())
		d.head = append(d.head, `{"type":"output_text","annotations":[],"logprobs":[],"text":`...)
		if s.content.text != "" {
			d.head = appendString(d.head, s.content.text)
			d.tail = append(d.tail, "}]}"...)
		} else {
			d.head = append(d.head, '"')
			d.content = s.content
			d.length, _ = s.content.size()
			d.tail = append(d.tail, `"}]}`...)
		}
		separator = ","
	}
	for i, c := range s.calls {
		d.tail = s.callItem(append(d.tail, separator...), i, "completed", c.arguments)
		separator = ","
	}
	d.tail = s.close(d.tail, true)
	return d
}
