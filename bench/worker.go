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
	cancel func()          // ends ctx, if it is the worker's own
	done   <-chan struct{} // closed once no more calls are to begin
	target Target
	keys   schedule.Keys
	source source
	batch  *batch
	shared bool // others may take calls over from the batch
	clock  pace.Clock
	waiter pace.Waiter
	turn   chan pace.Waiter // instead of waiter, if one worker waits at a time: who has it
	leave  func()           // called when it is done

	recorder *recorder
	before   time.Duration // when its call before would have begun if the generator had no lag
	free     time.Duration // when that would have ended
	call     *call         // at hand
	made     bool          // the target has been entered
	inside   inside        // the target

	lagAccount *lagAccount   // nil: it tells the lag of its calls by itself
	log        []call        // those that have ended and are not in lagAccount, and that at hand
	noted      int           // of log, that have ended
	settled    call          // of lagAccount: that has begun, for all that is known; seq is 0 if there is none
	seen       time.Duration // of lagAccount: when it was last seen in the target
}

// A call is the account of one call.
//
// A source sets the first fields, in place: copying costs more than the rest of it.
type call struct {
	due     time.Duration
	release time.Duration // when it may begin: later, if it has to wait for the policy of overload
	step    time.Duration // how long after the call before it may begin, at the least
	n       uint64
	seq     uint64 // place among the calls that workers get, from 1
	traced  bool
	worker  int32 // index in lagAccount

	begun, ended time.Duration
	ideal        time.Duration // when it would have begun without the generator's lag
}

// noBatch is the batch of every worker that takes one call at a time. It stays empty.
var noBatch batch

type oneKey struct{}

func (oneKey) Key(uint64) string { return "" }

// A shift is one goroutine of a worker.
type shift struct {
	entered  int64 // what inside.enter returned of the call in the target; 0 outside of it
	finished bool  // there are no more calls
	gone     bool  // the call was given up: the worker is another goroutine's
}

// work makes calls until there are no more. A target that ends its goroutine (as
// a test's FailNow does) ends only this one: another takes over.
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

// calls makes calls until there are no more, or the target panics, or the call is given up.
// That the target panicked is accounted for here and not call by call, which would cost each
// of them.
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
	// The end of one call is the beginning of the next if no wait lies between:
	// reading the clock is most of what a call costs.
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
		// The target may hear of the end of its context before done is closed.
		if ended(w.done) || w.done != ctxDone && ended(ctxDone) {
			w.giveBack()
			s.finished = true
			return
		}
		c.begun = now
		w.made = true
		ctx, n := w.ctx, c.n // which are another's once the call is given up
		s.entered = w.inside.enter(now)
		err := w.target.Call(ctx, w.keys.Key(n))
		now = w.clock.Now()
		if w.returned(s, now, err); s.gone {
			return
		}
	}
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

// returned accounts for the call in progress when it has returned, unless it was given up.
func (w *worker) returned(s *shift, now time.Duration, err error) {
	s.gone = !w.inside.leave(s.entered)
	s.entered = 0
	if !s.gone {
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
	for ok := true; ok; ok = w.batch.pop(w.shared, w.call) {
		w.source.giveBack(w.call, now)
	}
}

// ended accounts for the call in progress.
//
// Its lag is queue lag as far as a generator without any lag of its own would have had it,
// too; the rest is the generator's. A worker that has no other beside it, or calls of its own,
// would have begun the call at the instant it was due (or, if calls catch up, was let go) or
// at the end of its call before, whichever is later (Lindley's recursion, over the service
// times measured). Of several that serve one queue a [lagAccount] tells.
func (w *worker) ended(now time.Duration, err error) {
	c := w.call
	c.ended = now
	if w.lagAccount == nil {
		c.ideal = max(c.due, w.free, w.before+c.step)
		w.before, w.free = c.ideal, c.ideal+now-c.begun
	}
	w.recorder.add(c, err)
	if w.lagAccount != nil {
		w.note()
	}
}
