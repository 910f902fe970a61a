package extproc

import (
	"context"
	"strconv"
	"strings"

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
// none itself but those it accepts. It waits for other servers, in the
// goroutine of this attempt alone; leaving clients end it.
func (s *Service) inline(ctx context.Context, rq *llm.Request, accepts func(url string) bool) *llm.Problem {
	wanted := byURL(rq, accepts)
	if len(wanted) == 0 {
		return nil
	}
	if len(wanted) > maxInlined {
		return &llm.Problem{
			Kind:    llm.Unsupported,
			Message: "The target needs images and files as bytes, and the gateway fetches at most " + strconv.Itoa(maxInlined) + " of them for a request.",
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(inlinedNow)
	for _, m := range wanted {
		g.Go(func() error {
			got, p := s.media.Get(ctx, m.URL)
			if p != nil {
				return p
			}
			m.URL, m.Base64 = "", got.Base64
			if m.Type == "" || strings.HasSuffix(m.Type, "/*") {
				m.Type = got.Type
			}
			return nil
		})
	}
	if p, ok := g.Wait().(*llm.Problem); ok { //nolint:errorlint // ours, never wrapped
		return p
	}
	return nil
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
