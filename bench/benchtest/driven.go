package benchtest

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// A driven is a benchmark function in one of its runs.
type driven struct {
	Driver
	b        *testing.B
	f        func(ctx context.Context) error
	ctx      context.Context
	cancel   context.CancelFunc // ends the run
	arrivals schedule.Arrivals

	panicked atomic.Pointer[record.PanicError] // the first panic of f
	exited   atomic.Bool                       // f ended its goroutine
	spent    allocated                         // the allocations of the measured run
	unfit    []record.SLO                      // objectives whose windows are longer than the run
}

// call calls f. If f panics or ends its goroutine, call ends the run.
func (v *driven) call(ctx context.Context, _ string) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if value := recover(); value != nil {
			p := record.NewPanicError(value)
			v.panicked.CompareAndSwap(nil, p)
			err = p
		} else {
			v.exited.Store(true)
		}
		v.cancel()
	}()
	err = v.f(ctx)
	returned = true
	return err
}

// stuck returns a function that reports to w the calls that have not returned. It does not use b.Log,
// whose text is printed only after the benchmark, which may never end.
func (v *driven) stuck(w io.Writer) func([]bench.StuckCall) {
	return func(calls []bench.StuckCall) {
		have := "calls of f have"
		if len(calls) == 1 {
			have = "call of f has"
		}
		// The benchmark goes on if writing fails.
		_, _ = fmt.Fprintf(w, "benchtest: %s: %d %s not returned, the first for %v, since %v of the run\n", v.b.Name(),
			len(calls), have,
			calls[0].For.Round(100*time.Millisecond), calls[0].Began.Round(time.Millisecond))
	}
}

// drive warms up and measures.
func (v *driven) drive() (*record.Record, error) {
	run := bench.Run{Arrivals: v.arrivals, Target: bench.TargetFunc(v.call), Workers: v.Workers,
		Overload: v.Overload, Pace: v.Pace, FailedApart: v.FailedApart, Stuck: v.stuck(os.Stderr), Lag: true}
	if v.Workers == 0 {
		run.Workers, run.MaxWorkers = bench.DefaultWorkers(), mostDriven
	}
	rate := run.PerSecond()
	if n := warmUp(v.arrivals); n > 0 {
		warm := run
		warm.Arrivals = schedule.First(v.arrivals, n)
		r, err := warm.Do(v.ctx)
		if err != nil || v.ctx.Err() != nil {
			return r, err
		}
		if r.Workers > run.Workers {
			run.Workers = staff(max(rate, v.Load.RateCurve.Peak()), r)
		}
	}
	if run.Pace == nil || run.Pace == pace.Auto {
		run.Pace = pace.Choose(rate, run.Workers, runtime.GOMAXPROCS(0))
	}
	engine, err := v.engineAlone(run, rate)
	if err != nil {
		return nil, err
	}
	for _, s := range v.SLOs {
		if s.Every() > v.arrivals.Duration() {
			v.unfit = append(v.unfit, s)
			continue
		}
		run.SLOs = append(run.SLOs, s)
	}
	r, spent, err := v.measure(run)
	v.spent = spent.less(engine)
	return r, err
}

// warmUp returns the number of calls in the first 100 ms of a schedule, or in its first tenth if that is
// shorter.
func warmUp(a schedule.Arrivals) (n uint64) {
	until := min(100*time.Millisecond, a.Duration()/10)
	i := a.From(0)
	i.Next() // a call counts if the call after it is due in time
	for {
		if due, ok := i.Next(); !ok || due > until {
			return n
		}
		n++
	}
}

// staff returns the number of workers that a function needs at a rate, from the record of a warm-up in
// which workers were added: the mean number of calls in it, plus four standard deviations of that number.
// If there are as many processors, the function does not wait, and workers were added for another reason.
// If not, the added workers are kept, so that none have to be added during the run.
//
// Source: square-root staffing; Halfin and Whitt, Heavy-Traffic Limits for Queues
// with Many Exponential Servers, Operations Research 29(3), 1981.
func staff(rate float64, warm *record.Record) int {
	need := float64(warm.Workers)
	if warm.Done > 0 {
		busy := rate * warm.Service.Mean().Seconds()
		need = math.Ceil(busy + 4*math.Sqrt(busy))
	}
	if processors := runtime.GOMAXPROCS(0); processors > 1 && need <= float64(processors) {
		return max(bench.DefaultWorkers(), int(need))
	}
	return int(min(max(need, float64(warm.Workers)), mostDriven))
}

// allocated counts the allocations of a process.
type allocated struct{ objects, bytes uint64 }

// less returns a minus o, and at least 0.
func (a allocated) less(o allocated) allocated {
	return allocated{a.objects - min(a.objects, o.objects), a.bytes - min(a.bytes, o.bytes)}
}

func (a allocated) plus(o allocated) allocated {
	return allocated{a.objects + o.objects, a.bytes + o.bytes}
}

func readAllocated(m *runtime.MemStats) allocated {
	runtime.ReadMemStats(m)
	return allocated{m.Mallocs, m.TotalAlloc}
}

