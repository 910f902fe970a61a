package bedrock

import "strings"

// Bounds of requestMetadata (API reference of Converse).
const (
	maxMetadata      = 16
	maxMetadataBytes = 256
)

func (e *requestEncoder) metadata() {
	n := 0
	for _, p := range e.r.Metadata {
		if n == maxMetadata || p.Name == "" || !loggable(p.Name) || !loggable(p.Value) {
			e.drop("metadata." + p.Name)
			continue
		}
		if n++; n == 1 {
			e.Begin("requestMetadata")
		}
		e.Text(p.Name, p.Value)
	}
	if n > 0 {
		e.End()
	}
}

// loggable tells whether requestMetadata takes a name or value.
func loggable(s string) bool {
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && !strings.ContainsRune(" :_@$#=/+,-.", rune(c)) {
			return false
		}
	}
	return len(s) <= maxMetadataBytes
}
