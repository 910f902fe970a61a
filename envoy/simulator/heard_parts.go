package simulator

import (
	"encoding/base64"
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
