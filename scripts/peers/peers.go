package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"fortio.org/fortio/periodic"
	"fortio.org/log"
	"go.uber.org/ratelimit"
	"golang.org/x/time/rate"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// A load is the work of every peer: calls to make, one in each gap.
type load struct {
	gap   time.Duration // a second consists of a whole number of gaps
	calls int
	call  func(n int) // makes call n, from 0; called once for each n
	over  atomic.Bool // the time is up: make no more calls
}

// newLoad returns a load with perSecond calls a second for about d. The number of calls is a multiple of the largest
// number of threads of a peer, and large enough for fortio to use all of its threads.
func newLoad(perSecond int, d time.Duration) *load {
	gap := time.Second / time.Duration(perSecond)
	n := int(d / gap)
	return &load{gap: gap, calls: max(n-n%fortioThreads, 2*fortioThreads)}
}

func (l *load) perSecond() int { return int(time.Second / l.gap) }

// A peer is a way of making the calls of a load.
type peer struct {
	name   string
	atOnce int // calls that its schedule makes at once
	drive  func(ctx context.Context, l *load) (account, error)
}

// An account is what a peer reports about a load that it made.
type account struct {
	made   int
	start  time.Duration  // start of the schedule, as a time of the function now
	known  bool           // whether start is known
	record *record.Record // record of a run of loadgen
}

// A run is a load that a peer has made.
type run struct {
	account
	timetable
	end time.Duration // when the peer returned
	cut time.Duration // time after which it was cut off; 0 if it was not
}

// run makes the calls of l within limit. If the start of the peer's schedule is known, calls are due by that.
// Otherwise the schedule is assumed to start with the first call in t, the times when calls began.
func (p peer) run(ctx context.Context, l *load, limit time.Duration, t timeline) (run, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer context.AfterFunc(ctx, func() { l.over.Store(true) })()
	began := now()
	a, err := p.drive(ctx, l)
	if err != nil {
		return run{}, fmt.Errorf("%s: %w", p.name, err)
	}
	r := run{account: a, end: now()}
	if a.made < l.calls {
		r.cut = r.end - began
	}
	if !a.known {
		r.start = t.first(r.end)
	}
	r.timetable = timetable{r.start, l.gap, p.atOnce}
	return r, nil
}

// ours returns loadgen's engine, bench.Run.
func ours(p pace.Pace, workers int) peer {
	name := fmt.Sprintf("loadgen, %v", p)
	drive := func(ctx context.Context, l *load) (account, error) {
		arrivals, err := schedule.Constant(schedule.PerSecond(uint64(l.perSecond())), time.Duration(l.calls)*l.gap)
		if err != nil {
			return account{}, err
		}
		tapped := &tap{Pace: p}
		r := bench.Run{
			Arrivals: arrivals,
			Keys:     numbers(strings.Repeat(" ", l.calls)),
			Target:   bench.TargetFunc(func(_ context.Context, key string) error { l.call(len(key)); return nil }),
			Workers:  workers,
			Queue:    l.calls, // drops nothing, like the peers
			Pace:     tapped,
		}
		record, err := r.Do(ctx)
		if err != nil {
			return account{}, err
		}
		if record.Dropped+record.Failed > 0 {
			return account{}, fmt.Errorf("%d calls were dropped and %d failed: want none", record.Dropped,
				record.Failed)
		}
		return account{made: int(record.Done), start: tapped.origin, known: true, record: record}, nil
	}
	return peer{name, 1, drive}
}

// numbers are keys from which a target can tell the number of a call: key n has n bytes. Nothing reads the bytes.
type numbers string

func (k numbers) Key(n uint64) string { return string(k[:n]) }

// A tap is a pace that records when the schedule of its run starts, which a run does not report.
type tap struct {
	pace.Pace
	clock  pace.Clock
	origin time.Duration // as a time of the function now; 0 if not known yet
}

// Waiter is called by one goroutine, for the first time before there are workers.
func (t *tap) Waiter(c pace.Clock) pace.Waiter {
	if t.origin == 0 {
		t.clock = c
		// The origin is too early by the time between the two clock reads, which makes calls look later than
		// they are. So take the latest of ten.
		for range 10 {
			before := now()
			t.origin = max(t.origin, before-c.Now())
		}
	}
	return t.Pace.Waiter(c)
}

// fortioThreads is fortio's default number of threads.
const fortioThreads = 4

