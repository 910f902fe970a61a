package fetch

import (
	"container/list"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// result is what a fetch came to: media, or a problem.
type result struct {
	media   Media
	problem *llm.Problem
}

// cache keeps results for a moment, so that the next attempt of a request does
// not fetch again. It is not safe for concurrent use. What is over leaves when
// the next result comes.
type cache struct {
	bytes, mostBytes int64
	mostEntries      int
	entries          map[string]*list.Element
	order            *list.List // of *kept, newest in front
}

type kept struct {
	url   string
	until time.Time
	size  int64
	result
}

func newCache(mostBytes int64, mostEntries int) *cache {
	return &cache{mostBytes: mostBytes, mostEntries: mostEntries, entries: make(map[string]*list.Element), order: list.New()}
}

func (c *cache) get(url string, now time.Time) (result, bool) {
	e := c.entries[url]
	if e == nil {
		return result{}, false
	}
	k := e.Value.(*kept)
	if !now.Before(k.until) {
		c.drop(e)
		return result{}, false
	}
	return k.result, true
}

// put keeps a result unless it alone would take more than half of the room.
func (c *cache) put(url string, r result, now, until time.Time) {
	if e := c.entries[url]; e != nil {
		c.drop(e)
	}
	const each = 512 // what an entry takes beside its texts, about
	k := &kept{url: url, until: until, result: r, size: int64(len(url)+len(r.media.Base64)) + each}
	if k.size > c.mostBytes/2 || c.mostEntries < 1 {
		return
	}
	c.entries[url] = c.order.PushFront(k)
	c.bytes += k.size
	for e := c.order.Back(); e != nil; {
		before := e.Prev()
		if over := !now.Before(e.Value.(*kept).until); over || c.bytes > c.mostBytes || len(c.entries) > c.mostEntries {
			c.drop(e)
		}
		e = before
	}
}

func (c *cache) drop(e *list.Element) {
	k := c.order.Remove(e).(*kept)
	delete(c.entries, k.url)
	c.bytes -= k.size
}
