package simulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strings"
)

// mediaPart describes media that came as base64. It reports false if they are none.
func mediaPart(kind, mediaType, data string) (HeardPart, bool) {
	raw, err := base64.StdEncoding.DecodeString(data)
	if err != nil || len(raw) == 0 {
		return HeardPart{}, false
	}
	sum := fmt.Sprintf("%08x", crc32.Checksum(raw, castagnoli))
	return HeardPart{Kind: kind, MediaType: mediaType, Bytes: len(raw), Sum: sum}, true
}

// urlPart describes media by their address; a data URL (RFC 2397) carries them.
// It reports false for a data URL that carries none.
func urlPart(kind, url string) (HeardPart, bool) {
	rest, isData := strings.CutPrefix(url, "data:")
	if !isData {
		return HeardPart{Kind: kind, URL: url}, url != ""
	}
	mediaType, data, _ := strings.Cut(rest, ",")
	mediaType, ok := strings.CutSuffix(mediaType, ";base64")
	if !ok {
		return HeardPart{}, false
	}
	return mediaPart(kind, mediaType, data)
}

// compact is a JSON text without insignificant space; what is no JSON becomes a
// JSON string, so that it can be shown.
func compact(text []byte) json.RawMessage {
	var b bytes.Buffer
	if len(text) == 0 {
		return nil
	}
	if json.Compact(&b, text) != nil {
		return appendString(nil, string(text))
	}
	return b.Bytes()
}

// textOf joins the texts of parts by newlines.
func textOf(parts []HeardPart) string {
	var texts []string
	for _, p := range parts {
		if p.Kind == "text" {
			texts = append(texts, p.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// mediaOf are the parts that are no text.
func mediaOf(parts []HeardPart) (media []HeardPart) {
	for _, p := range parts {
		if p.Kind != "text" {
			media = append(media, p)
		}
	}
	return media
}

// stringOrList reads a JSON string or list of strings.
type stringOrList []string

// UnmarshalJSON implements json.Unmarshaler.
func (l *stringOrList) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		if *l = nil; string(data) != "null" {
			*l = stringOrList{one}
		}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(l))
}
