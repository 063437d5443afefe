package bench

import (
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
)

// A foresight finds out, during a run, whether the run is certain to miss an objective.
type foresight struct {
	*windows
	workers uint64        // the largest number of workers
	sofar   []counts      // the counts of each window that has begun, at the last look
	looked  time.Duration // when the last look was
}

func newForesight(w *windows, workers int) *foresight {
	f := &foresight{windows: w, workers: uint64(workers), sofar: make([]counts, len(w.all))}
	for i, slow := range w.slow() {
		f.sofar[i].slow = slow
	}
	return f
}

// looksApart is the least time between two looks, per window, so that looks take less than a hundredth
// of a processor.
const looksApart = 4 * time.Microsecond

// look returns the first objective that is certain to be missed, if there is one: more calls are
// already bad than may be bad among all calls due.
func (f *foresight) look(recorders []*recorder, now time.Duration) (record.SLO, bool) {
	begun := f.index(now) + 1
	if now-f.looked < time.Duration(begun)*looksApart {
		return record.SLO{}, false
	}
	f.looked = now
	f.read(recorders, begun)
	for i, s := range f.plan.SLOs {
		for from, to := range s.Stretches(f.length, len(f.all), len(f.all)) {
			if from >= begun {
				break
			}
			if f.missed(i, from, to, now) {
				return s, true
			}
		}
	}
	return record.SLO{}, false
}

// read reads the counts of the windows that have begun. Counts that a recorder passes on meanwhile may
// be left out, but none is counted twice, so the number of bad calls is never too high.
func (f *foresight) read(recorders []*recorder, begun int) {
	f.mu.Lock()
	for i := range f.all[:begun] {
		f.sofar[i].reset()
		f.sofar[i].add(&f.all[i].counts)
	}
	f.mu.Unlock()
	for _, r := range recorders {
		r.mu.Lock()
		if r.window.done+r.window.failed > 0 {
			f.sofar[f.index(r.window.from)].add(&r.window.counts)
		}
		r.mu.Unlock()
	}
}

// missed reports whether the i-th objective is certain to be missed in windows from to to-1.
func (f *foresight) missed(i, from, to int, now time.Duration) bool {
	var c record.Calls
	for k := from; k < min(to, f.index(now)+1); k++ {
		f.sofar[k].addTo(&c, i)
		f.all[k].addUnachievedTo(&c)
	}
	c.Due = f.mostDue(from, to, now)
	s := f.plan.SLOs[i]
	if f.apart {
		s.LeaveOut(&c)
	}
	return s.CertainToMiss(&c)
}

// mostDue returns the largest possible number of calls due in windows from to to-1. In a closed loop
// it is known when the windows are over, up to one call per worker that is taken but not counted yet.
func (f *foresight) mostDue(from, to int, now time.Duration) uint64 {
	if f.plan.Due != nil || int(now/f.length) < to {
		return f.plan.DueIn(from, to)
	}
	n := f.workers
	for k := range f.all[from:to] {
		n += f.all[from+k].taken.Load()
	}
	return n
}

// addTo adds to c the calls that ended, as the i-th objective counts them.
func (n *counts) addTo(c *record.Calls, i int) {
	c.Done += n.done
	c.Failed += n.failed
	c.Sum += n.latencySum
	c.Slow += n.slow[i]
}

// addUnachievedTo adds to c the calls of w that never began, and the calls that began after its end.
func (w *window) addUnachievedTo(c *record.Calls) {
	dropped, missed := w.dropped.Load(), w.missed.Load()
	c.Never += dropped + missed
	c.Missed += missed
	c.Late += w.late.Load() + dropped + missed
}
