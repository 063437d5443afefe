// Package pace waits until a call is due.
//
// A [Pace] trades three costs against each other: how late a call begins, how much CPU time
// the wait takes, and how much the wait keeps from other goroutines. It makes one [Waiter]
// for each worker; a Waiter belongs to one goroutine at a time and allocates nothing.
package pace

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

// A Clock counts the time since the start of a run, by the monotonic clock alone.
type Clock struct{ start time.Time }

// ClockFrom returns a clock that counts from start, which may be yet to come.
func ClockFrom(start time.Time) Clock { return Clock{start} }

// Now returns the time since the start.
func (c Clock) Now() time.Duration { return time.Since(c.start) }

// A Pace is a way of waiting until a call is due.
//
// A worker that waits by any but [Sleep] may keep its processor from others
// meanwhile, in the kernel until the runtime takes it away: several would keep all of
// them. With more workers than processors, therefore, only one waits at a time, for
// the call that is due next, and the others for their turn. (50 that waited in the
// kernel on two processors were 100 ms late at p99.)
type Pace interface {
	// Waiter returns a new waiter, for one worker.
	Waiter(c Clock) Waiter
	// String names the pace, for reports.
	String() string
}

// A Waiter waits for one worker at a time, which is all that may use it.
type Waiter interface {
	// Wait returns at due or as soon after as it can, and tells when that is.
	// It returns earlier only once done is closed.
	Wait(done <-chan struct{}, due time.Duration) (now time.Duration)
	// Spent is the CPU time that waiting has cost so far, as far as it is known.
	Spent() time.Duration
}

// The paces there are. What a call costs and how late it begins is a trade: of the
// lag of calls, of CPU time, and of what other goroutines (exporters, the
// collector) are left with.
var (
	// Auto picks one of the others for each run, by its rate, its workers and
	// GOMAXPROCS: see [Choose]. It is the default.
	Auto Pace = auto{}
	// Sleep waits by the timers of the runtime. It costs least; on an idle machine a
	// call begins up to 1 ms late, since Linux's poller waits in whole milliseconds.
	Sleep Pace = &pace{name: "sleep"}
	// Cheap sleeps in the kernel until a call is due: some 50 us late, for little
	// more CPU time than Sleep. Elsewhere than on Linux it is Sleep.
	Cheap Pace = &pace{name: "cheap", kernel: true}
	// Tight sleeps in the kernel until shortly before a call is due, and then gives
	// way to other goroutines until it is. Calls begin a few microseconds late on an
	// idle machine. How long before they are due it wakes up follows from how late
	// the kernel has been. Elsewhere than on Linux it gives way for the last two
	// milliseconds.
	Tight Pace = &pace{name: "tight", kernel: true, turn: runtime.Gosched}
	// Yield never sleeps: it gives way to other goroutines until a call is due. It
	// takes a whole processor, and shares it with what is ready to run; what waits for
	// the network then waits for milliseconds, as long as no processor is idle.
	Yield Pace = &pace{name: "yield", turn: runtime.Gosched, awake: true}
	// Spin never sleeps and never gives way. It needs a processor for each worker, and
	// starves what runs beside them if it does not have it.
	Spin Pace = &pace{name: "spin", turn: func() {}, awake: true}
)

// All are all of them.
func All() []Pace { return []Pace{Auto, Sleep, Cheap, Tight, Yield, Spin} }

// Parse reads the name of a pace.
func Parse(name string) (Pace, error) {
	var names []string
	for _, p := range All() {
		if p.String() == name {
			return p, nil
		}
		names = append(names, p.String())
	}
	return nil, fmt.Errorf("pace %q is unknown: want one of %s", name, strings.Join(names, ", "))
}

// Choose is the pace that [Auto] picks for a rate, in calls a second, that so many
// workers make on so many processors (GOMAXPROCS).
//
//   - With one processor, [Sleep]: whatever else waits takes it from the target.
//   - With a worker for every processor or more, and calls so frequent that some of
//     them would be giving way most of the time, [Cheap]: giving way would keep
//     exporters, the collector and the target's own timers from running for
//     milliseconds.
//   - Otherwise [Tight].
func Choose(perSecond float64, workers, processors int) Pace {
	givingWay := perSecond * giveWayFree.Seconds()
	switch {
	case processors == 1:
		return Sleep
	case workers == processors && givingWay > 0.1*float64(processors):
		return Cheap
	case workers > processors && givingWay > 0.5: // of the one that waits
		return Cheap
	}
	return Tight
}

