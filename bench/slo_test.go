package bench_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

func slo(t testing.TB, text string) record.SLO {
	t.Helper()
	s, err := record.ParseSLO(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// results returns the result of each objective: met, missed or unjudged.
func judged(r *record.Record) (all []string) {
	for _, s := range r.SLOs {
		switch {
		case s.Missed():
			all = append(all, "missed")
		case s.Judged:
			all = append(all, "met")
		default:
			all = append(all, "unjudged")
		}
	}
	return all
}

func TestObjectivesAreJudgedByTheLoadThatWasOffered(t *testing.T) {
	// 1,000 calls of 1 ms; the hundred of the fifth window of 100 ms take 3 ms, and
	// every tenth of the sixth fails.
	target := func() bench.Target {
		var n atomic.Int64
		return bench.TargetFunc(func(context.Context, string) error {
			i := n.Add(1) - 1
			time.Sleep(ms)
			if i/100 == 4 {
				time.Sleep(2 * ms)
			}
			if i/100 == 5 && i%10 == 0 {
				return context.Canceled
			}
			return nil
		})
	}
	for text, want := range map[string]string{
		"p50 < 1ms": "missed", "p50 <= 1.01ms": "met", "p50 < 2ms": "met", "p99 < 3ms": "missed",
		"p99 <= 3.01ms": "met",
		"p99.9 < 1s":    "missed", "p99.95 < 1s": "missed", "p99.999 < 1s": "missed", "max < 3ms": "missed",
		"max <= 3ms": "missed", "mean < 1s": "missed",
		"max < 3ms over every 500ms": "missed", "mean < 1.5ms over every 500ms": "missed", "p98 < 3.01ms": "met",
		"p99.1 < 3.01ms": "missed",
		"errors < 1%":    "missed", "errors <= 1%": "met", "drops <= 0": "met", "achieved > 99%": "met",
		"p40 < 1.1ms over every 200ms": "met", "p50 < 2ms over every 100ms": "missed",
		"p99 < 1s over every 100ms":     "missed",
		"errors < 10% over every 100ms": "missed", "errors < 6% over every 200ms": "met", "mean < 3ms over every " +
			"100ms": "missed",
	} {
		t.Run(text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Second), Target: target(),
					Workers: 10,
					Window:  100 * ms, SLOs: []record.SLO{slo(t, text)}})
				if got := judged(r); len(got) != 1 || got[0] != want {
					t.Errorf("%s is %v, want %s: %+v", text, got, want, r.SLOs)
				}
				if want == "missed" && strings.Contains(text, "p50 < 2ms over") &&
					!strings.Contains(r.SLOs[0].Detail, "in the 100ms from 400ms on") {
					t.Errorf("%s: %s", text, r.SLOs[0].Detail)
				}
			})
		})
	}
}

// Slow failures and quick failures both count against a percentile, so that it needs no separate budget of
// errors.
func TestACallThatFailsTookForEver(t *testing.T) {
	for _, c := range []struct {
		name    string
		percent int64
		after   time.Duration
		apart   bool
		slo     string
		want    string
	}{
		{"2% fail after 2 s", 2, 2 * time.Second, false, "p99 < 100ms", "missed"},
		{"2% fail at once", 2, 0, false, "p99 < 100ms", "missed"},
		{"1% fails at once", 1, 0, false, "p99 < 100ms", "met"},
		{"all fail", 100, 0, false, "p99 < 100ms", "missed"},
		{"1% fails, and the mean is infinite", 1, 0, false, "mean < 100ms", "missed"},
		{"1% fails, and so is the maximum", 1, 0, false, "max < 100ms", "missed"},
		{"2% fail after 2 s, apart", 2, 2 * time.Second, true, "p99 < 100ms", "met"},
		{"2% fail, apart, mean", 2, 2 * time.Second, true, "mean < 100ms", "met"},
		{"2% fail, apart, max", 2, 2 * time.Second, true, "max < 100ms", "met"},
		{"2% fail, apart, and are errors", 2, 0, true, "errors < 1%", "missed"},
		{"all fail, apart", 100, 0, true, "p99 < 100ms", "unjudged"},
		{"in windows", 2, 0, false, "p99 < 100ms over every 500ms", "missed"},
		{"in windows, apart", 2, 0, true, "p99 < 100ms over every 500ms", "met"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n atomic.Int64
				r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Second), Workers: 100,
					FailedApart: c.apart, Window: 500 * ms,
					SLOs: []record.SLO{slo(t, c.slo)}, Target: bench.TargetFunc(func(context.Context, string) error {
						if n.Add(1)%100 < c.percent {
							time.Sleep(c.after)
							return context.Canceled
						}
						return nil
					})})
				if got := judged(r); got[0] != c.want {
					t.Errorf("%s, want %s: %+v", got[0], c.want, r.SLOs)
				}
				p99, err := r.Percentile(0.99)
				infinite := err != nil && strings.Contains(err.Error(),
					fmt.Sprintf("p99 is infinite: %d%% failed", c.percent))
				if infinite != (c.percent > 1 && !c.apart) {
					t.Errorf("p99 is %v, %v", p99, err)
				}
				if w := r.Windows[0]; (w.P99 == 0) != (c.percent > 1 && !c.apart || c.percent == 100) && w.Max > 0 {
					t.Errorf("p99 of a window is %v", w.P99)
				}
			})
		})
	}
}

