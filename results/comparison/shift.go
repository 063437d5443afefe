package comparison

import (
	"fmt"
	"math"
)

// A Shift is by how much one arm differs from another, over rounds in which both
// were visited: a ratio, with an interval that covers the true one with the given
// confidence if rounds are independent of each other.
type Shift struct {
	Ratio      float64 // of other to base
	Low, High  float64
	Confidence float64 // at least 0.95
	Rounds     int
}

// Differs tells whether the interval lies wholly on one side of 1.
func (s Shift) Differs() bool { return s.Low > 1 || s.High < 1 }

// A TooFewRoundsError is a comparison for which no finite 95% interval exists.
type TooFewRoundsError struct{ Have, Need int }

func (e *TooFewRoundsError) Error() string {
	return fmt.Sprintf("a 95%% interval needs %d rounds, there are %d", e.Need, e.Have)
}

// Compare estimates the ratio of other to base, which hold one value for each
// round, in the same order, all above 0. See ofPairs for how.
func Compare(base, other []float64) (Shift, error) {
	n := len(base)
	if n != len(other) {
		return Shift{}, fmt.Errorf("comparison: %d rounds of one arm and %d of the other: want pairs", n, len(other))
	}
	if n < MinPairs {
		return Shift{}, &TooFewRoundsError{n, MinPairs}
	}
	d := differences(base, other, false)
	for i := range d {
		if math.IsNaN(d[i].by) || math.IsInf(d[i].by, 0) {
			return Shift{}, fmt.Errorf("comparison: round %d compares %v with %v: want numbers above 0", i+1, other[i], base[i])
		}
	}
	s := ofPairs(d, newNulls())
	return Shift{math.Exp(s.mid), math.Exp(s.low), math.Exp(s.high), s.confidence, n}, nil
}
