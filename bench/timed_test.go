package bench_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// timedFunc is a Timed target.
type timedFunc func(ctx context.Context, at *bench.Instants) error

var _ bench.Timed = timedFunc(nil)

func (f timedFunc) Call(context.Context, string) error {
	return errors.New("Call of a target that is Timed: want CallTimed")
}

func (f timedFunc) CallTimed(ctx context.Context, _ string, at *bench.Instants) error {
	return f(ctx, at)
}

// answers writes for 1 ms, waits for 2 ms, reads for 3 ms, and then checks the answer for 4 ms.
func answers(_ context.Context, at *bench.Instants) error {
	for _, step := range []struct {
		into *time.Duration
		d    time.Duration
	}{{&at.Wrote, ms}, {&at.First, 2 * ms}, {&at.Ended, 3 * ms}} {
		time.Sleep(step.d)
		*step.into = time.Since(at.Begun)
	}
	time.Sleep(4 * ms)
	return nil
}

func TestACallEndsWhenItsTargetSaysSo(t *testing.T) {
	for name, workers := range map[string]int{"one worker": 1, "several": 4} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(50), time.Second), Workers: workers,
					Target: timedFunc(answers)})
				if r.Done != 50 || r.Phases == nil {
					t.Fatalf("%d calls done, phases %v: want 50 with phases", r.Done, r.Phases)
				}
				for _, c := range []struct {
					name      string
					got, want time.Duration
				}{
					{"latency", r.Latency.Max(), 6 * ms}, {"service", r.Service.Max(), 6 * ms},
					{"write", r.Phases.Write.Mean(), ms}, {"wait", r.Phases.Wait.Mean(), 2 * ms},
					{"read", r.Phases.Read.Mean(), 3 * ms},
				} {
					if c.got != c.want {
						t.Errorf("%s is %v, want %v", c.name, c.got, c.want)
					}
				}
			})
		})
	}
}

// What a worker does after the end of a call delays its next call, which is the generator's fault: a call is due every
// 8 ms and takes 10, of which 6 are service.
func TestTimeAfterTheEndOfACallIsGeneratorLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lags []time.Duration
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(125), 80*ms), Workers: 1,
			Target: timedFunc(func(ctx context.Context, at *bench.Instants) error {
				lags = append(lags, at.Lag)
				return answers(ctx, at)
			})})
		if r.Queue.Max() != 0 || r.Generator.Max() != 18*ms {
			t.Errorf("queue lag up to %v, generator lag up to %v: want 0 and 18ms", r.Queue.Max(), r.Generator.Max())
		}
		for i, lag := range lags {
			if want := time.Duration(i) * 2 * ms; lag != want {
				t.Errorf("the target was told a lag of %v for call %d, want %v", lag, i, want)
			}
		}
	})
}

func TestATimedTargetIsToldTheNumberOfEachCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var numbers []uint64
		do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100), 100*ms), Workers: 1,
			Target: timedFunc(func(_ context.Context, at *bench.Instants) error {
				numbers = append(numbers, at.N)
				return nil
			})})
		if want := []uint64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(numbers, want) {
			t.Errorf("numbers %v, want %v", numbers, want)
		}
	})
}

// Instants that make no sense, or none, neither break the account nor appear as phases.
func TestInstantsOutOfOrderAreClamped(t *testing.T) {
	for _, c := range []struct {
		name                   string
		wrote, first, ended    time.Duration
		write, wait, read, all time.Duration
		calls                  uint64
	}{
		{"none", 0, 0, 0, 0, 0, 0, 2 * ms, 0},
		{"after the return", ms, 5 * ms, 9 * ms, ms, ms, 0, 2 * ms, 10},
		{"in the wrong order", 2 * ms, ms, 2 * ms, ms, 0, ms, 2 * ms, 10},
		{"negative", -ms, ms, -ms, 0, ms, ms, 2 * ms, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100), 100*ms), Workers: 1,
					Target: timedFunc(func(_ context.Context, at *bench.Instants) error {
						time.Sleep(2 * ms)
						at.Wrote, at.First, at.Ended = c.wrote, c.first, c.ended
						return nil
					})})
				p := r.Phases
				if p.Write.Count() != c.calls || p.Write.Max() != c.write || p.Wait.Max() != c.wait ||
					p.Read.Max() != c.read || r.Service.Max() != c.all {
					t.Errorf("%d calls with phases %v, %v, %v of %v: want %d with %v, %v, %v of %v",
						p.Write.Count(), p.Write.Max(), p.Wait.Max(), p.Read.Max(), r.Service.Max(),
						c.calls, c.write, c.wait, c.read, c.all)
				}
			})
		})
	}
}

// A call that was given up may write to its instants while the worker makes its next call. The race detector
// finds it if they share them.
func TestACallThatWasGivenUpKeepsItsInstants(t *testing.T) {
	r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), 50*ms), Workers: 1, Timeout: 5 * ms,
		Target: timedFunc(func(ctx context.Context, at *bench.Instants) error {
			if at.N%10 == 0 {
				<-ctx.Done()
				for range 1000 {
					at.First++
				}
			}
			return nil
		})})
	if r.GivenUp != 5 || r.Phases.Write.Count() != 0 || r.Failures[0].Kind != record.ErrTimeout.Error() {
		t.Errorf("%d calls given up, %d with phases, %v: want 5 timeouts without phases", r.GivenUp,
			r.Phases.Write.Count(), r.Failures)
	}
}

func TestPhasesMergeUnlessARecordLacksThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := bench.Run{Arrivals: constant(t, schedule.PerSecond(50), time.Second), Workers: 1,
			Target: timedFunc(answers)}
		with := do(t, run)
		run.Target = sleeps(6 * ms)
		without := do(t, run)
		if without.Phases != nil {
			t.Errorf("phases %v of a target that is not Timed", without.Phases)
		}
		both, _, err := record.Merge(with, with)
		if err != nil || both.Phases.Wait.Count() != 100 {
			t.Errorf("%+v, %v: want the phases of 100 calls", both.Phases, err)
		}
		if mixed, _, err := record.Merge(with, without); err != nil || mixed.Phases != nil {
			t.Errorf("%+v, %v: want no phases", mixed.Phases, err)
		}
	})
}
