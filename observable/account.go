package observable

import (
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/observable/internal/clock"
)

// An account holds the statistics of the calls of a key. All of it is atomic, so calls
// take no lock and the statistics can be read while calls run.
type account struct {
	calls          tally
	errors, panics atomic.Uint64
	first, last    atomic.Int64 // when the first and latest calls began, by package clock, plus 1 ns; 0: never
	lastPanic      atomic.Pointer[PanicError]
	durations      *durations // nil: no histogram is kept
}

// begin counts a call that began at t on the clock of package clock. Concurrent calls may
// call begin in another order than they began in.
func (a *account) begin(t time.Duration) {
	a.calls.begin()
	lower(&a.first, int64(t)+1)
	raise(&a.last, int64(t)+1)
}

// end counts a call that ended.
func (a *account) end(o outcome, took time.Duration, err error) {
	switch o {
	case failed:
		a.errors.Add(1)
	case panicked:
		a.panics.Add(1)
		a.lastPanic.Store(err.(*PanicError))
	}
	if a.durations != nil {
		a.durations.record(took)
	}
	a.calls.end()
}

func (a *account) read(s *Stats) {
	// Outcomes are read before calls, so that Errors and Panics never exceed Calls.
	s.Errors, s.Panics, s.LastPanic = a.errors.Load(), a.panics.Load(), a.lastPanic.Load()
	if a.durations != nil {
		s.Duration = a.durations.read()
	}
	s.Calls, s.InFlight, s.MostInFlight = a.calls.read()
	s.FirstCall, s.LastCall = instant(a.first.Load()), instant(a.last.Load())
}

// instant returns the time of a stamp of first or last, which is 1 ns more than the time
// on the clock.
func instant(stamp int64) time.Time {
	if stamp == 0 {
		return time.Time{}
	}
	return clock.Time(time.Duration(stamp - 1))
}

// raise sets a to v unless a is higher already. An a of 0 is unset. It does not count as
// higher: under a fake clock calls may begin before the epoch, so v may be negative.
func raise(a *atomic.Int64, v int64) {
	for {
		if now := a.Load(); now != 0 && now >= v || a.CompareAndSwap(now, v) {
			return
		}
	}
}

// lower sets a to v unless a is lower already. An a of 0 is unset.
func lower(a *atomic.Int64, v int64) {
	for {
		if now := a.Load(); now != 0 && now <= v || a.CompareAndSwap(now, v) {
			return
		}
	}
}

// A tally counts calls as they begin and end. Both counts share a word, so that they are
// read at the same instant, and a call costs two atomic additions rather than three.
//
// While more than 2^24 calls are in flight, the excess shows as calls. The count of calls
// has 40 bits, which overflow after a day of ten million calls a second; wraps counts the
// overflows.
type tally struct {
	word  atomic.Uint64 // calls that began << flightBits | calls in flight
	wraps atomic.Uint64
	most  atomic.Int64
}

const flightBits = 24

func (t *tally) begin() {
	n := t.word.Add(1<<flightBits | 1)
	if n>>flightBits == 0 {
		t.wraps.Add(1)
	}
	raise(&t.most, int64(n&(1<<flightBits-1)))
}

func (t *tally) end() { t.word.Add(^uint64(0)) }

func (t *tally) read() (calls uint64, inFlight, most int64) {
	n := t.word.Load()
	inFlight = int64(n & (1<<flightBits - 1))
	// A call that has just begun may not have raised most yet.
	return t.wraps.Load()<<(64-flightBits) + n>>flightBits, inFlight, max(inFlight, t.most.Load())
}
