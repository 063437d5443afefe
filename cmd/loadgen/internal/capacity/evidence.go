package capacity

import (
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// An Ask is a probe to make.
type Ask struct {
	Arm      string        `json:"arm"`
	Rate     float64       `json:"rate"` // calls a second
	Duration time.Duration `json:"duration"`
	Confirm  bool          `json:"confirm,omitempty"` // three times as long, at the answer
}

// An Evidence is what came of a probe.
type Evidence struct {
	Ask // Duration is how long the probe ran: less than was asked if Done stopped it

	// Margins are, of equal batches of the probe in order, by how much each kept the
	// objectives: ln(bound/value) of the one that was nearest to being missed, above 0 if
	// it held, within ±MaxMargin. Batches should be long beside what the queue remembers,
	// for the percentile of a short batch is too low: some 10,000 calls, and ten to a probe.
	Margins []float64 `json:"margins,omitempty"`

	Achieved float64 `json:"achieved"`           // calls a second that ended
	Limited  string  `json:"limited,omitempty"`  // why it says nothing of the target: "generator-limited", ...; empty: it does
	Resource string  `json:"resource,omitempty"` // what ran out, with the evidence: "CPU: 1.97 of 2 cores", ...; empty: nothing
}

// MaxMargin caps a margin, to both sides, so that it is finite.
const MaxMargin = 10

// looks is how many batches a probe has at least before it may be stopped.
const looks = 4

// Done tells whether a probe that runs may stop, for the interval of its margins lies wholly
// on one side of 0. The interval is of 99% at each look, so that it is one of some
// 95% over all the looks at a probe of ten batches. A probe that confirms stops only if it fails.
//
// Batches of the very same margin are no witnesses of one another: they have it from the whole
// of a visit, such as its share of errors. They count as one.
func (s *Search) Done(e *Evidence) bool {
	margins := slices.Compact(slices.Sorted(slices.Values(e.Margins)))
	if len(margins) < looks || e.Limited != "" {
		return false
	}
	mean, sd := stat.MeanStdDev(margins, nil)
	n := float64(len(margins))
	half := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(0.995) * sd / math.Sqrt(n)
	return mean+half < 0 || mean-half > 0 && !e.Confirm
}
