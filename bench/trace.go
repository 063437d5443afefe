package bench

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
)

// A trace keeps single calls, so that their gaps can be checked after the run. It keeps a row of
// successive calls at the start of each of some equal parts of the schedule.
type trace struct {
	part, end time.Duration // the length of a part, and the end of the current part
	left      int           // the number of calls still to keep in the current part
	kept      atomic.Int64
	calls     []record.TracedCall
}

const (
	traceParts = 32
	traceRow   = 1024 // calls per part
)

func newTrace(duration time.Duration) *trace {
	t := &trace{part: max(duration/traceParts, 1), calls: make([]record.TracedCall, traceParts*traceRow+traceRow)}
	clear(t.calls) // touches the pages now rather than during a call
	return t
}

// wants reports whether the next call, due at due, should be kept. One goroutine at a time may call it.
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

// add keeps a call that has ended.
func (t *trace) add(c *call) {
	if i := t.kept.Add(1) - 1; i < int64(len(t.calls)) {
		t.calls[i] = record.TracedCall{N: c.n, Due: c.due, Released: c.due + c.begun - c.ideal}
	}
}

// rows returns the calls that were kept, in rows of consecutive numbers.
func (t *trace) rows() (rows [][]record.TracedCall) {
	calls := t.calls[:min(t.kept.Load(), int64(len(t.calls)))]
	slices.SortFunc(calls, func(a, b record.TracedCall) int { return cmp.Compare(a.N, b.N) })
	for from, i := 0, 1; i <= len(calls); i++ {
		if i == len(calls) || calls[i].N != calls[i-1].N+1 {
			rows = append(rows, calls[from:i])
			from = i
		}
	}
	return rows
}
