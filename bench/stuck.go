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

// A StuckCall is a call that has not returned for long.
type StuckCall struct {
	Key   string
	Began time.Duration // since the start of the run
	For   time.Duration // it has been in the target
}

const (
	// stuckAfter is how long a call is in the target before Run.Stuck is told of it.
	stuckAfter = 5 * time.Second
	// givenUpAfter is how long calls may take to return once the context has ended.
	givenUpAfter = time.Second
	// stuckEvery is how often workers are looked at, at the least.
	stuckEvery = 100 * time.Millisecond
)

// inside says since when a worker has been in the target. It is written by the worker, twice
// a call, and looked at by others now and then: so there is no timer for a call.
type inside struct{ state atomic.Int64 }

// States of inside besides the instant at which the target was entered, plus 1.
const (
	outside = 0
	held    = -1 // somebody reads the worker's call
	givenUp = -2 // the call is not the worker's any more
)

// enter says that the target is entered at now. What it returns is for leave.
func (i *inside) enter(now time.Duration) (entered int64) {
	entered = int64(max(now, 0)) + 1
	i.state.Store(entered)
	return entered
}

// leave says that the target has been left. It is false if the call was given up.
func (i *inside) leave(entered int64) bool {
	for !i.state.CompareAndSwap(entered, outside) {
		if state := i.state.Load(); state != held && state != entered { // who held it may just have let go
			return false
		}
		runtime.Gosched()
	}
	return true
}

// since returns when the target was entered that the worker is in.
func (i *inside) since() (entered time.Duration, ok bool) {
	state := i.state.Load()
	return time.Duration(state - 1), state > outside
}

// hold calls f while the worker cannot leave the target, unless the call that was entered
// then has returned.
func (i *inside) hold(entered time.Duration, f func()) {
	if i.state.CompareAndSwap(int64(entered)+1, held) {
		f()
		i.state.Store(int64(entered) + 1)
	}
}

// giveUp takes the call that was entered then from the worker, whose goroutine ends when
// the call returns. It is false if it has returned.
func (i *inside) giveUp(entered time.Duration) bool {
	return i.state.CompareAndSwap(int64(entered)+1, givenUp)
}

// attend looks at workers until the run is over: it tells of calls that do not return, and
// gives up those that have timed out, or whose context has ended.
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

// An attendant is what has been seen of workers.
type attendant struct {
	ended  time.Duration // when the context had; 0: it has not
	stuck  []StuckCall
	told   time.Duration // when Run.Stuck was last called
	newest time.Duration // when the newest began of those that it was told of
}

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
	c.tell(a, now)
}

// tell calls Run.Stuck if there are stuck calls that it has not been told of, and not more
// often than there may be new ones.
func (c *crew) tell(a *attendant, now time.Duration) {
	if len(a.stuck) == 0 {
		return
	}
	slices.SortFunc(a.stuck, func(a, b StuckCall) int { return cmp.Compare(a.Began, b.Began) })
	if last := a.stuck[len(a.stuck)-1].Began; a.told == 0 || now-a.told >= stuckAfter && last > a.newest {
		a.told, a.newest = now, last
		c.run.Stuck(slices.Clone(a.stuck))
	}
}

// setContext gives a worker a context that ends when its call is given up. Without a
// timeout that is when the run's own has ended.
func (c *crew) setContext(w *worker) {
	w.ctx, w.cancel = c.ctx, func() {}
	if c.run.Timeout > 0 {
		w.ctx, w.cancel = context.WithCancel(c.ctx)
	}
}

// giveUp accounts for a call that has not returned as failed with err. If the run goes on,
// another goroutine goes on as the worker.
func (c *crew) giveUp(w *worker, entered, now time.Duration, err error) {
	if !w.inside.giveUp(entered) {
		return
	}
	c.givenUp++
	w.ended(now, err)
	w.cancel()
	c.setContext(w)
	go w.work()
}
