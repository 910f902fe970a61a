package fetch

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Rules that servers break, and ours.
const (
	errFull        = rule("too many others are being fetched")
	errLate        = rule("it did not come in time")
	errEmpty       = rule("it is empty")
	errCompressed  = rule("its server sends it compressed, which it was not asked to")
	errCertificate = rule("its server shows no valid certificate")
	errNoServer    = rule("its server could not be reached")
	errBroken      = rule("its server broke off")
)

// fetch fetches without cache.
func (f *Fetcher) fetch(ctx context.Context, u *url.URL) (Media, error) {
	ctx, cancel := context.WithTimeout(ctx, f.o.Timeout)
	defer cancel()
	select {
	case f.places <- struct{}{}:
		defer func() { <-f.places }()
	case <-ctx.Done():
		return Media{}, errFull
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return Media{}, errors.Join(errURL, err)
	}
	r.Header = http.Header{
		"User-Agent":      {"dragoman (+https://github.com/dragoman-gateway/dragoman)"},
		"Accept":          {strings.Join(f.o.Types, ", ") + ", */*;q=0.1"},
		"Accept-Encoding": {"identity"},
	}
	answer, err := f.http.Do(r)
	if err != nil {
		return Media{}, connection(ctx, err)
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	media, err := f.read(answer)
	if errors.Is(err, errBroken) && ctx.Err() != nil {
		return Media{}, errors.Join(errLate, err)
	}
	return media, err
}

// connection puts the client library's error under the rule it comes from.
func connection(ctx context.Context, err error) error {
	var broken rule
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &broken):
		return err
	case ctx.Err() != nil:
		return errors.Join(errLate, err)
	case errors.As(err, &certificate):
		return errors.Join(errCertificate, err)
	default:
		return errors.Join(errNoServer, err)
	}
}

// read checks an answer and encodes its body while it comes, so that nothing
// is held twice. How long it says it is only saves reading what is too long.
func (f *Fetcher) read(answer *http.Response) (Media, error) {
	coding := answer.Header.Get("Content-Encoding")
	switch {
	case answer.StatusCode != http.StatusOK:
		return Media{}, rule("its server answers with status " + strconv.Itoa(answer.StatusCode))
	case coding != "" && !strings.EqualFold(coding, "identity"):
		return Media{}, errCompressed
	case answer.ContentLength > f.o.MaxBytes:
		return Media{}, f.tooLarge()
	}
	kind, err := declared(answer.Header.Get("Content-Type"))
	if err != nil {
		return Media{}, err
	}
	if kind != "" && !f.takes(kind) {
		return Media{}, typeRefused(kind)
	}
	const sniffed = 512 // bytes that http.DetectContentType looks at
	body := bufio.NewReaderSize(answer.Body, 32<<10)
	head, err := body.Peek(sniffed)
	switch {
	case err != nil && err != io.EOF: //nolint:errorlint // Peek gives it bare
		return Media{}, errors.Join(errBroken, err)
	case len(head) == 0:
		return Media{}, errEmpty
	}
	if kind, err = settle(kind, head); err != nil {
		return Media{}, err
	}
	if !f.takes(kind) {
		return Media{}, typeRefused(kind)
	}
	text, err := f.encode(body, answer.ContentLength)
	return Media{Type: kind, Base64: text}, err
}

func (f *Fetcher) takes(kind string) bool { return slices.Contains(f.o.Types, kind) }

func typeRefused(kind string) error {
	if kind == unknown {
		return rule("its media type is not known")
	}
	return rule("its media type " + show(kind) + " is not one that is fetched")
}

// encode reads to the end, or one byte beyond what is allowed.
func (f *Fetcher) encode(body io.Reader, length int64) (string, error) {
	var text strings.Builder
	if length > 0 && length <= f.o.MaxBytes {
		text.Grow(base64.StdEncoding.EncodedLen(int(min(length, firstGrowth))))
	}
	encoder := base64.NewEncoder(base64.StdEncoding, &text)
	n, err := io.Copy(encoder, io.LimitReader(body, f.o.MaxBytes+1))
	switch {
	case err != nil:
		return "", errors.Join(errBroken, err)
	case n > f.o.MaxBytes:
		return "", f.tooLarge()
	}
	if err := encoder.Close(); err != nil {
		return "", errors.Join(errBroken, err)
	}
	return text.String(), nil
}

// firstGrowth is how much room a server's word alone can make us take.
const firstGrowth = 1 << 20

func (f *Fetcher) tooLarge() error {
	const mib = 1 << 20
	if f.o.MaxBytes%mib == 0 {
		return rule("it is larger than " + strconv.FormatInt(f.o.MaxBytes/mib, 10) + " MiB")
	}
	return rule("it is larger than " + strconv.FormatInt(f.o.MaxBytes, 10) + " bytes")
}

// problem puts an error into words for the client: the host it has named
// itself and the rule. The whole error, which may name addresses, is for logs.
func problem(u *url.URL, err error) *llm.Problem {
	subject := "An image or file"
	if u != nil && u.Hostname() != "" {
		subject += " at " + show(u.Hostname())
	}
	broken := errLate // of the caller's own time
	errors.As(err, &broken)
	p := &llm.Problem{Kind: llm.Unsupported, Message: subject + " was not fetched for the provider: " + string(broken) + ".", Cause: err}
	if broken == errFull {
		p.Kind = llm.Overloaded
	}
	return p
}
