package catalog

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// duration is written as 500ms, 5s or 1m30s.
type duration time.Duration

var durationPattern = regexp.MustCompile(`^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`)

func (d *duration) read(l literal) (wrong, right string) {
	v, err := time.ParseDuration(l.text)
	if err != nil || !durationPattern.MatchString(l.text) {
		return show(l.text) + " is not a duration", "write a number with its unit, such as 500ms, 60s or 10m"
	}
	*d = duration(v)
	return "", ""
}

// JSONSchema describes the notation.
func (duration) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		Type: "string", Pattern: durationPattern.String(),
		Description: "A number with its unit: 500ms, 60s, 1m30s, 24h.",
	}
}

// size is a number of bytes, written as 4096, 512KiB or 32MB.
type size int64

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"B", 1},
}

func (s *size) read(l literal) (wrong, right string) {
	wrong = show(l.text) + " is not a size"
	right = "write bytes as a number, or a number with its unit, such as 512KiB or 32MiB"
	digits, unit := l.text, int64(1)
	if !l.integer {
		unit = 0
		for _, u := range sizeUnits {
			if rest, ok := strings.CutSuffix(l.text, u.suffix); ok {
				digits, unit = rest, u.bytes
				break
			}
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || unit == 0 || n > math.MaxInt64/uint64(unit) {
		return wrong, right
	}
	*s = size(int64(n) * unit)
	return "", ""
}

// JSONSchema describes the notation.
func (size) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		OneOf: []*jsonschema.Schema{
			{Type: "integer", Minimum: "0"},
			{Type: "string", Pattern: `^[0-9]+([KMGT]iB|[kKMGT]B|B)$`},
		},
		Description: "Bytes as a number, or a number with its unit: 4096, 512KiB, 32MiB.",
	}
}

// price is in dollars a million tokens, written as a decimal number: 2.5.
type price llm.PicoUSD

func (p *price) read(l literal) (wrong, right string) {
	n, err := llm.ParsePrice(l.text)
	if err != nil {
		return show(l.text) + " is not a price", "write dollars a million tokens, 0 to 1000000, such as 2.5"
	}
	*p = price(n)
	return "", ""
}

// opt is absent if none is given.
func (p *price) opt() llm.Opt[llm.PicoUSD] {
	if p == nil {
		return llm.Opt[llm.PicoUSD]{}
	}
	return llm.Some(llm.PicoUSD(*p))
}

// JSONSchema describes the notation.
func (price) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		OneOf: []*jsonschema.Schema{
			{Type: "number", Minimum: "0", Maximum: "1000000"},
			{Type: "string", Pattern: `^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$`},
		},
		Description: "US dollars a million tokens: 2.5.",
	}
}

// date is a day, written as 2006-01-02.
type date time.Time

func (d *date) read(l literal) (wrong, right string) {
	t, err := time.Parse(time.DateOnly, l.text)
	if err != nil {
		return show(l.text) + " is not a day", "write year-month-day, such as 2025-08-07"
	}
	*d = date(t)
	return "", ""
}

// JSONSchema describes the notation.
func (date) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Format: "date", Description: "A day: 2025-08-07."}
}

// day is the zero time if none is given.
func (d *date) day() time.Time {
	if d == nil {
		return time.Time{}
	}
	return time.Time(*d)
}
