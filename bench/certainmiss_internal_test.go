package bench

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/quantile"
)

// A played call is a call of a simulated run.
type playedCall struct {
	due, ended time.Duration // ended: when its fate is known
	failed     bool
	dropped    bool
}

// play draws a run of a second in windows of 100 ms, in the order in which its calls end. About as many
// calls are bad as an objective allows.
func play(r *rand.Rand) (calls []playedCall) {
	bad, failed, dropped := r.Float64()*0.02, r.Float64()*0.01, r.Float64()*0.01
	worse := r.Float64() // when it gets worse
	for range 400 + r.IntN(400) {
		c := playedCall{due: time.Duration(r.Int64N(int64(time.Second)))}
		c.ended = c.due + time.Duration(r.Int64N(int64(5*time.Millisecond)))
		times := 1.0
		if c.due.Seconds() > worse {
			times = 4
		}
		if r.Float64() < bad*times {
			c.ended += time.Duration(r.Int64N(int64(50 * time.Millisecond)))
		}
		c.failed = r.Float64() < failed*times
		if !c.failed && r.Float64() < dropped*times {
			c.dropped, c.ended = true, c.due
		}
		calls = append(calls, c)
	}
	slices.SortFunc(calls, func(a, b playedCall) int { return int(a.ended - b.ended) })
	return calls
}

// playedInstants are the instants of played calls.
type playedInstants []time.Duration

func (a playedInstants) Duration() time.Duration         { return time.Second }
func (a playedInstants) From(n uint64) schedule.Instants { left := a[n:]; return &left }
func (a *playedInstants) Next() (time.Duration, bool) {
	if len(*a) == 0 {
		return 0, false
	}
	due := (*a)[0]
	*a = (*a)[1:]
	return due, true
}

// noLatency is an empty histogram, which only serves to show values.
var noLatency = quantile.NewHDR()

// outcomes plays calls through recorders. It returns the results of the objectives at the end, and the
// results at the time at which one was certain to be missed, if one was.
func outcomes(slos []record.SLO, apart bool, calls []playedCall) (whole, aborted []record.SLOResult, by record.SLO) {
	run := func(abort bool) []record.SLOResult {
		w := newWindows(100*time.Millisecond, time.Second, &Run{SLOs: slos, FailedApart: apart})
		var due playedInstants
		for _, c := range calls {
			due = append(due, c.due)
		}
		slices.Sort(due)
		w.planDue(due)
		recorders := make([]*recorder, 3)
		for i := range recorders {
			recorders[i] = &recorder{window: windowTally{windows: w, counts: counts{slow: make([]uint64, len(slos))}}}
		}
		f := newForesight(w, len(recorders))
		r := &record.Record{Scheduled: time.Second, Latency: noLatency, FailedApart: apart, WindowLength: w.length}
		now := time.Duration(0)
		for i, c := range calls {
			switch {
			case r.Aborted != "" && c.due >= r.Scheduled:
				continue // is not due
			case r.Aborted != "" && i%2 == 0: // had not begun
				w.missed(c.due)
				r.Offered++
				continue
			case c.dropped:
				w.dropped(c.due)
			default:
				recorders[i%len(recorders)].window.add(&call{due: c.due, begun: c.due, ideal: c.due, ended: c.ended},
					c.failed)
				r.InTime++
			}
			r.Offered++
			if now = max(now, c.ended); abort && r.Aborted == "" {
				if s, ok := f.look(recorders, now); ok {
					by, r.Aborted, r.Scheduled = s, s.String(), now
				}
			}
		}
		for _, rec := range recorders {
			rec.window.pass()
		}
		r.Windows = w.list(nil, r.Scheduled)
		r.Complete(w.plan)
		if abort && r.Aborted == "" {
			return nil
		}
		return r.SLOs
	}
	return run(false), run(true), by
}

// An objective that ends a run early is missed by the whole run too, and an objective that is judged by a
// part of a run has the same result for the whole run.
func TestAnEarlyEndChangesNoVerdict(t *testing.T) {
	all := []string{"p99 < 5ms", "p98 <= 5ms", "p50 < 3ms", "max < 50ms", "mean < 3ms", "errors < 1%", "errors <= 1%",
		"drops < 1%",
		"achieved > 98%",
		"p90 < 5ms over every 100ms", "p98 < 5ms over every 200ms", "max < 54ms over every 500ms",
		"errors < 3% over every 200ms", "drops < 4% over every 100ms"}
	ended, missed := 0, 0
	for seed := range uint64(1000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var slos []record.SLO
		for range 1 + rng.IntN(3) {
			slos = append(slos, parsedSLO(t, all[rng.IntN(len(all))]))
		}
		calls := play(rng)
		whole, aborted, by := outcomes(slos, rng.IntN(2) == 0, calls)
		for i := range aborted {
			if aborted[i].Missed() && !whole[i].Missed() || aborted[i].Met || slos[i] == by && !aborted[i].Missed() {
				t.Fatalf("seed %d: ended by %q; in part %+v, whole %+v", seed, by, aborted[i], whole[i])
			}
		}
		if aborted != nil {
			ended++
		}
		if slices.ContainsFunc(whole, record.SLOResult.Missed) {
			missed++
		}
	}
	if ended < 300 || missed > 900 || ended > missed {
		t.Errorf("the runs do not tell: %d missed, %d ended", missed, ended)
	}
}

func TestLookingAheadAllocatesNothing(t *testing.T) {
	slos := []record.SLO{parsedSLO(t, "p99 < 5ms"), parsedSLO(t, "mean < 1ns over every 200ms"),
		parsedSLO(t, "errors < 1% over every 100ms")}
	w := newWindows(100*time.Millisecond, time.Second, &Run{SLOs: slos})
	w.planDue(playedInstants{0})
	f := newForesight(w, 1)
	recorders := []*recorder{{window: windowTally{windows: w, counts: counts{slow: make([]uint64, len(slos))}}}}
	now := time.Duration(0)
	if n := testing.AllocsPerRun(100, func() {
		now += 10 * time.Millisecond
		recorders[0].window.add(&call{due: now, ended: now + 10*time.Millisecond}, false)
		f.look(recorders, now)
	}); n != 0 {
		t.Errorf("%v allocations a look", n)
	}
}

// parsedSLO returns the objective that text describes.
func parsedSLO(t *testing.T, text string) record.SLO {
	t.Helper()
	s, err := record.ParseSLO(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
