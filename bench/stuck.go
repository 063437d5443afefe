package bench

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
)

// A StuckCall is a call that has been in the target for a long time.
type StuckCall struct {
	Key   string
	Began time.Duration // when it began, since the start of the run
	For   time.Duration // how long it has been in the target
}

const (
	// stuckAfter is how long a call is in the target before it is reported to Run.Stuck.
	stuckAfter = 5 * time.Second
	// givenUpAfter is how long calls may take to return after the context has ended.
	givenUpAfter = time.Second
	// stuckEvery is the longest time between two looks at the workers.
	stuckEvery = 100 * time.Millisecond
)

// inside says since when a worker has been in the target. The worker writes it twice per call, and
// other goroutines look at it from time to time, so that a call needs no timer.
type inside struct{ state atomic.Int64 }

// States of inside. Any other state is the instant at which the target was entered, plus 1.
const (
	outside = 0
	held    = -1 // another goroutine reads the worker's call
	givenUp = -2 // the call has been taken from the worker
)

// enter notes that the target is entered at now. The result is the argument of leave.
func (i *inside) enter(now time.Duration) (entered int64) {
	entered = int64(max(now, 0)) + 1
	i.state.Store(entered)
	return entered
}

// leave notes that the target has been left. It returns false if the call was given up.
func (i *inside) leave(entered int64) bool {
	for !i.state.CompareAndSwap(entered, outside) {
		if state := i.state.Load(); state != held && state != entered { // the holder may just have released it
			return false
		}
		runtime.Gosched()
	}
	return true
}

// since returns when the worker entered the target; ok is false if it is not in the target.
func (i *inside) since() (entered time.Duration, ok bool) {
	state := i.state.Load()
	return time.Duration(state - 1), state > outside
}

// hold calls f while the worker cannot leave the target, unless the call that entered the target at
// entered has returned.
func (i *inside) hold(entered time.Duration, f func()) {
	if i.state.CompareAndSwap(int64(entered)+1, held) {
		f()
		i.state.Store(int64(entered) + 1)
	}
}

// giveUp takes the call that entered the target at entered from the worker. The goroutine of the call
// ends when the call returns. GiveUp returns false if the call has returned already.
func (i *inside) giveUp(entered time.Duration) bool {
	return i.state.CompareAndSwap(int64(entered)+1, givenUp)
}

// attend looks at the workers until the run is over. It reports calls that do not return, and gives up
// calls that have timed out or whose context has ended.
func (c *crew) attend() {
	every := stuckEvery
	if t := c.run.Timeout; t > 0 {
		every = min(every, max(t/10, watchEvery))
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var a attendant
	for {
		select {
		case <-c.over:
			return
		case <-ticker.C:
		}
		c.look(&a, c.clock.Now())
	}
}

// An attendant holds the state of attend.
type attendant struct {
	ended    time.Duration // when the end of the context was seen; 0 if it has not ended
	stuck    []StuckCall
	reported time.Duration // when Run.Stuck was last called
	newest   time.Duration // when the newest of the reported calls began
}

// look looks at all workers once.
func (c *crew) look(a *attendant, now time.Duration) {
	if a.ended == 0 && c.ctx.Err() != nil {
		a.ended = max(now, 1)
	}
	a.stuck = a.stuck[:0]
	c.mu.Lock()
	workers := c.workers
	c.mu.Unlock()
	for _, w := range workers {
		since, ok := w.inside.since()
		switch timeout := c.run.Timeout; {
		case !ok:
		case timeout > 0 && now-since >= timeout:
			c.giveUp(w, since, now, record.ErrTimeout)
		case a.ended > 0 && now-a.ended >= givenUpAfter:
			c.giveUp(w, since, now, record.ErrNotReturned)
		case c.run.Stuck != nil && now-since >= stuckAfter:
			w.inside.hold(since, func() {
				a.stuck = append(a.stuck,
					StuckCall{w.keys.Key(w.call.n), since, now - since})
			})
		}
	}
	c.report(a, now)
}

// report calls Run.Stuck if there are stuck calls that have not been reported, at most once every
// stuckAfter.
func (c *crew) report(a *attendant, now time.Duration) {
	if len(a.stuck) == 0 {
		return
	}
	slices.SortFunc(a.stuck, func(a, b StuckCall) int { return cmp.Compare(a.Began, b.Began) })
	if last := a.stuck[len(a.stuck)-1].Began; a.reported == 0 || now-a.reported >= stuckAfter && last > a.newest {
		a.reported, a.newest = now, last
		c.run.Stuck(slices.Clone(a.stuck))
	}
}

// setContext gives a worker the context of the run, or, if there is a timeout, a context that ends when
// its call is given up.
func (c *crew) setContext(w *worker) {
	w.ctx, w.cancel = c.ctx, func() {}
	if c.run.Timeout > 0 {
		w.ctx, w.cancel = context.WithCancel(c.ctx)
	}
}

// giveUp gives up a call that has not returned: the call fails with err, and a new goroutine continues
// as the worker.
func (c *crew) giveUp(w *worker, entered, now time.Duration, err error) {
	if !w.inside.giveUp(entered) {
		return
	}
	c.givenUp++
	w.ended(now, err)
	if w.timed != nil {
		w.at = new(Instants) // the call may still write to the others
	}
	w.cancel()
	c.setContext(w)
	go w.work()
}
