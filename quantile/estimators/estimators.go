// Package estimators makes the latency estimators that loadgen compares, by name.
package estimators

import (
	"fmt"
	"strings"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/sampling"
)

// An Arm is one estimator under comparison.
type Arm struct {
	Name  string
	About string
	fresh func() (quantile.Estimator, error)
}

// epsilon is the bound on the rank error of the textbook's q-digests: 1 %.
const epsilon = 0.01

// Arms are all of them: the truth first, and then by what they cost.
var Arms = []Arm{
	{"exact", "full sort: keeps everything", func() (quantile.Estimator, error) { return quantile.NewExact(0), nil }},
	{"hdr", "HDR histogram, 3 figures", func() (quantile.Estimator, error) { return quantile.NewHDR(), nil }},
	{"tdigest", "t-digest of influxdata, compression 1,000", func() (quantile.Estimator, error) { return quantile.NewTDigest(), nil }},
	{"qdigest", "eager q-digest, 10 % of the ranks above", func() (quantile.Estimator, error) { return quantile.NewQDigest(quantile.QDigestOptions{}) }},
	{"qdigest-textbook", "q-digest of its paper, 1 % of the ranks", func() (quantile.Estimator, error) { return quantile.NewTextbookQDigest(epsilon) }},
	{"dws-hash", "dynamic-window sampling by hashes, and the largest exactly", func() (quantile.Estimator, error) {
		return sampling.NewHashed(sampling.HashedOptions{})
	}},
	{"dws-hash+qdigest", "the same sample in an eager q-digest", func() (quantile.Estimator, error) {
		return sampling.NewHashed(sampling.HashedOptions{QDigest: &quantile.QDigestOptions{}})
	}},
	{"dws", "dynamic-window sampling as its article prints it", func() (quantile.Estimator, error) { return sampling.NewDWS(), nil }},
	{"dws+qdigest", "the same sample in a q-digest", func() (quantile.Estimator, error) { return sampling.NewDWSQDigest(epsilon) }},
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