type auto struct{}

func (auto) String() string { return "auto" }

// Waiter returns a waiter of [Tight]: a run asks Choose first.
func (auto) Waiter(c Clock) Waiter { return Tight.Waiter(c) }

// A pace is a combination of three ways of waiting, each for the time that is left
// by the one before: by the runtime's timers, in the kernel, and in turns of doing
// nothing much.
type pace struct {
	name   string
	kernel bool
	turn   func()
	awake  bool // never sleeps
}

func (p *pace) String() string { return p.name }

func (p *pace) Waiter(c Clock) Waiter {
	w := &waiter{pace: *p, Clock: c}
	w.kernel = p.kernel && kernelSleeps
	if p.turn != nil {
		w.early = giveWayFree
		if !kernelSleeps {
			w.early = lastSleep
		}
	}
	if w.kernel {
		w.sleeper = newKernelSleeper(c)
	}
	return w
}

const (
	// lastSleep is left to the last kernel sleep, which cannot be interrupted.
	lastSleep = 2 * time.Millisecond
	// giveWayLeast and giveWayMost bound how long before a call is due its worker is
	// to be awake, and so does a giveWayShare of the wait, from giveWayFree on: what
	// it costs is bounded too.
	giveWayLeast = 5 * time.Microsecond
	giveWayFree  = 50 * time.Microsecond
	giveWayMost  = 150 * time.Microsecond
	giveWayShare = 8
	// One kernel sleep in lateOf may end after the call is due.
	lateOf = 100
	// turnEvery is how often a worker that is awake gives way: each time may take
	// longer than is left.
	turnEvery = 20 * time.Microsecond
	// alone is the longest a turn of giving way takes when nothing else runs. A
	// longer one was somebody else's time.
	alone = 2 * time.Microsecond
)

type waiter struct {
	pace
	Clock
	timer   *time.Timer
	sleeper kernelSleeper
	early   time.Duration // how long before a call is due it is to be awake
	gave    time.Duration // when it last gave way
	turned  time.Duration // CPU time of turns
}

func (w *waiter) Wait(done <-chan struct{}, due time.Duration) time.Duration {
	now := w.Now()
	if !w.awake {
		until := due - w.early
		if w.kernel {
			until = due - lastSleep
		}
		if until > now {
			if now = w.sleep(done, now, until); now < until { // done
				return now
			}
		}
		if w.kernel {
			now = w.sleepInKernel(now, due)
		}
	}
	for now < due {
		if due-now > lastSleep { // a wait as long would keep others waiting for its end
			select {
			case <-done:
				return now
			default:
			}
		}
		if w.turn == nil { // woken early, by a clock that runs at another speed
			if now = w.sleep(done, now, due); now < due {
				return now
			}
			break
		}
		if now-w.gave > turnEvery {
			w.turn()
			w.gave = now
		}
		next := w.Now()
		if turn := next - now; turn < alone {
			w.turned += turn
		}
		now = next
	}
	return now
}

// sleep sleeps by the runtime's timers. It returns before until once done is
// closed.
func (w *waiter) sleep(done <-chan struct{}, now, until time.Duration) time.Duration {
	for now < until {
		if w.timer == nil {
			w.timer = time.NewTimer(until - now)
		} else {
			w.timer.Reset(until - now)
		}
		select {
		case <-w.timer.C:
			now = w.Now()
		case <-done:
			w.timer.Stop()
			return w.Now()
		}
	}
	return now
}

// sleepInKernel sleeps until shortly before due.
func (w *waiter) sleepInKernel(now, due time.Duration) time.Duration {
	until := due - min(w.early, max((due-now)/giveWayShare, giveWayFree))
	if until <= now {
		return now
	}
	if now = w.sleeper.sleep(until); w.turn != nil {
		w.learn(now, due)
	}
	return now
}

// learn learns from a sleep that ended at now how early is early enough: up a little
// if it was late, down by far less if it was not, so that one sleep in lateOf ends
// late (Robbins and Monro, A Stochastic Approximation Method, Annals of Mathematical
// Statistics 22(3), 1951).
func (w *waiter) learn(now, due time.Duration) {
	const step = 100 * time.Nanosecond
	if now > due {
		w.early += (lateOf - 1) * step
	} else {
		w.early -= step
	}
	w.early = min(max(w.early, giveWayLeast), giveWayMost)
}

func (w *waiter) Spent() time.Duration { return w.turned + w.sleeper.spent }
