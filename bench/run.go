package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// DefaultQueue is how many calls may wait for a worker if a [Run] does not say.
const DefaultQueue = 1 << 16

// A Run is a load on a target. Target must be set, and either Arrivals or Closed.
type Run struct {
	// Arrivals say when calls are due.
	Arrivals schedule.Arrivals
	// Closed makes the loop a closed one, without Arrivals: see [Closed].
	Closed *Closed
	// Keys say which key each call asks for; nil asks for "".
	Keys schedule.Keys
	// Target is called.
	Target Target
	// Workers are how many calls may run at once; 0 is one fewer than there are
	// processors, but one at least. That suits targets that use the processor:
	// what runs beside them needs one. A target that waits needs as many workers
	// as calls are to wait at once. Each of the first 64 takes about 1.3 MB of
	// histograms; the others share those.
	Workers int
	// MaxWorkers, if it is more than Workers, lets there be as many: more are added
	// within some milliseconds while calls wait for a worker and a processor is idle.
	// They share the histograms of the first.
	MaxWorkers int
	// Overload says what becomes of calls that find every worker busy; the zero
	// value is [Queue].
	Overload Overload
	// Queue is how many calls may wait for a worker; 0 is [DefaultQueue].
	Queue int
	// Pace is how workers wait; nil is [Auto].
	Pace pace.Pace
	// Window is the length of the windows that the record is cut into; 0 picks one
	// that makes 20 to 50, or the shortest that one of SLOs is about if that does not
	// divide all of theirs.
	Window time.Duration
	// SLOs are what the run is to hold. Abort ends it once one of them is certain to be
	// missed, whatever becomes of the calls to come: more calls are bad than may be of all
	// that are due in the run, or in the window that it is about. So it changes no verdict.
	// No more calls begin then, and those in the target go on until they end. In a closed
	// loop nobody knows how many calls will be due: an objective about windows can end it
	// once a window is over, and of the others one that lets no call be bad.
	SLOs  []record.SLO
	Abort bool
	// FailedApart leaves failed calls out of percentiles, and of objectives about latency, for
	// targets whose errors are answers. Otherwise a failed call counts as infinitely slow.
	FailedApart bool
	// Timeout, if it is not 0, is how long a call may be in the target. One that takes longer
	// counts as failed with [record.ErrTimeout], within a tenth of Timeout or a millisecond; its
	// context ends, and another goroutine makes the calls that it keeps from being made. Its
	// own is left behind until the target returns.
	Timeout time.Duration
	// Stuck, if set, is called with the calls that have been in the target for 5 s or more,
	// longest first, when there are some and every 5 s if there are new ones. It is called by
	// one goroutine at a time, while the run goes on.
	Stuck func([]StuckCall)
	// Activities are what may go on beside calls: the slowest calls are tagged with
	// those that they overlapped.
	Activities []*Activity
	// Keep is how many latencies are kept one by one, in the order in which calls
	// ended, for Record.Kept; calls past it are not. They take 16 B each.
	Keep int
	// Began, if set, is called when all is ready, just before the schedule starts,
	// and Ended when every call has returned or was given up, before anything is added
	// up: to measure what the process spends, without what setting up takes.
	Began, Ended func()

	// Lag asks for Record.Lag: the whole lag of each call, beside its two parts.
	Lag bool
}

// MaxWorkers is the most workers of a run.
const MaxWorkers = 100_000

// maxRecorders bounds the memory of a run. Where there are more workers than
// this the target waits, and recorders are hardly ever asked for at once.
const maxRecorders = 64

const maxKeep = 1 << 30

// DefaultWorkers is what Workers of 0 stands for on this machine.
func DefaultWorkers() int { return max(runtime.GOMAXPROCS(0)-1, 1) }

