package bench_test

import (
	"context"
	"io"
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

// checkWindows fails the test unless the windows of a run add up.
func checkWindows(t testing.TB, r *record.Record) {
	t.Helper()
	var offered, done, failed, dropped, missed uint64
	for i, w := range r.Windows {
		offered, done, failed, dropped, missed = offered+w.Offered, done+w.Done, failed+w.Failed,
			dropped+w.Dropped, missed+w.Missed
		if w.Offered != w.Done+w.Failed+w.Dropped+w.Missed || w.Max > r.Latency.Max() || w.P50 > w.P99 && w.P99 > 0 ||
			w.P99 > w.Max {
			t.Errorf("window %+v", w)
		}
		if i > 0 && w.From != r.Windows[i-1].From+r.Windows[i-1].Length {
			t.Errorf("window %d begins at %v, and the one before ends at %v", i, w.From,
				r.Windows[i-1].From+r.Windows[i-1].Length)
		}
	}
	if offered != r.Offered || done != r.Done || failed != r.Failed || dropped != r.Dropped || missed != r.Missed {
		t.Errorf("windows hold %d, %d, %d, %d, %d calls; the run %d, %d, %d, %d, %d", offered, done, failed, dropped,
			missed,
			r.Offered, r.Done, r.Failed, r.Dropped, r.Missed)
	}
}

func TestACallBelongsToTheWindowInWhichItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), 1050*ms), Workers: 4, Window: 100 * ms,
			Target: stalling(250*ms, 450*ms, ms)})
		checkWindows(t, r)
		if len(r.Windows) != 11 || r.Windows[10].Length != 50*ms || r.Windows[10].Offered != 50 {
			t.Fatalf("%d windows, the last of %v", len(r.Windows), r.Windows[len(r.Windows)-1].Length)
		}
		for i, w := range r.Windows[:10] {
			// The stall is from 250 to 450 ms: call at 250 ms takes 201 ms.
			want := time.Duration(ms)
			switch i {
			case 2:
				want = 201 * ms
			case 3:
				want = 163 * ms // due at 300 ms, 46 calls wait before it
			}
			if w.Offered != 100 || w.Done != 100 || i < 4 && (w.Max-want).Abs() > ms || w.Late != 0 {
				t.Errorf("window %d: %+v, want the longest %v", i, w, want)
			}
			if i < 2 && w.P50 != ms {
				t.Errorf("window %d: p50 %v", i, w.P50)
			}
			if w.P99 != 0 {
				t.Errorf("window %d: p99 of 100 calls is %v, and they do not allow to state it", i, w.P99)
			}
		}
	})
}

func TestPercentilesOfAWindowAreKnownToTwoPercent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), 4*time.Second), Workers: 100,
			Window: time.Second,
			Target: bench.TargetFunc(func(context.Context, string) error {
				time.Sleep(time.Duration(n.Add(1)%1000) * 37 * time.Microsecond)
				return nil
			})})
		checkWindows(t, r)
		for _, w := range r.Windows {
			p50 := float64(w.P50) / float64(499*37*time.Microsecond)
			p99 := float64(w.P99) / float64(989*37*time.Microsecond)
			if p50 < 0.98 || p50 > 1.02 || p99 < 0.98 || p99 > 1.02 || w.Max != 999*37*time.Microsecond {
				t.Errorf("p50 is %v, p99 %v, max %v", w.P50, w.P99, w.Max)
			}
		}
	})
}

// The percentiles of a window count calls that never began.
func TestDroppedAndMissedCallsAreInTheirWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 501*ms)
		defer cancel()
		var n atomic.Int64
		r := doContext(ctx, t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Second), Workers: 1,
			Window: 100 * ms, Queue: 150,
			Target: bench.TargetFunc(func(ctx context.Context, _ string) error {
				if n.Add(1) > 100 {
					<-ctx.Done()
					return io.EOF
				}
				return nil
			})})
		checkWindows(t, r)
		if len(r.Windows) != 5 {
			t.Fatalf("%d windows", len(r.Windows))
		}
		want := []record.Window{{Done: 100}, {Failed: 1, Missed: 99}, {Missed: 51, Dropped: 49}, {Dropped: 100},
			{Dropped: 100}}
		for i, w := range r.Windows {
			if v := want[i]; w.Done != v.Done || w.Failed != v.Failed || w.Missed != v.Missed ||
				w.Dropped != v.Dropped || i > 0 && w.P50 != 0 {
				t.Errorf("window %d: %+v", i, w)
			}
		}
	})
}

func TestACallThatTheGeneratorBeginsAfterItsWindowIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Second), Workers: 100,
			Window: 10 * ms,
			Target: sleeps(50 * ms), Pace: late{3 * ms}})
		checkWindows(t, r)
		for i, w := range r.Windows {
			if w.Offered != 10 || w.Late != 3 {
				t.Errorf("window %d: %d of %d late, want 3", i, w.Late, w.Offered)
			}
		}
		v := r.Verdict(.99)
		if len(v) != 1 || v[0].Name != record.GeneratorLimited ||
			!strings.Contains(v[0].Detail, "in 100 of 100 windows of 10ms the rate was not kept: the generator "+
				"began up to 30%") ||
			!strings.Contains(v[0].Detail, "lower the rate") {
			t.Errorf("verdict %v", v)
		}
	})
	// Lateness that the target causes does not count as late.
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Second), Workers: 1, Window: 10 * ms,
			Target: sleeps(2 * ms)})
		for i, w := range r.Windows {
			if w.Late != 0 {
				t.Errorf("window %d: %d late", i, w.Late)
			}
		}
		if got := reasons(r); !slices.Equal(got, []string{record.Saturated}) {
			t.Errorf("verdict %v", got)
		}
	})
}

