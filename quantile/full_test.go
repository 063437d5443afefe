package quantile_test

import (
	"errors"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// Merge refuses more than 2^62 values and changes nothing, so that no counter overflows.
func TestMergingStopsBeforeCountersWrap(t *testing.T) {
	for name, fresh := range map[string]func() quantile.Estimator{
		"hdr":              func() quantile.Estimator { return quantile.NewHDR() },
		"tdigest":          func() quantile.Estimator { return quantile.NewTDigest() },
		"qdigest":          func() quantile.Estimator { return qdigest(quantile.QDigestOptions{}) },
		"qdigest-textbook": func() quantile.Estimator { return textbook(0.01) },
	} {
		t.Run(name, func(t *testing.T) {
			e := fresh()
			for i := range 16 {
				e.Add(time.Duration(i+1) * time.Millisecond)
			}
			var err error
			merges := 0
			for ; err == nil && merges < 70; merges++ {
				copied := fresh()
				if err = copied.Merge(e); err == nil {
					err = e.Merge(copied)
				}
			}
			// 16 values become 2^62 after 58 doublings. The next one is refused.
			count := e.(interface{ Count() uint64 }).Count()
			if !errors.Is(err, quantile.ErrMerge) || merges != 59 || count != 1<<62 {
				t.Errorf("%v after %d merges, %d values", err, merges, count)
			}
			if got := e.Quantile(1); got != 16*time.Millisecond {
				t.Errorf("the longest is %v", got)
			}
		})
	}
}
