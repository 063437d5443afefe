// Package benchtest puts a function under load in a benchmark of go test -bench.
//
// [Drive] runs an open-loop load with package bench, and reports latency, lag, failures and the achieved
// rate as metrics of the benchmark, with their directions for benchstat. It is the only package other
// than tests that imports testing.
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

// Drive calls f b.N times at the instants of an open-loop load, with as many workers as that needs. The
// benchmark reports percentiles of latency, from due to ended, instead of ns/op:
//
//	func BenchmarkDispatch(b *testing.B) {
//		for _, qps := range []int{1_000, 10_000, 50_000} {
//			b.Run(fmt.Sprintf("qps=%d", qps), func(b *testing.B) {
//				benchtest.Drive(b, schedule.At(qps), func(ctx context.Context) error { ... })
//			})
//		}
//	}
//
// It calls [Driver.Drive] for a Driver that has only a load.
func Drive(b *testing.B, load schedule.Load, f func(ctx context.Context) error) {
	b.Helper()
	Driver{Load: load}.Drive(b, f)
}

// A Driver is a load for a benchmark of go test -bench. Load must be set.
type Driver struct {
	// Load says when calls are due. A load without a process gets evenly spaced calls. If the load
	// is endless, as the loads of [schedule.At] are, its first b.N calls are made. If it ends, the
	// whole load is made b.N times in succession: then b.N counts passes, but the figures are still
	// per call. The keys of a replay are ignored.
	Load schedule.Load
	// Workers is the number of calls that may run at once. If it is 0, there are as many as f
	// needs: [bench.DefaultWorkers], or up to 1,000 for a function that waits.
	Workers int
	// Overload and Pace have the meaning that they have in [bench.Run].
	Overload bench.Overload
	Pace     pace.Pace
	// SLOs are the objectives of the benchmark. It fails if it misses one.
	SLOs []record.SLO
	// FailedApart has the meaning that it has in [bench.Run].
	FailedApart bool
	// Seed fixes everything that is random in the load. With the same seed, every benchmark and
	// every -count gets the same arrivals.
	Seed uint64
}

// mostDriven is the largest number of workers if Driver.Workers is 0.
const mostDriven = 1000

// Drive calls f at the instants of the load, from the goroutines of its workers, and reports:
//
//   - p50-latency-ns, p90-, p99-, p99.9- and max-latency-ns. A percentile is left out if there are
//     too few calls for it, or if it is infinite. Calls that fail or are dropped count as infinitely
//     slow.
//   - p99-lag-us, from due to begun: queue lag and generator lag together
//   - achieved-qps, and err-ppm and drop-ppm of the calls due
//   - B/op and allocs/op: the allocations of the whole process per call, rounded, without the
//     allocations that the engine makes at the start. A worker that is added later takes some 500 B.
//
// In each run of the benchmark function, the first calls of the load, for 100 ms or a tenth of the run if
// that is shorter, are made once more before the run, as a warm-up, and are not measured. The timer counts
// the time of the schedule, so that -benchtime=5s takes about 5 s, in a few runs of growing b.N, at any
// rate. Drive leaves the timer stopped. Call it once per run of the function, and not in a b.Loop.
//
// In the last of these runs, b.Log reports every reason why the figures are not reliable (see
// [record.Record.Verdict]), and the failed calls by kind. A missed SLO is reported with b.Error.
//
// The context of f ends when the benchmark does. The benchmark fails if f panics or ends its goroutine, or
// if all calls of a run of at least 100 calls, or of the last run, fail. If f calls b.FailNow or b.SkipNow,
// so does Drive.
//
// Under go test -bench, the first call of Drive prints to standard output, once, which direction of each
// unit is better, in the form that benchstat reads.
//
// A call of f that does not return keeps Drive from returning. After 5 s it is reported on standard error.
//
// Drive returns the record of the measured calls.
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
		v.logResults(r)
	}
	return r
}

// check returns the schedule of n calls or passes, or an error that lists everything that is wrong.
func (d Driver) check(n int, f func(ctx context.Context) error) (schedule.Arrivals, error) {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("benchtest: "+format, args...)) }
	if n < 1 {
		wrong("b.N is %d: want Drive outside of b.Loop, because Drive makes the calls itself", n)
	}
	if f == nil {
		wrong("f is nil: want a function to call")
	}
	var a schedule.Arrivals
	if d.Load.Equal(schedule.Load{}) {
		wrong("Driver.Load is not set: want the result of schedule.At or schedule.ParseLoad")
	} else {
		var err error
		a, err = d.schedule(uint64(max(n, 1)))
		errs = append(errs, err)
	}
	if d.Workers < 0 || d.Workers > bench.MaxWorkers {
		wrong("Driver.Workers is %d: want 1 to %d, or 0 for as many as it takes", d.Workers, bench.MaxWorkers)
	}
	if err := d.Overload.Check(); err != nil {
		wrong("Driver.Overload: %w", err)
	}
	shortest := schedule.Endless
	for i, s := range d.SLOs {
		if s == (record.SLO{}) {
			wrong("Driver.SLOs[%d] is the zero SLO: want the result of record.ParseSLO", i)
		}
		if s.Every() > 0 {
			shortest = min(shortest, s.Every())
		}
	}
	for _, s := range d.SLOs {
		if s.Every()%shortest != 0 {
			wrong("Driver.SLOs: %q does not have whole windows of %v, the shortest of all: want a multiple of that",
				s, shortest)
		}
	}
	return a, errors.Join(errs...)
}

// schedule returns the first n calls of an endless load, or n passes of a load that ends.
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
