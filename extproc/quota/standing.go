package quota

import "context"

// Balance is how the accounts stand now: Standing, with what the store knows to
// be used. For whoever asks seldom and has time, as it asks the store.
func (l *Ledger) Balance(ctx context.Context, a *Accounts) ([]Remaining, error) {
	stands, err := l.cfg.Store.Standing(ctx, l.Periods(a, nil))
	if err != nil {
		return nil, err
	}
	balance, now := l.Standing(a, nil), l.now()
	for i := range balance {
		b, s := &balance[i], l.present(&a.views[i], now)
		own := Amount(s.held.Load()) - Amount(s.free.Load()) // reserved here, or not yet at the store
		b.Remaining = min(max(b.Amount-stands[i].Used-own, 0), b.Amount)
	}
	return balance, nil
}
