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
	window := max(int(math.Round(gapWindow*min(q, 1-q)*float64(n))), 1)
	below, above := sorted[max(at-window, 0)], sorted[min(at+window, n-1)]
	p := Point{Q: q, Exact: sorted[at]}
	p.Spread = float64(above-below) / max(float64(p.Exact), 1)
	p.Gap = p.Spread > gapSpread
	return p
}

// answer judges an estimate by the truth.
func (p *Point) answer(truth *quantile.Exact, estimate time.Duration) Answer {
	miss := truth.Error(p.Q, estimate)
	a := Answer{Estimate: estimate, Value: miss.Value, Rank: miss.Rank, Tail: miss.Rank / (1 - p.Q)}
	a.Error = math.Abs(a.Value)
	if p.Gap {
		a.Error = min(a.Error, a.Tail)
	}
	return a
}
