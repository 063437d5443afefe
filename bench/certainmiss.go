package bench

import (
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
)

// A foresight tells, while a run goes on, whether it is certain to miss an objective.
type foresight struct {
	*windows
	workers uint64   // there may be
	sofar   []counts // of each window that has begun, by the last look
	looked  time.Duration
}

func newForesight(w *windows, workers int) *foresight {
	f := &foresight{windows: w, workers: uint64(workers), sofar: make([]counts, len(w.all))}
	for i, slow := range w.slow() {
		f.sofar[i].slow = slow
	}
	return f
}

// looksApart is how long one look takes apart from the next for each window, so that looks
// take less than a hundredth of a processor.
const looksApart = 4 * time.Microsecond

// look returns the first objective that is missed whatever becomes of the calls that have not
// ended by now, if there is one: more calls are bad already than may be of all that are due.
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

// read reads what has been counted in the windows that have begun. What a recorder passes on
// meanwhile may be left out, and nothing is counted twice: what is bad by these counts, is.
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

// missed reports whether the i-th objective is certain to be missed in windows.
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

// mostDue returns how many calls are due in windows at the most. In a closed loop that is
// known once they are over: each worker may be on its way with a call that it has not
// counted.
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

// addTo adds to c the calls that ended, as the i-th objective is judged by them.
func (n *counts) addTo(c *record.Calls, i int) {
	c.Done += n.done
	c.Failed += n.failed
	c.Sum += n.latencySum
	c.Slow += n.slow[i]
}

// addUnachievedTo adds to c the calls of w that never began, and those that began after it.
func (w *window) addUnachievedTo(c *record.Calls) {
	dropped, missed := w.dropped.Load(), w.missed.Load()
	c.Never += dropped + missed
	c.Missed += missed
	c.Late += w.late.Load() + dropped + missed
}
