package bedrock_test

import (
	"bytes"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
)

// frames makes the bytes of a stream out of a vector's lines: each is the name
// of an event and its payload. "!name payload" is an exception, "?code payload"
// an error that is not declared, "=text" is text as it stands; \CRC at a line's
// end spoils the frame's checksum, \CUT leaves out its last three bytes.
func frames(in string) []byte {
	var out []byte
	for line := range strings.Lines(in) {
		line = strings.TrimSuffix(line, "\n")
		if text, plain := strings.CutPrefix(line, "="); plain {
			out = append(out, text...)
			continue
		}
		line, cut := strings.CutSuffix(line, `\CUT`)
		line, spoilt := strings.CutSuffix(line, `\CRC`)
		name, payload, _ := strings.Cut(line, " ")
		raw := frame(name, payload)
		if cut && len(raw) > 3 {
			raw = raw[:len(raw)-3]
		}
		if spoilt && len(raw) > 0 {
			raw[len(raw)-1] ^= 1
		}
		out = append(out, raw...)
	}
	return out
}

// frame encodes one message with the SDK's own encoder.
func frame(name, payload string) []byte {
	var h eventstream.Headers
	if len(name) == 0 || len(name) > 255 {
		return nil
	}
	switch name[0] {
	case '!':
		h.Set(":exception-type", eventstream.StringValue(name[1:]))
		h.Set(":content-type", eventstream.StringValue("application/json"))
		h.Set(":message-type", eventstream.StringValue("exception"))
	case '?':
		h.Set(":error-code", eventstream.StringValue(name[1:]))
		h.Set(":error-message", eventstream.StringValue("something of Amazon's"))
		h.Set(":message-type", eventstream.StringValue("error"))
	default:
		h.Set(":event-type", eventstream.StringValue(name))
		h.Set(":content-type", eventstream.StringValue("application/json"))
		h.Set(":message-type", eventstream.StringValue("event"))
	}
	var b bytes.Buffer
	_ = eventstream.NewEncoder().Encode(&b, eventstream.Message{Headers: h, Payload: []byte(payload)}) // into memory
	return b.Bytes()
}
