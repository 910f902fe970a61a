package bedrock

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// probe implements dialect.Probe by reading the stream.
type probe struct {
	reader  reader
	events  []llm.Event
	seen    dialect.Seen
	problem *llm.Problem
}

func (p *probe) Feed(chunk []byte) (dialect.Seen, *llm.Problem) {
	if p.seen == dialect.Prelude {
		p.events = p.reader.Feed(p.events[:0], chunk)
		p.judge()
	}
	return p.seen, p.problem
}

func (p *probe) Close() (dialect.Seen, *llm.Problem) {
	if p.seen == dialect.Prelude {
		p.events = p.reader.Close(p.events[:0])
		p.judge()
	}
	return p.seen, p.problem
}

// judge goes by the first event that decides.
func (p *probe) judge() {
	for i := range p.events {
		switch ev := &p.events[i]; {
		case ev.Carries():
			p.seen = dialect.Content
			return
		case ev.Kind == llm.Failed:
			p.seen, p.problem = dialect.Failure, ev.Problem
			if p.reader.broken {
				p.seen = dialect.Garbage
			}
			return
		}
	}
}
