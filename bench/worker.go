package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// A worker makes one call after another.
type worker struct {
	ctx    context.Context
	target Target
	keys   Keys
	queue  *queue
	clock  Clock
	waiter Waiter
	wg     *sync.WaitGroup

	recorder   *recorder
	free       time.Duration // when it would be free if the generator had no lag
	due, begun time.Duration // of the call in progress
}

func newWorker(ctx context.Context, r *Run, q *queue, rec *recorder, c Clock, waiter Waiter, wg *sync.WaitGroup) *worker {
	w := &worker{ctx: ctx, target: r.Target, keys: r.Keys, queue: q, clock: c, waiter: waiter, wg: wg, recorder: rec}
	if w.keys == nil {
		w.keys = oneKey{}
	}
	return w
}

type oneKey struct{}

func (oneKey) Key(uint64) string { return "" }

// work makes calls until there are no more. A target that ends its goroutine (as
// a test's FailNow does) ends only this one: another takes over.
func (w *worker) work() {
	finished := false
	defer func() {
		if finished {
			w.wg.Done()
			return
		}
		w.ended(w.clock.Now(), errGoexit)
		go w.work()
	}()
	w.calls()
	finished = true
}

var errGoexit = errors.New("the target ended its goroutine (runtime.Goexit)")

func (w *worker) calls() {
	done := w.ctx.Done()
	// The end of one call is the beginning of the next if no wait lies between:
	// reading the clock is most of what a call costs.
	now := w.clock.Now()
	for {
		n, due, ok := w.queue.take(now)
		if !ok {
			return
		}
		if due > now {
			now = w.waiter.Wait(done, due)
		}
		select {
		case <-done:
			w.queue.giveBack(due, w.clock.Now())
			return
		default:
		}
		w.due, w.begun = due, now
		err := w.do(w.keys.Key(n))
		now = w.clock.Now()
		w.ended(now, err)
	}
}

// ended accounts for the call in progress.
//
// Its lag is queue lag as far as a generator without any lag of its own would
// have had it too: one that begins each call at the instant it is due or at the
// end of the worker's call before, whichever is later (Lindley's recursion, over
// the service times measured). The rest is the generator's.
func (w *worker) ended(now time.Duration, err error) {
	ideal := max(w.due, w.free)
	w.free = ideal + now - w.begun
	w.recorder.add(call{due: w.due, ideal: ideal, begun: w.begun, ended: now}, err)
}

// A call is the instants of one call.
type call struct {
	due, begun, ended time.Duration
	ideal             time.Duration // when it would have begun without the generator's lag
}

// A PanicError is a panic of a target.
type PanicError struct {
	Value any    // what was passed to panic
	Stack []byte // of the goroutine, at the panic
}

func (e *PanicError) Error() string { return fmt.Sprintf("the target panicked: %v", e.Value) }

// Unwrap returns the value of the panic if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

func (w *worker) do(key string) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return w.target.Call(w.ctx, key)
}
