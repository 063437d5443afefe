package bench

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
)

// A trace keeps single calls, so that how they followed one another can be checked
// once the run is over: the first of each of some equal parts of the schedule, in
// rows of successive calls.
type trace struct {
	part, end time.Duration // length of a part, and where that of the last call ends
	left      int           // calls to be kept of that part
	kept      atomic.Int64
	calls     []record.TracedCall
}

const (
	traceParts = 32
	traceRow   = 1024 // calls of a part
)

func newTrace(duration time.Duration) *trace {
	t := &trace{part: max(duration/traceParts, 1), calls: make([]record.TracedCall, traceParts*traceRow+traceRow)}
	clear(t.calls) // touches the pages now rather than during a call
	return t
}

// wants tells whether the call that is due next is to be kept. It belongs to one
// goroutine at a time.
func (t *trace) wants(due time.Duration) bool {
	if due >= t.end {
		t.end = due - due%t.part + t.part
		t.left = traceRow
	}
	if t.left == 0 {
		return false
	}
	t.left--
	return true
}

func (t *trace) add(c *call) {
	if i := t.kept.Add(1) - 1; i < int64(len(t.calls)) {
		t.calls[i] = record.TracedCall{N: c.n, Due: c.due, Released: c.due + c.begun - c.ideal}
	}
}

// rows are the calls that were kept, in rows without a gap in their numbers.
func (t *trace) rows() (rows [][]record.TracedCall) {
	all := t.calls[:min(t.kept.Load(), int64(len(t.calls)))]
	slices.SortFunc(all, func(a, b record.TracedCall) int { return cmp.Compare(a.N, b.N) })
	for from, i := 0, 1; i <= len(all); i++ {
		if i == len(all) || all[i].N != all[i-1].N+1 {
			rows = append(rows, all[from:i])
			from = i
		}
	}
	return rows
}
