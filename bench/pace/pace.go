// Package pace waits until a call is due.
//
// A [Pace] trades three costs against each other: how late a call begins, how much CPU time the
// wait uses, and how much it delays other goroutines. It makes one [Waiter] per worker. A Waiter
// must be used by one goroutine at a time; waiting allocates nothing.
package pace

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

// A Clock measures the time since the start of a run with the monotonic clock.
type Clock struct{ start time.Time }

// ClockFrom returns a clock that counts from start, which may be in the future.
func ClockFrom(start time.Time) Clock { return Clock{start} }

// Now returns the time since the start.
func (c Clock) Now() time.Duration { return time.Since(c.start) }

// At returns the instant at which d has passed since the start.
func (c Clock) At(d time.Duration) time.Time { return c.start.Add(d) }

// A Pace is a way of waiting until a call is due.
//
// A worker that waits by any pace except [Sleep] may occupy its processor while it waits (in the
// kernel, until the runtime takes the processor away), and several workers would occupy all of
// them. If there are more workers than processors, therefore, one worker at a time waits, for the
// call that is due next, and the others wait for their turn. (50 workers that all waited in the
// kernel on two processors were 100 ms late at p99.) Each of several runs at once in a process has
// such a worker: with as many runs as processors, only [Sleep] leaves one to the targets.
type Pace interface {
	// Waiter returns a new waiter, for one worker.
	Waiter(c Clock) Waiter
	// String names the pace, for reports.
	String() string
}

// A Waiter waits for one worker. Only that worker may use it.
type Waiter interface {
	// Wait returns at due or as soon after it as it can, and returns the time at which it
	// returns. It returns before due only if done is closed.
	Wait(done <-chan struct{}, due time.Duration) (now time.Duration)
	// Spent returns the CPU time that waiting has used so far, as far as it is known.
	Spent() time.Duration
}

// The paces. Each is a trade between the lag of calls, the CPU time of waiting, and the CPU time
// left to other goroutines, such as exporters and the collector.
var (
	// Auto picks another pace for each run, by its rate, its workers and GOMAXPROCS: see
	// [Choose]. It is the default.
	Auto Pace = auto{}
	// Sleep waits with the timers of the runtime. It uses the least CPU time. On an idle Linux
	// machine calls begin up to 1 ms late, because the poller waits in whole milliseconds.
	Sleep Pace = &pace{name: "sleep"}
	// Cheap sleeps in the kernel until a call is due. Calls begin some 50 us late, and it uses
	// little more CPU time than Sleep. On systems other than Linux it is Sleep.
	Cheap Pace = &pace{name: "cheap", kernel: true}
	// Tight sleeps in the kernel until shortly before a call is due, and then yields to other
	// goroutines until it is. On an idle machine calls begin a few microseconds late. How early
	// it wakes up depends on how late the kernel has been. On systems other than Linux it yields
	// for the last two milliseconds.
	Tight Pace = &pace{name: "tight", kernel: true, turn: runtime.Gosched}
	// Yield never sleeps: it yields to other goroutines until a call is due. It uses a whole
	// processor, but shares it with goroutines that are ready to run. While no processor is
	// idle, goroutines that wait for the network may wait for milliseconds more.
	Yield Pace = &pace{name: "yield", turn: runtime.Gosched, awake: true}
	// Spin neither sleeps nor yields. It needs a processor for each worker; without one, it
	// starves the other goroutines.
	Spin Pace = &pace{name: "spin", turn: func() {}, awake: true}
)

// All returns all paces.
func All() []Pace { return []Pace{Auto, Sleep, Cheap, Tight, Yield, Spin} }

// Parse returns the pace with the given name.
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