func TestWhatTheRuntimeDidIsToldWithItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Second), Workers: 2,
			Window: 100 * ms,
			Target: bench.TargetFunc(func(context.Context, string) error {
				if n.Add(1) == 1000 {
					time.Sleep(5 * time.Second)
				}
				return nil
			})})
		checkWindows(t, r)
		for i, w := range r.Windows {
			if w.Runtime == nil || w.Runtime.From > w.From+2*ms || w.Runtime.To < w.From+w.Length {
				t.Fatalf("window %d from %v: %+v", i, w.From, w.Runtime)
			}
		}
		if last := r.Windows[9].Runtime; last.To < 5*time.Second {
			t.Errorf("the last ends at %v: what was done until the last call ended is lost", last.To)
		}
	})
}

func TestWindowsAreOfALengthThatIsAskedForOrSuits(t *testing.T) {
	for name, c := range map[string]struct {
		duration, window time.Duration
		slos             []string
		want             time.Duration
		n                int
	}{
		"the default, 50 windows":    {10 * time.Second, 0, nil, 200 * ms, 50},
		"the default, fewer windows": {11 * time.Second, 0, nil, 500 * ms, 22},
		"as asked for":               {10 * time.Second, time.Second, nil, time.Second, 10},
		"an SLO of several windows": {10 * time.Second, 0, []string{"p99 < 5ms over every 1s"},
			200 * ms, 50}, // is made of them
		"an SLO of a shorter window": {10 * time.Second, 0,
			[]string{"p99 < 5ms over every 100ms"}, 100 * ms, 100},
		"SLOs of whole windows only of the shortest": {10 * time.Second, 0,
			[]string{"p99 < 5ms over every 900ms", "errors < 1% over every 300ms"}, 300 * ms, 34},
		"a short run": {10 * ms, 0, nil, ms, 10},
	} {
		t.Run(name, func(t *testing.T) {
			var slos []record.SLO
			for _, text := range c.slos {
				slos = append(slos, slo(t, text))
			}
			synctest.Test(t, func(t *testing.T) {
				r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), c.duration), Workers: 1,
					Window: c.window, SLOs: slos, Target: sleeps(0)})
				checkWindows(t, r)
				if len(r.Windows) != c.n || r.Windows[0].Length != c.want {
					t.Errorf("%v: %d windows of %v, want %d of %v", c.duration, len(r.Windows),
						r.Windows[0].Length, c.n,
						c.want)
				}
			})
		})
	}
}

func TestWindowsThatCannotBeAreRefusedWithAdvice(t *testing.T) {
	for name, c := range map[string]struct {
		run  bench.Run
		want string
	}{
		"negative": {bench.Run{Window: -1}, "Run.Window is -1ns: want 0 or more"},
		"too many": {bench.Run{Window: ms}, "a run of 10s has more than 4096 windows of 1ms: want 3ms or more"},
		"no multiple": {bench.Run{Window: 300 * ms, SLOs: []record.SLO{slo(t, "p99 < 5ms over every 1s")}},
			"does not have whole windows of 300ms: want a multiple of that, or a Run.Window that divides it"},
		"none divides": {bench.Run{SLOs: []record.SLO{slo(t, "p99 < 5ms over every 300ms"),
			slo(t, "max < 1s over every 700ms")}}, "over every 700ms\" does not have whole windows of 300ms"},
		"longer": {bench.Run{SLOs: []record.SLO{slo(t, "p99 < 5ms over every 11s")}},
			"has windows longer than the run of 10s"},
		"an empty SLO": {bench.Run{SLOs: []record.SLO{{}}}, "Run.SLOs has an empty SLO: want the result of ParseSLO"},
	} {
		t.Run(name, func(t *testing.T) {
			c.run.Arrivals, c.run.Target = constant(t, schedule.PerSecond(1000), 10*time.Second), sleeps(0)
			if err := c.run.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v; want an error that says %q", name, err, c.want)
			}
		})
	}
	// The window length that the error advises is accepted.
	for _, d := range []time.Duration{10 * time.Second, time.Hour, 4096 * ms, 4097 * ms, schedule.Endless - 1} {
		run := bench.Run{Closed: &bench.Closed{Duration: d}, Target: sleeps(0), Window: 1}
		_, after, ok := strings.Cut(run.Check().Error(), ": want ")
		advice, _, _ := strings.Cut(after, " or more")
		window, err := time.ParseDuration(advice)
		if run.Window = window; !ok || err != nil || run.Check() != nil {
			t.Errorf("%v: advice %q, %v, %v", d, advice, err, run.Check())
		}
		if run.Window = 0; run.Check() != nil {
			t.Errorf("%v: %v", d, run.Check())
		}
	}
}

func TestAScheduleWithoutAnEndIsRefused(t *testing.T) {
	_, err := (&bench.Run{Arrivals: endless{}, Target: sleeps(0)}).Do(context.Background())
	if err == nil || !strings.Contains(err.Error(), "Run.Arrivals do not end") {
		t.Errorf("error %v", err)
	}
}

type endless struct{ schedule.Arrivals }

func (endless) Duration() time.Duration { return schedule.Endless }
