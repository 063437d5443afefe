package quantiles

import (
	"math"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// What a gap is: see [Point]. In smooth data, those of a Pareto distribution with an
// exponent of 1.2 among them, values so few ranks apart differ by half of that at most.
// Of a share of 0.1 % that is rare and far away, such as pauses, the number varies by
// 3 % of it in a million values: the window is three times that.
const (
	gapWindow = 0.1 // of the ranks beyond the quantile, or before it if these are fewer
	gapSpread = 0.5 // of the exact value
)

// newPoint is the exact quantile of values, which are sorted and not empty. An exact
// value of 0 is taken as 1 ns, as in [quantile.Error].
func newPoint(q float64, sorted []time.Duration) Point {
	n := len(sorted)
	at := int(quantile.Rank(q, uint64(n))) - 1
	window := max(int(math.Round(gapWindow*tail(q)*float64(n))), 1)
	below, above := sorted[max(at-window, 0)], sorted[min(at+window, n-1)]
	p := Point{Q: q, Exact: sorted[at]}
	p.Spread = float64(above-below) / max(float64(p.Exact), 1)
	p.Gap = p.Spread > gapSpread
	return p
}

// tail is the share of the values beyond a quantile, on the side that has fewer.
func tail(q float64) float64 { return min(q, 1-q) }

// answer judges an estimate by the truth.
func (p *Point) answer(truth *quantile.Exact, estimate time.Duration) Answer {
	miss := truth.Error(p.Q, estimate)
	a := Answer{Estimate: estimate, Value: miss.Value, Rank: miss.Rank, Tail: miss.Rank / tail(p.Q)}
	a.Error = math.Abs(a.Value)
	if p.Gap {
		a.Error = min(a.Error, a.Tail)
	}
	return a
}

// A sampler is an estimator that draws at random, so that an answer of its is one of many
// it might have given. RankError is the root mean square of its rank error at q, as a
// share of all values.
type sampler interface {
	RankError(q float64) float64
}

const (
	// drawsWithin is the share of draws that a sampler is judged by.
	drawsWithin = 0.99
	deviations  = 2.576 // of a normal distribution, that this share lies within
)

// within returns the error that drawsWithin of the draws of a sampler keep, whose rank error
// is rms in the root mean square: that of the exact values so far away, on either side.
func (p *Point) within(truth *quantile.Exact, rms float64) (most float64) {
	if rms == 0 {
		return 0
	}
	for _, q := range []float64{p.Q - deviations*rms, p.Q + deviations*rms} {
		most = max(most, p.answer(truth, truth.Quantile(q)).Error)
	}
	return most
}

// worst returns the answer of all rounds that is most off. That of a sampler is judged by
// what its law allows, if that is more: not by the luck of a few draws.
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
