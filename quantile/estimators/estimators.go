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
	Peer  bool
	fresh func() (quantile.Estimator, error)
}

// epsilon is the bound on the rank error of the textbook's q-digests: 1 %.
const epsilon = 0.01

// Arms are all of them: the truth first, then by what they cost, and the peers last.
var Arms = []Arm{
	{"exact", "full sort: keeps everything", false, func() (quantile.Estimator, error) { return quantile.NewExact(0), nil }},
	{"hdr", "HDR histogram, 3 figures", false, func() (quantile.Estimator, error) { return quantile.NewHDR(), nil }},
	{"tdigest", "t-digest of influxdata, compression 1,000", false, func() (quantile.Estimator, error) { return quantile.NewTDigest(), nil }},
	{"qdigest", "eager q-digest, 10 % of the ranks above", false, func() (quantile.Estimator, error) { return quantile.NewQDigest(quantile.QDigestOptions{}) }},
	{"qdigest-textbook", "q-digest of its paper, 1 % of the ranks", false, func() (quantile.Estimator, error) { return quantile.NewTextbookQDigest(epsilon) }},
	{"dws-hash", "dynamic-window sampling by hashes, and the largest exactly", false, func() (quantile.Estimator, error) {
		return sampling.NewHashed(sampling.HashedOptions{})
	}},
	{"dws-hash+qdigest", "the same sample in an eager q-digest", false, func() (quantile.Estimator, error) {
		return sampling.NewHashed(sampling.HashedOptions{QDigest: &quantile.QDigestOptions{}})
	}},
	{"dws", "dynamic-window sampling as its article prints it", false, func() (quantile.Estimator, error) { return sampling.NewDWS(), nil }},
	{"dws+qdigest", "the same sample in a q-digest", false, func() (quantile.Estimator, error) { return sampling.NewDWSQDigest(epsilon) }},
	{"caio", "t-digest of caio, compression 100", true, func() (quantile.Estimator, error) { return peers.NewCaio() }},
	{"ddsketch", "DDSketch of DataDog, 1 % of the value", true, func() (quantile.Estimator, error) { return peers.NewDDSketch() }},
	{"hdrhistogram-go", "HDR histogram of its own library, 3 figures", true, func() (quantile.Estimator, error) { return peers.NewHDRHistogramGo(), nil }},
	{"perks", "targeted quantiles of beorn7, as in Prometheus summaries", true, func() (quantile.Estimator, error) { return peers.NewPerks(), nil }},
	{"otel-exponential", "exponential histogram of OpenTelemetry, 160 buckets", true, func() (quantile.Estimator, error) { return peers.NewOTelExponential(), nil }},
	{"prometheus-classic", "Prometheus histogram, default buckets", true, func() (quantile.Estimator, error) { return peers.NewPrometheusClassic(), nil }},
	{"prometheus-native", "Prometheus native histogram, factor 1.1", true, func() (quantile.Estimator, error) { return peers.NewPrometheusNative(), nil }},
}

// New makes an empty estimator of the arm of that name.
func New(name string) (quantile.Estimator, error) {
	var names []string
	for _, a := range Arms {
		if a.Name == name {
			return a.fresh()
		}
		names = append(names, a.Name)
	}
	return nil, fmt.Errorf("estimators: no arm is called %q: want one of %s", name, strings.Join(names, ", "))
}
