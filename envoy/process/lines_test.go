package process

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func collect(chunks ...string) *lines {
	l := newLines(nil, failingWriter{}, "/private/bootstrap.yaml")
	for _, chunk := range chunks {
		if n, err := l.Write([]byte(chunk)); n != len(chunk) || err != nil {
			return nil
		}
	}
	l.flush()
	return l
}

// failingWriter is a copy target that is gone; Envoy must not notice.
type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestALineIsTheSameHoweverItArrives(t *testing.T) {
	whole := `[error][config] listener \'edge\' cannot bind \'127.0.0.1:1\': Address already in use` + "\nplain\r\nlast"
	want := []string{
		"[error][config] listener 'edge' cannot bind '127.0.0.1:1': Address already in use", "plain", "last",
	}
	for i := range len(whole) {
		l := collect(whole[:i], whole[i:])
		if diff := cmp.Diff(want, l.recent()); diff != "" {
			t.Fatalf("split at %d (-want +got):\n%s", i, diff)
		}
		if address, _ := l.taken(); address != "127.0.0.1:1" {
			t.Fatalf("split at %d: taken %q", i, address)
		}
	}
}

func TestTheRingAndItsLinesAreBounded(t *testing.T) {
	l := newLines(nil, nil, "-")
	for i := range maxLines + 10 {
		_, _ = fmt.Fprintf(l, "%d%s\n", i, strings.Repeat("x", 2*maxLine))
	}
	recent := l.recent()
	if len(recent) != maxLines || len(recent[0]) != maxLine || !strings.HasPrefix(recent[0], "10x") {
		t.Errorf("%d lines, the first with %d bytes: %.9s", len(recent), len(recent[0]), recent[0])
	}
}

func TestTheInterestingLinesExplainAnEnd(t *testing.T) {
	tests := []struct {
		name   string
		output string
		want   []string
	}{
		{
			"a configuration error without its dump and its echo",
			"[warning][main] w\n" +
				`[critical][main] error initializing configuration \'/private/bootstrap.yaml\': goo.gle/debugproto  \nroute {\n}\n: Proto wrong` + "\n" +
				"[critical][main] error `Proto wrong` initializing config\nProto wrong\n",
			[]string{"error initializing configuration 'the bootstrap': Proto wrong"},
		},
		{
			"a crash without its frames",
			"[critical][backtrace] Caught Segmentation fault\n[critical][backtrace] #0: main\n[critical][backtrace] #1: exit\n",
			[]string{"Caught Segmentation fault"},
		},
		{
			"no error at all: the last lines",
			"a\nb\n[info][main] c\nd\ne\nlibc.so.6: version not found\n",
			[]string{"b", "c", "d", "e", "libc.so.6: version not found"},
		},
		{"silence", "", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, collect(test.output).interesting()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLevelsBecomeSlogs(t *testing.T) {
	for text, want := range map[string]slog.Level{
		"[critical][main] x": slog.LevelError, "[error][main] x": slog.LevelError,
		"[warning][main] x": slog.LevelWarn, "[info][main] x": slog.LevelInfo,
		"[debug][main] x": slog.LevelDebug, "[trace][main] x": slog.LevelDebug,
		"[unheard][main] x": slog.LevelDebug, "out of format": slog.LevelDebug,
	} {
		if got := parseLine(text).slogLevel(); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func TestEscapesAreUndone(t *testing.T) {
	for escaped, want := range map[string]string{
		`plain`: "plain", `a\nb\tc\r`: "a\nb\tc\r", `\'x\' \"y\" \\`: `'x' "y" \`,
		`\303\274`: "ü", `\377`: "\uFFFD", `\400 \38 \q \`: `\400 \38 \q \`, `\\n`: `\n`,
	} {
		if got := unescape(escaped); got != want {
			t.Errorf("%s: %q, want %q", escaped, got, want)
		}
	}
}

func FuzzLinesTakeAnyOutputInAnyChunking(f *testing.F) {
	f.Add("[error][config] cannot bind '[::1]:80': Address already in use\n", 7)
	f.Add("[info][main] \\303\\274\\\n\n[x", 3)
	f.Fuzz(func(t *testing.T, output string, at int) {
		if len(output) > 2*maxLine {
			return
		}
		at = min(max(at, 0), len(output))
		whole, split := collect(output), collect(output[:at], output[at:])
		if diff := cmp.Diff(whole.recent(), split.recent()); diff != "" {
			t.Errorf("split at %d (-whole +split):\n%s", at, diff)
		}
	})
}

func FuzzUnescapeNeverGrowsPlainText(f *testing.F) {
	f.Add(`a\nb\303\274\q\`)
	f.Fuzz(func(t *testing.T, text string) {
		got := unescape(text)
		if strings.Contains(text, `\`) && !utf8.ValidString(got) {
			t.Errorf("%q gives %q, which is not UTF-8", text, got)
		}
		if !strings.Contains(text, `\`) && got != text {
			t.Errorf("%q became %q", text, got)
		}
	})
}
