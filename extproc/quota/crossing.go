package quota

import "sync"

// Crossing tells that a soft threshold has been passed. Of all replicas the one
// whose report passed it tells, once. If a reply was lost, it may be that
// nobody does or that two do.
type Crossing struct {
	Limit   string
	Scope   string // "" if all requests are counted together
	Unit    Unit
	Window  Window
	Percent uint8
	// Used is what is settled of Amount.
	Used, Amount Amount
	Period       Period
}

// crossed reports the thresholds between before and what is used now.
func (l *Ledger) crossed(s *lease, before Amount) {
	a, used := s.account.Load(), Amount(s.used.Load())
	if l.cfg.Crossed == nil || a == nil || a.rule.gone || a.rule.Amount == 0 {
		return
	}
	for _, percent := range a.rule.Soft {
		at := a.rule.Amount * Amount(percent)
		if before*100 >= at || used*100 < at {
			continue
		}
		c := Crossing{
			Limit: a.rule.Name, Scope: a.scope, Unit: s.unit, Window: a.rule.Window,
			Percent: percent, Used: used, Amount: a.rule.Amount, Period: s.id.Period,
		}
		select {
		case l.passed <- c:
		default:
			l.cfg.Logger.Warn("soft thresholds are passed faster than they are told", "limit", c.Limit, "percent", percent)
		}
	}
}

// tell passes crossings on until there are no more. It owns its goroutine; the
// function it returns ends it.
func (l *Ledger) tell() (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case c := <-l.passed:
				l.cfg.Crossed(c)
			case <-done:
				for len(l.passed) > 0 {
					l.cfg.Crossed(<-l.passed)
				}
				return
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}
