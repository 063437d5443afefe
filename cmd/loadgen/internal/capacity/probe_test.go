package capacity

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// objectivesOf parses objectives.
func objectivesOf(t testing.TB, texts ...string) (slos []record.SLO) {
	t.Helper()
	for _, text := range texts {
		s, err := record.ParseSLO(text)
		if err != nil {
			t.Fatal(err)
		}
		slos = append(slos, s)
	}
	return slos
}

// recorded returns the record of a run in virtual time at 1,000 calls per second. The function f returns the duration
// and the error of the call with a number.
func recorded(t *testing.T, slos []record.SLO, calls int, overload bench.Overload,
	f func(n int) (time.Duration, error)) (r *record.Record) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		length := time.Duration(calls) * time.Millisecond
		a, err := schedule.Constant(schedule.PerSecond(1000), length)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		run := bench.Run{Arrivals: a, Workers: 1, Overload: overload, Pace: pace.Sleep, Keep: calls, SLOs: slos,
			Window: 10 * time.Millisecond,
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

// steady returns a function for calls that all take d.
func steady(d time.Duration) func(int) (time.Duration, error) {
	return func(int) (time.Duration, error) { return d, nil }
}

// failing returns a function for calls that take d, of which every n-th call fails.
func failing(n int, d time.Duration) func(int) (time.Duration, error) {
	return func(call int) (time.Duration, error) {
		if call%n == 0 {
			return d, io.EOF
		}
		return d, nil
	}
}

func TestAProbeIsJudgedAsItsVisitIs(t *testing.T) {
	const us = time.Microsecond
	stalling := func(n int) (time.Duration, error) { // one call stalls, and delays the calls behind it
		if n == 2000 {
			return 15 * time.Millisecond, nil
		}
		return 400 * us, nil
	}
	for name, c := range map[string]struct {
		slos     string
		overload bench.Overload
		f        func(int) (time.Duration, error)
		bad      uint64
		burn     float64 // highest burn of an objective
	}{
		"latency is kept":             {"p99 < 500us", bench.Queue, steady(400 * us), 0, 0},
		"latency is missed":           {"p99 < 320us", bench.Queue, steady(400 * us), 4000, 100},
		"a stall within the budget":   {"p99 < 500us", bench.Queue, stalling, 25, 0.625},
		"a stall beyond it":           {"p99.9 < 500us", bench.Queue, stalling, 25, 6.25},
		"failures are bad":            {"p99 < 500us", bench.Queue, failing(50, 400*us), 80, 2},
		"a share is kept":             {"errors < 2%", bench.Queue, failing(100, 400*us), 40, 0.5},
		"the nearest one is shown":    {"errors < 2%,p99 < 500us", bench.Queue, failing(100, 400*us), 40, 1},
		"the mean":                    {"mean < 420us", bench.Queue, steady(400 * us), 0, 400. / 420},
		"dropped calls are bad":       {"p99 < 500ms", bench.Drop, steady(1500 * us), 2000, 50},
		"the worst window":            {"p50 < 500us over every 1s", bench.Queue, steady(600 * us), 1000, 2},
		"one is missed, another kept": {"errors < 1%,max < 10ms", bench.Queue, stalling, 9, 18},
	} {
		t.Run(name, func(t *testing.T) {
			slos := objectivesOf(t, strings.Split(c.slos, ",")...)
			r := recorded(t, slos, 4000, c.overload, c.f)
			p, err := NewProbe(Ask{Arm: "a"}, slos, &results.Visit{Record: r})
			if err != nil {
				t.Fatal(err)
			}
			missed, unjudged := r.MissedSLOs()
			e := &p.Evidence
			if len(unjudged) > 0 || e.Met != (len(missed) == 0) || e.Held() != e.Met || e.Limited != "" {
				t.Errorf("%+v: want what the run says, which missed %v", e, missed)
			}
			if e.Due == 0 || e.Bad != c.bad || e.Burn < 0.99*c.burn || e.Burn > 1.01*c.burn {
				t.Errorf("%d of %d calls are bad, %.3f of what is allowed; want %d and %.3f", e.Bad, e.Due, e.Burn,
					c.bad, c.burn)
			}
		})
	}
}

func TestAProbeWithTooFewCallsSaysNothing(t *testing.T) {
	for _, c := range []struct {
		name, slos      string
		limited, failed bool
	}{
		{"too few calls for the only objective", "p99.9 < 5ms", true, false},
		{"too few calls for one objective", "errors < 1%,p99.9 < 5ms", true, false},
		{"another objective is missed", "p50 < 1ns,p99.9 < 5ms", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			slos := objectivesOf(t, strings.Split(c.slos, ",")...)
			p, err := NewProbe(Ask{}, slos, &results.Visit{Record: recorded(t, slos, 500, bench.Queue,
				steady(time.Microsecond))})
			if err != nil {
				t.Fatal(err)
			}
			if e := &p.Evidence; e.Held() || e.Failed() != c.failed ||
				strings.Contains(e.Limited, "p99.9 needs 3688 calls") != c.limited {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestAProbeHasCallsEnoughForEveryKindOfObjective(t *testing.T) {
	for text, want := range map[string]uint64{
		"p50 < 1ms":                100,
		"p99 < 1ms":                442,
		"p99.9 < 1ms":              4426,
		"errors < 1%":              442,
		"errors < 0.1%":            4426,
		"drops < 10ppm":            442665,
		"achieved > 99%":           442,
		"errors <= 0":              100,
		"achieved >= 100%":         100,
		"max < 1s":                 100,
		"mean < 1ms":               100,
		"p99 < 1ms over every 1s":  100,
		"p99 < 1ms,errors < 0.1%":  4426,
		"errors < 50%,p90 < 100ms": 100,
	} {
		t.Run("calls for "+text, func(t *testing.T) {
			if got := Calls(objectivesOf(t, strings.Split(text, ",")...)); got != want {
				t.Errorf("%d calls, want %d", got, want)
			}
		})
	}
	for text, want := range map[string]float64{"p99 < 1ms": 0, "p99 < 1ms over every 100ms": 4420,
		"max < 1s over every 1s": 0} {
		t.Run("least rate for "+text, func(t *testing.T) {
			if got := LeastRate(objectivesOf(t, text)); got != want {
				t.Errorf("%v/s, want %v/s", got, want)
			}
		})
	}
}

func TestAProbeThatIsNotValidDoesNotHold(t *testing.T) {
	for name, c := range map[string]struct {
		slo, reason     string
		telling, failed bool
	}{
		"saturated, and kept":         {"p99 < 500us", record.Saturated, true, true},
		"not stationary, and kept":    {"p99 < 500us", record.NotStationary, true, true},
		"generator-limited, and kept": {"p99 < 500us", record.GeneratorLimited, false, false},
		"of clumps, and kept":         {"p99 < 500us", record.ArrivalsOff, false, false},
		"noisy, and kept":             {"p99 < 500us", record.NoisyMachine, false, false},
		"saturated, and missed":       {"p99 < 300us", record.Saturated, true, true},
		"noisy, and missed":           {"p99 < 300us", record.NoisyMachine, false, false},
		"by less than it was late":    {"p99 < 300us", record.GeneratorLimited, false, false},
		"by more than it was late":    {"p99 < 200us", record.GeneratorLimited, true, true},
		"spans were lost, and kept":   {"p99 < 500us", results.SpansLost, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			slos := objectivesOf(t, c.slo)
			v := &results.Visit{Record: recorded(t, slos, 2000, bench.Queue, steady(400*time.Microsecond)),
				Verdict: []record.Reason{{Name: c.reason, Detail: "so it was"}}}
			for range 1000 {
				v.Record.Generator.Add(150 * time.Microsecond)
			}
			p, err := NewProbe(Ask{Arm: "a", Rate: 1000}, slos, v)
			if err != nil {
				t.Fatal(err)
			}
			e := &p.Evidence
			if e.Telling() != c.telling || e.Failed() != c.failed || e.Held() != (c.telling && !c.failed) {
				t.Errorf("%+v", e)
			}
			if reason := e.Spoiled + e.Limited; reason != "" && reason != c.reason+": so it was" {
				t.Errorf("it says %q", reason)
			}
		})
	}
}

func TestATargetThatHasTheProcessorsHasNoExcuse(t *testing.T) {
	slos := objectivesOf(t, "errors < 1%")
	v := &results.Visit{Record: recorded(t, slos, 1000, bench.Queue, steady(900*time.Microsecond))}
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
		for _, reason := range []string{record.GeneratorLimited, record.NoisyMachine} {
			t.Run(name+", "+reason, func(t *testing.T) {
				v.Cost.CPU, v.Record.Workers = c.cpu, c.workers
				v.Verdict = []record.Reason{{Name: reason, Detail: "it was late"}}
				if got := limited(slos, v, false); (got != "") != c.limited {
					t.Errorf("%q", got)
				}
				if got := limited(slos, v, true); got == "" {
					t.Error("it is not limited although it met its objectives")
				}
			})
		}
	}
}

func TestTheResourceThatRanOutIsNamedWithItsEvidence(t *testing.T) {
	slos := objectivesOf(t, "p99 < 300us")
	for name, c := range map[string]struct {
		want   string
		change func(v *results.Visit)
	}{
		"none": {"", func(v *results.Visit) {}},
		"a lock": {"lock wait: 0.30 of",
			func(v *results.Visit) { v.Record.Runtime.MutexWait = v.Record.Elapsed * 3 / 10 }},
		"the processors": {"CPU: ", func(v *results.Visit) { v.Record.Runtime.CPU = 1000 * v.Record.Elapsed }},
		"garbage collection": {"GC: the collector took 40% of", func(v *results.Visit) {
			v.Record.Runtime.CPU, v.Record.Runtime.GCCPU = 1000*v.Record.Elapsed, 400*v.Record.Elapsed
		}},
		"other processes": {"CPU: of the machine 90% was used by other processes", func(v *results.Visit) {
			v.Record.Runtime.CPU, v.Machine = v.Record.Elapsed/2, results.Machine{Known: true, Others: 0.9}
		}},
		"the queue": {"queue: calls waited", func(v *results.Visit) {
			for range 1000 {
				v.Record.Queue.Add(390 * time.Microsecond)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			v := &results.Visit{Record: recorded(t, slos, 1000, bench.Queue, steady(400*time.Microsecond))}
			c.change(v)
			got := resource(v)
			if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	v := &results.Visit{Record: recorded(t, slos, 1000, bench.Queue, steady(2*time.Millisecond))}
	if got := resource(v); !strings.HasPrefix(got, "queue: 1.00 of 1 workers were in a call") {
		t.Errorf("a worker that sleeps all the time: %q", got)
	}
}

func TestASearchOnDiskGoesOnWithWhatItKnowsForAnotherBudget(t *testing.T) {
	s, err := New(Options{Arms: []string{"a"}, Start: 100, Least: 1, Most: 1e6, Precision: 0.1, Probe: time.Second,
		Budget: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ask, _ := s.Next()
	e := Evidence{Ask: ask, Met: true}
	s.Add(e)
	scenario, err := scenarios.Decode("a.yaml", []byte("qps: 100\nduration: 1s\n"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := (&File{Scenario: scenario, Search: s, Probes: []*Probe{{Evidence: e}},
		Require: 7}).Write(dir); err != nil {
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

// The target is to blame for calls that fail, even if the generator was late or the machine was busy.
func TestATargetThatFailsHasNoExcuse(t *testing.T) {
	for _, c := range []struct {
		name, slo string
		err       error
		apart     bool
		limited   bool
	}{
		{"an error, of a percentile", "p99 < 1s", errors.New("no stock"), false, false},
		{"an error, of errors", "errors < 1%", errors.New("no stock"), false, false},
		{"an error that counts apart", "max < 1s", errors.New("no stock"), true, true},
		{"an error, of what is achieved", "achieved > 99%", errors.New("no stock"), false, true},
		{"out of time", "p99 < 1s", record.ErrTimeout, false, true},
		{"out of time by its own deadline", "errors < 1%", context.DeadlineExceeded, false, true},
		{"out of ports", "errors < 1%", syscall.EADDRNOTAVAIL, false, true},
		{"allowed", "errors < 20%", errors.New("no stock"), false, true},
	} {
		slos := objectivesOf(t, c.slo)
		r := recorded(t, slos, 1000, bench.Queue, func(n int) (time.Duration, error) {
			if n%10 == 0 {
				return 0, c.err
			}
			return 0, nil
		})
		r.FailedApart = c.apart
		for _, reason := range []string{record.GeneratorLimited, record.NoisyMachine, record.ArrivalsOff} {
			t.Run(c.name+"/"+reason, func(t *testing.T) {
				v := &results.Visit{Record: r, Verdict: []record.Reason{{Name: reason, Detail: "it was late"}}}
				if got := limited(slos, v, false); (got != "") != c.limited {
					t.Errorf("%q", got)
				}
			})
		}
	}
}
