package bedrock

import (
	"encoding/base64"
	"path"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// s3Scheme begins URLs that Bedrock reads itself.
const s3Scheme = "s3://"

// Formats that Converse takes (API reference: ImageBlock, DocumentBlock,
// AudioBlock), by media type.
var (
	imageFormats = map[string]string{
		"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp",
	}
	documentFormats = map[string]string{
		"application/pdf": "pdf", "text/csv": "csv", "application/msword": "doc",
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
		"application/vnd.ms-excel": "xls",
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
		"text/html": "html", "text/plain": "txt", "text/markdown": "md", "text/x-markdown": "md",
		"application/json": "txt", "application/xml": "txt", "application/x-yaml": "txt",
	}
	audioFormats = map[string]string{
		"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/opus": "opus", "audio/wav": "wav", "audio/x-wav": "wav",
		"audio/wave": "wav", "audio/aac": "aac", "audio/flac": "flac", "audio/mp4": "mp4", "audio/ogg": "ogg",
		"audio/x-aac": "x-aac", "audio/m4a": "m4a", "audio/x-m4a": "m4a", "audio/pcm": "pcm", "audio/webm": "webm",
	}
	// extensions stand in for media types that say nothing.
	extensions = map[llm.PartKind]map[string]string{
		llm.Image: {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "gif": "gif", "webp": "webp"},
		llm.File: {
			"pdf": "pdf", "csv": "csv", "doc": "doc", "docx": "docx", "xls": "xls", "xlsx": "xlsx", "html": "html",
			"htm": "html", "txt": "txt", "md": "md", "json": "txt", "xml": "txt", "yaml": "txt", "log": "txt",
		},
		llm.Audio: {"mp3": "mp3", "wav": "wav", "flac": "flac", "ogg": "ogg", "aac": "aac", "m4a": "m4a", "opus": "opus"},
	}
)

var (
	mediaNames = map[llm.PartKind]string{llm.Image: "image", llm.File: "document", llm.Audio: "audio"}
	mediaNouns = map[llm.PartKind]string{llm.Image: "an image", llm.File: "a document", llm.Audio: "audio"}
)

// mediaPart writes an image, document or sound of a turn. Only users send them.
func (e *requestEncoder) mediaPart(role string, at place, p *llm.Part) {
	if role == roleAssistant {
		e.drop(at.path())
		return
	}
	e.turn(role)
	e.media(at, p)
	e.needsText = e.needsText || p.Kind == llm.File
}

// media writes the block itself.
func (e *requestEncoder) media(at place, p *llm.Part) {
	m, kind := p.Media, mediaNames[p.Kind]
	format := formatOf(p.Kind, m)
	switch {
	case p.Kind == llm.Audio && e.m.family == claude:
		e.unsupported(at.path(), "the target does not take audio")
		return
	case m.Base64 == "" && !strings.HasPrefix(m.URL, s3Scheme):
		e.unsupported(at.path(), "the target takes "+mediaNouns[p.Kind]+" by its bytes or from s3:// only")
		return
	case format == "":
		e.unsupported(at.path(), "the target does not take "+mediaNouns[p.Kind]+" of type "+strconv.Quote(m.Type))
		return
	}
	if m.Detail != "" && m.Detail != "auto" {
		e.drop(at.member("detail"))
	}
	e.Open()
	e.Begin(kind)
	e.Text("format", format)
	if p.Kind == llm.File {
		e.Text("name", e.documentName(m.Name))
	}
	e.Begin("source")
	if m.Base64 != "" {
		e.Text("bytes", m.Base64)
	} else {
		e.Begin("s3Location")
		e.Text("uri", m.URL)
		e.End()
	}
	e.End()
	e.End()
	e.End()
}

// formatOf is Converse's word for the media's format, "" if it has none.
func formatOf(kind llm.PartKind, m *llm.Media) string {
	mediaType, _, _ := strings.Cut(strings.ToLower(m.Type), ";")
	mediaType = strings.TrimSpace(mediaType)
	formats := map[llm.PartKind]map[string]string{llm.Image: imageFormats, llm.File: documentFormats, llm.Audio: audioFormats}[kind]
	if format := formats[mediaType]; format != "" && format != "txt" {
		return format
	}
	// text/plain is what many clients call every text
	for _, name := range [...]string{m.Name, m.URL} {
		if format := extensions[kind][strings.TrimPrefix(strings.ToLower(path.Ext(name)), ".")]; format != "" {
			return format
		}
	}
	switch {
	case formats[mediaType] != "":
		return formats[mediaType]
	case kind == llm.File && strings.HasPrefix(mediaType, "text/"):
		return "txt"
	case mediaType == "" || mediaType == "application/octet-stream" || strings.HasSuffix(mediaType, "/*"):
		return sniff(kind, m.Base64)
	}
	return ""
}

// signatures are the first bytes of formats.
var signatures = []struct {
	kind           llm.PartKind
	prefix, format string
}{
	{llm.Image, "\x89PNG\r\n\x1a\n", "png"},
	{llm.Image, "\xff\xd8\xff", "jpeg"},
	{llm.Image, "GIF8", "gif"},
	{llm.Image, "RIFF", "webp"},
	{llm.File, "%PDF-", "pdf"},
	{llm.Audio, "RIFF", "wav"},
	{llm.Audio, "ID3", "mp3"},
	{llm.Audio, "OggS", "ogg"},
	{llm.Audio, "fLaC", "flac"},
}

// sniff tells a format by the data's first bytes.
func sniff(kind llm.PartKind, data string) string {
	const enough = 16 // of base64: twelve bytes
	if len(data) < enough {
		return ""
	}
	head, err := base64.StdEncoding.DecodeString(data[:enough])
	if err != nil {
		return ""
	}
	for _, s := range signatures {
		if s.kind == kind && strings.HasPrefix(string(head), s.prefix) {
			return s.format
		}
	}
	return ""
}

const maxDocumentName = 200

// documentName fits a name to what Converse takes: letters, digits, single
// spaces, hyphens, parentheses and square brackets, unlike every other name in
// the request. The ending goes: the format says it.
func (e *requestEncoder) documentName(name string) string {
	name = strings.TrimSuffix(name, path.Ext(name))
	b := make([]byte, 0, min(len(name), maxDocumentName))
	for i := 0; i < len(name) && len(b) < maxDocumentName; i++ {
		switch c := name[i]; {
		case alphanumeric(c) || strings.IndexByte("-()[]", c) >= 0:
			b = append(b, c)
		case len(b) > 0 && b[len(b)-1] != ' ':
			b = append(b, ' ')
		}
	}
	fit := strings.TrimSpace(string(b))
	if fit == "" {
		fit = "document"
	}
	if e.documents == nil {
		e.documents = map[string]bool{}
	}
	unique := fit
	for n := 2; e.documents[unique]; n++ {
		suffix := " (" + strconv.Itoa(n) + ")"
		unique = strings.TrimSpace(fit[:min(len(fit), maxDocumentName-len(suffix))]) + suffix
	}
	e.documents[unique] = true
	return unique
}
