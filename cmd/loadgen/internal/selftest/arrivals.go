package selftest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

const (
	// mostDistance is the allowed distance of the gaps between calls from the schedule, and from their distribution.
	mostDistance = 0.2
	// gapOff is a difference between gaps that counts as none, since machines are no more exact.
	gapOff = 50 * time.Microsecond
	// arrivalsSeed is arbitrary.
	arrivalsSeed = 1
)

// A law is the distribution of the gaps of a process. CDF returns the probability that a gap is at most ns.
type law interface{ CDF(ns float64) float64 }

// arrivals returns checks that random calls follow their schedule, and that their gaps have the right distribution.
func (e engine) arrivals(quick bool) (checks []Check) {
	const perSecond, cv = 5000, 3
	d := 2 * time.Second
	if quick {
		d /= 2
	}
	for _, c := range []struct {
		process string
		law     law // of ns
	}{
		{"poisson", distuv.Exponential{Rate: perSecond / 1e9}},
		{fmt.Sprintf("gamma(cv=%d)", cv), distuv.Gamma{Alpha: 1. / (cv * cv), Beta: perSecond / 1e9 / (cv * cv)}},
	} {
		checks = append(checks, Check{Group: Arrivals, Name: c.process, Takes: d + lead,
			Measure: func(ctx context.Context) (Outcome, error) {
				return e.random(ctx, c.process, perSecond, d, c.law)
			}})
	}
	return checks
}

func (e engine) random(ctx context.Context, process string, perSecond uint64, d time.Duration, l law) (Outcome,
	error) {
	p, err := schedule.ParseProcess(process)
	if err != nil {
		return Outcome{}, err
	}
	arrivals, err := p.Arrivals(schedule.PerSecond(perSecond), d, arrivalsSeed)
	if err != nil {
		return Outcome{}, err
	}
	w := newWitness(2 * schedule.PerSecond(perSecond).Calls(d)) // twice as many as expected
	workers := bench.DefaultWorkers()
	record, err := e.do(ctx, &bench.Run{Arrivals: arrivals, Workers: workers, Pace: w.on(e.pace(perSecond, workers)),
		Target: w.looking()})
	if err != nil {
		return Outcome{}, err
	}
	return judgeArrivals(record, w, l), nil
}

func judgeArrivals(r *record.Record, w *witness, l law) Outcome {
	o := Outcome{
		Note: fmt.Sprintf("pace %s, gaps to %s", r.Pace, format.Duration(gapOff)),
		Findings: []Finding{
			exactly("calls the target saw", r.Done+r.Failed, w.calls()),
			atMost("gaps from their law", Distance, mostDistance, distance(w.gaps(), l, gapOff)),
		},
	}
	if r.Fidelity == nil {
		o.Findings = append(o.Findings, unknown("gaps from the schedule",
			fmt.Errorf("%d calls are too few to tell", r.Offered)))
		return o
	}
	o.Findings = append(o.Findings, atMost("gaps from the schedule", Distance, mostDistance, r.Fidelity.Distance))
	off := exactly("verdicts of arrivals-off", 0, 0)
	if i := slices.IndexFunc(r.Verdict(), func(v record.Reason) bool { return v.Name == record.ArrivalsOff }); i >= 0 {
		off, o.Note = exactly(off.What, 0, 1), r.Verdict()[i].Detail
	}
	off.Timing = true
	o.Findings = append(o.Findings, off)
	return o
}

// distance returns the Kolmogorov-Smirnov distance between sorted gaps and their law, where gaps that differ by less
// than off count as equal. It is the most by which the share of gaps of at most x is above the probability of x+off,
// or below the probability of x-off.
func distance(gaps []float64, l law, off time.Duration) (most float64) {
	if len(gaps) == 0 {
		return 1
	}
	n := float64(len(gaps))
	for i, x := range gaps {
		above := float64(i+1)/n - l.CDF(x+float64(off))
		below := -float64(i) / n
		if x > float64(off) {
			below += l.CDF(x - float64(off))
		}
		most = max(most, above, below)
	}
	return math.Min(most, 1)
}
