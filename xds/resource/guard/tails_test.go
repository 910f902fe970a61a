package guard

import (
	"strings"
	"testing"
)

// What the three dialects stream, in their vendors' documented forms.
const (
	claudeStart = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"c\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":25,\"cache_read_input_tokens\":7,\"output_tokens\":1}}}\n\n"
	claudeText  = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"it says \\\"stop_reason\\\":\\\"end_turn\\\" and \\\"message_stop\\\"\"}}\n\n"
	claudeEnd   = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\": \"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":15}}\n\n"
	claudeStop  = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
	claudeLost  = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"the provider ended the stream before it was complete\"}}\n\n"

	itemText = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"no \\\"response.completed\\\" yet\"}\n\n"
	itemDone = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"status\":\"completed\",\"usage\":{\"input_tokens\":9,\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":3,\"output_tokens_details\":{\"reasoning_tokens\":1},\"total_tokens\":12},\"user\":null,\"metadata\":{}}}\n\n"
	itemLost = "event: error\ndata: {\"type\":\"error\",\"code\":\"upstream_incomplete\",\"message\":\"the provider ended the stream before it was complete\",\"param\":null}\n\n"

	partText = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a \\\"finishReason\\\":\\\"STOP\\\"\"}],\"role\":\"model\"}}],\"usageMetadata\":{\"promptTokenCount\":4}}\r\n\r\n"
	partDone = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}],\"role\":\"model\"},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":4,\"candidatesTokenCount\":2}}\r\n\r\n"
	partStop = "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"usageMetadata\":{\"promptTokenCount\":4}}\r\n\r\n"
	itemFive = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\": 15,\"delta\":\"\\\"sequence_number\\\":99\"}\n\n"
	partLost = "{\"error\":{\"code\":502,\"message\":\"the provider ended the stream before it was complete\",\"status\":\"UNAVAILABLE\"}}\n\n"
)

// crlf is a text with the line ends that Google writes.
func crlf(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

func TestStreamsOfOtherDialectsEndTruthfully(t *testing.T) {
	r := startRig(t)
	cutReason, _, _ := strings.Cut(claudeEnd, "end_turn")
	long := strings.ReplaceAll(claudeText, "it says", strings.Repeat("long ", 5000))
	const claudeError = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"
	const itemError = "event: error\ndata: {\"type\":\"error\",\"sequence_number\":16,\"code\":\"server_error\",\"message\":\"no\",\"param\":null}\n\n"
	const partError = "data: {\"error\": {\"code\": 503,\"message\": \"overloaded\",\"status\": \"UNAVAILABLE\"}}\r\n\r\n"
	noError := strings.ReplaceAll(itemText, "\"delta\":", "\"error\":null,\"delta\":")
	tests := map[string]struct{ dialect, body, added string }{
		"a message that ends in an error":   {"anthropic", claudeStart + claudeText + claudeError, ""},
		"a message whose error has no gap":  {"anthropic", claudeStart + strings.TrimSuffix(claudeError, "\n"), "\n"},
		"an error that a message goes past": {"anthropic", claudeStart + claudeError + claudeText, claudeLost},
		"an error without its name":         {"anthropic", claudeStart + strings.TrimPrefix(claudeError, "event: error\n"), ""},
		"half an error":                     {"anthropic", claudeStart + claudeError[:10], "\n\n" + claudeLost},
		"a response that ends in an error":  {"responses", itemFive + itemText + itemError, ""},
		"a response without an error":       {"responses", noError, itemLost},
		"a response that failed":            {"responses", itemText + strings.ReplaceAll(itemDone, "completed", "failed"), ""},
		"contents that end in an error":     {"gemini", partText + partError, ""},
		"an error that is a document":       {"gemini", partText + strings.TrimPrefix(partError, "data: "), ""},
		"a whole message":                   {"anthropic", claudeStart + claudeText + claudeEnd + claudeStop, ""},
		"a message without its stop":        {"anthropic", claudeStart + long + claudeEnd, claudeStop},
		"a message without its stop's gap":  {"anthropic", claudeStart + strings.TrimSuffix(claudeEnd, "\n"), "\n" + claudeStop},
		"a message without a reason":        {"anthropic", claudeStart + claudeText, claudeLost},
		"a message cut within its reason":   {"anthropic", claudeStart + cutReason, "\n\n" + claudeLost},
		"a message in CRLF":                 {"anthropic", strings.ReplaceAll(claudeStart+claudeEnd, "\n", "\r\n"), crlf(claudeStop)},
		"a numbered response, cut short":    {"responses", itemFive + itemText, strings.Replace(itemLost, "null}", "null,\"sequence_number\":16}", 1)},
		"a whole response":                  {"responses", itemText + itemDone, ""},
		"an incomplete response":            {"responses", itemText + strings.ReplaceAll(itemDone, "completed", "incomplete"), ""},
		"a response that never completes":   {"responses", itemText + itemText, itemLost},
		"a response cut within its last":    {"responses", itemText + itemDone[:40], "\n\n" + itemLost},
		"whole contents":                    {"gemini", partText + partDone, ""},
		"a blocked prompt":                  {"gemini", partStop, ""},
		"contents without a finish":         {"gemini", partText, crlf(partLost)},
		"contents cut before their finish":  {"gemini", partText + partDone[:30], crlf("\n\n" + partLost)},
		"nothing but a comment, of Gemini":  {"gemini", ": hi\n\n", partLost},
		"nothing but a comment, of Claude":  {"anthropic", ": hi\n\n", claudeLost},
		"nothing but a comment, of a model": {"responses", ": hi\n", "\n" + itemLost},
	}
	for name, tt := range tests {
		for _, unit := range []int{1, 7, 64, 65, 1000, 1 << 20} {
			if unit < 64 && len(tt.body) > 5000 {
				continue
			}
			for e := endEmpty; e <= endWithData; e++ {
				got := r.fetch(t, "h2", reply{writes: each(tt.body, unit), end: e}, orders{tail: tt.dialect})
				if got != tt.body+tt.added {
					t.Errorf("%s by %d, end %d: got %q, want %q more", name, unit, e, abbreviate(got), tt.added)
				}
			}
		}
		if got := r.fetch(t, "h1", reply{writes: each(tt.body, 100)}, orders{tail: tt.dialect}); got != tt.body+tt.added {
			t.Errorf("%s over HTTP/1.1: got %q", name, abbreviate(got))
		}
	}
	r.noScriptErrors(t)
}
