package quantiles

import (
	"math"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// The definition of a gap: see [Point]. In smooth data, such as a Pareto distribution with an
// exponent of 1.2, values within the window differ by at most half of gapSpread.
// If a share of 0.1 % of the values is rare and far away, such as pauses, its number varies by
// 3 % in a million values. The window is three times as large.
const (
	gapWindow = 0.1 // share of the ranks beyond the quantile, or before it if these are fewer
	gapSpread = 0.5 // share of the exact value
)

// newPoint returns the exact quantile of values, which must be sorted and not empty. An exact
// value of 0 counts as 1 ns, as in [quantile.Error].
func newPoint(q float64, sorted []time.Duration) Point {
	n := len(sorted)
	i := int(quantile.Rank(q, uint64(n))) - 1
	window := max(int(math.Round(gapWindow*tail(q)*float64(n))), 1)
	below, above := sorted[max(i-window, 0)], sorted[min(i+window, n-1)]
	p := Point{Q: q, Exact: sorted[i]}
	p.Spread = float64(above-below) / max(float64(p.Exact), 1)
	p.Gap = p.Spread > gapSpread
	return p
}

// tail returns the share of the values beyond a quantile, on the side that has fewer values.
func tail(q float64) float64 { return min(q, 1-q) }

// answer compares an estimate with the truth.
func (p *Point) answer(truth *quantile.Exact, estimate time.Duration) Answer {
	miss := truth.Error(p.Q, estimate)
	a := Answer{Estimate: estimate, Value: miss.Value, Rank: miss.Rank, Tail: miss.Rank / tail(p.Q)}
	a.Error = math.Abs(a.Value)
	if p.Gap {
		a.Error = min(a.Error, a.Tail)
	}
	return a
}

// A sampler is an estimator that uses random numbers, so that its answer is one of many
// possible ones. RankError returns the root mean square of its rank error at q, as a
// share of all values.
type sampler interface {
	RankError(q float64) float64
}

const (
	// drawsWithin is the share of draws that a sampler is judged by.
	drawsWithin = 0.99
	deviations  = 2.576 // standard deviations of a normal distribution that contain this share
)

// within returns the error that drawsWithin of the draws of a sampler do not exceed, given the root mean square of its
// rank error. It is the larger error of the exact values at that distance on either side.
func (p *Point) within(truth *quantile.Exact, rms float64) (most float64) {
	if rms == 0 {
		return 0
	}
	for _, q := range []float64{p.Q - deviations*rms, p.Q + deviations*rms} {
		most = max(most, p.answer(truth, truth.Quantile(q)).Error)
	}
	return most
}

// worst returns the answer with the largest error of all rounds. A sampler is judged by its distribution of errors, if
// that gives a larger error, since a few draws may be lucky.
func (p *Point) worst(truth *quantile.Exact, estimates []time.Duration, rms []float64) (worst Answer) {
	var law float64
	for round, estimate := range estimates {
		if a := p.answer(truth, estimate); round == 0 || a.Error > worst.Error {
			worst = a
		}
		law = max(law, p.within(truth, rms[round]))
	}
	worst.Law = law
	worst.Error = max(worst.Error, law)
	return worst
}
