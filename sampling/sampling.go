// Package sampling estimates latency quantiles from a sample of the latencies.
// A sampler is a [quantile.Estimator].
//
// [Hashed] is one to use: a sample of everything that thins as it grows, and the largest
// values exactly.
//
// [DWS] is the "dynamic window exponential sampling" of the article that this project
// began from, as its listing prints it: of the values 0, 1, 2, 3, ... it keeps those
// at the indices 0, 1, 2, 4, 8, ... That is 21 values out of a million, half of which
// are from the first thousand, and it is here to be measured, not to be used:
//
//   - the "p99" of a million values is the largest of 21, which is about p95;
//     its rank is off by 6 % in the root mean square, p50 by 11 %;
//   - values that grow are under-counted, since most of the sample is old;
//   - anything periodic in a power of two fills the sample: with one request in
//     1,024 slow, every index above 1,024 is a slow one;
//   - merging has no meaning in it, since a value does not stand for a known
//     number of others.
//
// An Add costs 1 to 2 ns, since nearly all of them only count.
package sampling

import (
	"fmt"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// keeps is the article's rule on the index of a value: 0 and the powers of two.
func keeps(index uint64) bool { return index&(index-1) == 0 }

// kept is what a DWS keeps its values in.
type kept interface {
	quantile.Estimator
	quantile.Sizer
}

// DWS keeps the values that the article's rule picks, and answers from those
// alone: its extremes are those of the sample. Make one with [NewDWS] or
// [NewDWSQDigest]; the zero value is not ready for use.
type DWS struct {
	n    uint64
	kept kept
}

var (
	_ quantile.Estimator = (*DWS)(nil)
	_ quantile.Sizer     = (*DWS)(nil)
)

// NewDWS returns an empty DWS that answers with the nearest rank among the values
// it kept. It has room for all that it can ever keep.
func NewDWS() *DWS { return &DWS{kept: quantile.NewExact(65)} }

// NewDWSQDigest returns an empty DWS that is the whole pipeline of the article:
// what the rule picks goes into a q-digest, whose quantiles are interpolated
// linearly. The digest adds its own error to the sample's; for its epsilon see
// [quantile.NewTextbookQDigest].
func NewDWSQDigest(epsilon float64) (*DWS, error) {
	d, err := quantile.NewTextbookQDigest(epsilon)
	if err != nil {
		return nil, err
	}
	return &DWS{kept: d}, nil
}

// Add implements [quantile.Estimator].
func (s *DWS) Add(d time.Duration) {
	if keeps(s.n) {
		s.kept.Add(d)
	}
	s.n++
}

// Quantile implements [quantile.Estimator].
func (s *DWS) Quantile(q float64) time.Duration { return s.kept.Quantile(q) }

// Merge implements [quantile.Estimator] by putting both samples together, each
// value of equal weight. The article does not say how to merge.
func (s *DWS) Merge(other quantile.Estimator) error {
	o, ok := other.(*DWS)
	if !ok || o == nil {
		return fmt.Errorf("%w a %T into a %T: it is nil, or not the same kind", quantile.ErrMerge, other, s)
	}
	if err := s.kept.Merge(o.kept); err != nil {
		return err
	}
	s.n += o.n
	return nil
}

// StateBytes implements [quantile.Sizer].
func (s *DWS) StateBytes() int { return s.kept.StateBytes() }
