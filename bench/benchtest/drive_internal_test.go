package benchtest

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/quantile"
)

func instants(a schedule.Arrivals, from uint64) (all []time.Duration) {
	for i := a.From(from); ; {
		due, ok := i.Next()
		if !ok {
			return all
		}
		all = append(all, due)
	}
}

func TestPassesAreTheLoadAgainAndAgain(t *testing.T) {
	for _, text := range []string{"const:30/s@100ms", "ramp:10..100/s@200ms", "const:20/s@300ms poisson",
		"const:1/s@3ms poisson"} {
		load, err := schedule.ParseLoad(text)
		if err != nil {
			t.Fatal(err)
		}
		one, err := Driver{Load: load, Seed: 1}.schedule(1)
		if err != nil {
			t.Fatal(err)
		}
		three, err := Driver{Load: load, Seed: 1}.schedule(3)
		if err != nil {
			t.Fatal(err)
		}
		if three.Duration() != 3*one.Duration() {
			t.Errorf("%s: three passes last %v, one %v", text, three.Duration(), one.Duration())
		}
		var want []time.Duration
		for pass := range time.Duration(3) {
			for _, due := range instants(one, 0) {
				want = append(want, pass*one.Duration()+due)
			}
		}
		for from := range len(want) + 3 {
			if got := instants(three, uint64(from)); !slices.Equal(got, want[min(from, len(want)):]) {
				t.Errorf("%s: calls from %d on are due at %v, want %v", text, from, got, want[min(from, len(want)):])
			}
		}
	}
}

func TestTheWarmUpIsATenthOfTheRunOr100ms(t *testing.T) {
	for _, c := range []struct {
		rate  int
		calls uint64
		want  uint64
	}{
		{1000, 1, 0}, {1000, 9, 0}, {1000, 10, 1}, {1000, 100, 10}, {1000, 1000, 100}, {1000, 100_000, 100}, {1, 100,
			0},
	} {
		a, err := Driver{Load: schedule.At(c.rate)}.schedule(c.calls)
		if err != nil {
			t.Fatal(err)
		}
		if got := warmUp(a); got != c.want {
			t.Errorf("%d calls at %d/s are warmed up by %d, want %d", c.calls, c.rate, got, c.want)
		}
	}
}

func TestAFunctionGetsTheWorkersItNeeds(t *testing.T) {
	warm := func(workers int, service time.Duration) *record.Record {
		r := &record.Record{Workers: workers, Done: 100, Service: quantile.NewHDR()}
		for range 100 {
			r.Service.Add(service)
		}
		return r
	}
	for name, c := range map[string]struct {
		processors int
		rate       float64
		warm       *record.Record
		want       int
	}{
		"it waits":                 {2, 1000, warm(8, 100*time.Millisecond), 140}, // 100 at once, and 4 times 10
		"it waits for longer":      {2, 1000, warm(16, 500*time.Millisecond), 590},
		"it waits for a minute":    {2, 1000, warm(16, time.Minute), mostDriven},
		"more were added":          {2, 1000, warm(256, 100*time.Millisecond), 256},
		"no call was done":         {2, 1000, &record.Record{Workers: 64, Service: quantile.NewHDR()}, 64},
		"it does not wait":         {8, 1000, warm(64, time.Microsecond), 7}, // a hiccup added workers
		"it takes all processors":  {8, 1000, warm(64, 2*time.Millisecond), 8},
		"there is one processor":   {1, 1000, warm(64, time.Microsecond), 64},
		"it needs more processors": {4, 1000, warm(5, 2*time.Millisecond), 8},
	} {
		t.Run(name, func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(c.processors))
			if got := staff(c.rate, c.warm); got != c.want {
				t.Errorf("%d workers, want %d", got, c.want)
			}
		})
	}
}

func TestAllThatIsWrongWithADriverIsTold(t *testing.T) {
	slo := func(text string) record.SLO {
		s, err := record.ParseSLO(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	longest, err := schedule.ParseLoad("const:1/h@876000h") // a century
	if err != nil {
		t.Fatal(err)
	}
	f := func(context.Context) error { return nil }
	for name, c := range map[string]struct {
		driver Driver
		n      int
		want   []string
	}{
		"too many calls": {Driver{Load: schedule.At(1e-9)}, 100, []string{"100 calls of ",
			"take longer than 2562047h47m16.854775807s: want fewer, or a higher rate"}},
		"too many passes": {Driver{Load: longest}, 3, []string{"3 passes of 876000h0m0s take longer than ",
			"want fewer, such as -benchtime=1x"}},
		"several fields": {Driver{Load: schedule.At(-1), Workers: bench.MaxWorkers + 1, Overload: bench.CatchUp(0),
			SLOs: []record.SLO{slo("p50 < 1s over every 2s"), slo("p50 < 1s over every 3s")}}, 1,
			[]string{"rate of -1 calls per second", "Driver.Workers is 100001",
				"Driver.Overload: catch-up(k=0): k is out of range: want 1 to 1000",
				`"p50 < 1s over every 3s" does not have whole windows of 2s`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.driver.check(c.n, f)
			if err == nil {
				t.Errorf("%+v: no error, want %q", c.driver, c.want)
				return
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v: does not say %q", err, want)
				}
			}
		})
	}
}

// The percentiles of the two parts of lag do not add up to the percentile of the whole.
func TestLagAsAWholeIsThatOfEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, err := schedule.Constant(schedule.PerSecond(200), 100*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		run := bench.Run{Arrivals: a, Target: bench.TargetFunc(func(context.Context,
			string) error {
			time.Sleep(10 * time.Millisecond)
			return nil
		}), Workers: 1, Pace: pace.Sleep, Lag: true}
		r, err := run.Do(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r.Lag.Count() != 20 || r.Lag.Max() != 95*time.Millisecond ||
			r.Lag.Sum() != r.Queue.Sum()+r.Generator.Sum() {
			t.Errorf("lag of %d calls, %v at most, sum %v; want 20, 95 ms, %v", r.Lag.Count(), r.Lag.Max(),
				r.Lag.Sum(), r.Queue.Sum()+r.Generator.Sum())
		}
	})
}

func TestACallThatDoesNotReturnIsWrittenWhileTheBenchmarkWaits(t *testing.T) {
	out, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	was, stderr := flag.Lookup("test.benchtime").Value.String(), os.Stderr
	os.Stderr = out
	defer func() { os.Stderr = stderr }()
	if err := flag.Set("test.benchtime", "1x"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := flag.Set("test.benchtime", was); err != nil {
			t.Error(err)
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		testing.Benchmark(func(b *testing.B) {
			Driver{Load: schedule.At(10), Workers: 1, Pace: pace.Sleep}.Drive(b, func(context.Context) error {
				time.Sleep(8 * time.Second)
				return nil
			})
		})
	})
	text, err := os.ReadFile(out.Name())
	if err != nil || !strings.Contains(string(text),
		": 1 call of f has not returned, the first for 5.1s, since 0s of the run\n") {
		t.Errorf("%q, %v", text, err)
	}
}
