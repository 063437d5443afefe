package peers

import (
	"maps"
	"time"

	"github.com/beorn7/perks/quantile"

	ours "github.com/loadgen-go/loadgen/quantile"
)

// Perks is the targeted stream of beorn7/perks, which Prometheus summaries use. It keeps samples with a width and
// an uncertainty in rank, and fewer of them far from its targets.
//
// Claimed: at each of [PerksTargets], a rank within the given share of q*n; elsewhere the result is "unspecified".
// Known faults: the targets are missed for some data (tsenart/vegeta issue 129 found a wrong p99), and Merge,
// in the words of its own documentation, "is broken and does not yield correct results".
//
// Source: Cormode, Korn, Muthukrishnan and Srivastava, Effective Computation of
// Biased Quantiles over Data Streams, ICDE 2005, section 4, implemented by perks v1.0.1.
type Perks struct {
	ends
	stream *quantile.Stream
}

// PerksTargets returns the target quantiles of [Perks], each with the rank error that is claimed for it, as a share
// of the number of values. They are the objectives of the summary in the documentation of Prometheus, continued
// into the tail.
func PerksTargets() map[float64]float64 { return maps.Clone(perksTargets) }

var perksTargets = map[float64]float64{0.5: 0.05, 0.9: 0.01, 0.99: 0.001, 0.999: 0.0001, 0.9999: 0.00001}

// NewPerks returns an empty Perks.
func NewPerks() *Perks { return &Perks{stream: quantile.NewTargeted(perksTargets)} }

// Add implements [ours.Estimator].
func (p *Perks) Add(d time.Duration) { p.stream.Insert(float64(p.take(d))) }

// Quantile implements [ours.Estimator].
func (p *Perks) Quantile(q float64) time.Duration {
	return nanoseconds(p.stream.Query(clamp01(q)))
}

// Merge implements [ours.Estimator].
func (p *Perks) Merge(other ours.Estimator) error {
	o, err := sameKind(p, other)
	if err != nil {
		return err
	}
	p.stream.Merge(o.stream.Samples())
	p.merge(&o.ends)
	return nil
}

// StateBytes implements [ours.Sizer]. The stream has a buffer for 500 samples of 24 B, and the samples. As many as
// the buffer holds are inserted before any is dropped, and append has grown that slice by half.
func (p *Perks) StateBytes() int {
	const sample, waiting = 24, 500
	return sample * (waiting + (len(p.stream.Samples())+waiting)*3/2)
}
