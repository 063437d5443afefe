package bench

import (
	"context"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// A crew holds the workers of a run and everything that they share.
type crew struct {
	run       *Run
	timed     Timed // the target, if it is Timed
	ctx       context.Context
	halt      context.Context // ends with ctx, or when an SLO ends the run
	cancel    context.CancelFunc
	pace      pace.Pace
	clock     pace.Clock
	most      int // the largest number of workers
	queue     *queue
	closed    *closedLoop // replaces queue in a closed loop
	source    source      // queue or closed
	recorders []*recorder
	windows   *windows
	trace     *trace
	kept      *kept
	slowest   *slowest
	lags      *lagAccount // nil in a closed loop, and if there is only one worker
	observer  *observer
	batches   []*batch         // one per worker; nil if workers take one call at a time
	turn      chan pace.Waiter // nil if each worker waits by itself

	mu      sync.Mutex // guards workers and working
	workers []*worker
	working int           // workers that have not finished
	over    chan struct{} // closed when all workers have finished
	watcher sync.WaitGroup

	foresight *foresight // nil unless an SLO may end the run
	aborted   string     // the SLO that ended the run
	givenUp   uint64     // the number of calls given up

	busy     func(now time.Duration) bool // reports whether no processor is idle
	looked   cpuReading                   // the reading at the last call of busy
	runnable []metrics.Sample             // the number of goroutines that wait for a processor
}

// A cpuReading is the CPU time that the process had used at an instant.
type cpuReading struct{ at, cpu time.Duration }

func newCrew(ctx context.Context, r *Run) *crew {
	duration, window := r.duration(), r.window()
	c := &crew{run: r, ctx: ctx, pace: r.Pace, kept: newKept(r.Keep), trace: newTrace(duration),
		windows: newWindows(window, duration, r), slowest: newSlowest(keptSlowest, r.keys()),
		over: make(chan struct{}), runnable: []metrics.Sample{{Name: "/sched/goroutines/runnable:goroutines"}}}
	c.busy = c.processorsBusy
	c.timed, _ = r.Target.(Timed)
	c.halt, c.cancel = ctx, func() {}
	if r.aborts() {
		c.halt, c.cancel = context.WithCancel(ctx)
	}
	c.observer = newObserver(c.clock, window, duration, r.Activities, c.slowest)
	workers := r.Workers
	if workers == 0 {
		workers = DefaultWorkers()
	}
	c.most = max(workers, r.MaxWorkers)
	crowded := c.most > runtime.GOMAXPROCS(0)
	if c.pace == nil || c.pace == pace.Auto {
		c.pace = pace.Choose(r.PerSecond(), c.most, runtime.GOMAXPROCS(0))
		if crowded && r.Closed != nil { // each worker waits for a call of its own
			c.pace = pace.Sleep
		}
	}
	if crowded && r.Closed == nil && c.pace != pace.Sleep {
		c.turn = make(chan pace.Waiter, 1)
	}
	if r.Closed != nil {
		c.closed = &closedLoop{Closed: *r.Closed, windows: c.windows}
		c.source = c.closed
	} else {
		room := r.Queue
		if room == 0 {
			room = DefaultQueue
		}
		c.queue = newQueue(r.Arrivals, r.Overload, room, c.trace, c.windows)
		c.source = c.queue
	}
	if c.queue != nil && c.most > 1 {
		c.lags = newLagAccount(newLags(c.trace, c.windows, r.Lag), c.most)
	}
	c.recorders = make([]*recorder, recordersFor(workers, runtime.GOMAXPROCS(0)))
	for i := range c.recorders {
		c.recorders[i] = c.newRecorder(c.lags == nil)
		c.recorders[i].shared = c.most > len(c.recorders) || r.aborts()
	}
	// A run has more workers than processors if its target waits. There, calls that a worker has
	// claimed must not wait with it.
	if c.queue != nil && !crowded {
		c.batches = make([]*batch, c.most)
		for i := range c.batches {
			c.batches[i] = new(batch)
		}
		c.queue.inBatches(c.batches)
	}
	if r.aborts() {
		if r.Arrivals != nil {
			c.windows.planDue(r.Arrivals)
		}
		c.foresight = newForesight(c.windows, c.most)
	}
	c.workers = make([]*worker, 0, workers)
	for range workers {
		c.workers = append(c.workers, c.newWorker())
	}
	return c
}

// keys returns Run.Keys, or keys that are all "".
func (r *Run) keys() schedule.Keys {
	if r.Keys == nil {
		return oneKey{}
	}
	return r.Keys
}

// PerSecond returns the mean rate of the first 1,000 calls of the schedule, in calls per second, or 0
// in a closed loop.
func (r *Run) PerSecond() float64 {
	if r.Arrivals == nil {
		return 0
	}
	instants, n, last := r.Arrivals.From(0), 0, time.Duration(0)
	for range 1000 {
		due, ok := instants.Next()
		if !ok {
			return float64(n) / r.Arrivals.Duration().Seconds()
		}
		n, last = n+1, due
	}
	return float64(n) / max(last, 1).Seconds()
}

// newRecorder returns a recorder for the run, which computes lags if withLags is set.
func (c *crew) newRecorder(withLags bool) *recorder {
	r := newRecorder(c.kept, c.windows, c.slowest, nil)
	r.end = c.run.duration()
	if c.timed != nil {
		r.phases = record.NewPhases()
	}
	if withLags {
		r.lags = newLags(c.trace, c.windows, c.run.Lag)
	}
	return r
}

// newWorker returns a new worker, which has not started.
func (c *crew) newWorker() *worker {
	i := len(c.workers)
	w := &worker{done: c.halt.Done(), target: c.run.Target, keys: c.run.keys(), source: c.source, leave: c.leave,
		batch: &noBatch, recorder: c.recorders[i%len(c.recorders)], shared: c.most > 1}
	if c.batches != nil {
		w.batch = c.batches[i]
	}
	if c.lags != nil {
		c.lags.join(w)
	} else {
		w.call = new(call)
	}
	if c.timed != nil {
		w.timed, w.at = c.timed, new(Instants)
	}
	c.setContext(w)
	return w
}

// start starts the clock, the observer and the workers.
func (c *crew) start() {
	c.clock = pace.ClockFrom(time.Now().Add(leadIn))
	c.observer.clock = c.clock
	if c.lags != nil {
		c.lags.clock = c.clock
	}
	c.observer.start()
	if c.turn != nil {
		c.turn <- c.pace.Waiter(c.clock)
	}
	c.working = len(c.workers)
	for _, w := range c.workers {
		c.put(w)
	}
	if c.most > len(c.workers) || c.run.aborts() {
		c.watcher.Go(c.watch)
	}
	c.watcher.Go(c.attend)
}

// put starts a worker.
func (c *crew) put(w *worker) {
	w.clock = c.clock
	if w.turn = c.turn; w.turn == nil {
		w.waiter = c.pace.Waiter(c.clock)
	}
	go w.work()
}

// leave is called by each worker after its last call. The last worker closes over.
func (c *crew) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.working--; c.working == 0 {
		close(c.over)
	}
}

