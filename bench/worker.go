package bench

import (
	"context"
	"errors"
	"time"

	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// A source gives workers their calls.
type source interface {
	// take sets own.call to the next call of a worker that is free at now, and reports whether
	// there is one. It may put the calls after it into the worker's batch, which is empty.
	take(own *worker, now time.Duration) bool
	// giveBack takes back a call that did not begin because of an interruption at now.
	giveBack(c *call, now time.Duration)
	// stop interrupts the run at now. After that, take returns false.
	stop(now time.Duration)
}

// A worker makes one call after another.
type worker struct {
	ctx    context.Context // passed to the target
	cancel func()          // ends ctx if it is the worker's own
	done   <-chan struct{} // closed when no more calls may begin
	target Target
	timed  Timed     // the target, if it is Timed
	at     *Instants // the instants of the current call, if the target is Timed
	keys   schedule.Keys
	source source
	batch  *batch
	shared bool // other workers may take calls from the batch
	clock  pace.Clock
	waiter pace.Waiter
	turn   chan pace.Waiter // replaces waiter if one worker waits at a time: holds the waiter in between
	leave  func()           // called after the last call

	recorder *recorder
	before   time.Duration // when the previous call would have begun without generator lag
	free     time.Duration // when the previous call would have ended without generator lag
	call     *call         // the current call
	made     bool          // the target has been entered at least once
	inside   inside        // since when the worker has been in the target

	lagAccount *lagAccount   // nil if the worker computes the lag of its calls by itself
	log        []call        // calls that have ended and are not in lagAccount yet, and the current call
	noted      int           // the number of ended calls in log
	settled    call          // for lagAccount: a settled call that has not ended as far as known; seq is 0 if none
	seen       time.Duration // for lagAccount: when the worker was last seen in the target
}

// A call is the account of one call.
//
// A source sets the first fields in place, because copying a call would take most of the time.
type call struct {
	due     time.Duration
	release time.Duration // when it may begin: later than due if the overload policy delays it
	step    time.Duration // the least time after the release of the previous call
	n       uint64
	seq     uint64 // place among the calls that workers take, from 1
	traced  bool
	worker  int32 // index in lagAccount

	begun, ended time.Duration
	ideal        time.Duration // when it would have begun without generator lag
}

// noBatch is the batch of all workers that take one call at a time. It stays empty.
var noBatch batch

// oneKey are the keys of a run without keys.
type oneKey struct{}

func (oneKey) Key(uint64) string { return "" }

// A shift is one goroutine of a worker.
type shift struct {
	entered  int64 // the result of inside.enter for the call in the target; 0 outside the target
	finished bool  // there are no more calls
	gone     bool  // the call was given up, and another goroutine has taken over the worker
}

// work makes calls until there are no more. If the target ends its goroutine (as a test's FailNow
// does), another goroutine takes over.
func (w *worker) work() {
	var s shift
	defer func() {
		switch {
		case s.gone:
		case s.finished:
			w.leave()
		default:
			go w.work()
		}
	}()
	for !s.finished && !s.gone {
		w.calls(&s)
	}
}

var errGoexit = errors.New("the target ended its goroutine (runtime.Goexit)")

// calls makes calls until there are no more, the target panics, or the call is given up. It recovers
// from a panic here, once, because recovering in each call would slow every call.
func (w *worker) calls(s *shift) {
	defer func() {
		if s.entered == 0 {
			return
		}
		err := errGoexit
		if v := recover(); v != nil {
			err = record.NewPanicError(v)
		}
		w.returned(s, w.clock.Now(), err)
	}()
	ctxDone := w.ctx.Done()
	// If there is no wait between them, the end of one call is the beginning of the next: reading
	// the clock takes most of the generator's time.
	now := w.clock.Now()
	for {
		c := w.call
		ok := true
		if w.turn != nil {
			now, ok = w.inTurn(now)
		} else if ok = w.batch.pop(w.shared, c) || w.source.take(w, now); ok && c.release > now {
			now = w.waiter.Wait(w.done, c.release)
		}
		if !ok {
			s.finished = true
			return
		}
		// The target's context may end before done is closed.
		if ended(w.done) || w.done != ctxDone && ended(ctxDone) {
			w.giveBack()
			s.finished = true
			return
		}
		c.begun = now
		w.made = true
		ctx, n := w.ctx, c.n // another goroutine may change them once the call is given up
		if w.timed != nil {
			if now = w.callTimed(s, ctx, n, now); s.gone {
				return
			}
			continue
		}
		s.entered = w.inside.enter(now)
		err := w.target.Call(ctx, w.keys.Key(n))
		now = w.clock.Now()
		if w.returned(s, now, err); s.gone {
			return
		}
	}
}

// callTimed makes the current call, number n, which begins at now, of a target that is Timed. It returns
// when the call has returned, which may be later than when it ended.
func (w *worker) callTimed(s *shift, ctx context.Context, n uint64, now time.Duration) (returned time.Duration) {
	at := w.at
	*at = Instants{N: n, Begun: w.clock.At(now), Lag: max(now-w.call.due, 0)}
	s.entered = w.inside.enter(now)
	err := w.timed.CallTimed(ctx, w.keys.Key(n), at)
	returned = w.clock.Now()
	ended := returned
	if at.Ended > 0 {
		ended = min(now+at.Ended, returned)
	}
	at.Ended = ended - now
	w.returned(s, ended, err)
	return returned
}

// ended reports whether done is closed.
func ended(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// returned accounts for the current call after it has returned, unless it was given up.
func (w *worker) returned(s *shift, now time.Duration, err error) {
	s.gone = !w.inside.leave(s.entered)
	s.entered = 0
	if !s.gone {
		w.ended(now, err)
	}
}

// inTurn waits for the worker's turn, takes the next call, and waits until it is due. It returns
// false if there are no more calls. The next worker's turn starts only when this wait ends, because
// calls are taken in the order in which they are due.
func (w *worker) inTurn(now time.Duration) (time.Duration, bool) {
	waiter := <-w.turn
	ok := w.source.take(w, now)
	if ok {
		waiter.Wait(w.done, w.call.release)
	}
	w.turn <- waiter
	return w.clock.Now(), ok
}

// giveBack gives back the current call, which has not begun, and the calls of the batch.
func (w *worker) giveBack() {
	now := w.clock.Now()
	for ok := true; ok; ok = w.batch.pop(w.shared, w.call) {
		w.source.giveBack(w.call, now)
	}
}

// ended accounts for the current call, which ended at now.
//
// The part of its lag that a generator without any lag would have had too is queue lag; the rest is
// generator lag. A single worker, or a worker of a closed loop, would have begun the call when it was
// released or when its previous call would have ended, whichever is later (Lindley's recursion, with
// the measured service times). For several workers that serve one queue, a lagAccount computes it.
func (w *worker) ended(now time.Duration, err error) {
	c := w.call
	c.ended = now
	if w.lagAccount == nil {
		c.ideal = max(c.due, w.free, w.before+c.step)
		w.before, w.free = c.ideal, c.ideal+now-c.begun
	}
	w.recorder.add(c, w.at, err)
	if w.lagAccount != nil {
		w.note()
	}
}
