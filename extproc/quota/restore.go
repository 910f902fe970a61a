package quota

// Restore makes a reservation of what a journal holds open from a process that
// is gone, at most MaxCharges charges. Before Run's first exchange the store is
// asked to leave as much leased to this process as it restores; afterwards it
// must grant that anew.
func (l *Ledger) Restore(charges []Charge) Reservation {
	var legs [MaxCharges]leg
	n := copy(legs[:], l.legs(charges))
	return Reservation{ledger: l, n: n, legs: legs}
}

func (l *Ledger) legs(charges []Charge) []leg {
	legs := make([]leg, min(len(charges), MaxCharges))
	for i := range legs {
		c := charges[i]
		c.Amount = c.Amount.used()
		legs[i] = leg{lease: l.owe(c), reserved: c.Amount}
	}
	return legs
}

// Owe tells of settled charges that are in the journal and that no reservation
// of this ledger covers: once what a process that is gone left there
// unacknowledged, before Run; and each correction, before the journal has it.
func (l *Ledger) Owe(charges []Charge) {
	for _, c := range charges {
		l.owe(c)
	}
}

// owe charges a lease. What a former process owed it held a lease for, so until
// this process has asked, that is taken for held.
func (l *Ledger) owe(c Charge) *lease {
	s := l.known(c)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.begun {
		s.held.Add(int64(c.Amount))
		return s
	}
	l.change(s, -c.Amount)
	return s
}
