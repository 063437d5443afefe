// Package estimators makes the latency estimators that loadgen compares, which are called arms, by name.
package estimators

import (
	"fmt"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/peers"
	"github.com/loadgen-go/loadgen/sampling"
)

// An Arm is an estimator under comparison.
type Arm struct {
	Name  string
	About string
	// Peer reports whether the estimator is one of another library, in package peers. Peers are only
	// compared on request.
	Peer bool
	// MeasureOnly reports whether the estimator exists to be measured, not to be used: see package
	// sampling.
	MeasureOnly bool
	fresh       func(seed uint64) (quantile.Estimator, error)
}

// epsilon is the bound on the rank error of the textbook q-digests: 1 %.
const epsilon = 0.01

// Arms returns all arms: exact first, then by cost, and the peers last.
func Arms() []Arm { return slices.Clone(arms) }

var arms = []Arm{
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
	{Name: "qdigest-textbook", About: "q-digest as in its paper, 1 % of the ranks",
		fresh: seedless(func() (quantile.Estimator, error) { return quantile.NewTextbookQDigest(epsilon) })},
	{Name: "dws-hash", About: "dynamic-window sampling by hashes, with exact largest values",
		fresh: func(seed uint64) (quantile.Estimator, error) {
			return sampling.NewHashed(sampling.HashedOptions{Seed: seed})
		}},
	{Name: "dws-hash+qdigest", About: "the same sample in an eager q-digest",
		fresh: func(seed uint64) (quantile.Estimator, error) {
			return sampling.NewHashed(sampling.HashedOptions{Seed: seed, QDigest: &quantile.QDigestOptions{}})
		}},
	{Name: "dws", About: "dynamic-window sampling as printed in the article", MeasureOnly: true,
		fresh: seedless(func() (quantile.Estimator, error) { return sampling.NewDWS(), nil })},
	{Name: "dws+qdigest", About: "the same sample in a q-digest", MeasureOnly: true,
		fresh: seedless(func() (quantile.Estimator, error) { return sampling.NewDWSQDigest(epsilon) })},
	{Name: "caio", About: "t-digest of caio, compression 100", Peer: true,
		fresh: seedless(func() (quantile.Estimator, error) { return peers.NewCaio() })},
	{Name: "ddsketch", About: "DDSketch of DataDog, 1 % of the value", Peer: true,
		fresh: seedless(func() (quantile.Estimator, error) { return peers.NewDDSketch() })},
	{Name: "hdrhistogram-go", About: "HDR histogram of hdrhistogram-go, 3 figures", Peer: true,
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

// seedless returns the fresh function of an estimator that is not randomised.
func seedless(fresh func() (quantile.Estimator, error)) func(uint64) (quantile.Estimator, error) {
	return func(uint64) (quantile.Estimator, error) { return fresh() }
}

// New returns an empty estimator of the arm called name. seed determines the random numbers of a randomised
// estimator. If it is 0, each estimator of the process gets a different seed, and the same in every process.
// Estimators that are to be merged need different seeds.
func New(name string, seed uint64) (quantile.Estimator, error) {
	var names []string
	for _, a := range arms {
		if a.Name == name {
			return a.fresh(seed)
		}
		names = append(names, a.Name)
	}
	return nil, fmt.Errorf("estimators: no arm is called %q: want one of %s", name, strings.Join(names, ", "))
}
