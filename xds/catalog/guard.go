package catalog

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"
)

// What a source may cost. The YAML parser recurses with depth and takes time
// quadratic in the entries of one mapping and in entries without a value, so these are checked on the text and on the tokens, before it runs.
const (
	maxSource  = 4 << 20 // bytes
	maxTokens  = 400_000
	maxDepth   = 32      // of mappings and lists in each other
	maxEntries = 10_000  // of one mapping
	maxScalar  = 8 << 10 // bytes of one key or value
)

// guardText refuses what no catalog needs and the YAML parser may choke on.
func guardText(data []byte, r *report) bool {
	if len(data) > maxSource {
		r.failAt(place{1, 1}, "", fmt.Sprintf("the file has %d bytes; at most %d are read", len(data), maxSource))
		return false
	}
	line, start := 1, 0
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		bad := ""
		switch {
		case c == '\n':
			line, start = line+1, i+1
		case c == utf8.RuneError && size == 1:
			bad = "the text is not UTF-8 here; save the file as UTF-8"
		case c < ' ' && c != '\t' && c != '\r', c == 0x7f, c >= 0x80 && c < 0xa0, c == 0x2028, c == 0x2029, c == 0xfeff:
			bad = fmt.Sprintf("the control character %U stands here; remove it", c)
		}
		if bad != "" {
			r.failAt(place{line, 1 + utf8.RuneCount(data[start:i])}, "", bad)
			return false
		}
		i += size
	}
	return true
}

// withoutBOM drops the byte order mark that some editors put first.
func withoutBOM(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) }

// guard walks the tokens once.
type guard struct {
	r      *report
	blocks []block // what the line stands in, outermost first
	flows  []flow
	last   *token.Token
	ok     bool
}

// block is a column at which entries of a block mapping or list start.
type block struct{ col, entries int }

// flow is an open { or [.
type flow struct{ mapping, some, colon bool }

func guardTokens(tokens token.Tokens, r *report) bool {
	g := guard{r: r, ok: true}
	if len(tokens) > maxTokens {
		g.refuse(tokens[maxTokens], fmt.Sprintf("the file has more than %d words and signs; split what it says", maxTokens))
		return false
	}
	documents := 0
	for _, t := range tokens {
		if t.Type == token.DocumentHeaderType {
			documents++
		}
		if documents > 1 {
			g.refuse(t, "a second document starts here; keep everything in one document")
			return false
		}
		if !g.token(t) {
			return false
		}
	}
	return g.ok
}

func (g *guard) refuse(t *token.Token, message string) {
	g.ok = false
	g.r.failAt(placeOf(t), "", message)
}

// token tells whether to go on; a refused feature is reported and passed over.
func (g *guard) token(t *token.Token) bool {
	switch t.Type {
	case token.CommentType:
		return true
	case token.AnchorType, token.AliasType:
		g.refuse(t, "anchors (&) and aliases (*) are not read; write the value out, and put a name that starts with & or * in quotes")
		return true
	case token.MergeKeyType:
		g.refuse(t, "merge keys (<<) are not read; write the fields out")
		return true
	case token.TagType:
		g.refuse(t, "tags (!) are not read; put a value that starts with ! in quotes")
		return true
	case token.DirectiveType:
		g.refuse(t, "directives (%) are not read; put a value that starts with % in quotes")
		return true
	case token.MappingKeyType:
		g.refuse(t, "complex keys (?) are not read; write key: value")
		return true
	}
	if len(t.Value) > maxScalar {
		g.refuse(t, fmt.Sprintf("a value of %d bytes stands here; at most %d are read", len(t.Value), maxScalar))
		return false
	}
	first := g.last == nil || g.last.Position.Line != t.Position.Line
	ok := g.nest(t) && g.indent(t, first)
	g.last = t
	return ok
}

// nest follows flow style.
func (g *guard) nest(t *token.Token) bool {
	open := len(g.flows) - 1
	switch t.Type {
	case token.MappingStartType, token.SequenceStartType:
		if open >= 0 {
			g.flows[open].some = true
		}
		g.flows = append(g.flows, flow{mapping: t.Type == token.MappingStartType})
		return g.depth(t)
	case token.MappingEndType, token.SequenceEndType, token.CollectEntryType:
		if open < 0 {
			return true // the parser says what is wrong with it
		}
		f := &g.flows[open]
		if f.some && (f.mapping && !f.colon || g.last.Type == token.MappingValueType) {
			g.refuse(g.last, "the entry that ends here has no value; write key: value")
			return false
		}
		f.some, f.colon = false, false
		if t.Type != token.CollectEntryType {
			g.flows = g.flows[:open]
		}
	case token.SequenceEntryType:
		if g.last != nil && g.last.Type == token.SequenceEntryType && t.Position.Column <= g.last.Position.Column {
			g.refuse(g.last, "this entry of the list has no value; write it after the dash")
			return false
		}
	case token.MappingValueType:
		if open >= 0 {
			g.flows[open].colon = true
		}
	default:
		if open >= 0 {
			g.flows[open].some = true
		}
	}
	return true
}

// indent follows block style: entries of one mapping start in one column, and
// what is nested in them starts further right.
func (g *guard) indent(t *token.Token, first bool) bool {
	if len(g.flows) > 0 || !first && t.Type != token.SequenceEntryType && (g.last == nil || g.last.Type != token.SequenceEntryType) {
		return true
	}
	col := t.Position.Column
	for len(g.blocks) > 0 && g.blocks[len(g.blocks)-1].col > col {
		g.blocks = g.blocks[:len(g.blocks)-1]
	}
	if len(g.blocks) == 0 || g.blocks[len(g.blocks)-1].col < col {
		g.blocks = append(g.blocks, block{col: col})
	}
	b := &g.blocks[len(g.blocks)-1]
	if t.Type != token.SequenceEntryType {
		b.entries++
	}
	if b.entries > maxEntries {
		g.refuse(t, fmt.Sprintf("this mapping has more than %d entries; at most that many are read", maxEntries))
		return false
	}
	return g.depth(t)
}

func (g *guard) depth(t *token.Token) bool {
	if len(g.flows)+len(g.blocks) > maxDepth {
		g.refuse(t, fmt.Sprintf("mappings and lists are nested more than %d deep; no field is", maxDepth))
		return false
	}
	return true
}