// engineAlone returns the allocations of the engine in a run like run, whatever f does: goroutines and
// timers, once per worker. It makes three short runs. The first makes goroutines that the others reuse, so
// the result is the least of the others.
func (v *driven) engineAlone(run bench.Run, rate float64) (least allocated, err error) {
	// Each worker waits for a call once, as it will in the real run.
	wait := 4 * time.Millisecond
	if ahead := float64(run.Workers) / rate; ahead < wait.Seconds() {
		wait = time.Duration(ahead * 1e9)
	}
	run.Arrivals = together{uint64(run.Workers), wait}
	run.Target = bench.TargetFunc(func(context.Context, string) error { return nil })
	if run.MaxWorkers > 0 {
		run.MaxWorkers = run.Workers + 1 // so that the goroutine that adds workers runs too
	}
	var m runtime.MemStats
	for i := range 3 {
		var before, spent allocated
		run.Began = func() { before = readAllocated(&m) }
		run.Ended = func() { spent = readAllocated(&m).less(before) }
		if _, err := run.Do(v.ctx); err != nil {
			return least, err
		}
		if i <= 1 || spent.bytes < least.bytes {
			least = spent
		}
	}
	return least.plus(drawing(v.arrivals)), nil
}

// drawing returns the allocations of drawing the instants of a schedule during a run: at the first
// instant, and at the start of each further pass.
func drawing(a schedule.Arrivals) allocated {
	var m runtime.MemStats
	again := uint64(0)
	if p, ok := a.(passes); ok {
		a, again = p.Arrivals, p.n-1
	}
	start := readAllocated(&m)
	i := a.From(0)
	made := readAllocated(&m)
	i.Next()
	drawn := readAllocated(&m)
	first, pass := drawn.less(made), drawn.less(start)
	return first.plus(allocated{again * pass.objects, again * pass.bytes})
}

// measure makes the run, with the timer of the benchmark running.
func (v *driven) measure(run bench.Run) (r *record.Record, spent allocated, err error) {
	lasts := v.lasts(run)
	var m runtime.MemStats
	var before allocated
	run.Began = func() {
		v.b.ResetTimer()
		v.b.StartTimer()
		before = readAllocated(&m)
	}
	run.Ended = func() {
		spent = readAllocated(&m).less(before)
		v.await(lasts)
		v.b.StopTimer()
	}
	r, err = run.Do(v.ctx)
	return r, spent, err
}

// lasts returns the time that the timer should show after the run. From it, the testing package computes
// b.N of the next run. It is the duration of the schedule; or, if there are few calls, whose gaps say
// little about other calls, the time that as many calls take on average. It is at most -benchtime.
func (v *driven) lasts(run bench.Run) time.Duration {
	enough, _ := benchTime()
	lasts := run.Arrivals.Duration()
	const few = 1000
	if n := v.b.N; n < few && v.Load.RateCurve.Duration() == schedule.Endless {
		if whole, err := v.schedule(few); err == nil {
			mean := whole.Duration() / few
			lasts = max(lasts, time.Duration(n)*mean)
		}
	}
	return min(lasts, enough)
}

// await returns when the timer shows d, or when the run has been ended.
func (v *driven) await(d time.Duration) {
	for left := d - v.b.Elapsed(); left > 0 && v.ctx.Err() == nil; left = d - v.b.Elapsed() {
		select {
		case <-time.After(left):
		case <-v.ctx.Done():
		}
	}
}

// stopped returns the reason why the benchmark cannot go on, or "" if it can. If f has failed or skipped the
// benchmark, stopped does not return.
func (v *driven) stopped(r *record.Record) string {
	v.b.Helper()
	if p := v.panicked.Load(); p != nil {
		return fmt.Sprintf("benchtest: f panicked: %v\n\n%s", p.Value, p.Stack)
	}
	if v.exited.Load() {
		switch {
		case v.b.Failed():
			v.b.FailNow()
		case v.b.Skipped() && v.b.N == 1:
			v.b.SkipNow()
		case v.b.Skipped():
			// The testing package would print NaN ns/op.
			return fmt.Sprintf("benchtest: f skipped the benchmark in a run of %d calls: want it to skip in the "+
				"first call, or before Drive", v.b.N)
		}
		return "benchtest: f ended its goroutine (runtime.Goexit): want it to return"
	}
	const enough = 100
	if r != nil && r.Failed > 0 && r.Done == 0 && (r.Failed >= enough || lastRun(v.b)) {
		return fmt.Sprintf("benchtest: all %d calls failed:%s", r.Failed, kinds(r))
	}
	return ""
}

// passes are a schedule that is repeated.
type passes struct {
	schedule.Arrivals
	calls uint64 // calls per pass
	n     uint64 // number of passes
}

func newPasses(a schedule.Arrivals, n uint64) passes {
	p := passes{Arrivals: a, n: n}
	for i := a.From(0); ; p.calls++ {
		if _, ok := i.Next(); !ok {
			return p
		}
	}
}

func (p passes) Duration() time.Duration { return time.Duration(p.n) * p.Arrivals.Duration() }

func (p passes) From(n uint64) schedule.Instants {
	if p.calls == 0 {
		return p.Arrivals.From(0)
	}
	pass := min(n/p.calls, p.n)
	return &passInstants{passes: p, pass: pass, now: p.Arrivals.From(n % p.calls)}
}

type passInstants struct {
	passes
	pass uint64
	now  schedule.Instants
}

func (i *passInstants) Next() (time.Duration, bool) {
	for i.pass < i.n {
		if due, ok := i.now.Next(); ok {
			return time.Duration(i.pass)*i.Arrivals.Duration() + due, true
		}
		i.pass++
		i.now = i.Arrivals.From(0)
	}
	return 0, false
}

// together is a schedule of n calls at one instant.
type together struct {
	n   uint64
	due time.Duration
}

func (t together) Duration() time.Duration { return t.due + 1 }

func (t together) From(n uint64) schedule.Instants {
	return &togetherInstants{t.n - min(n, t.n), t.due}
}

type togetherInstants struct {
	left uint64
	due  time.Duration
}

func (i *togetherInstants) Next() (time.Duration, bool) {
	if i.left == 0 {
		return 0, false
	}
	i.left--
	return i.due, true
}