// The results must follow from the latencies of all calls, whichever worker and window recorded them.
func TestBadCallsAreCountedExactly(t *testing.T) {
	for _, c := range []struct {
		name string
		run  bench.Run
	}{
		{"one worker", bench.Run{Workers: 1}},
		{"a recorder each", bench.Run{Workers: 8}},
		{"workers that share recorders", bench.Run{Workers: 200}},
		{"a watched run", bench.Run{Workers: 8, Abort: true}},
		{"dropping", bench.Run{Workers: 2, Overload: bench.Drop}},
		{"taking turns", bench.Run{Workers: 8, Pace: late{}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(1, 2))
				var mu sync.Mutex
				run := c.run
				run.Arrivals, run.Keep = poisson(t, schedule.PerSecond(2000), time.Second, 3), 4000
				for _, text := range []string{"p50 < 100h", "p50 < 1.003ms", "p50 <= 1.003ms",
					"p50 < 2ms over every 1s"} {
					run.SLOs = append(run.SLOs, slo(t, text))
				}
				run.Target = bench.TargetFunc(func(context.Context, string) error {
					mu.Lock()
					takes, fails := time.Duration(random.ExpFloat64()*100)*10*time.Microsecond+3*time.Microsecond,
						random.IntN(50) == 0
					mu.Unlock()
					time.Sleep(takes)
					if fails {
						return context.Canceled
					}
					return nil
				})
				if run.Workers == 1 { // or it does not keep up
					run.Arrivals = poisson(t, schedule.PerSecond(500), time.Second, 3)
				}
				r := do(t, run)
				for i, longest := range []time.Duration{100*time.Hour - 1, 1003*time.Microsecond - 1,
					1003 * time.Microsecond, 2*ms - 1} {
					bad := r.Failed + r.Dropped
					for _, d := range r.Kept {
						if d > longest {
							bad++
						}
					}
					if got := r.SLOs[i]; got.Bad != bad || got.Due != r.Offered || uint64(len(r.Kept)) != r.Done ||
						r.Aborted != "" {
						t.Errorf("%s: %d bad of %d, want %d of %d", got.SLO, got.Bad, got.Due, bad, r.Offered)
					}
				}
			})
		})
	}
}

func TestACallThatIsDroppedTookForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Second),
			Target: sleeps(1500 * time.Microsecond), Workers: 1, Overload: bench.Drop,
			SLOs: []record.SLO{slo(t, "p99 < 24h"), slo(t, "max < 24h"), slo(t, "p40 < 2ms"), slo(t, "drops < 49%"),
				slo(t, "achieved > 51%")}})
		if got := strings.Join(judged(r), " "); got != "missed missed met missed missed" ||
			!strings.Contains(r.SLOs[0].Detail, "infinite") {
			t.Errorf("%s: %+v", got, r.SLOs)
		}
	})
}

