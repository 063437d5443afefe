package record

import (
	"slices"
	"time"
)

// Fidelity says how well the gaps between the calls match the gaps in the schedule. It is measured
// on up to 32,768 calls, in rows of successive calls from all parts of the run. The effect of the
// target is left out: a call that waited for a worker counts as if a worker had been free.
type Fidelity struct {
	Calls int `json:"calls"`
	// Distance is the Kolmogorov-Smirnov distance between the gaps asked for and the gaps made,
	// from 0 to 1, where gaps that differ by at most Tolerance count as equal. P is an upper
	// bound of the probability of such a distance by chance.
	Distance  float64       `json:"distance"`
	P         float64       `json:"p"`
	Tolerance time.Duration `json:"tolerance_ns"`
	// Dispersion is the variance of the number of calls over its mean, in windows of several
	// lengths: 1 for Poisson arrivals, 0 for constant arrivals, more for clumps.
	Dispersion []Dispersion `json:"dispersion,omitempty"`
}

// A Dispersion is the variance of the number of calls over its mean in windows of one length, as
// asked for and as made.
type Dispersion struct {
	Window time.Duration `json:"window_ns"`
	Asked  float64       `json:"asked"`
	Made   float64       `json:"made"`
}

const (
	// fidelityCalls is the fewest gaps that are judged. The distance of as many is about 0.1 by
	// chance alone.
	fidelityCalls = 200
	// gapTolerance is a difference between gaps that is negligible on a machine that also does
	// other things. A tenth of the mean gap is negligible too.
	gapTolerance = 50 * time.Microsecond
	// dispersionWindows is the fewest windows that are judged.
	dispersionWindows = 50
)

// A TracedCall holds the instants of one call, measured from the start of the run.
type TracedCall struct {
	N        uint64        // the number of the call, from 0
	Due      time.Duration // when it was due
	Released time.Duration // when it would have begun if no call ever waited for a worker
}

// NewFidelity compares rows of successive calls with their schedule. It returns nil if there are
// too few calls.
func NewFidelity(rows [][]TracedCall) *Fidelity {
	var asked, made []float64 // gaps, ns
	var due, released [][]time.Duration
	calls, span := 0, time.Duration(0)
	for _, row := range rows {
		a, b := make([]time.Duration, len(row)), make([]time.Duration, len(row))
		for i, c := range row {
			a[i], b[i] = c.Due, c.Released
		}
		slices.Sort(b) // several workers may have overtaken each other
		for i := 1; i < len(row); i++ {
			asked, made = append(asked, float64(a[i]-a[i-1])), append(made, float64(b[i]-b[i-1]))
		}
		due, released = append(due, a), append(released, b)
		calls += len(row)
		span += a[len(a)-1] - a[0]
	}
	if len(asked) < fidelityCalls {
		return nil
	}
	mean := span / time.Duration(len(asked))
	f := &Fidelity{Calls: calls, Tolerance: max(gapTolerance, mean/10)}
	f.Distance, f.P = ksTwoSample(asked, made, float64(f.Tolerance))
	for _, window := range []time.Duration{200 * time.Microsecond, 2 * time.Millisecond, 20 * time.Millisecond} {
		a, n := dispersion(due, window)
		b, m := dispersion(released, window)
		if min(n, m) >= dispersionWindows {
			f.Dispersion = append(f.Dispersion, Dispersion{window, a, b})
		}
	}
	return f
}
