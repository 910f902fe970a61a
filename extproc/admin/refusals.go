package admin

import (
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// quiet is the least time between two lines about requests without the token:
// whoever guesses must not fill the disk.
const quiet = time.Second

// refusals logs requests that lack the token, with nothing of what they sent
// but the path.
type refusals struct {
	log *slog.Logger // nil: nobody hears of them

	mu    sync.Mutex
	said  time.Time // of the last line
	count int       // since then
}

// note logs a request, or counts it for the next line.
func (f *refusals) note(r *http.Request) {
	if f.log == nil {
		return
	}
	f.mu.Lock()
	f.count++
	count, now := f.count, time.Now()
	due := now.Sub(f.said) >= quiet
	if due {
		f.said, f.count = now, 0
	}
	f.mu.Unlock()
	if due {
		f.log.Warn("the admin listener refused requests without its token; this is the last of them",
			"from", r.RemoteAddr, "method", r.Method, "path", r.URL.Path, "requests", count)
	}
}