func TestARunEndsOnceItMissesAnObjective(t *testing.T) {
	slow := func(from time.Duration) bench.Target {
		start := time.Now()
		return bench.TargetFunc(func(context.Context, string) error {
			time.Sleep(ms)
			if time.Since(start) > from {
				time.Sleep(4 * ms)
			}
			return nil
		})
	}
	for name, c := range map[string]struct {
		slo    string
		from   time.Duration
		least  time.Duration
		most   time.Duration // 0: it does not end
		closed bool
	}{
		"a window":             {"p50 < 3ms over every 100ms", 3 * time.Second, 3055 * ms, 3057 * ms, false},
		"the whole":            {"p99 < 3ms", 3 * time.Second, 3104 * ms, 3106 * ms, false},
		"never":                {"p50 < 10ms over every 100ms", 3 * time.Second, 0, 0, false},
		"a window of the loop": {"p50 < 3ms over every 100ms", 3 * time.Second, 3100 * ms, 3102 * ms, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				run := bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), 10*time.Second), Target: slow(c.from),
					Workers: 20,
					Window:  100 * ms, SLOs: []record.SLO{slo(t, c.slo), slo(t, "drops < 1%")}, Abort: true}
				if c.closed {
					run.Arrivals, run.Closed = nil, &bench.Closed{Duration: 10 * time.Second}
				}
				r := do(t, run)
				if c.most == 0 {
					if r.Aborted != "" || r.Interrupted {
						t.Errorf("ended by %q after %v", r.Aborted, r.Scheduled)
					}
					return
				}
				if r.Aborted != c.slo || r.Scheduled < c.least || r.Scheduled > c.most {
					t.Errorf("ended by %q after %v", r.Aborted, r.Scheduled)
				}
				if v := r.Verdict(); len(v) == 0 || v[0].Name != record.Interrupted ||
					!strings.Contains(v[0].Detail, c.slo) {
					t.Errorf("verdict %v", v)
				}
				value, _, _ := strings.Cut(r.SLOs[0].Detail, " in ")
				if got := strings.Join(judged(r), " "); got != "missed unjudged" ||
					strings.HasSuffix(value, " or more") == c.closed {
					t.Errorf("%+v", r.SLOs)
				}
			})
		})
	}
}

// One bad call in 20 is more than the share that may be bad; one in 1,000 is not.
func TestARunIsNotEndedByAShareThatItCanStillHold(t *testing.T) {
	for _, text := range []string{"errors < 1%", "p98 < 3ms", "drops < 1%", "achieved > 99%",
		"errors < 1% over every 5s"} {
		t.Run(text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls atomic.Int64
				r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100), 10*time.Second), Workers: 2,
					Overload: bench.Drop,
					SLOs:     []record.SLO{slo(t, text)}, Abort: true,
					Target: bench.TargetFunc(func(context.Context, string) error {
						switch calls.Add(1) {
						case 1:
							return context.Canceled
						case 2, 3:
							time.Sleep(25 * ms) // some calls are dropped
						}
						return nil
					})})
				if r.Aborted != "" || r.Interrupted || r.Failed != 1 || r.Dropped == 0 || !r.SLOs[0].Met {
					t.Errorf("ended by %q after %v: %d failed, %d dropped; %+v", r.Aborted, r.Scheduled, r.Failed,
						r.Dropped, r.SLOs)
				}
			})
		})
	}
}

func TestWindowsThatObjectivesAreNotMadeOfAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"p50 < 1ms over every 150ms": `SLO "p50 < 1ms over every 150ms" does not have whole windows of 100ms: ` +
			`want a multiple of that`,
		"p50 < 1ms over every 20s": "has windows longer than the run of 10s",
	} {
		t.Run(text, func(t *testing.T) {
			run := bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), 10*time.Second), Target: sleeps(0),
				Window: 100 * ms, SLOs: []record.SLO{slo(t, text)}}
			if err := run.Check(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q in it", text, err, want)
			}
		})
	}
	run := bench.Run{Arrivals: constant(t, schedule.PerSecond(1), 10*time.Hour), Target: sleeps(0), Window: ms}
	if err := run.Check(); err == nil || !strings.Contains(err.Error(),
		"a run of 10h0m0s has more than 4096 windows of 1ms: want 8.79s or more") {
		t.Error(err)
	}
	run.Window = 8790 * ms
	if err := run.Check(); err != nil {
		t.Error(err)
	}
}

func TestWindowsAreAnAccountByTheInstantsAtWhichCallsWereDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Stopped from 300 to 500 ms: the calls due then wait, in the windows they were due in.
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Second),
			Target: stalling(300*ms, 500*ms, ms), Workers: 1000, Window: 100 * ms})
		if len(r.Windows) != 10 {
			t.Fatalf("%d windows", len(r.Windows))
		}
		for i, w := range r.Windows {
			p50, longest := ms, ms
			switch i {
			case 3:
				p50, longest = 151*ms, 201*ms
			case 4:
				p50, longest = 51*ms, 101*ms
			}
			if w.Offered != 100 || w.Done != 100 || w.From != time.Duration(i)*100*ms || w.Length != 100*ms ||
				w.Late != 0 ||
				(w.P50-p50).Abs() > p50/50+ms || (w.Max-longest).Abs() > ms || w.P99 != 0 || w.Runtime == nil {
				t.Errorf("window %d: %+v, want p50 %v, max %v", i, w, p50, longest)
			}
		}
	})
}
