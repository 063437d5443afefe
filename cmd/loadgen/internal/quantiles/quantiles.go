// Package quantiles measures what latency estimators cost and how far they are off,
// on data of known shapes and on latencies from files, and recommends one.
//
// A [Plan] is measured by [Measure] into a [Report], which [Report.Write] writes as
// tables, Go benchmark text, JSON or Markdown. Everything but the clock follows from
// the plan: with a clock of its own, a test gets the same report each time.
package quantiles

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
)

// A Plan is what to measure.
type Plan struct {
	Arms []Arm
	// Anchor is the arm that the insertions of all others are set against, as a
	// ratio. It is measured even if it is not one of Arms. One without a name:
	// there are no ratios.
	Anchor    Arm
	Data      []Data
	Quantiles []float64 // within (0, 1), rising
	Rounds    int
	Shards    int    // that a merge is timed with
	Seed      uint64 // of the order within rounds, and of estimators that draw at random
	Limits    Limits
	Clock     Clock
}

// An Arm is an estimator under comparison.
type Arm struct {
	Name string
	// New makes an empty one, which draws what it draws at random from the seed.
	New func(seed uint64) (quantile.Estimator, error)
	// MeasureOnly says that it is here to be compared with, and never recommended.
	MeasureOnly bool
}

// Limits are what an estimator must keep to be recommended.
type Limits struct {
	// MaxError is the largest error at any quantile of any data, as a share: see
	// [Answer].
	MaxError float64 `json:"max_error"`
	MaxBytes int     `json:"max_bytes,omitempty"` // of state; 0: no limit
}

// Check reports all that is wrong with p. It does not make the data.
func (p *Plan) Check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(p.Arms) == 0 {
		wrong("no estimator: want one at least")
	}
	if len(p.Data) == 0 {
		wrong("no data: want a shape of data or a file")
	}
	if p.Rounds < 1 || p.Rounds > 1000 {
		wrong("%d rounds: want 1 to 1000", p.Rounds)
	}
	if p.Shards < 1 || p.Shards > 10_000 {
		wrong("%d shards: want 1 to 10000", p.Shards)
	}
	if !(p.Limits.MaxError >= 0 && p.Limits.MaxError < 10) {
		wrong("a largest error of %v: want a share from 0 to below 10", p.Limits.MaxError)
	}
	if p.Limits.MaxBytes < 0 {
		wrong("%d bytes at most: want 0, for no limit, or more", p.Limits.MaxBytes)
	}
	if len(p.Quantiles) == 0 {
		wrong("no quantile: want one at least")
	}
	for _, q := range p.Quantiles {
		if !(q > 0 && q < 1) {
			wrong("quantile %v: want one above 0 and below 1", q)
		}
	}
	if !slices.IsSorted(p.Quantiles) {
		wrong("quantiles %v: want them rising", p.Quantiles)
	}
	if len(errs) == 0 && !p.judgeable() {
		wrong("no data has the values that its percentiles need: %s needs %d, %s has %d",
			results.PercentileName(p.Quantiles[0]), quantile.SamplesFor(p.Quantiles[0]), p.Data[0].Name, p.Data[0].N)
	}
	return errors.Join(errs...)
}

// judgeable tells whether some data has enough values for some quantile.
func (p *Plan) judgeable() bool {
	return slices.ContainsFunc(p.Data, func(d Data) bool {
		return slices.ContainsFunc(p.Quantiles, func(q float64) bool { return enough(d.N, q) })
	})
}

// enough tells whether a percentile of n values may be stated.
func enough(n int, q float64) bool { return uint64(n) >= quantile.SamplesFor(q) }

// A Report is what was measured. Times are in nanoseconds.
type Report struct {
	Schema int `json:"schema"` // of this form: [Schema]
	// Environment is for the caller of Measure to tell.
	Environment    results.Environment `json:"environment"`
	Clock          string              `json:"clock"`
	Rounds         int                 `json:"rounds"`
	Seed           uint64              `json:"seed"`
	Shards         int                 `json:"shards"`
	Anchor         string              `json:"anchor,omitempty"`
	Quantiles      []float64           `json:"quantiles"`
	Sets           []Set               `json:"data"`
	Limits         Limits              `json:"limits"`
	Recommendation Recommendation      `json:"recommendation"`
}

// Schema is the version of the form of a Report in JSON.
const Schema = 1

// A Set is what was measured on one data set.
type Set struct {
	Name    string    `json:"name"`
	About   string    `json:"about,omitempty"` // where the values are from
	N       int       `json:"n"`
	Points  []Point   `json:"exact"`             // at the quantiles that N is enough for
	Refused []Refusal `json:"refused,omitempty"` // the other quantiles
	Cells   []Cell    `json:"estimators"`
}

// A Refusal is a percentile that a data set has too few values for.
type Refusal struct {
	Q     float64 `json:"q"`
	Needs uint64  `json:"needs"` // values
}

// A Cell is what was measured of one estimator on one data set.
type Cell struct {
	Estimator   string `json:"estimator"`
	Insert      Timing `json:"insert_ns"`                // of one value
	TimesAnchor Timing `json:"insert_x_anchor,omitzero"` // what Insert is of the anchor's within each round
	FirstRead   Timing `json:"first_read_ns"`            // of the first quantile after the insertions
	Query       Timing `json:"query_ns"`                 // of five quantiles after that
	Merge       Timing `json:"merge_ns"`                 // of one shard
	MergeError  string `json:"merge_error,omitempty"`    // why Merge is empty
	StateBytes  int    `json:"state_bytes,omitzero"`     // the most seen; 0: it does not tell
	Serialized  int    `json:"serialized_bytes,omitzero"`
	Draws       int    `json:"draws,omitzero"` // of one that draws at random; the answers are the worst of them
	// Answers are to the Points of the set. Of those of all rounds each is the worst.
	Answers     []Answer `json:"answers"`
	measureOnly bool
}

// A Timing is one figure of all rounds.
type Timing struct {
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Rounds []float64 `json:"rounds"`
}

// A Point is an exact quantile of a data set.
type Point struct {
	Q     float64       `json:"q"`
	Exact time.Duration `json:"exact_ns"`
	// Spread is how far the values around that of the quantile lie apart, over it:
	// those that are [gapWindow] of the ranks of the tail away, on either side.
	Spread float64 `json:"spread"`
	// Gap says that Spread is more than [gapSpread]: a rank that is hardly off may
	// have a value that is off by any amount, so that value errors say nothing.
	Gap bool `json:"gap"`
}

// An Answer is an estimate, set against its Point.
type Answer struct {
	Estimate time.Duration `json:"estimate_ns"`
	Value    float64       `json:"value_error"` // (estimate - exact) / exact
	Rank     float64       `json:"rank_error"`  // a share of all values
	Tail     float64       `json:"tail_error"`  // Rank / min(q, 1-q): a share of those beyond the quantile
	// Error is what it is judged by: the size of Value. At a gap it is the less of
	// that and Tail, since a right value is right there, too. It is Law, if that is more.
	Error float64 `json:"error"`
	// Law is the error that 99 % of the draws keep of an estimator that draws at random.
	Law float64 `json:"law_error,omitzero"`
}
