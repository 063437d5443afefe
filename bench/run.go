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

// DefaultQueue is the default of [Run].Queue.
const DefaultQueue = 1 << 16

// A Run is a load on a target. Target must be set, and either Arrivals or Closed.
type Run struct {
	// Arrivals are the schedule: they say when calls are due.
	Arrivals schedule.Arrivals
	// Closed, if set, replaces Arrivals by a closed loop: see [Closed].
	Closed *Closed
	// Keys choose the key of each call. If Keys is nil, every key is "".
	Keys schedule.Keys
	// Target is the thing under load.
	Target Target
	// Workers is the number of calls that may run at once. If it is 0, [DefaultWorkers] is used,
	// which suits targets that use the processor. A target that waits needs as many workers as
	// calls are to wait at once. Each of the first workers takes 0.8 to 2.1 MB of histograms, which
	// the others share: the first 4 per processor, and at most 64.
	Workers int
	// MaxWorkers, if above Workers, allows workers to be added up to this number. They are added
	// within some milliseconds while calls wait for a worker and a processor is idle. They share
	// the histograms of the first workers.
	MaxWorkers int
	// Overload decides what happens to calls that find every worker busy. The zero value is
	// [Queue].
	Overload Overload
	// Queue is the number of calls that may wait for a worker. If it is 0, [DefaultQueue] is used.
	Queue int
	// Pace decides how workers wait until a call is due. If it is nil, [pace.Auto] is used.
	Pace pace.Pace
	// Window is the length of the windows of the record. If it is 0, a length is used that gives
	// 20 to 50 windows; or, if the windows of the SLOs are not all multiples of it, the shortest
	// window of an SLO.
	Window time.Duration
	// SLOs are the objectives of the run. If Abort is set, the run ends as soon as one of them is
	// certain to be missed, that is, if more calls are already bad than may be bad among all calls
	// due in the run (or in the objective's window). So Abort changes no verdict. After that no
	// call begins, and the calls in the target go on until they return. In a closed loop the
	// number of calls to come is not known: there, an objective over windows can end the run after
	// a window is over, and another objective can only if it allows no bad call.
	SLOs  []record.SLO
	Abort bool
	// FailedApart leaves failed calls out of percentiles and of objectives of latency. It is for
	// targets whose errors are valid answers. By default a failed call counts as infinitely slow.
	FailedApart bool
	// Timeout, if not 0, is the longest time that a call may be in the target. A call that takes
	// longer fails with [record.ErrTimeout], within a tenth of Timeout or a millisecond. Its
	// context ends, and another goroutine makes the worker's next calls; the goroutine of the call
	// stays behind until the target returns.
	Timeout time.Duration
	// Stuck, if set, is called with the calls that have been in the target for at least 5 s,
	// longest first: as soon as there is one, and then at most every 5 s, if there are new ones.
	// It is called during the run, by one goroutine at a time.
	Stuck func([]StuckCall)
	// Activities may run beside the calls. The slowest calls are tagged with the activities that
	// they overlapped. At most [MaxActivities] are allowed.
	Activities []*Activity
	// Keep is the number of latencies to keep for Record.Kept, in the order in which calls end.
	// Each takes 16 B.
	Keep int
	// Began, if set, is called when everything is ready, just before the schedule starts. Ended,
	// if set, is called after every call has returned or was given up, before the record is made.
	// Between them, a caller can measure what the process uses, without the cost of setup.
	Began, Ended func()

	// Lag asks for Record.Lag: the whole lag of each call, in addition to its two parts.
	Lag bool
}

// MaxWorkers is the largest number of workers of a run.
const MaxWorkers = 100_000

const (
	// maxRecorders bounds the memory of a run. With more workers than recorders, the target waits
	// most of the time, and workers rarely use a recorder at the same time.
	maxRecorders = 64
	// recordersPerProcessor bounds the memory, too, and the time it takes to start a run, which
	// touches all of it. No more workers than processors record at the same time, and recording
	// takes a small part of a call. With a recorder for each of 32 workers on one processor, the
	// CPU time of a run of HTTP calls for 1.5 s was a tenth higher.
	recordersPerProcessor = 4
)

