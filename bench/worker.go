package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// A source gives workers their calls.
type source interface {
	// take gives the next call to a worker that is free at now, as its call. It may
	// put the calls after it into the worker's batch, which is empty.
	take(own *worker, now time.Duration) bool
	// giveBack returns a call that an interruption at now kept from beginning.
	giveBack(c *call, now time.Duration)
	// stop interrupts the run: no more calls are taken.
	stop(now time.Duration)
}

// A worker makes one call after another.
type worker struct {
	ctx    context.Context // of the target
	done   <-chan struct{} // closed once no more calls are to begin
	target Target
	keys   Keys
	source source
	batch  *batch
	shared bool // others may take calls over from the batch
	clock  Clock
	waiter Waiter
	turn   chan Waiter // instead of waiter, if one worker waits at a time: who has it
	leave  func()      // called when it is done

	recorder *recorder
	free     time.Duration // when it would be free if the generator had no lag
	call     call          // at hand
	calling  bool          // the target has been entered, and not left
	made     bool          // the target has been entered
}

// A call is the account of one call.
//
// A source sets the first fields, in place: copying costs more than the rest of it.
type call struct {
	due     time.Duration
	release time.Duration // when it may begin: later, if it has to wait for the policy of overload
	fair    time.Duration // release, if the generator had no lag
	n       uint64
	traced  bool

	begun, ended time.Duration
	ideal        time.Duration // when it would have begun without the generator's lag
}

// noBatch is that of workers that take one call at a time: nobody puts any into it.
var noBatch batch

type oneKey struct{}

func (oneKey) Key(uint64) string { return "" }

// work makes calls until there are no more. A target that ends its goroutine (as
// a test's FailNow does) ends only this one: another takes over.
func (w *worker) work() {
	finished := false
	defer func() {
		if finished {
			w.leave()
			return
		}
		w.ended(w.clock.Now(), errGoexit)
		go w.work()
	}()
	for !finished {
		finished = w.calls()
	}
}

var errGoexit = errors.New("the target ended its goroutine (runtime.Goexit)")

// calls makes calls until there are no more, or the target panics: finished tells
// which. That the target panicked is accounted for here and not call by call, which
// would cost each of them.
func (w *worker) calls() (finished bool) {
	defer func() {
		if !w.calling {
			return
		}
		if v := recover(); v != nil {
			w.ended(w.clock.Now(), &PanicError{Value: v, Stack: debug.Stack()})
		}
	}()
	ctxDone := w.ctx.Done()
	// The end of one call is the beginning of the next if no wait lies between:
	// reading the clock is most of what a call costs.
	now := w.clock.Now()
	for {
		c := &w.call
		ok := true
		if w.turn != nil {
			now, ok = w.inTurn(now)
		} else if ok = w.batch.pop(w.shared, c) || w.source.take(w, now); ok && c.release > now {
			now = w.waiter.Wait(w.done, c.release)
		}
		if !ok {
			return true
		}
		// The target may hear of the end of its context before done is closed.
		if ended(w.done) || w.done != ctxDone && ended(ctxDone) {
			w.giveBack()
			return true
		}
		c.begun, c.ideal = now, max(c.fair, w.free)
		w.calling, w.made = true, true
		err := w.target.Call(w.ctx, w.keys.Key(c.n))
		now = w.clock.Now()
		w.ended(now, err)
	}
}

// inTurn waits for its turn, takes the next call, and waits until it is due: false if
// there are no more. Who is next takes over before the call begins, and not before
// then: calls are due in the order in which they are taken.
func (w *worker) inTurn(now time.Duration) (time.Duration, bool) {
	waiter := <-w.turn
	ok := w.source.take(w, now)
	if ok {
		waiter.Wait(w.done, w.call.release)
	}
	w.turn <- waiter
	return w.clock.Now(), ok
}

// giveBack returns the call at hand, which has not begun, and those of the batch.
func (w *worker) giveBack() {
	now := w.clock.Now()
	for ok := true; ok; ok = w.batch.pop(w.shared, &w.call) {
		w.source.giveBack(&w.call, now)
	}
}

// ended accounts for the call in progress.
//
// Its lag is queue lag as far as a generator without any lag of its own would
// have had it too: one that begins each call at the instant it is due (or, if calls
// catch up, is let go) or at the end of the worker's call before, whichever is later
// (Lindley's recursion, over the service times measured). The rest is the
// generator's.
func (w *worker) ended(now time.Duration, err error) {
	w.calling = false
	w.call.ended = now
	w.free = w.call.ideal + now - w.call.begun
	w.recorder.add(&w.call, err)
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
