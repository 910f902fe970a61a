package admin

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

const (
	maxBody = 1 << 20
	// maxNesting is that of bodies: no field is deeper.
	maxNesting = 8
)

// fieldPath is a path that can be shown: names of fields are small letters,
// and names of regions and units below them. A secret that was pasted as a name
// reads otherwise.
var fieldPath = regexp.MustCompile(`^[a-z][a-z_]{0,31}(\.[a-z][a-z_]{0,31}|\[\d{1,7}\])*$`)

func shownField(path string) string {
	if path == "" || fieldPath.MatchString(path) {
		return path
	}
	return "(withheld)"
}

// readBody reads a JSON object in which no two members have one name.
func readBody(r *http.Request) ([]byte, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, problem{status: http.StatusUnsupportedMediaType, kind: invalidRequest, message: "send JSON, with Content-Type: application/json"}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	return body, strict(body)
}

// strict checks a body's form. Which members there may be is for others to
// say.
func strict(body []byte) error {
	w := scan.Over(body)
	if w.Kind() != scan.Object && w.Err() == nil {
		return wrong("", "the body is not a JSON object")
	}
	if err := members(&w, "", 1); err != nil {
		return err
	}
	if err := w.End(); err != nil {
		return wrong("", "the body is not JSON: "+err.Error())
	}
	return nil
}

// members passes over the value in front of the walk, which stands at path.
func members(w *scan.Walk, path string, depth int) error {
	if depth > maxNesting {
		return wrong(shownField(path), fmt.Sprintf("values are nested deeper than %d levels", maxNesting))
	}
	switch w.Kind() {
	case scan.Object:
		seen := map[string]bool{}
		for ok := w.Object(); ok && w.Member(); {
			name := string(w.Key())
			at := strings.TrimPrefix(path+"."+name, ".")
			if folded := strings.ToLower(name); seen[folded] {
				return wrong(shownField(at), "the field is given twice")
			} else if seen[folded] = true; len(name) == 0 {
				return wrong(shownField(path), "a field has no name")
			}
			if err := members(w, at, depth+1); err != nil {
				return err
			}
		}
	case scan.Array:
		if !w.Array() {
			return nil
		}
		for i := 0; w.Element(); i++ {
			if err := members(w, path+"["+strconv.Itoa(i)+"]", depth+1); err != nil {
				return err
			}
		}
	default:
		w.Value()
	}
	return nil
}

// texts reads a body of text fields only: into holds each that may be given.
func texts(body []byte, into map[string]*string) error {
	w := scan.Over(body)
	for ok := w.Object(); ok && w.Member(); {
		name := string(w.Key())
		target, known := into[name]
		if !known {
			return unknownField(name, sortedNames(into))
		}
		text, isText := scan.Text(w.Value())
		if !isText {
			return wrong(name, "is not text")
		}
		*target = text
	}
	return nil
}

func unknownField(name string, known []string) problem {
	return wrong(shownField(name), "there is no such field; known here: "+strings.Join(known, ", "))
}

// by is who writes and what they have seen: If-Match holds the version of the
// answer that they read.
func by(r *http.Request) (directory.By, error) {
	given := r.Header.Get("If-Match")
	if given == "" || given == "*" {
		return directory.By{Who: who}, nil
	}
	digits, quoted := strings.CutPrefix(given, `"`)
	digits, ended := strings.CutSuffix(digits, `"`)
	version, err := strconv.ParseUint(digits, 10, 64)
	if !quoted || !ended || err != nil || version == 0 {
		return directory.By{}, wrong("If-Match", `If-Match is none of the ETags given here; write one of them, such as "12"`)
	}
	return directory.By{Who: who, Expect: directory.Seen(version)}, nil
}

func etag(version uint64) string { return `"` + strconv.FormatUint(version, 10) + `"` }
