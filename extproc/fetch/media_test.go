package fetch

import "testing"

func TestTheTypeIsWhatTheBytesAre(t *testing.T) {
	jpeg, webp := "\xff\xd8\xff\xe0", "RIFF\x00\x00\x00\x00WEBPVP8 "
	tests := []struct {
		name, header, head string
		want               string // "" = refused
	}{
		{"as declared", "image/jpeg", jpeg, "image/jpeg"},
		{"with parameters and capitals", "IMAGE/JPEG; q=1", jpeg, "image/jpeg"},
		{"by another name", "image/jpg", jpeg, "image/jpeg"},
		{"not declared", "", jpeg, "image/jpeg"},
		{"declared as bytes", "application/octet-stream", webp, "image/webp"},
		{"declared as Amazon declares bytes", "binary/octet-stream", "%PDF-1.4", "application/pdf"},
		{"one image called another", "image/png", webp, "image/webp"},
		{"a page called an image", "image/png", "<!DOCTYPE html><html>", ""},
		{"JSON called an image", "image/png", `{"error":"denied"}`, ""},
		{"a document called an image", "image/png", "%PDF-1.4", ""},
		{"an image called a document", "application/pdf", jpeg, ""},
		{"an image called text", "text/plain", jpeg, ""},
		{"noise called an image", "image/png", "\x00\x01\x02", ""},
		{"text", "text/plain; charset=utf-8", "hello", "text/plain"},
		{"a table", "text/csv", "a,b\n1,2\n", "text/csv"},
		{"JSON", "application/json", `{"a":1}`, "application/json"},
		{"text that is not declared", "", "hello", "text/plain"},
		{"HEIC", "", "\x00\x00\x00\x18ftypheic", "image/heic"},
		{"AVIF", "image/avif", "\x00\x00\x00\x18ftypavif", "image/avif"},
		{"WAV by an old name", "audio/x-wav", "RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"},
		{"MP3 with tags", "audio/mp3", "ID3\x03\x00", "audio/mpeg"},
		{"MP3 without", "audio/mpeg", "\xff\xfb\x90\x00", "audio/mpeg"},
		{"FLAC", "", "fLaC\x00", "audio/flac"},
		{"Ogg", "audio/ogg", "OggS\x00\x02", "audio/ogg"},
		{"sound in a container of films", "audio/webm", "\x1aE\xdf\xa3", "audio/webm"},
		{"sound without a mark", "audio/opus", "\x00\x01\x02", "audio/opus"},
		{"a page called sound", "audio/mpeg", "<html>", ""},
		{"short", "image/png", "\x89", ""},
		{"malformed", "image/", jpeg, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			kind, err := declared(tt.header)
			if err == nil {
				kind, err = settle(kind, []byte(tt.head))
			}
			if kind != tt.want && err == nil || (err != nil) != (tt.want == "") {
				t.Errorf("it is %q, %v; want %q", kind, err, tt.want)
			}
		})
	}
}

func TestWhatIsSniffedIsNotRefusedForItsName(t *testing.T) {
	for from, to := range aliases {
		if aliases[to] != "" {
			t.Errorf("%s leads to %s, which is an alias itself", from, to)
		}
	}
	for _, m := range marks {
		if got := sniff(append(make([]byte, m.at), m.mark...)); got != m.kind {
			t.Errorf("%s is found to be %s", m.kind, got)
		}
	}
}
