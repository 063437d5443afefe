package bench_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// numbered are keys that contain the number of the call.
type numbered struct{}

func (numbered) Key(n uint64) string { return fmt.Sprintf("key-%d", n) }

func failures(r *record.Record) (all []string) {
	for _, f := range r.Failures {
		all = append(all, fmt.Sprintf("%d %s", f.Count, f.Kind))
	}
	return all
}

func TestCallsThatDoNotReturnAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told [][]bench.StuckCall
		var at []time.Duration
		start := time.Now().Add(ms) // the lead-in
		hangs := map[string]time.Duration{"key-1": 12 * time.Second, "key-3": 20 * time.Second,
			"key-50": 6 * time.Second}
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(10), 10*time.Second), Workers: 5,
			Keys:  numbered{},
			Stuck: func(calls []bench.StuckCall) { told, at = append(told, calls), append(at, time.Since(start)) },
			Target: bench.TargetFunc(func(_ context.Context, key string) error {
				time.Sleep(hangs[key])
				return nil
			})})
		if r.Done != 100 {
			t.Errorf("%d calls were done", r.Done)
		}
		// Calls 1 and 3 begin at 100 and 300 ms, and are seen when workers are looked at.
		want := []string{"at 5.2s: key-1", "at 10.2s: key-1 key-3 key-50"}
		for i := range told {
			var keys []string
			for _, c := range told[i] {
				keys = append(keys, c.Key)
				if (c.Began + c.For - at[i]).Abs() > ms {
					t.Errorf("%+v at %v", c, at[i])
				}
			}
			if got := fmt.Sprintf("at %v: %s", at[i].Round(100*ms), strings.Join(keys, " ")); i >= len(want) ||
				got != want[i] {
				t.Errorf("told %q", got)
			}
		}
		if len(told) != len(want) || told[0][0].Began != 100*ms {
			t.Errorf("told %d times: %+v", len(told), told)
		}
	})
}

func TestTheEndOfTheContextEndsARunWhoseCallsDoNotReturn(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func() // of the target, when it comes back after all
	}{
		{"it returns", func() {}},
		{"it panics", func() { panic("late") }},
		{"it ends its goroutine", runtime.Goexit},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 500500*time.Microsecond)
				defer cancel()
				release := make(chan struct{})
				var n atomic.Int64
				before := time.Now()
				r := doContext(ctx, t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Second),
					Workers: 4, Window: 100 * ms,
					Target: bench.TargetFunc(func(context.Context, string) error {
						if i := n.Add(1); i == 100 || i == 300 {
							<-release
							c.end()
						}
						return nil
					})})
				if took := time.Since(before); took < 1500*ms || took > 1601*ms {
					t.Errorf("it ended after %v", took)
				}
				checkWindows(t, r)
				if got := failures(r); !slices.Equal(got, []string{"2 did not return"}) || r.GivenUp != 2 ||
					r.Offered != 500 || r.Done != 498 || !r.Interrupted {
					t.Errorf("offered %d, done %d, failed %v, interrupted %v", r.Offered, r.Done, got, r.Interrupted)
				}
				close(release) // what comes back late finds nothing to change
				synctest.Wait()
				if r.Done != 498 || r.Failed != 2 || r.Latency.Count() != 498 {
					t.Errorf("done %d, failed %d afterwards", r.Done, r.Failed)
				}
			})
		})
	}
}

func TestACallThatTimesOutIsAFailureAndKeepsNobody(t *testing.T) {
	for _, c := range []struct {
		name    string
		run     bench.Run
		every   int64 // one of so many hangs
		obeys   bool  // its context
		failed  uint64
		longest time.Duration // of those that did not time out
	}{
		{"all workers hang at times", bench.Run{Workers: 2}, 100, false, 10, 20 * ms},
		{"the only worker", bench.Run{Workers: 1}, 200, false, 5, 22 * ms},
		{"it ends with its context", bench.Run{Workers: 2}, 100, true, 10, 20 * ms},
		{"workers that share recorders", bench.Run{Workers: 100}, 100, false, 10, ms},
		{"more workers than processors, that wait in turn", bench.Run{Workers: 8, Pace: late{}}, 100, false, 10,
			2 * ms},
		{"a closed loop", bench.Run{Workers: 2, Closed: &bench.Closed{Duration: time.Second, Think: ms}}, 50, false,
			0, ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				var n, ended atomic.Int64
				if c.run.Closed == nil {
					c.run.Arrivals = constant(t, schedule.PerSecond(1000), time.Second)
				}
				c.run.Timeout, c.run.Keep = 20*ms, 2000
				c.run.Target = bench.TargetFunc(func(ctx context.Context, _ string) error {
					if n.Add(1)%c.every != 0 {
						return nil
					}
					select {
					case <-release:
					case <-ctx.Done():
						if ended.Add(1); c.obeys {
							return ctx.Err()
						}
						<-release
					}
					return errors.New("late")
				})
				r := do(t, c.run)
				checkWindows(t, r)
				want := uint64(n.Load() / c.every)
				if got := failures(r); !slices.Equal(got, []string{fmt.Sprintf("%d timeout", want)}) ||
					c.failed != 0 && want != c.failed || r.GivenUp != want ||
					r.Done+want != r.Offered || uint64(ended.Load()) != want {
					t.Errorf("%d offered, %d done, failed %v, %d contexts ended", r.Offered, r.Done, got, ended.Load())
				}
				if got := r.FailedLatency.Max(); got < 20*ms || got > 23*ms+c.longest {
					t.Errorf("what timed out took %v", got)
				}
				if got := r.Latency.Max(); got > c.longest+3*ms {
					t.Errorf("others took up to %v", got)
				}
				close(release)
				synctest.Wait()
				if r.Failed != want {
					t.Errorf("%d failed afterwards", r.Failed)
				}
			})
		})
	}
}

func TestATimeoutIsNotNegative(t *testing.T) {
	run := bench.Run{Arrivals: constant(t, schedule.PerSecond(1), time.Second), Target: sleeps(0), Timeout: -1}
	if err := run.Check(); err == nil || !strings.Contains(err.Error(),
		"Run.Timeout is -1ns: want a duration, or 0 for none") {
		t.Error(err)
	}
}

func TestTheFailureOfAPanicHasItsPlace(t *testing.T) {
	line := func() string {
		_, file, line, _ := runtime.Caller(1)
		return fmt.Sprintf("%s:%d", file, line+1)
	}
	var want string
	for _, c := range []struct {
		name string
		call func()
	}{
		{"panic", func() {
			want = line()
			panic("kaboom")
		}},
		{"a nil pointer", func() {
			var p *struct{ n int }
			want = line()
			p.n++
		}},
		{"out of range", func() {
			var none []int
			want = line()
			none[len(none)] = 1
		}},
		{"in a deferred function", func() {
			defer func() {
				want = line()
				panic("later")
			}()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1), time.Second), Workers: 1,
					Target: bench.TargetFunc(func(context.Context, string) error { c.call(); return nil })})
				if len(r.Failures) != 1 || r.Failures[0].Place != want {
					t.Errorf("%+v, want the place %s", r.Failures, want)
				}
			})
		})
	}
}
