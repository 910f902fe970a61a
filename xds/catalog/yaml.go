package catalog

import (
	"errors"
	"regexp"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// tree parses the source into its root mapping. It is nil for a source that
// says nothing, and for one whose errors are in the report.
func tree(data []byte, r *report) ast.Node {
	data = withoutBOM(data)
	if !guardText(data, r) {
		return nil
	}
	tokens := lexer.Tokenize(string(data))
	if !guardTokens(tokens, r) {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		syntax(err, r)
		return nil
	}
	var root ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.NullType || doc.Body.Type() == ast.CommentType {
			continue
		}
		if root != nil {
			r.failAt(start(doc.Body), "", "a second document starts here; keep everything in one document")
			return nil
		}
		root = doc.Body
	}
	return root
}

// quoted is what the parser quotes from the source: it may be a secret. In
// single quotes it names signs.
var quoted = regexp.MustCompile(`"(\\.|[^"\\])*"?`)

// syntax reports the one error at which the parser gave up. Its full text
// would show the lines around it, secrets included.
func syntax(err error, r *report) {
	at, message := place{1, 1}, "the text is not YAML"
	var e yaml.Error
	if errors.As(err, &e) {
		at = placeOf(e.GetToken())
		message = "this is not YAML: " + quoted.ReplaceAllString(e.GetMessage(), "…")
	}
	r.failAt(at, "", message+"; check the indentation, the brackets and the quotes here and above")
}

// start is where a value begins. The token of a block mapping is its first
// colon; it begins with its first key.
func start(n ast.Node) place {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return start(m.Values[0].Key)
	}
	return placeOf(n.GetToken())
}

// placeOf is where a token stands. The lexer leaves some tokens it makes up
// without a position, or in column 0.
func placeOf(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{1, 1}
	}
	return place{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}
