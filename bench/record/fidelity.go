package record

import (
	"slices"
	"time"
)

// Fidelity is how well the calls that were made follow one another as the schedule
// wanted, over up to 32,768 calls in rows from all parts of a run. What the target
// did to them is left out: a call that waited for a worker counts as if it had not.
type Fidelity struct {
	Calls int `json:"calls"`
	// Distance is that of Kolmogorov and Smirnov between the gaps asked for and the
	// gaps made, from 0 to 1, if gaps that differ by Tolerance count as equal. P is
	// how probable it is by chance, at the most.
	Distance  float64       `json:"distance"`
	P         float64       `json:"p"`
	Tolerance time.Duration `json:"tolerance_ns"`
	// Dispersion is the variance of the number of calls over its mean, in windows of
	// several lengths: 1 for Poisson arrivals, 0 for constant ones, more for clumps.
	Dispersion []Dispersion `json:"dispersion,omitempty"`
}

// Dispersion is the variance over the mean of counts of calls in windows of one length, as asked for and as made.
type Dispersion struct {
	Window time.Duration `json:"window_ns"`
	Asked  float64       `json:"asked"`
	Made   float64       `json:"made"`
}

const (
	// fidelityCalls are the fewest that are judged: the distance of so many is 0.1 or
	// so by chance alone.
	fidelityCalls = 200
	// gapTolerance is a difference between gaps that nothing can tell from none on a
	// machine that does other things, too; a tenth of the mean gap is, if it is more.
	gapTolerance = 50 * time.Microsecond
	// dispersionWindows are the fewest that are judged.
	dispersionWindows = 50
)

// A TracedCall is when one call of a run was due, and when it began.
type TracedCall struct {
	N        uint64        // its number, from 0
	Due      time.Duration // since the start of the run
	Released time.Duration // when it would have begun if no call ever waited for a worker
}

// NewFidelity compares calls, in rows of successive ones, with their schedule. It returns nil
// if they are too few.
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
