package observable

import (
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/observable/internal/clock"
)

// An account is what is known of the calls of a key. All of it is atomics, so that
// calls take no lock and are read while they run.
type account struct {
	calls          tally
	errors, panics atomic.Uint64
	first, last    atomic.Int64 // when such a call began, on the clock, plus 1; 0: never
	lastPanic      atomic.Pointer[PanicError]
	durations      *durations // nil: none are kept
}

// begin notes that a call began at t, which is on the clock. Calls may get to note
// it in another order than they began in.
func (a *account) begin(t time.Duration) {
	a.calls.begin()
	lower(&a.first, int64(t)+1)
	raise(&a.last, int64(t)+1)
}

// end notes that a call ended.
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
	// Outcomes are read before calls: what has ended has begun.
	s.Errors, s.Panics, s.LastPanic = a.errors.Load(), a.panics.Load(), a.lastPanic.Load()
	if a.durations != nil {
		s.Duration = a.durations.read()
	}
	s.Calls, s.InFlight, s.MostInFlight = a.calls.read()
	s.FirstCall, s.LastCall = instant(a.first.Load()), instant(a.last.Load())
}

// instant is the time of a stamp, which is 1 more than it is on the clock.
func instant(stamp int64) time.Time {
	if stamp == 0 {
		return time.Time{}
	}
	return clock.Time(time.Duration(stamp - 1))
}

// raise sets a to v unless it is higher already; 0 is not set. Where time is faked
// calls may begin before epoch.
func raise(a *atomic.Int64, v int64) {
	for {
		if now := a.Load(); now != 0 && now >= v || a.CompareAndSwap(now, v) {
			return
		}
	}
}

// lower sets a to v unless it is lower already; 0 is not set.
func lower(a *atomic.Int64, v int64) {
	for {
		if now := a.Load(); now != 0 && now <= v || a.CompareAndSwap(now, v) {
			return
		}
	}
}

// A tally counts calls as they begin and end. Both figures share a word: they are
// of one instant, and a call costs two atomic additions rather than three.
//
// Should more than 2^24 calls be in flight, what is too many shows as calls until
// they end. Calls fill their 40 bits in a day of ten million a second; the rest is
// counted by wraps.
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
	// A call that has just begun may still be raising the highest.
	return t.wraps.Load()<<(64-flightBits) + n>>flightBits, inFlight, max(inFlight, t.most.Load())
}
