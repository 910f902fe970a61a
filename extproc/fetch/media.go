package fetch

import (
	"bytes"
	"cmp"
	"mime"
	"net/http"
	"strings"
)

// Media is what was fetched.
type Media struct {
	Type   string // media type without parameters, such as "image/png"
	Base64 string // the bytes, in standard encoding with padding
}

// DefaultTypes are the media types that are fetched unless told otherwise:
// those that some provider takes.
func DefaultTypes() []string {
	return []string{
		"image/png", "image/jpeg", "image/gif", "image/webp", "image/heic", "image/heif", "image/avif", "image/bmp",
		"application/pdf", "application/json", "text/plain", "text/csv", "text/markdown",
		"audio/wav", "audio/mpeg", "audio/mp4", "audio/aac", "audio/flac", "audio/ogg", "audio/webm", "audio/opus",
	}
}

// aliases are other names of types, as servers write them and sniffing finds
// them.
var aliases = map[string]string{
	"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png", "image/x-ms-bmp": "image/bmp",
	"application/x-pdf": "application/pdf", "text/x-markdown": "text/markdown",
	"audio/wave": "audio/wav", "audio/x-wav": "audio/wav", "audio/vnd.wave": "audio/wav", "audio/mp3": "audio/mpeg",
	"audio/x-mpeg": "audio/mpeg", "audio/m4a": "audio/mp4", "audio/x-m4a": "audio/mp4", "audio/x-aac": "audio/aac",
	"audio/aacp": "audio/aac", "audio/x-flac": "audio/flac", "application/ogg": "audio/ogg",
}

// unknown is the type of what says nothing of itself.
const unknown = "application/octet-stream"

// declared is the type a server gives, "" if it gives none in particular.
func declared(header string) (string, error) {
	if header == "" {
		return "", nil
	}
	t, _, err := mime.ParseMediaType(header)
	if err != nil && t == "" {
		return "", rule("its server gives it a malformed type")
	}
	t = cmp.Or(aliases[t], t)
	if t == unknown || t == "binary/octet-stream" || t == "application/binary" {
		return "", nil
	}
	return t, nil
}

// settle finds the type of data that a server calls declared, from its first
// bytes. Where one image or sound is called another, the bytes are right:
// providers go by them, and servers choose formats by what a client accepts
// without telling. Anything else that is not what it is called is refused.
func settle(declared string, head []byte) (string, error) {
	found := sniff(head)
	switch family := familyOf(declared); {
	case declared == "":
		return found, nil
	case found == declared:
		return found, nil
	case family == "text" && familyOf(found) == "text":
		return declared, nil // nothing tells kinds of text apart
	case (family == "image" || family == "audio") && familyOf(found) == family:
		return found, nil
	case family == "audio" && (found == unknown || strings.HasPrefix(found, "video/")):
		return declared, nil // containers that sounds share with films, or without a mark
	}
	return "", rule("its server calls it " + show(declared) + ", which it is not")
}

// familyOf is what kinds of data are told apart by where bytes cannot say
// more.
func familyOf(t string) string {
	if t == "application/json" {
		return "text"
	}
	family, _, _ := strings.Cut(t, "/")
	return family
}

// marks are the beginnings that the standard library does not know.
var marks = []struct {
	at   int
	mark string
	kind string
}{
	{4, "ftypheic", "image/heic"},
	{4, "ftypheix", "image/heic"},
	{4, "ftyphevc", "image/heic"},
	{4, "ftypheim", "image/heic"},
	{4, "ftypmif1", "image/heif"},
	{4, "ftypmsf1", "image/heif"},
	{4, "ftypavif", "image/avif"},
	{4, "ftypavis", "image/avif"},
	{4, "ftypM4A", "audio/mp4"},
	{4, "ftypM4B", "audio/mp4"},
	{0, "fLaC", "audio/flac"},
	{0, "\xff\xf1", "audio/aac"},  // ADTS
	{0, "\xff\xf9", "audio/aac"},  // ADTS
	{0, "\xff\xfb", "audio/mpeg"}, // MPEG layer 3 without ID3
	{0, "\xff\xf3", "audio/mpeg"}, // MPEG layer 3 without ID3
	{0, "\xff\xf2", "audio/mpeg"}, // MPEG layer 3 without ID3
}

// sniff is the type that the first bytes of data show.
func sniff(head []byte) string {
	for _, m := range marks {
		if len(head) >= m.at && bytes.HasPrefix(head[m.at:], []byte(m.mark)) {
			return m.kind
		}
	}
	t, _, _ := strings.Cut(http.DetectContentType(head), ";")
	return cmp.Or(aliases[t], t)
}

// show shortens what a server or client wrote for a message.
func show(s string) string {
	const most = 100
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