// Check reports all that is wrong with r.
func (r *Run) Check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("bench: "+format, args...)) }
	switch {
	case r.Arrivals == nil && r.Closed == nil:
		wrong("Run.Arrivals is nil: want a schedule, such as Constant(PerSecond(1000), time.Second), or Run.Closed")
	case r.Arrivals != nil && r.Closed != nil:
		wrong("Run.Arrivals and Run.Closed are both set: want one of them")
	case r.Closed != nil:
		if err := r.Closed.check(); err != nil {
			wrong("%w", err)
		}
	case r.Arrivals.Duration() <= 0:
		wrong("Run.Arrivals last %v: want a schedule that begins and ends", r.Arrivals.Duration())
	case r.Arrivals.Duration() == schedule.Endless:
		wrong("Run.Arrivals do not end: want those of a Load with a duration, or First(n) of them")
	}
	if r.Target == nil {
		wrong("Run.Target is nil: want what is to be called")
	}
	if r.Workers < 0 || r.Workers > MaxWorkers {
		wrong("Run.Workers is %d: want 1 to %d, or 0 for one fewer than there are processors", r.Workers, MaxWorkers)
	}
	if r.MaxWorkers < 0 || r.MaxWorkers > MaxWorkers {
		wrong("Run.MaxWorkers is %d: want 0 to %d", r.MaxWorkers, MaxWorkers)
	}
	if err := r.Overload.Check(); err != nil {
		wrong("Run.Overload %w", err)
	}
	if r.Queue < 0 || r.Queue > 1<<30 {
		wrong("Run.Queue is %d: want 1 to 2^30, or 0 for %d", r.Queue, DefaultQueue)
	}
	if r.Keep < 0 || r.Keep > maxKeep {
		wrong("Run.Keep is %d: want 0 to 2^30", r.Keep)
	}
	if r.Timeout < 0 {
		wrong("Run.Timeout is %v: want a duration, or 0 for none", r.Timeout)
	}
	if n := len(r.Activities); n > MaxActivities {
		wrong("Run.Activities are %d: want %d at most", n, MaxActivities)
	}
	errs = append(errs, r.CheckWindows())
	return errors.Join(errs...)
}

// CheckWindows reports what is wrong with the windows of r: that they are too many
// for its duration, or that the windows of an SLO are not made of them.
func (r *Run) CheckWindows() error {
	var errs []error
	if r.Window < 0 {
		errs = append(errs, fmt.Errorf("bench: Run.Window is %v: want 0 or more", r.Window))
		return errors.Join(errs...)
	}
	if r.Arrivals == nil && r.Closed == nil || r.duration() <= 0 {
		return nil
	}
	window, duration := r.window(), r.duration()
	if (duration-1)/window >= maxWindows {
		least := (duration-1)/maxWindows + 1
		if rest := least % time.Millisecond; rest > 0 {
			least += time.Millisecond - rest
		}
		errs = append(errs, fmt.Errorf("bench: windows of %v are more than %d in %v: want %v or more", window,
			maxWindows, duration, least))
	}
	for _, s := range r.SLOs {
		switch {
		case s.Metric() == "":
			errs = append(errs, errors.New("bench: Run.SLOs hold one that is empty: want one of ParseSLO"))
		case s.Every() > duration:
			errs = append(errs, fmt.Errorf("bench: SLO %q is about windows longer than the run of %v", s, duration))
		case s.Every()%window != 0:
			errs = append(errs, fmt.Errorf("bench: SLO %q is not about whole windows of %v: want a multiple of it, "+
				"or Run.Window to divide it", s, window))
		}
	}
	return errors.Join(errs...)
}

// aborts reports whether an SLO may end the run.
func (r *Run) aborts() bool { return r.Abort && len(r.SLOs) > 0 }

func (r *Run) duration() time.Duration {
	if r.Closed != nil {
		return r.Closed.Duration
	}
	return r.Arrivals.Duration()
}

// window is the length of windows: what was asked for, or what makes 20 to 50, or
// the shortest that an SLO is about if that does not divide all of theirs.
func (r *Run) window() time.Duration {
	if r.Window != 0 {
		return r.Window
	}
	window := windowOf(r.duration())
	shortest, divides := time.Duration(0), true
	for _, s := range r.SLOs {
		if s.Every() > 0 && (shortest == 0 || s.Every() < shortest) {
			shortest = s.Every()
		}
		divides = divides && s.Every()%window == 0
	}
	if divides {
		return window
	}
	return shortest
}

// Do calls the target until the schedule ends and every call has returned, and
// returns the account of it. Once ctx ends no more calls begin; what was measured
// until then is returned all the same, marked as interrupted. The error is that of
// Check, or an [*AccountError] beside the record.
//
// A call that never returns keeps Do from returning, unless there is a Timeout, or ctx
// ends: calls that have not returned a second after that count as failed with
// [record.ErrNotReturned]. Their goroutines are left behind until they return, and keep the memory
// of the run with them.
func (r *Run) Do(ctx context.Context) (*record.Record, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	c := newCrew(ctx, r)
	if r.Began != nil {
		r.Began()
	}
	c.start()
	// Workers see for themselves that ctx has ended, unless all are in the target.
	halted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		c.source.stop(c.clock.Now())
		close(halted)
	})
	c.wait()
	if !stop() {
		<-halted
	}
	if r.Ended != nil {
		r.Ended()
	}
	return c.record()
}

// leadIn is how long before the schedule starts its workers do, so that the first
// calls do not wait for goroutines to begin.
const leadIn = time.Millisecond
