package process

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"sync"
)

const (
	// lineFormat is Envoy's --log-format: level, component, message.
	lineFormat = "[%l][%n] %v"
	maxLine    = 8 << 10 // bytes of a line; the rest is cut
	maxLines   = 256     // lines in the ring
)

// line is one of Envoy's log lines. Text that is not in lineFormat (a loader's
// complaint, a crash's last words) has no level.
type line struct{ level, component, text string }

// lines splits what Envoy prints into lines, hides the credentials in them, keeps
// the last ones and forwards all of them.
type lines struct {
	// Immutable after newLines.
	logger    *slog.Logger
	copy      io.Writer
	bootstrap string // path that errors call "the bootstrap"

	mu      sync.Mutex // guards the following
	partial []byte     // of a line without its end, at most maxLine long
	veil    veil       // over all lines, in their order
	ring    []line     // at most maxLines
	address string     // that Envoy could not bind, "" if none
}

func newLines(logger *slog.Logger, raw io.Writer, bootstrap string) *lines {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	if raw == nil {
		raw = io.Discard
	}
	return &lines{logger: logger, copy: raw, bootstrap: bootstrap}
}

// Write takes Envoy's output in any chunking. It never fails: Envoy must not
// stop because nobody can read its log.
func (l *lines) Write(p []byte) (int, error) {
	_, _ = l.copy.Write(p)
	l.mu.Lock()
	defer l.mu.Unlock()
	for rest := p; len(rest) > 0; {
		head, tail, ended := bytes.Cut(rest, []byte{'\n'})
		room := maxLine - len(l.partial)
		l.partial = append(l.partial, head[:min(room, len(head))]...)
		if ended {
			l.end()
		}
		rest = tail
	}
	return len(p), nil
}

// flush ends a last line without a newline.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end()
}

// end takes the collected line. Caller must hold mu.
func (l *lines) end() {
	text := strings.TrimRight(string(l.partial), "\r")
	l.partial = l.partial[:0]
	if text == "" {
		return
	}
	one := parseLine(text)
	one.text = strings.ReplaceAll(l.veil.over(one.text), l.bootstrap, "the bootstrap")
	if address := takenAddress(one.text); address != "" {
		l.address = address
	}
	if len(l.ring) == maxLines {
		l.ring = append(l.ring[:0], l.ring[1:]...)
	}
	l.ring = append(l.ring, one)
	l.logger.LogAttrs(context.Background(), one.slogLevel(), "envoy logged",
		slog.String("component", one.component), slog.String("text", one.text))
}

// taken returns the address that Envoy could not bind.
func (l *lines) taken() (string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.address, l.address != ""
}

func (l *lines) recent() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	texts := make([]string, 0, len(l.ring))
	for _, one := range l.ring {
		texts = append(texts, one.String())
	}
	return texts
}

// interesting picks what explains an end: the last errors, without stack
// frames and repetitions, or the last lines of any kind.
func (l *lines) interesting() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs, all []string
	for _, one := range l.ring {
		text := one.summary()
		all = append(all, text)
		repeats := len(errs) > 0 && strings.HasPrefix(text, "error `")
		frame := one.component == "backtrace" && strings.HasPrefix(text, "#")
		if one.slogLevel() >= slog.LevelError && !frame && !repeats {
			errs = append(errs, text)
		}
	}
	if len(errs) == 0 {
		errs = all
	}
	return errs[max(0, len(errs)-5):]
}

// wellFormed matches lineFormat.
var wellFormed = regexp.MustCompile(`^\[(trace|debug|info|warning|error|critical)\]\[([^\]]*)\] (.*)$`)

func parseLine(text string) line {
	m := wellFormed.FindStringSubmatch(text)
	if m == nil {
		return line{text: text}
	}
	return line{level: m[1], component: m[2], text: unescape(m[3])}
}

func (o line) String() string {
	if o.level == "" {
		return o.text
	}
	return "[" + o.level + "][" + o.component + "] " + o.text
}

// slogLevel maps Envoy's levels. Lines out of format repeat what a formatted
// line said before, so they are only of interest when debugging.
func (o line) slogLevel() slog.Level {
	switch o.level {
	case "critical", "error":
		return slog.LevelError
	case "warning":
		return slog.LevelWarn
	case "info":
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// summary leaves out the dump of the message that a configuration error
// quotes before its reason:
//
//	error initializing configuration 'x': goo.gle/debugproto  <dump>\n: <reason>
func (o line) summary() string {
	text := o.text
	start := strings.Index(text, "goo.gle/debug")
	if end := strings.LastIndex(text, "\n: "); start >= 0 && end > start {
		text = text[:start] + text[end+len("\n: "):]
	}
	return debugMark.ReplaceAllString(text, "")
}

// debugMark is what Envoy writes in front of the text form of a message.
var debugMark = regexp.MustCompile(`goo\.gle/debug\w+\s*`)

// cannotBind is how Envoy reports a taken port, for a listener of the
// bootstrap and for one that xDS sent.
var cannotBind = regexp.MustCompile(`cannot bind '([^']+)': Address already in use`)

func takenAddress(text string) string {
	if m := cannotBind.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}