// wait returns when every call has ended or was given up.
func (c *crew) wait() {
	<-c.over
	c.watcher.Wait()
	c.cancel()
	for _, w := range c.workers {
		w.cancel()
	}
	c.observer.stop()
}

const watchEvery = time.Millisecond

// watch adds workers while calls wait for them, and ends the run when it is certain to miss an
// objective.
func (c *crew) watch() {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-c.over:
			return
		case <-ticker.C:
		}
		now := c.clock.Now()
		if c.queue != nil {
			if since, calls := c.queue.overdue(now); since > watchEvery/2 {
				c.grow(now, calls)
			}
		}
		if c.run.aborts() && c.halt.Err() == nil {
			c.abort(now)
		}
	}
}

// grow adds a worker for each waiting call, but at most doubles the workers, if more are allowed and a
// processor is idle. If no processor is idle, more workers would only delay each other.
func (c *crew) grow(now time.Duration, waiting int) {
	if c.busy(now) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.working == 0 {
		return
	}
	for range min(waiting, len(c.workers), c.most-len(c.workers)) {
		w := c.newWorker()
		c.workers = append(c.workers, w)
		c.working++
		c.put(w)
	}
}

// processorsBusy reports whether the processors have been busy since its last call.
func (c *crew) processorsBusy(now time.Duration) bool {
	reading := cpuReading{now, processCPU()}
	took, spent := now-c.looked.at, reading.cpu-c.looked.cpu
	c.looked = reading
	metrics.Read(c.runnable)
	return wereBusy(took, spent, runtime.GOMAXPROCS(0), c.runnable[0].Value.Uint64())
}

// wereBusy reports whether a number of processors were busy during the time took, in which the process
// used the CPU time spent. If took is long, that is not known, and wereBusy returns true. If other
// programs use the processors, the process may have been short of CPU time; then goroutines are
// runnable.
func wereBusy(took, spent time.Duration, processors int, runnable uint64) bool {
	return took > 20*watchEvery || spent.Seconds() > 0.9*took.Seconds()*float64(processors) || runnable > 0
}

// abort ends the run if it is certain to miss an objective. Calls in the target go on until they
// return.
func (c *crew) abort(now time.Duration) {
	if c.lags != nil {
		c.lags.lookNow()
	}
	if slo, ok := c.foresight.look(c.recorders, now); ok {
		c.aborted = slo.String()
		c.cancel() // before stop, so that no call begins after the instant that counts as the end
		c.source.stop(c.clock.Now())
	}
}

// record returns the record of the run.
func (c *crew) record() (*record.Record, error) {
	var o outcome
	if c.closed != nil {
		o = c.closed.outcome()
	} else {
		o = c.queue.outcome(c.run.Arrivals.Duration())
	}
	total := c.total()
	r := newRecord(c, total, o)
	return r, checkAccount(r, total, o)
}

// total returns the sum of all recorders.
func (c *crew) total() *recorder {
	total := c.newRecorder(true)
	for _, r := range c.recorders {
		total.merge(r)
	}
	if c.lags != nil {
		total.lags.merge(c.lags.close())
	}
	return total
}

// spent returns the CPU time that waiting used.
func (c *crew) spent() (sum time.Duration) {
	if c.turn != nil {
		waiter := <-c.turn
		c.turn <- waiter
		return waiter.Spent()
	}
	for _, w := range c.workers {
		sum += w.waiter.Spent()
	}
	return sum
}
