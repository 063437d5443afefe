// Package sampling estimates latency quantiles from a sample of the latencies.
// A sampler is a [quantile.Estimator].
//
// What is here is the "dynamic window exponential sampling" (DWS) of the article
// that this project began from, as its listing prints it: of the values
// 0, 1, 2, 3, ... it keeps those at the indices 0, 1, 2, 4, 8, ... That is
// 21 values out of a million, half of which are from the first thousand, and it
// is here to be measured, not to be used:
//
//   - the "p99" of a million values is the largest of 21, which is about p95;
//     its rank is off by 6 % in the root mean square, p50 by 11 %;
//   - values that grow are under-counted, since most of the sample is old;
//   - anything periodic in a power of two fills the sample: with one request in
//     1,024 slow, every index above 1,024 is a slow one;
//   - merging has no meaning in it, since a value does not stand for a known
//     number of others.
//
// An Add costs about 1 ns, since nearly all of them only count.
package sampling

import (
	"fmt"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// keeps is the article's rule on the index of a value: 0 and the powers of two.
func keeps(index uint64) bool { return index&(index-1) == 0 }

// DWS keeps the values that the article's rule picks, and answers with the
// nearest rank among them. Its extremes are those of the sample.
type DWS struct {
	n    uint64
	kept *quantile.Exact
}

var (
	_ quantile.Estimator = (*DWS)(nil)
	_ quantile.Sizer     = (*DWS)(nil)
)

// NewDWS returns an empty DWS. It has room for all that it can ever keep.
func NewDWS() *DWS { return &DWS{kept: quantile.NewExact(65)} }

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
	if !ok {
		return mergeError(s, other)
	}
	if err := s.kept.Merge(o.kept); err != nil {
		return err
	}
	s.n += o.n
	return nil
}

// StateBytes implements [quantile.Sizer].
func (s *DWS) StateBytes() int { return s.kept.StateBytes() }

// DWSQDigest is the pipeline of the article: the values that its rule picks go
// into a q-digest, whose quantiles are interpolated linearly. The digest adds
// its own error to the sample's.
type DWSQDigest struct {
	n      uint64
	digest *quantile.QDigest
}

var (
	_ quantile.Estimator = (*DWSQDigest)(nil)
	_ quantile.Sizer     = (*DWSQDigest)(nil)
)

// NewDWSQDigest returns an empty DWSQDigest whose digest has the given bound on
// its rank error; see [quantile.NewQDigest].
func NewDWSQDigest(epsilon float64) (*DWSQDigest, error) {
	d, err := quantile.NewQDigest(epsilon)
	if err != nil {
		return nil, err
	}
	return &DWSQDigest{digest: d}, nil
}

// Add implements [quantile.Estimator].
func (s *DWSQDigest) Add(d time.Duration) {
	if keeps(s.n) {
		s.digest.Add(d)
	}
	s.n++
}

// Quantile implements [quantile.Estimator].
func (s *DWSQDigest) Quantile(q float64) time.Duration { return s.digest.Quantile(q) }

// Merge implements [quantile.Estimator] by merging the digests.
func (s *DWSQDigest) Merge(other quantile.Estimator) error {
	o, ok := other.(*DWSQDigest)
	if !ok {
		return mergeError(s, other)
	}
	if err := s.digest.Merge(o.digest); err != nil {
		return err
	}
	s.n += o.n
	return nil
}

// StateBytes implements [quantile.Sizer].
func (s *DWSQDigest) StateBytes() int { return s.digest.StateBytes() }

func mergeError(into, from quantile.Estimator) error {
	return fmt.Errorf("%w a %T into a %T: not the same kind", quantile.ErrMerge, from, into)
}
