package journal

import (
	"cmp"
	"slices"
	"time"
)

// restore puts every slot where it was when the former process ended, and gives
// the orphans in the order they began. What that process had half done (freeing
// what is acknowledged) is done now.
func (j *Journal) restore() []Orphan {
	acked, _ := unseal(j.head.acked.Load())
	j.acked.Store(acked)
	j.last, _ = unseal(j.head.batch.Load())
	batches := make(map[uint64][]uint32)
	var orphans []Orphan
	j.each(func(index uint32, sl *slot, m *mark) {
		sh := j.shardOf(index)
		st := state(sl.state.Load())
		in, _ := unseal(sl.batch.Load())
		done := in != 0 && in <= acked
		switch {
		case st == 0:
			push(&sh.free, index, m)
			return
		case st.kind() == kindOpen:
			orphans = append(orphans, j.orphan(index, sl))
			return
		case done && st&recorded != 0:
			j.release(sh, index, m)
			return
		case in == 0:
			push(&sh.settled, index, m)
		case !done:
			batches[in] = append(batches[in], index)
			j.last = max(j.last, in)
		}
		if st&recorded == 0 {
			orphans = append(orphans, j.orphan(index, sl))
		}
	})
	for number, slots := range batches {
		j.pending = append(j.pending, batch{number: number, slots: slots})
	}
	slices.SortFunc(j.pending, func(a, b batch) int { return cmp.Compare(a.number, b.number) })
	slices.SortFunc(orphans, func(a, b Orphan) int {
		return cmp.Or(a.Started.Compare(b.Started), slices.Compare(a.ID[:], b.ID[:]))
	})
	return orphans
}

func (j *Journal) orphan(index uint32, sl *slot) Orphan {
	st := state(sl.state.Load())
	o := Orphan{
		Slot: Slot{journal: j, index: index},
		ID:   sl.id, Charges: sl.read(), Settled: st.kind() == kindSettled,
		Note: slices.Clone(sl.notes[st.note()][:st.noteLen()]),
	}
	if sl.started != 0 {
		o.Started = time.Unix(0, sl.started).UTC()
	}
	return o
}
