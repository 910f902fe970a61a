package simulator

import (
	"iter"
	"strings"
	"unicode/utf8"
)

// fillerBlock is the period of filler text, in bytes.
const fillerBlock = maxPiece

// filler is ASCII prose that needs no escaping in JSON: one block, twice, so
// that any piece of it is a substring.
var filler = func() string {
	words := strings.Fields("the dragoman of the embassy stood between two courts and two languages " +
		"every morning he carried letters across the bridge and every evening he brought answers back " +
		"nobody asked what he thought of either side he said what was said no more and no less " +
		"when one door was closed he knew another when a minister fell silent he waited and began again")
	var b strings.Builder
	for i := 0; b.Len() < fillerBlock; i++ {
		b.WriteByte(' ')
		b.WriteString(words[i%len(words)])
	}
	block := b.String()[:fillerBlock]
	return block + block
}()

// prose is what an answer says, cut into the pieces its events carry. The zero
// prose says nothing.
type prose struct {
	text   string // explicit text; "" = filler
	offset int    // where in the filler block it begins
	total  int    // bytes in all; 0 in filler = events words
	events int    // number of pieces; 0 = as many as it takes
	piece  int    // bytes per piece; 0 = a word
	runes  int    // of explicit text
}

// newProse plans explicit text, or filler if text is empty.
func newProse(s *Script, text string, seed uint64) prose {
	p := prose{text: text, events: s.Events, piece: s.TokensBytes}
	if text != "" {
		p.total, p.runes = len(text), utf8.RuneCountInString(text)
		p.events = min(p.events, p.runes)
		return p
	}
	p.offset = int(seed % fillerBlock)
	p.offset += strings.IndexByte(filler[p.offset:], ' ')
	p.offset %= fillerBlock
	switch p.total = s.Size; {
	case p.total > 0 && p.events > 0:
		p.piece = min((p.total+p.events-1)/p.events, maxPiece)
		p.events = 0
	case p.total > 0 && p.piece == 0:
		p.piece = 4
	case p.total > 0:
		p.events = 0
	case p.piece > 0:
		p.total = p.events * p.piece
	}
	return p
}

// words plans n words of filler, one a piece.
func words(n int, seed uint64) prose {
	if n == 0 {
		return prose{}
	}
	return newProse(&Script{Events: n}, "", seed)
}

// pieces yields what each event carries.
func (p prose) pieces() iter.Seq[string] {
	return func(yield func(string) bool) {
		for at, n := 0, 0; !p.done(at, n); n++ {
			part := p.cut(at, n)
			if !yield(part) {
				return
			}
			at += len(part)
		}
	}
}

func (p prose) done(at, n int) bool {
	if p.total > 0 {
		return at >= p.total
	}
	return n >= p.events
}

// cut gives the n-th piece, which begins at byte at of the prose.
func (p prose) cut(at, n int) string {
	if p.text != "" {
		return p.text[at:p.textEnd(at, n)]
	}
	from := (p.offset + at) % fillerBlock
	switch {
	case p.total > 0:
		return filler[from : from+min(p.piece, p.total-at)]
	default:
		return filler[from : from+1+wordLength(filler[from+1:])]
	}
}

// textEnd is where the n-th piece of an explicit text ends, on a rune.
func (p prose) textEnd(at, n int) int {
	if p.events > 0 {
		end := at
		for range (n+1)*p.runes/p.events - n*p.runes/p.events {
			_, size := utf8.DecodeRuneInString(p.text[end:])
			end += size
		}
		return end
	}
	end := at + 1
	if p.piece > 0 {
		end = at + p.piece
	} else {
		end += wordLength(p.text[end:])
	}
	end = min(end, p.total)
	for end < p.total && !utf8.RuneStart(p.text[end]) {
		end++
	}
	return end
}

// wordLength is the number of bytes before the next space.
func wordLength(s string) int {
	if i := strings.IndexByte(s, ' '); i >= 0 {
		return i
	}
	return len(s)
}

// size is the number of bytes and pieces.
func (p prose) size() (bytes, pieces int) {
	if p.text == "" && p.total > 0 {
		return p.total, (p.total + p.piece - 1) / p.piece
	}
	for part := range p.pieces() {
		bytes, pieces = bytes+len(part), pieces+1
	}
	return bytes, pieces
}

// first is the beginning of explicit text, n pieces of it.
func (p prose) first(n int) prose {
	bytes := 0
	for part := range p.pieces() {
		if n--; n < 0 {
			break
		}
		bytes += len(part)
	}
	p.text, p.total = p.text[:bytes], bytes
	return p
}

// until is explicit text before the first of some sequences, which it names.
func (p prose) until(stops []string) (prose, string) {
	end, met := len(p.text), ""
	for _, stop := range stops {
		if i := strings.Index(p.text, stop); stop != "" && i >= 0 && i < end {
			end, met = i, stop
		}
	}
	switch {
	case met == "":
		return p, ""
	case end == 0:
		return prose{}, met
	}
	p.text, p.total, p.runes = p.text[:end], end, utf8.RuneCountInString(p.text[:end])
	p.events = min(p.events, p.runes)
	return p, met
}

// blocks yields the first n bytes in large pieces.
func (p prose) blocks(n int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for at := 0; at < n; {
			var part string
			if p.text != "" {
				part = p.text[at:n]
			} else {
				from := (p.offset + at) % fillerBlock
				part = filler[from : from+min(fillerBlock, n-at)]
			}
			if !yield(part) {
				return
			}
			at += len(part)
		}
	}
}

// dice are the splitmix64 generator: the same seed, the same throws.
type dice uint64

func (d *dice) throw() uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// name throws n letters and digits.
func (d *dice) name(n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	out := make([]byte, n)
	for i := range out {
		out[i] = alphabet[d.throw()%uint64(len(alphabet))]
	}
	return string(out)
}