// Choose returns the pace that [Auto] picks for a rate in calls per second, a number of workers
// and a number of processors (GOMAXPROCS):
//
//   - With one processor, [Sleep], because every other pace takes processor time from the target.
//   - With at least one worker per processor, and so many calls that workers would yield much of
//     the time, [Cheap], because yielding would keep exporters, the collector and the target's
//     own timers from running for milliseconds.
//   - Otherwise [Tight].
func Choose(perSecond float64, workers, processors int) Pace {
	yielding := perSecond * yieldFree.Seconds() // the expected number of workers that yield
	switch {
	case processors == 1:
		return Sleep
	case workers == processors && yielding > 0.1*float64(processors):
		return Cheap
	case workers > processors && yielding > 0.5: // one worker waits at a time
		return Cheap
	}
	return Tight
}

type auto struct{}

func (auto) String() string { return "auto" }

// Waiter returns a waiter of [Tight]. Package bench calls Choose instead.
func (auto) Waiter(c Clock) Waiter { return Tight.Waiter(c) }

// A pace combines three ways of waiting. Each of them waits for the time that the previous one
// leaves: with the runtime's timers, in the kernel, and awake, in a loop that calls turn.
type pace struct {
	name   string
	kernel bool   // sleeps in the kernel
	turn   func() // called in a loop while awake; nil if the pace only sleeps
	awake  bool   // never sleeps
}

func (p *pace) String() string { return p.name }

func (p *pace) Waiter(c Clock) Waiter {
	w := &waiter{pace: *p, Clock: c}
	w.kernel = p.kernel && kernelSleeps
	if p.turn != nil {
		w.early = yieldFree
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
	// lastSleep is the length of the last sleep in the kernel, which cannot be interrupted.
	lastSleep = 2 * time.Millisecond
	// yieldLeast and yieldMost bound the time before a call is due in which its worker is awake.
	// Beyond yieldFree, that time is also at most 1/yieldShare of the wait, which bounds its CPU
	// time.
	yieldLeast = 5 * time.Microsecond
	yieldFree  = 50 * time.Microsecond
	yieldMost  = 150 * time.Microsecond
	yieldShare = 8
	// At most one kernel sleep in lateOf should end after the call is due.
	lateOf = 100
	// turnEvery is the time between turns of a worker that is awake. A turn may take longer than
	// the time that is left.
	turnEvery = 20 * time.Microsecond
	// alone is the longest that a turn takes if nothing else runs. In a longer turn the time went
	// to other goroutines.
	alone = 2 * time.Microsecond
)

// A waiter is the Waiter of a pace.
type waiter struct {
	pace
	Clock
	timer   *time.Timer
	sleeper kernelSleeper
	early   time.Duration // how long before a call is due the waiter should be awake
	yielded time.Duration // when it last called turn
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
		if due-now > lastSleep { // look at done, as a long wait must end with the run
			select {
			case <-done:
				return now
			default:
			}
		}
		if w.turn == nil { // woken too early by a clock that runs faster
			if now = w.sleep(done, now, due); now < due {
				return now
			}
			break
		}
		if now-w.yielded > turnEvery {
			w.turn()
			w.yielded = now
		}
		next := w.Now()
		if turn := next - now; turn < alone {
			w.turned += turn
		}
		now = next
	}
	return now
}

// sleep sleeps with the runtime's timers. It returns before until only if done is closed.
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
	until := due - min(w.early, max((due-now)/yieldShare, yieldFree))
	if until <= now {
		return now
	}
	if now = w.sleeper.sleep(until); w.turn != nil {
		w.learn(now, due)
	}
	return now
}

// learn adjusts early to a sleep that ended at now: it raises early if the sleep ended after due,
// and lowers it by far less otherwise, so that about one sleep in lateOf ends late (Robbins and
// Monro, A Stochastic Approximation Method, Annals of Mathematical Statistics 22(3), 1951).
func (w *waiter) learn(now, due time.Duration) {
	const step = 100 * time.Nanosecond
	if now > due {
		w.early += (lateOf - 1) * step
	} else {
		w.early -= step
	}
	w.early = min(max(w.early, yieldLeast), yieldMost)
}

func (w *waiter) Spent() time.Duration { return w.turned + w.sleeper.spent }
