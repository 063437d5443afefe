package peers

import (
	"fmt"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"

	"github.com/loadgen-go/loadgen/quantile"
)

// DDSketch is the DDSketch of DataDog/sketches-go, made by NewDefaultDDSketch with a relative accuracy of 1 %. It has
// counters on a logarithmic scale, in pages of 32.
//
// Claimed: within 1 % of the value with the rank floor(q*(n-1))+1, also merged in any order. Known faults: the
// estimate is the middle of a bucket, so the smallest and the largest estimate, and estimates of constant data,
// are up to 1 % off; the variant that keeps the extremes exactly is another type, with its own Merge.
//
// Source: Masson, Rim and Lee, DDSketch: A Fast and Fully-Mergeable Quantile Sketch
// with Relative-Error Guarantees, VLDB 2019 (arXiv 1908.10693), implemented by
// sketches-go v1.4.8.
type DDSketch struct {
	ends
	sketch *ddsketch.DDSketch
}

// NewDDSketch returns an empty DDSketch.
func NewDDSketch() (*DDSketch, error) {
	const relativeAccuracy = 0.01
	s, err := ddsketch.NewDefaultDDSketch(relativeAccuracy)
	if err != nil {
		return nil, fmt.Errorf("peers: ddsketch: %w", err)
	}
	return &DDSketch{sketch: s}, nil
}

// Add implements [quantile.Estimator].
func (s *DDSketch) Add(d time.Duration) {
	_ = s.sketch.Add(float64(s.take(d))) // cannot fail: every Duration has an index
}

// Quantile implements [quantile.Estimator].
func (s *DDSketch) Quantile(q float64) time.Duration {
	v, err := s.sketch.GetValueAtQuantile(clamp01(q))
	if err != nil { // the sketch is empty
		return 0
	}
	return nanoseconds(v)
}

// Merge implements [quantile.Estimator].
func (s *DDSketch) Merge(other quantile.Estimator) error {
	o, err := sameKind(s, other)
	if err != nil {
		return err
	}
	if err := s.sketch.MergeWith(o.sketch); err != nil {
		return fmt.Errorf("%w: %w", quantile.ErrMerge, err)
	}
	s.merge(&o.ends)
	return nil
}

// StateBytes implements [quantile.Sizer]. It is estimated, since the library does not report it: pages of 32 counters,
// each with a slice, from the smallest to the largest bucket, and a buffer of 64 indices.
func (s *DDSketch) StateBytes() int {
	const page, buffer, fixed = 24 + 32*8, 64 * 8, 256
	low, err := s.sketch.GetPositiveValueStore().MinIndex()
	if err != nil {
		return fixed
	}
	high, err := s.sketch.GetPositiveValueStore().MaxIndex()
	if err != nil {
		return fixed
	}
	return fixed + buffer + page*(high>>5-low>>5+1)
}
