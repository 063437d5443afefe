// Package quantiles measures the cost and the error of latency estimators,
// on synthetic data and on latencies from files, and recommends one.
//
// [Measure] measures a [Plan] and returns a [Report], which [Report.Write] writes as tables, Go benchmark text, JSON
// or Markdown. Except for the clock, the plan determines the report, so that a test with its own clock gets the same
// report each time.
package quantiles

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
)

// A Plan says what to measure.
type Plan struct {
	Arms []Arm
	// Anchor is the arm that the insertion times of all others are compared with, as a
	// ratio. It is measured even if it is not one of Arms. If it has no name,
	// there are no ratios.
	Anchor    Arm
	Data      []Data
	Quantiles []float64 // within (0, 1), ascending
	Rounds    int
	Shards    int    // number of shards that a merge is timed with
	Seed      uint64 // of the order within rounds, and of random estimators
	Limits    Limits
	Clock     Clock
}

// An Arm is an estimator under comparison.
type Arm struct {
	Name string
	// New returns an empty estimator. The seed determines its random numbers, if it uses any.
	New func(seed uint64) (quantile.Estimator, error)
	// MeasureOnly means that it is measured for comparison and never recommended.
	MeasureOnly bool
}

// Limits are the conditions for an estimator to be recommended.
type Limits struct {
	// MaxError is the largest error at any quantile of any data, as a share: see
	// [Answer].
	MaxError float64 `json:"max_error"`
	MaxBytes int     `json:"max_bytes,omitempty"` // of state; 0 means no limit
}

// Check returns an error that reports everything that is wrong with p. It does not make the data.
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
			record.PercentileName(p.Quantiles[0]), quantile.SamplesFor(p.Quantiles[0]), p.Data[0].Name, p.Data[0].N)
	}
	return errors.Join(errs...)
}

// judgeable reports whether a data set has enough values for a quantile.
func (p *Plan) judgeable() bool {
	return slices.ContainsFunc(p.Data, func(d Data) bool {
		return slices.ContainsFunc(p.Quantiles, func(q float64) bool { return enough(d.N, q) })
	})
}

// enough reports whether n values are enough for a quantile.
func enough(n int, q float64) bool { return uint64(n) >= quantile.SamplesFor(q) }

// A Report holds the measurements. Times are in nanoseconds.
type Report struct {
	Schema int    `json:"schema"` // version of the report: [Schema]
	Kind   string `json:"kind"`   // quantiles
	// Environment is set by the caller of Measure.
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

// Schema is the version of the JSON of a Report.
const Schema = 1

// A Set holds the measurements on one data set.
type Set struct {
	Name    string    `json:"name"`
	About   string    `json:"about,omitempty"` // origin of the values
	N       int       `json:"n"`
	Points  []Point   `json:"exact"`             // at the quantiles that N values are enough for
	Refused []Refusal `json:"refused,omitempty"` // the other quantiles
	Cells   []Cell    `json:"estimators"`
}

// A Refusal is a quantile that a data set has too few values for.
type Refusal struct {
	Q     float64 `json:"q"`
	Needs uint64  `json:"needs"` // number of values needed
}

// A Cell holds the measurements of one estimator on one data set.
type Cell struct {
	Estimator   string `json:"estimator"`
	Insert      Timing `json:"insert_ns"`                // time to insert one value
	TimesAnchor Timing `json:"insert_x_anchor,omitzero"` // ratio of Insert to the anchor's within each round
	FirstRead   Timing `json:"first_read_ns"`            // time of the first quantile after the insertions
	Query       Timing `json:"query_ns"`                 // time of five quantiles after that
	Merge       Timing `json:"merge_ns"`                 // time to merge one shard
	MergeError  string `json:"merge_error,omitempty"`    // why Merge is empty
	StateBytes  int    `json:"state_bytes,omitzero"`     // largest size; 0 if it is unknown
	Serialized  int    `json:"serialized_bytes,omitzero"`
	Draws       int    `json:"draws,omitzero"` // draws of a random estimator, of which the answers are the worst
	// Answers are the answers at the Points of the set, each the worst of all rounds.
	Answers     []Answer `json:"answers"`
	measureOnly bool
}

// A Timing holds one figure of all rounds.
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
	// Spread is the distance of the values at [gapWindow] of the ranks of the tail on either
	// side of the quantile, divided by the exact value.
	Spread float64 `json:"spread"`
	// Gap means that Spread exceeds [gapSpread]. Then an answer with a small rank error may
	// have any value error, so that value errors are meaningless.
	Gap bool `json:"gap"`
}

// An Answer is an estimate compared with its Point.
type Answer struct {
	Estimate time.Duration `json:"estimate_ns"`
	Value    float64       `json:"value_error"` // (estimate - exact) / exact
	Rank     float64       `json:"rank_error"`  // as a share of all values
	Tail     float64       `json:"tail_error"`  // Rank / min(q, 1-q), a share of the values beyond the quantile
	// Error is the error that limits apply to: the absolute value of Value or, at a gap, the smaller of
	// that and Tail, since a right value is right there, too. If Law is larger, it is Law.
	Error float64 `json:"error"`
	// Law is the error that 99 % of the draws of a random estimator do not exceed.
	Law float64 `json:"law_error,omitzero"`
}
