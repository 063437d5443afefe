package selftest

import (
	"context"
	"fmt"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

const (
	// mostLag is how late calls may begin at p99. On a quiet machine they are late by 0.1 ms on Linux, and by a few
	// milliseconds elsewhere. A machine where calls are later than mostLag cannot measure anything.
	mostLag = 5 * time.Millisecond
	// rateOff is the share by which the achieved rate may differ.
	rateOff = 0.001
	// The lag that the generator reports may differ from the one that the target saw by the greater of lagOff and
	// lagShare, since the target reads its clock a little later.
	lagOff   = 50 * time.Microsecond
	lagShare = 0.2
)

// pacing returns checks at several rates that calls begin when they are due, with a target that only reads the clock.
func (e engine) pacing(quick bool) (checks []Check) {
	for _, c := range []struct {
		perSecond uint64
		duration  time.Duration
		quick     bool
	}{
		{100, 4 * time.Second, false}, // p99 needs 368 calls
		{1000, 2 * time.Second, true},
		{10_000, 2 * time.Second, true},
		{50_000, 2 * time.Second, true},
		{1_000_000, 2 * time.Second, true},
	} {
		switch {
		case quick && !c.quick:
			continue
		case quick:
			c.duration /= 2
		}
		checks = append(checks, Check{Group: Pacing, Name: format.Count(c.perSecond) + "/s", Takes: c.duration + lead,
			Measure: func(ctx context.Context) (Outcome, error) {
				return e.paced(ctx, c.perSecond, c.duration)
			}})
	}
	return checks
}

func (e engine) paced(ctx context.Context, perSecond uint64, d time.Duration) (Outcome, error) {
	arrivals, err := schedule.Constant(schedule.PerSecond(perSecond), d)
	if err != nil {
		return Outcome{}, err
	}
	w := newWitness(schedule.PerSecond(perSecond).Calls(d))
	workers := bench.DefaultWorkers()
	record, err := e.do(ctx, &bench.Run{Arrivals: arrivals, Workers: workers, Pace: w.on(e.pace(perSecond, workers)),
		Target: w.looking()})
	if err != nil {
		return Outcome{}, err
	}
	return judgePaced(record, w, perSecond), nil
}

// looking returns a target that only reads the clock.
func (w *witness) looking() bench.Target {
	return bench.TargetFunc(func(context.Context, string) error {
		w.enter()
		return nil
	})
}

func judgePaced(r *record.Record, w *witness, perSecond uint64) Outcome {
	lags, early := w.lags(perSecond)
	own := r.Queue.Mean() + r.Generator.Mean()
	off := max(lagOff, time.Duration(lagShare*float64(lags.Mean())))
	dropped := exactly("calls dropped", 0, r.Dropped)
	dropped.Timing = true // if the machine stops for long enough, the queue is full
	return Outcome{
		Note: fmt.Sprintf("pace %s, %s processors, lag p50 %s", r.Pace,
			format.Digits(r.Runtime.CPU.Seconds()/max(r.Elapsed, 1).Seconds(),
				2), format.Duration(lags.Quantile(0.5))),
		Findings: []Finding{
			exactly("calls offered", uint64(len(w.begun)), r.Offered),
			exactly("calls the target saw", r.Done+r.Failed, w.calls()),
			dropped,
			exactly("calls begun early", 0, early),
			atMost("lag p99", Nanoseconds, float64(mostLag), float64(lags.Quantile(0.99))),
			around("mean lag in the record", lags.Mean(), own, off),
			near("rate achieved", PerSecond, float64(perSecond), r.Achieved(), rateOff),
		},
	}
}