// recordersFor returns the number of recorders of a run.
func recordersFor(workers, processors int) int {
	return min(workers, recordersPerProcessor*processors, maxRecorders)
}

const maxKeep = 1 << 30

// DefaultWorkers returns the number of workers of a [Run] that does not set it: one fewer than
// GOMAXPROCS, to leave a processor to everything else, and at least one.
func DefaultWorkers() int { return max(runtime.GOMAXPROCS(0)-1, 1) }

// Check returns an error that lists everything that is wrong with r, or nil. [Run.Do] calls it.
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
		wrong("Run.Arrivals last %v: want a duration above 0", r.Arrivals.Duration())
	case r.Arrivals.Duration() == schedule.Endless:
		wrong("Run.Arrivals do not end: want a load with a duration, or schedule.First(arrivals, n)")
	}
	if r.Target == nil {
		wrong("Run.Target is nil: want a target, such as a TargetFunc")
	}
	if r.Workers < 0 || r.Workers > MaxWorkers {
		wrong("Run.Workers is %d: want 1 to %d, or 0 for one fewer than there are processors", r.Workers, MaxWorkers)
	}
	if r.MaxWorkers < 0 || r.MaxWorkers > MaxWorkers {
		wrong("Run.MaxWorkers is %d: want 0 to %d", r.MaxWorkers, MaxWorkers)
	}
	if err := r.Overload.Check(); err != nil {
		wrong("Run.Overload: %w", err)
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
		wrong("Run.Activities are %d: want at most %d", n, MaxActivities)
	}
	errs = append(errs, r.CheckWindows())
	return errors.Join(errs...)
}

// CheckWindows returns the part of [Run.Check] that concerns windows: too many of them, or an SLO
// whose windows are not multiples of them. A scenario uses it to check a run without a target.
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
		errs = append(errs, fmt.Errorf("bench: a run of %v has more than %d windows of %v: want %v or more",
			duration, maxWindows, window, least))
	}
	for _, s := range r.SLOs {
		switch {
		case s.Metric() == "":
			errs = append(errs, errors.New("bench: Run.SLOs has an empty SLO: want the result of ParseSLO"))
		case s.Every() > duration:
			errs = append(errs, fmt.Errorf("bench: SLO %q has windows longer than the run of %v: "+
				"want shorter windows, or a longer run", s, duration))
		case s.Every()%window != 0:
			errs = append(errs, fmt.Errorf("bench: SLO %q does not have whole windows of %v: "+
				"want a multiple of that, or a Run.Window that divides it", s, window))
		}
	}
	return errors.Join(errs...)
}

// aborts reports whether an SLO may end the run.
func (r *Run) aborts() bool { return r.Abort && len(r.SLOs) > 0 }

// duration returns the length of the schedule.
func (r *Run) duration() time.Duration {
	if r.Closed != nil {
		return r.Closed.Duration
	}
	return r.Arrivals.Duration()
}

// window returns the length of the windows: Run.Window, or the default that its comment describes.
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

// Do calls the target until the schedule ends and every call has returned, and returns the record of
// the run. After ctx ends no call begins, and Do returns the record of the calls until then, marked as
// interrupted. The error is the error of [Run.Check], without a record, or an [*AccountError], together
// with a record.
//
// A call that never returns keeps Do from returning, unless Timeout is set or ctx ends. A call that
// has not returned a second after ctx ended fails with [record.ErrNotReturned]. Its goroutine stays
// behind until the call returns, and keeps the memory of the run.
func (r *Run) Do(ctx context.Context) (*record.Record, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	c := newCrew(ctx, r)
	if r.Began != nil {
		r.Began()
	}
	c.start()
	// Workers notice the end of ctx by themselves, unless all of them are in the target.
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

// leadIn is the time between the start of the workers and the start of the schedule, so that the
// first calls do not wait for goroutines to start.
const leadIn = time.Millisecond
