// Package benchtest puts a function under a load from within go test -bench.
//
// [Drive] runs the load of a benchmark open loop with package bench, and reports latency,
// lag, failures and the achieved rate as metrics of the benchmark, with their directions for
// benchstat. It is the only package beside tests that imports testing.
package benchtest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// Drive gives a benchmark an open-loop rate: f is called b.N times at the instants
// of the load, by as many workers as that takes, and the benchmark reports
// percentiles of latency, from due to ended, in place of ns/op:
//
//	func BenchmarkDispatch(b *testing.B) {
//		for _, qps := range []int{1_000, 10_000, 50_000} {
//			b.Run(fmt.Sprintf("qps=%d", qps), func(b *testing.B) {
//				benchtest.Drive(b, schedule.At(qps), func(ctx context.Context) error { ... })
//			})
//		}
//	}
//
// It is [Driver.Drive] of a Driver that has only a load.
func Drive(b *testing.B, load schedule.Load, f func(ctx context.Context) error) {
	b.Helper()
	Driver{Load: load}.Drive(b, f)
}

// A Driver is a load for a benchmark of go test -bench, and how it is to be made.
// Load must be set.
type Driver struct {
	// Load says when calls are due. Without a process they are evenly spaced. Of a
	// load without end, such as that of [Rate], the first b.N calls are made. A load
	// that ends is made whole, b.N times one after another: there b.N counts passes,
	// and what is reported is of their calls all the same. Keys of a replay are not
	// looked at.
	Load schedule.Load
	// Workers are how many calls may run at once; 0 is as many as it takes, up to
	// 1,000: from DefaultWorkers on, more for a function that waits.
	Workers int
	// Overload and Pace are those of a [Run].
	Overload bench.Overload
	Pace     pace.Pace
	// SLOs are what the benchmark is to hold: it fails if it misses one.
	SLOs []record.SLO
	// FailedApart is that of a [Run].
	FailedApart bool
	// Seed decides what is random in the load. With one seed, every benchmark and
	// every -count gets the same arrivals.
	Seed uint64
}

// mostDriven bounds the workers of a Driver that does not say how many.
const mostDriven = 1000

// Drive calls f at the instants of the load, from the goroutines of its workers,
// and reports of these calls:
//
//   - p50-latency-ns, p90-, p99-, p99.9- and max-latency-ns: those that the number
//     of calls allows to state, and that are finite: calls that fail or are dropped
//     count as infinitely slow
//   - p99-lag-us, from due to begun, the queue's part and the generator's together
//   - achieved-qps, and err-ppm and drop-ppm of the calls that were due
//   - B/op and allocs/op of the whole process, rounded, for each call, less what
//     the engine itself allocates at first. A worker that is added later shows as
//     some 500 B.
//
// Each run of the benchmark function is warmed up by the first calls of the load,
// for 100 ms or a tenth of the run if that is shorter; they are left out of it all.
// The timer counts the time of the schedule, so that -benchtime=5s ends near 5 s,
// in a few runs of growing b.N, at any rate. When Drive returns the timer is
// stopped. Call it once for each run of the function, and not in a loop of b.Loop.
//
// In the last of these runs it tells by b.Log each reason why the figures are not
// to be relied on (see [record.Record.Verdict]), and which calls failed. An SLO that is
// missed is a b.Error with its value.
//
// The context that f is given ends when the benchmark does. The benchmark fails if
// f panics, or ends its goroutine, or if all calls fail: of a run of at least 100,
// so that one unlucky call of the first does not count. If f calls b.FailNow, or
// b.SkipNow, so does Drive.
//
// Under go test -bench the first call prints to standard output, once, which
// direction of each unit is better, in the form that benchstat reads.
//
// A call of f that does not return keeps Drive from returning: which do not is written to
// standard error after 5 s.
//
// The record is of the calls that were measured.
func (d Driver) Drive(b *testing.B, f func(ctx context.Context) error) *record.Record {
	b.Helper()
	b.StopTimer()
	unitLines.Do(func() { printUnits(b) })
	arrivals, err := d.check(b.N, f)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	v := &driven{Driver: d, b: b, f: f, ctx: ctx, cancel: cancel, arrivals: arrivals}
	r, err := v.drive()
	if problem := v.stopped(r); problem != "" {
		b.Fatal(problem)
	}
	if err != nil {
		b.Fatal(err)
	}
	v.report(r)
	if lastRun(b) {
		v.tell(r)
	}
	return r
}

// check reports all that is wrong, or else the schedule of n calls or passes.
func (d Driver) check(n int, f func(ctx context.Context) error) (schedule.Arrivals, error) {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("benchtest: "+format, args...)) }
	if n < 1 {
		wrong("b.N is %d: want Drive outside of b.Loop, as it makes the calls itself", n)
	}
	if f == nil {
		wrong("f is nil: want what is to be called")
	}
	var a schedule.Arrivals
	if d.Load.Equal(schedule.Load{}) {
		wrong("Driver.Load is not set: want one of Rate or ParseLoad")
	} else {
		var err error
		a, err = d.schedule(uint64(max(n, 1)))
		errs = append(errs, err)
	}
	if d.Workers < 0 || d.Workers > bench.MaxWorkers {
		wrong("Driver.Workers is %d: want 1 to %d, or 0 for as many as it takes", d.Workers, bench.MaxWorkers)
	}
	if err := d.Overload.Check(); err != nil {
		wrong("Driver.Overload %w", err)
	}
	shortest := schedule.Endless
	for i, s := range d.SLOs {
		if s == (record.SLO{}) {
			wrong("Driver.SLOs[%d] is the zero SLO: want one of ParseSLO", i)
		}
		if s.Every() > 0 {
			shortest = min(shortest, s.Every())
		}
	}
	for _, s := range d.SLOs {
		if s.Every()%shortest != 0 {
			wrong("Driver.SLOs: %q is not about whole windows of %v, which another is about: want a multiple of it",
				s, shortest)
		}
	}
	return a, errors.Join(errs...)
}

// schedule is the first n calls of a load without end, or n passes of one that ends.
func (d Driver) schedule(n uint64) (schedule.Arrivals, error) {
	a, err := d.Load.Or(schedule.Even).Arrivals(d.Seed)
	switch {
	case err != nil:
		return nil, err
	case a.Duration() == schedule.Endless:
		if a = schedule.First(a, n); a.Duration() == schedule.Endless {
			return nil, fmt.Errorf("benchtest: %d calls of %q take longer than %v: want fewer, or a higher rate", n,
				d.Load, schedule.Endless)
		}
		return a, nil
	case n > uint64((schedule.Endless-1)/a.Duration()):
		return nil, fmt.Errorf("benchtest: %d passes of %v take longer than %v: want fewer, such as -benchtime=1x", n,
			a.Duration(), schedule.Endless)
	case n == 1:
		return a, nil
	}
	return newPasses(a, n), nil
}
