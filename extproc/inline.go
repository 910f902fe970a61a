package extproc

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/dragoman-gateway/dragoman/extproc/fetch"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// mediaSource reads what a client's URL names, under guard; fetch.Fetcher is
// the one that serves.
type mediaSource interface {
	Get(ctx context.Context, url string) (fetch.Media, *llm.Problem)
}

// Bounds of what one request may have fetched.
const (
	maxInlined = 32 // URLs
	inlinedNow = 4  // at a time
)

// inline replaces media by URL with their bytes, for a provider that reads
// none itself but those it accepts: no more bytes together than most, as the
// request would be refused if the client had sent them. It waits for other
// servers, in the goroutine of this attempt alone; leaving clients end it. held
// is how many bytes count as held then, also with a problem.
func (s *Service) inline(ctx context.Context, rq *llm.Request, accepts func(url string) bool, most int64) (held int, p *llm.Problem) {
	wanted := byURL(rq, accepts)
	if len(wanted) == 0 {
		return 0, nil
	}
	if len(wanted) > maxInlined {
		return 0, &llm.Problem{
			Kind:    llm.Unsupported,
			Message: "The target needs images and files as bytes, and the gateway fetches at most " + strconv.Itoa(maxInlined) + " of them for a request.",
		}
	}
	var size, counted atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(inlinedNow)
	for _, m := range wanted {
		g.Go(func() error {
			got, p := s.media.Get(ctx, m.URL)
			if p != nil {
				return p
			}
			n := len(got.Base64)
			if size.Add(int64(n)) > most {
				return tooLargeInlined()
			}
			if !s.table.hold(n) {
				return full()
			}
			counted.Add(int64(n))
			m.URL, m.Base64 = "", got.Base64
			if m.Type == "" || strings.HasSuffix(m.Type, "/*") {
				m.Type = got.Type
			}
			return nil
		})
	}
	p, _ = g.Wait().(*llm.Problem) //nolint:errorlint // ours, never wrapped
	return int(counted.Load()), p
}

// tooLargeInlined is of a kind that makes the next attempt: another target may
// read the URLs itself.
func tooLargeInlined() *llm.Problem {
	return &llm.Problem{
		Kind:    llm.Unsupported,
		Message: "The target needs images and files as bytes, and with those the request is larger than the gateway's limit.",
	}
}

// byURL are the request's media by URL, but for those the provider accepts.
func byURL(rq *llm.Request, accepts func(url string) bool) (wanted []*llm.Media) {
	for i := range rq.Messages {
		wanted = appendByURL(wanted, rq.Messages[i].Parts, accepts)
	}
	return wanted
}

func appendByURL(dst []*llm.Media, parts []llm.Part, accepts func(url string) bool) []*llm.Media {
	for i := range parts {
		p := &parts[i]
		if p.Media != nil && p.Media.URL != "" && (accepts == nil || !accepts(p.Media.URL)) {
			dst = append(dst, p.Media)
		}
		if p.Result != nil {
			dst = appendByURL(dst, p.Result.Parts, accepts)
		}
	}
	return dst
}
