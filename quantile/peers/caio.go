package peers

import (
	"fmt"
	"time"

	"github.com/caio/go-tdigest/v4"

	"github.com/loadgen-go/loadgen/quantile"
)

// Caio is the t-digest of caio/go-tdigest/v4 with the compression that it comes
// with, 100: at most 2,000 centroids in two sorted slices, a search and a shift in
// them an Add. Which centroid takes a value is drawn from a fixed seed, so that the
// same values in the same order give the same answers.
//
// Claimed: accuracy, without a figure, and the paper has no worst-case bound. It is
// held here to half a percent of the ranks, which it keeps on every data set of
// package quantiletest, merged in any order too. Known faults: at 2,000 centroids
// one Add inserts them all again; a decoded digest that holds Inf or NaN panics (its
// issue 37), which no Duration leads to.
//
// Source: Dunning and Ertl, Computing Extremely Accurate Quantiles Using t-Digests,
// 2019 (arXiv 1902.04023), by way of caio/go-tdigest v4.1.0.
type Caio struct {
	ends
	digest *tdigest.TDigest
}

// NewCaio returns an empty Caio.
func NewCaio() (*Caio, error) {
	d, err := tdigest.New()
	if err != nil {
		return nil, fmt.Errorf("peers: caio: %w", err)
	}
	return &Caio{digest: d}, nil
}

// Add implements [quantile.Estimator].
func (c *Caio) Add(d time.Duration) {
	_ = c.digest.Add(float64(c.take(d))) // fails for NaN alone
}

// Quantile implements [quantile.Estimator].
func (c *Caio) Quantile(q float64) time.Duration {
	if c.n == 0 {
		return 0
	}
	return nanoseconds(c.digest.Quantile(clamp01(q)))
}

// Merge implements [quantile.Estimator].
func (c *Caio) Merge(other quantile.Estimator) error {
	o, err := sameKind(c, other)
	if err != nil {
		return err
	}
	if err := c.digest.Merge(o.digest); err != nil {
		return fmt.Errorf("%w: %w", quantile.ErrMerge, err)
	}
	c.merge(&o.ends)
	return nil
}

// StateBytes implements [quantile.Sizer]: 16 B a centroid, for the 1,000 that the
// library makes room for or as many as there are.
func (c *Caio) StateBytes() int {
	centroids := 0
	c.digest.ForEachCentroid(func(float64, uint64) bool {
		centroids++
		return true
	})
	return 16 * max(centroids, 10*int(c.digest.Compression()))
}
