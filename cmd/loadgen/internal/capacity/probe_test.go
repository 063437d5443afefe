package capacity

import (
	"context"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

func objectivesOf(t testing.TB, texts ...string) (all []bench.SLO) {
	t.Helper()
	for _, text := range texts {
		s, err := bench.ParseSLO(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// recorded is a run in virtual time of 1000 calls a second, each of which lasts as
// long as f says of its number.
func recorded(t *testing.T, slos []bench.SLO, calls int, overload bench.Overload, f func(n int) (time.Duration, error)) (r *bench.Record) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		length := time.Duration(calls) * time.Millisecond
		a, err := bench.Constant(bench.PerSecond(1000), length)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		run := bench.Run{Arrivals: a, Workers: 1, Overload: overload, Pace: bench.Sleep, Keep: calls, SLOs: slos, Window: 10 * time.Millisecond,
			Target: bench.TargetFunc(func(context.Context, string) error {
				n++
				d, err := f(n)
				time.Sleep(d)
				return err
			})}
		if r, err = run.Do(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	return r
}

func steady(d time.Duration) func(int) (time.Duration, error) {
	return func(int) (time.Duration, error) { return d, nil }
}

func TestMarginsSayByHowMuchEachPartOfAProbeKeptTheObjectives(t *testing.T) {
	failing := func(n int) (time.Duration, error) {
		if n%100 == 0 {
			return 400 * time.Microsecond, io.EOF
		}
		return 400 * time.Microsecond, nil
	}
	slowing := func(n int) (time.Duration, error) {
		if n > 2000 {
			return 800 * time.Microsecond, nil
		}
		return 400 * time.Microsecond, nil
	}
	for name, c := range map[string]struct {
		slos        string
		calls       int
		overload    bench.Overload
		f           func(int) (time.Duration, error)
		parts       int
		first, last float64
	}{
		"latency is kept by a quarter":           {"p99 < 500us", 4000, bench.Queue, steady(400 * time.Microsecond), 10, math.Log(500. / 400), math.Log(500. / 400)},
		"latency is missed by a fifth":           {"p99 < 320us", 4000, bench.Queue, steady(400 * time.Microsecond), 10, math.Log(320. / 400), math.Log(320. / 400)},
		"parts have calls enough":                {"p99 < 500us", 2000, bench.Queue, steady(400 * time.Microsecond), 5, math.Log(500. / 400), math.Log(500. / 400)},
		"parts are in order":                     {"p99 < 500us", 4000, bench.Queue, slowing, 10, math.Log(500. / 400), math.Log(500. / 800)},
		"the nearest objective decides":          {"p99 < 500us,mean < 420us", 4000, bench.Queue, steady(400 * time.Microsecond), 10, math.Log(420. / 400), math.Log(420. / 400)},
		"a share is that of the whole":           {"errors < 2%", 4000, bench.Queue, failing, 10, math.Log(2), math.Log(2)},
		"a share is missed":                      {"p99 < 500us,errors < 0.5%", 4000, bench.Queue, failing, 10, math.Log(0.5), math.Log(0.5)},
		"no failure is the largest margin":       {"errors < 10ppm", 4000, bench.Queue, steady(400 * time.Microsecond), 10, MaxMargin, MaxMargin},
		"nothing is achieved less":               {"achieved > 99%", 4000, bench.Queue, steady(400 * time.Microsecond), 10, MaxMargin, MaxMargin},
		"a bound that nothing may miss":          {"errors <= 0", 4000, bench.Queue, failing, 10, -MaxMargin, -MaxMargin},
		"windows are judged by the worst":        {"p50 < 500us over every 100ms", 4000, bench.Queue, slowing, 10, math.Log(500. / 800), math.Log(500. / 800)},
		"dropped calls count as infinitely long": {"p99 < 500ms", 4000, bench.Drop, steady(1500 * time.Microsecond), 5, -MaxMargin, -MaxMargin},
		"drops are a share":                      {"drops < 100%", 4000, bench.Drop, steady(1500 * time.Microsecond), 10, math.Log(2), math.Log(2)},
	} {
		t.Run(name, func(t *testing.T) {
			slos := objectivesOf(t, strings.Split(c.slos, ",")...)
			latency, others, err := marginsOf(slos, recorded(t, slos, c.calls, c.overload, c.f), Batches)
			if err != nil {
				t.Fatal(err)
			}
			got := atMost(latency, slices.Min(others))
			if len(got) != c.parts {
				t.Fatalf("%v, want %d parts", got, c.parts)
			}
			// Windows are known to 2%.
			if first, last := got[0], got[len(got)-1]; math.Abs(first-c.first) > 0.025 || math.Abs(last-c.last) > 0.025 {
				t.Errorf("%v, want %.3f at first and %.3f at last", got, c.first, c.last)
			}
		})
	}
}

func TestAProbeWithTooFewCallsSaysNothing(t *testing.T) {
	slos := objectivesOf(t, "p99.9 < 5ms")
	r := recorded(t, slos, 500, bench.Queue, steady(time.Microsecond))
	if _, err := NewPart(Ask{}, Batches, slos, &results.Visit{Record: r}); err == nil || !strings.Contains(err.Error(), "p99.9 needs 3688 calls") || !strings.Contains(err.Error(), "want a longer --probe") {
		t.Errorf("%v", err)
	}
	if d := Lasting(1000, time.Second, slos); d < 5*3688*time.Millisecond {
		t.Errorf("a probe of 1000/s lasts for %v, which are too few calls for five parts", d)
	}
	if d := Lasting(1e6, time.Second, slos); d != time.Second {
		t.Errorf("a probe of 1M/s lasts for %v, want 1s", d)
	}
}

func TestOnlyAProbeThatFailedBlamesTheGenerator(t *testing.T) {
	for text, want := range map[string]bool{"p99 < 500us": false, "p99 < 300us": true} {
		slos := objectivesOf(t, text)
		v := &results.Visit{Record: recorded(t, slos, 2000, bench.Queue, steady(400*time.Microsecond)),
			Verdict: []bench.Reason{{Name: bench.GeneratorLimited, Detail: "it was late"}}}
		for range 1000 {
			v.Record.Generator.Add(150 * time.Microsecond)
		}
		p, err := NewPart(Ask{Arm: "a", Rate: 1000}, Batches, slos, v)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Evidence.Limited != ""; got != want || want && p.Evidence.Limited != "generator-limited: it was late" || want != strings.HasPrefix(p.Evidence.Resource, "generator: ") {
			t.Errorf("%s: limited %q, resource %q", text, p.Evidence.Limited, p.Evidence.Resource)
		}
		if p.Evidence.Arm != "a" || math.Abs(p.Evidence.Achieved-1000) > 1 || len(p.Objectives) != 1 {
			t.Errorf("%+v", p)
		}
	}
}

func TestAGeneratorThatLacksWhatTheTargetTookIsNotTheLimit(t *testing.T) {
	slos := objectivesOf(t, "errors < 1%")
	v := &results.Visit{Record: recorded(t, slos, 1000, bench.Queue, steady(900*time.Microsecond)),
		Verdict: []bench.Reason{{Name: bench.GeneratorLimited, Detail: "it was late"}}}
	full := time.Duration(processors(&v.Machine) * float64(v.Record.Elapsed))
	for name, c := range map[string]struct {
		cpu     time.Duration
		workers int
		limited bool
	}{
		"the target has every processor":   {full, 1, false},
		"processors are free":              {full / 2, 1, true},
		"the generator has the processors": {full, 1 + 2*int(processors(&v.Machine)), true},
	} {
		v.Cost.CPU, v.Record.Workers = c.cpu, c.workers
		if got := limited(slos, v); (got != "") != c.limited {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestAnObjectiveMissedByMoreThanTheGeneratorWasLateIsTheTargets(t *testing.T) {
	slos := objectivesOf(t, "p99 < 300us")
	v := &results.Visit{Record: recorded(t, slos, 1000, bench.Queue, steady(400*time.Microsecond)),
		Verdict: []bench.Reason{{Name: bench.GeneratorLimited, Detail: "it was late"}}}
	if got := limited(slos, v); got != "" {
		t.Errorf("missed by 100us, and the generator was not late: %q", got)
	}
	for range 1000 {
		v.Record.Generator.Add(150 * time.Microsecond)
	}
	if got := limited(slos, v); got == "" {
		t.Error("missed by 100us, and the generator was 150us late: not limited")
	}
}

func TestTheResourceThatRanOutIsNamedWithItsEvidence(t *testing.T) {
	slos := objectivesOf(t, "p99 < 300us")
	for want, change := range map[string]func(v *results.Visit){
		"":                   func(v *results.Visit) {},
		"lock wait: 0.30 of": func(v *results.Visit) { v.Record.Runtime.MutexWait = v.Record.Elapsed * 3 / 10 },
		"CPU: ":              func(v *results.Visit) { v.Record.Runtime.CPU = 1000 * v.Record.Elapsed },
		"GC: the collector took 40% of": func(v *results.Visit) {
			v.Record.Runtime.CPU, v.Record.Runtime.GCCPU = 1000*v.Record.Elapsed, 400*v.Record.Elapsed
		},
		"CPU: of the machine 90% was used by other processes": func(v *results.Visit) {
			v.Record.Runtime.CPU, v.Machine = v.Record.Elapsed/2, results.Machine{Known: true, Others: 0.9}
		},
		"queue: calls waited": func(v *results.Visit) {
			for range 1000 {
				v.Record.Queue.Add(390 * time.Microsecond)
			}
		},
	} {
		v := &results.Visit{Record: recorded(t, slos, 1000, bench.Queue, steady(400*time.Microsecond))}
		change(v)
		got := resource(v, false)
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%q, want %q", got, want)
		}
	}
	v := &results.Visit{Record: recorded(t, slos, 1000, bench.Queue, steady(2*time.Millisecond))}
	if got := resource(v, false); !strings.HasPrefix(got, "queue: 1.00 of 1 workers were in a call") {
		t.Errorf("a worker that sleeps all the time: %q", got)
	}
}

func TestASearchOnDiskGoesOnWithWhatItKnowsForAnotherBudget(t *testing.T) {
	s, err := New(Options{Arms: []string{"a"}, Start: 100, Least: 1, Most: 1e6, Precision: 0.1, Probe: time.Second, Budget: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ask, _ := s.Next()
	s.Add(Evidence{Ask: ask, Margins: []float64{1, 1, 1}})
	scenario, err := scenarios.Decode("a.yaml", []byte("qps: 100\nduration: 1s\n"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := (&File{Scenario: scenario, Search: s, Require: 7}).Write(dir); err != nil {
		t.Fatal(err)
	}
	f, err := ReadFile(dir)
	if err != nil || f.Require != 7 {
		t.Fatalf("%+v, %v", f, err)
	}
	if _, ok := f.Search.Next(); ok {
		t.Error("the budget is spent, and there is another probe")
	}
	if err := f.Extend(time.Minute); err != nil {
		t.Fatal(err)
	}
	if next, ok := f.Search.Next(); !ok || next.Rate <= ask.Rate || f.Search.Spent() != time.Second {
		t.Errorf("%+v, %v after %v", next, ok, f.Search.Spent())
	}
	if err := f.Extend(time.Millisecond); err == nil {
		t.Error("a budget of less than a probe is taken")
	}
}
