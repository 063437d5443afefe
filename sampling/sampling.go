// Package sampling estimates latency quantiles from a sample of the latencies. Its samplers are
// [quantile.Estimator]s.
//
// Use [Hashed]: it keeps a uniform sample of all values, whose rate falls as their number grows, and
// the exact largest values.
//
// [DWS] is the "dynamic window exponential sampling" of the article that this project started from,
// exactly as in the article's listing. Of the values with the indices 0, 1, 2, 3, ... it keeps those
// with the indices 0, 1, 2, 4, 8, ... So it keeps 21 of a million values, half of which are among the
// first thousand. It exists to be measured, not to be used:
//
//   - the "p99" of a million values is the largest of the 21, which is about p95; the root mean square
//     of its rank error is 6 %, and of p50 11 %;
//   - values that grow over time are underestimated, since most of the sample is old;
//   - anything periodic in a power of two fills the sample: if every 1,024th request is slow, every
//     index above 1,024 in the sample is a slow request;
//   - samples cannot be merged soundly, since a value does not stand for a known number of values.
//
// Add takes 1 to 2 ns, since nearly all calls only count.
package sampling

import (
	"fmt"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// keeps reports whether the article's rule keeps the value with an index: 0 and the powers of two.
func keeps(index uint64) bool { return index&(index-1) == 0 }

// kept is the estimator in which a DWS keeps its values.
type kept interface {
	quantile.Estimator
	quantile.Sizer
}

// DWS keeps the values that the article's rule selects, and estimates from them only. Its extremes are
// the extremes of the sample. Make one with [NewDWS] or [NewDWSQDigest]; the zero value cannot be used.
type DWS struct {
	n    uint64
	kept kept
}

var (
	_ quantile.Estimator = (*DWS)(nil)
	_ quantile.Sizer     = (*DWS)(nil)
)

// NewDWS returns an empty DWS that returns the nearest rank among the values it kept. It allocates room
// for all values that it can ever keep.
func NewDWS() *DWS { return &DWS{kept: quantile.NewExact(65)} }

// NewDWSQDigest returns an empty DWS with the complete pipeline of the article: the selected values go
// into a q-digest, whose quantiles are interpolated linearly. The error of the digest adds to the error
// of the sample. For epsilon, see [quantile.NewTextbookQDigest].
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

// Merge implements [quantile.Estimator]. It joins both samples, with equal weight for each value. The
// article does not define merging.
func (s *DWS) Merge(other quantile.Estimator) error {
	o, ok := other.(*DWS)
	if !ok || o == nil {
		return fmt.Errorf("%w a %T into a %T: it is nil or of another type", quantile.ErrMerge, other, s)
	}
	if err := s.kept.Merge(o.kept); err != nil {
		return err
	}
	s.n += o.n
	return nil
}

// StateBytes implements [quantile.Sizer].
func (s *DWS) StateBytes() int { return s.kept.StateBytes() }
