package bench

import (
	"runtime"
	"time"
)

// A Clock counts the time since the start of a run, by the monotonic clock alone.
type Clock struct{ start time.Time }

// Now is the time since the start.
func (c Clock) Now() time.Duration { return time.Since(c.start) }

// A Pace is a way of waiting until a call is due.
type Pace interface {
	// Waiter returns a new waiter, for one worker.
	Waiter(c Clock) Waiter
	// String names the pace, for reports.
	String() string
}

// A Waiter waits for one worker, which is all that may use it.
type Waiter interface {
	// Wait returns at due or as soon after as it can, and tells when that is.
	// It returns earlier only once done is closed.
	Wait(done <-chan struct{}, due time.Duration) (now time.Duration)
	// Spent is the CPU time that waiting has cost so far, as far as it is known.
	Spent() time.Duration
}

// Sleep waits by the timers of the runtime. It costs least; on an idle machine a
// call begins up to 1 ms late, since Linux's poller waits in whole milliseconds.
var Sleep Pace = sleep{}

type sleep struct{}

func (sleep) String() string { return "sleep" }

func (sleep) Waiter(c Clock) Waiter { return &sleeper{Clock: c} }

type sleeper struct {
	Clock
	timer *time.Timer
}

func (s *sleeper) Wait(done <-chan struct{}, due time.Duration) time.Duration {
	for {
		now := s.Now()
		if now >= due {
			return now
		}
		if s.timer == nil {
			s.timer = time.NewTimer(due - now)
		} else {
			s.timer.Reset(due - now)
		}
		select {
		case <-s.timer.C:
		case <-done:
			s.timer.Stop()
			return s.Now()
		}
	}
}

func (s *sleeper) Spent() time.Duration { return 0 }

// Tight sleeps in the kernel until shortly before a call is due, and then gives
// way to other goroutines until it is. Calls begin a few microseconds late on an
// idle machine, and what runs beside them (exporters, the collector) is not kept
// from running. It takes up to one processor: use one worker fewer than there
// are processors. It is the default.
//
// Elsewhere than on Linux it sleeps by the runtime's timers, and gives way for
// the last two milliseconds.
var Tight Pace = tight{}

type tight struct{}

func (tight) String() string { return "tight" }

func (tight) Waiter(c Clock) Waiter {
	return &tightWaiter{sleeper: sleeper{Clock: c}, kernel: newKernelSleeper(c)}
}

const (
	// lastSleep is left to the last kernel sleep, which cannot be interrupted.
	lastSleep = 2 * time.Millisecond
	// giveWay is how long before a call is due its worker is awake: a little more
	// than a kernel sleep is late.
	giveWay = 50 * time.Microsecond
	// alone is the longest a turn of giving way takes when nothing else runs. A
	// longer one was somebody else's time.
	alone = 2 * time.Microsecond
)

type tightWaiter struct {
	sleeper
	kernel kernelSleeper
	spun   time.Duration
}

func (w *tightWaiter) Wait(done <-chan struct{}, due time.Duration) time.Duration {
	now := w.Now()
	if due-now > lastSleep {
		now = w.sleeper.Wait(done, due-lastSleep)
		if now < due-lastSleep { // done
			return now
		}
	}
	if due-now > giveWay {
		now = w.kernel.sleep(due - giveWay)
	}
	for now < due {
		runtime.Gosched()
		next := w.Now()
		if turn := next - now; turn < alone {
			w.spun += turn
		}
		now = next
	}
	return now
}

func (w *tightWaiter) Spent() time.Duration { return w.spun + w.kernel.spent }