// fortio returns fortio's periodic runner, with catch-up, which is the default, and without jitter. It runs at its
// maximal rate unless paced is set. An exact number of calls makes its schedule n/rate for each thread; with a
// duration it would stretch that by one gap.
func fortio(threads int, paced bool) peer {
	drive := func(_ context.Context, l *load) (account, error) {
		log.SetLogLevelQuiet(log.Critical)
		stop := periodic.NewAborter()
		options := periodic.RunnerOptions{
			RunType: "peers", QPS: -1, Exactly: int64(l.calls), Duration: -1,
			NumThreads: threads, Resolution: 1e-6, Out: io.Discard, Stop: stop,
		}
		if paced {
			options.QPS = float64(l.perSecond())
		}
		runner := periodic.NewPeriodicRunner(&options)
		for i := range threads { // must be set here, because the constructor clears them
			runner.Options().Runners[i] = &fortioThread{load: l, stop: stop, next: i, threads: threads}
		}
		result := runner.Run()
		return account{made: int(result.DurationHistogram.Count)}, nil
	}
	return peer{fmt.Sprintf("fortio, %d thread%s", threads, plural(threads)), threads, drive}
}

// A fortioThread makes every threads-th call, and stops the run when the load is over.
type fortioThread struct {
	load          *load
	stop          *periodic.Aborter
	next, threads int
	_             [64]byte // keeps threads off each other's cache lines
}

var _ periodic.Runnable = (*fortioThread)(nil)

func (f *fortioThread) Run(context.Context, periodic.ThreadID) (bool, string) {
	f.load.call(f.next)
	f.next += f.threads
	if f.load.over.Load() {
		f.stop.Abort(false)
	}
	return true, ""
}

// uber returns go.uber.org/ratelimit with its default slack.
func uber() peer {
	return peer{"uber/ratelimit", 1, func(_ context.Context, l *load) (account, error) {
		limiter := ratelimit.New(l.perSecond())
		return l.each(func(int) bool { limiter.Take(); return true })
	}}
}

// xTimeRate returns golang.org/x/time/rate with a bucket of burst calls, which is empty at the start unless filled is
// set.
func xTimeRate(name string, burst func(l *load) int, filled bool) peer {
	return peer{"x/time/rate, " + name, 1, func(ctx context.Context, l *load) (account, error) {
		b := max(burst(l), 1)
		limiter := rate.NewLimiter(rate.Limit(l.perSecond()), b)
		if !filled && b > 1 {
			limiter.AllowN(time.Now(), b)
		}
		// With a bucket of at least one call, an error means that ctx has ended, or would end before the call
		// is due.
		return l.each(func(int) bool { return limiter.Wait(ctx) == nil })
	}}
}

// each waits for one call after the other and makes it, until the load is over or wait returns false.
func (l *load) each(wait func(n int) bool) (account, error) {
	for n := range l.calls {
		if l.over.Load() || !wait(n) {
			return account{made: n}, nil
		}
		l.call(n)
	}
	return account{made: l.calls}, nil
}

// sleepLoop returns a loop that calls time.Sleep until each call is due.
func sleepLoop() peer {
	return peer{"time.Sleep loop", 1, func(_ context.Context, l *load) (account, error) {
		s := timetable{now(), l.gap, 1}
		a, err := l.each(func(n int) bool { time.Sleep(s.due(n) - now()); return true })
		a.start, a.known = s.origin, true
		return a, err
	}}
}

// clockLoop returns a loop that reads the clock once per call and does not wait.
func clockLoop() peer {
	return peer{"clock read", 1, func(_ context.Context, l *load) (account, error) {
		return l.each(func(int) bool { return now() > 0 })
	}}
}

// spinLoop returns workers that read the clock until a call is due. They take the calls in turn.
func spinLoop(workers int) peer {
	return peer{"spin loop", 1, func(_ context.Context, l *load) (account, error) {
		s := timetable{now(), l.gap, 1}
		var next, made atomic.Int64
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for n := int(next.Add(1)) - 1; n < l.calls && !l.over.Load(); n = int(next.Add(1)) - 1 {
					for due := s.due(n); now() < due; {
					}
					l.call(n)
					made.Add(1)
				}
			})
		}
		wg.Wait()
		return account{made: int(made.Load()), start: s.origin, known: true}, nil
	}}
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// paces returns loadgen's engine with every pace.
func paces(workers int) (engines []peer) {
	for _, p := range pace.All() {
		engines = append(engines, ours(p, workers))
	}
	return engines
}
