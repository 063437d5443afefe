// Package estimators makes the latency estimators that loadgen compares, by name.
package estimators

import (
	"fmt"
	"strings"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/peers"
	"github.com/loadgen-go/loadgen/sampling"
)

// An Arm is one estimator under comparison.
type Arm struct {
	Name  string
	About string
	// Peer says that it is another library's, of package peers: one to compare
	// with when asked for, not one of those that are compared by default.
	Peer bool
	// MeasureOnly says that it is here to be measured, not to be used: see package
	// sampling.
	MeasureOnly bool
	fresh       func(seed uint64) (quantile.Estimator, error)
}

// epsilon is the bound on the rank error of the textbook's q-digests: 1 %.
const epsilon = 0.01

// Arms are all of them: the truth first, then by what they cost, and the peers last.
var Arms = []Arm{
	{Name: "exact", About: "full sort: keeps everything",
		fresh: seedless(func() (quantile.Estimator, error) { return quantile.NewExact(0), nil })},
	{Name: "hdr", About: "HDR histogram, 3 figures", fresh: seedless(func() (quantile.Estimator,
		error) {
		return quantile.NewHDR(), nil
	})},
	{Name: "tdigest", About: "t-digest of influxdata, compression 1,000",
		fresh: seedless(func() (quantile.Estimator, error) { return quantile.NewTDigest(), nil })},
	{Name: "qdigest", About: "eager q-digest, 10 % of the ranks above",
		fresh: seedless(func() (quantile.Estimator, error) { return quantile.NewQDigest(quantile.QDigestOptions{}) })},
	{Name: "qdigest-textbook", About: "q-digest of its paper, 1 % of the ranks",
		fresh: seedless(func() (quantile.Estimator, error) { return quantile.NewTextbookQDigest(epsilon) })},
	{Name: "dws-hash", About: "dynamic-window sampling by hashes, and the largest exactly",
		fresh: func(seed uint64) (quantile.Estimator, error) {
			return sampling.NewHashed(sampling.HashedOptions{Seed: seed})
		}},
	{Name: "dws-hash+qdigest", About: "the same sample in an eager q-digest",
		fresh: func(seed uint64) (quantile.Estimator, error) {
			return sampling.NewHashed(sampling.HashedOptions{Seed: seed, QDigest: &quantile.QDigestOptions{}})
		}},
	{Name: "dws", About: "dynamic-window sampling as its article prints it", MeasureOnly: true,
		fresh: seedless(func() (quantile.Estimator, error) { return sampling.NewDWS(), nil })},
	{Name: "dws+qdigest", About: "the same sample in a q-digest", MeasureOnly: true,
		fresh: seedless(func() (quantile.Estimator, error) { return sampling.NewDWSQDigest(epsilon) })},
	{Name: "caio", About: "t-digest of caio, compression 100", Peer: true,
		fresh: seedless(func() (quantile.Estimator, error) { return peers.NewCaio() })},
	{Name: "ddsketch", About: "DDSketch of DataDog, 1 % of the value", Peer: true,
		fresh: seedless(func() (quantile.Estimator, error) { return peers.NewDDSketch() })},
	{Name: "hdrhistogram-go", About: "HDR histogram of its own library, 3 figures", Peer: true,
		fresh: seedless(func() (quantile.Estimator, error) { return peers.NewHDRHistogramGo(), nil })},
	{Name: "perks", About: "targeted quantiles of beorn7, as in Prometheus summaries", Peer: true,
		fresh: seedless(func() (quantile.Estimator, error) { return peers.NewPerks(), nil })},
	{Name: "otel-exponential", About: "exponential histogram of OpenTelemetry, 160 buckets", Peer: true,
		fresh: seedless(func() (quantile.Estimator, error) { return peers.NewOTelExponential(), nil })},
	{Name: "prometheus-classic", About: "Prometheus histogram, default buckets", Peer: true,
		fresh: seedless(func() (quantile.Estimator, error) { return peers.NewPrometheusClassic(), nil })},
	{Name: "prometheus-native", About: "Prometheus native histogram, factor 1.1", Peer: true,
		fresh: seedless(func() (quantile.Estimator, error) { return peers.NewPrometheusNative(), nil })},
}

// seedless makes an estimator that draws nothing at random.
func seedless(fresh func() (quantile.Estimator, error)) func(uint64) (quantile.Estimator, error) {
	return func(uint64) (quantile.Estimator, error) { return fresh() }
}

// New makes an empty estimator of the arm of that name. One that draws at random draws
// from the seed; with 0, from another one for each estimator of the process, and the same
// in every process. Those that are to be merged need different seeds.
func New(name string, seed uint64) (quantile.Estimator, error) {
	var names []string
	for _, a := range Arms {
		if a.Name == name {
			return a.fresh(seed)
		}
		names = append(names, a.Name)
	}
	return nil, fmt.Errorf("estimators: no arm is called %q: want one of %s", name, strings.Join(names, ", "))
}
