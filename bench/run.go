package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// DefaultQueue is how many calls may wait for a worker if a [Run] does not say.
const DefaultQueue = 1 << 16

// NoQueue lets no call wait: one that finds every worker busy, or not yet back from
// waiting for the call before, is dropped.
const NoQueue = -1

// A Run is a load on a target. Arrivals and Target must be set.
type Run struct {
	// Arrivals say when calls are due.
	Arrivals Arrivals
	// Keys say which key each call asks for; nil asks for "".
	Keys Keys
	// Target is called.
	Target Target
	// Workers are how many calls may run at once; 0 is one fewer than there are
	// processors, but one at least. That suits targets that use the processor:
	// what runs beside them needs one. A target that waits needs as many workers
	// as calls are to wait at once. Each of the first 64 takes about 1.3 MB of
	// histograms; the others share those.
	Workers int
	// Queue is how many calls may wait for a worker; 0 is [DefaultQueue], and
	// [NoQueue] none.
	Queue int
	// Pace is how workers wait; nil is [Tight].
	Pace Pace
	// Keep is how many latencies are kept one by one, in the order in which calls
	// ended, for Record.Kept; calls past it are not. They take 16 B each.
	Keep int
	// Began, if set, is called when all is ready, just before the schedule starts,
	// and Ended when every call has returned, before anything is added up: to
	// measure what the process spends, without what setting up takes.
	Began, Ended func()
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
	if r.Arrivals == nil {
		wrong("Run.Arrivals is nil: want a schedule, such as Constant(PerSecond(1000), time.Second)")
	}
	if r.Target == nil {
		wrong("Run.Target is nil: want what is to be called")
	}
	if r.Workers < 0 || r.Workers > MaxWorkers {
		wrong("Run.Workers is %d: want 1 to %d, or 0 for one fewer than there are processors", r.Workers, MaxWorkers)
	}
	if r.Queue < NoQueue || r.Queue > 1<<30 {
		wrong("Run.Queue is %d: want 1 to 2^30, 0 for %d, or %d for none", r.Queue, DefaultQueue, NoQueue)
	}
	if r.Keep < 0 || r.Keep > maxKeep {
		wrong("Run.Keep is %d: want 0 to 2^30", r.Keep)
	}
	return errors.Join(errs...)
}

// Do calls the target until the schedule ends and every call has returned, and
// returns the account of it. Once ctx ends no more calls begin; what was measured
// until then is returned all the same, marked as interrupted. The only error is
// that of Check.
func (r *Run) Do(ctx context.Context) (*Record, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	workers, pace := r.Workers, r.Pace
	if workers == 0 {
		workers = DefaultWorkers()
	}
	if pace == nil {
		pace = Tight
	}
	room := r.Queue
	switch room {
	case 0:
		room = DefaultQueue
	case NoQueue:
		room = 0
	}
	q := newQueue(r.Arrivals, room)
	kept := newKept(r.Keep)
	recorders := make([]*recorder, min(workers, maxRecorders))
	for i := range recorders {
		recorders[i] = newRecorder(kept)
		recorders[i].shared = workers > len(recorders)
	}
	if r.Began != nil {
		r.Began()
	}
	clock := Clock{time.Now().Add(leadIn)}
	var wg sync.WaitGroup
	wg.Add(workers)
	all := make([]*worker, workers)
	for i := range all {
		all[i] = newWorker(ctx, r, q, recorders[i%len(recorders)], clock, pace.Waiter(clock), &wg)
		go all[i].work()
	}
	// Workers see for themselves that ctx has ended, unless all are in the target.
	halted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		q.stop(clock.Now())
		close(halted)
	})
	wg.Wait()
	if !stop() {
		<-halted
	}
	if r.Ended != nil {
		r.Ended()
	}
	return merge(all, recorders, q, kept, r.Arrivals.Duration()), nil
}

// leadIn is how long before the schedule starts its workers do, so that the first
// calls do not wait for goroutines to begin.
const leadIn = time.Millisecond
