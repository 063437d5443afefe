package bench

import (
	"fmt"
	"iter"
	"time"
)

// unknown stands for how many calls will be due where nothing says it.
const unknown = 1 << 62

// stretches yields the parts of a run that the i-th objective is about, as numbers of
// windows: the run itself, or each of the objective's own windows that is whole.
func (w *windows) stretches(i int, to int) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		size := int(w.slos[i].every / w.length)
		if size == 0 {
			yield(0, len(w.all))
			return
		}
		for from := 0; from+size <= to; from += size {
			if !yield(from, from+size) {
				return
			}
		}
	}
}

// whole returns how many windows of a duration are whole.
func (w *windows) whole(d time.Duration) int { return int(d / w.length) }

// judge judges the i-th objective by a run that is over.
func (w *windows) judge(i int, r *Record) SLOResult {
	if r.Aborted != "" {
		return w.judgeAborted(i, r)
	}
	return w.slos[i].judge(func(yield func(time.Duration, *sloView) bool) {
		for from, to := range w.stretches(i, w.whole(r.Scheduled)) {
			v := w.view(i, from, to)
			if w.slos[i].every == 0 {
				v.late, v.latency = r.Offered-min(r.inTime, r.Offered), r.Latency
			}
			if !yield(time.Duration(from)*w.length, w.leaveOut(i, v)) {
				return
			}
		}
	})
}

// judgeAborted judges the i-th objective by a run that another one, or itself, has ended: it
// is missed if that was certain, and not judged otherwise. Calls that the end kept from
// beginning count for nothing.
func (w *windows) judgeAborted(i int, r *Record) SLOResult {
	result := w.slos[i].judge(func(yield func(time.Duration, *sloView) bool) {
		for from, to := range w.stretches(i, len(w.all)) {
			v := w.view(i, from, to)
			v.never -= v.missed
			v.late -= v.missed
			if w.planned != nil || to > w.whole(r.Scheduled) {
				v.due = w.dueOf(from, to)
			}
			if !yield(time.Duration(from)*w.length, w.leaveOut(i, v)) {
				return
			}
		}
	})
	if result.Met {
		result.Met, result.Judged = false, false
		result.Detail = fmt.Sprintf("cannot be judged: the run was ended after %v, since it missed %q",
			r.Scheduled.Round(time.Millisecond), r.Aborted)
	}
	return result
}

// dueOf returns how many calls are due in windows in all, by the schedule.
func (w *windows) dueOf(from, to int) (n uint64) {
	if w.planned == nil {
		return unknown
	}
	for _, planned := range w.planned[from:to] {
		n += planned
	}
	return n
}

// view returns the calls of windows as the i-th objective is judged by them.
func (w *windows) view(i, from, to int) *sloView {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, latency := &sloView{}, new(coarse)
	for k := range w.all[from:to] {
		one := &w.all[from+k]
		v.add(i, &one.counts)
		v.addUnachieved(one)
		latency.merge(&one.latency)
	}
	v.due = v.done + v.failed + v.never
	v.latency = latency
	return v
}

// leaveOut leaves the calls out of v that do not count for the i-th objective.
func (w *windows) leaveOut(i int, v *sloView) *sloView {
	if w.apart && !w.slos[i].share() {
		v.due -= v.failed
		v.apart, v.failed = v.failed, 0
	}
	return v
}

// add adds calls that ended.
func (v *sloView) add(i int, c *counts) {
	v.done += c.done
	v.failed += c.failed
	v.sum += c.latencySum
	v.slow += c.slow[i]
}

// addUnachieved adds the calls of a window that never began, and those that began after it.
func (v *sloView) addUnachieved(w *window) {
	dropped, missed := w.dropped.Load(), w.missed.Load()
	v.never += dropped + missed
	v.missed += missed
	v.late += w.late.Load() + dropped + missed
}

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
func (f *foresight) look(recorders []*recorder, now time.Duration) (SLO, bool) {
	begun := f.index(now) + 1
	if now-f.looked < time.Duration(begun)*looksApart {
		return SLO{}, false
	}
	f.looked = now
	f.read(recorders, begun)
	for i, s := range f.slos {
		for from, to := range f.stretches(i, len(f.all)) {
			if from >= begun {
				break
			}
			if f.missed(i, from, to, now) {
				return s, true
			}
		}
	}
	return SLO{}, false
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
	var v sloView
	for k := from; k < min(to, f.index(now)+1); k++ {
		v.add(i, &f.sofar[k])
		v.addUnachieved(&f.all[k])
	}
	v.due = f.mostDue(from, to, now)
	f.leaveOut(i, &v)
	return v.due >= f.slos[i].need() && f.slos[i].of(&v).Missed()
}

// mostDue returns how many calls are due in windows at the most. In a closed loop that is
// known once they are over: each worker may be on its way with a call that it has not
// counted.
func (f *foresight) mostDue(from, to int, now time.Duration) uint64 {
	if f.planned != nil || f.whole(now) < to {
		return f.dueOf(from, to)
	}
	n := f.workers
	for k := range f.all[from:to] {
		n += f.all[from+k].taken.Load()
	}
	return n
}
