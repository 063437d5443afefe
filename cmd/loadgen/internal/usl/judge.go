package usl

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// How far a median may be from the law, as a share of it.
const (
	noMisfit     = 0.002 // accepted without a further test
	slightMisfit = 0.05  // at most a warning: the law still describes what was measured
	worstMisfit  = 0.20  // beyond this the law is refused, whatever the noise
)

// surely is the p-value below which a deviation from the law does not count as chance.
const surely = 0.01

// better is the factor by which the sum of squares of a plateau must be smaller than that of the law, for the plateau
// to be reported instead. If throughput is flat or linear both fit, and the plateau is that much nearer by chance in
// at most one sample of 200. For X = 1000 min(N, 4), with 5% noise in three visits at 1, 2, 3, 4, 6 and 8, the
// plateau is found in 991 of 1000 samples.
const better = 1.5

// plateau returns an error if throughput grows in proportion to concurrency and then stays constant: X = each min(N,
// knee), the bounds of asymptotic analysis. The law has no such corner, and would predict a peak and a fall.
func (f *Fit) plateau() error {
	var each, knee float64
	medians, nearest := f.sample.medians, f.cost/better
	for split := 1; split < len(medians)-1; split++ { // medians on the slope; two or more are on the plateau
		if e, k, cost := cornered(medians, split); cost < nearest {
			each, knee, nearest = e, k, cost
		}
	}
	if each == 0 || math.Abs(f.Worst) <= noMisfit {
		return nil
	}
	return fmt.Errorf("the law does not fit, but a plateau does: %s for each up to %s, and %s from there on",
		format.Rate(each), format.Digits(knee, 4), format.Rate(each*knee))
}

// cornered returns the nearest plateau X = each min(N, knee) whose knee is between the medians split-1 and split, and
// half the sum of squares of ln(median/X).
func cornered(medians []Point, split int) (each, knee, cost float64) {
	var slope, level float64
	for i, m := range medians {
		if i < split {
			slope += math.Log(m.X/m.N) / float64(split)
		} else {
			level += math.Log(m.X) / float64(len(medians)-split)
		}
	}
	knee = min(max(math.Exp(level-slope), medians[split-1].N), medians[split].N)
	var mean float64
	for _, m := range medians {
		mean += math.Log(m.X/min(m.N, knee)) / float64(len(medians))
	}
	for _, m := range medians {
		d := math.Log(m.X/min(m.N, knee)) - mean
		cost += d * d / 2
	}
	return math.Exp(mean), knee, cost
}

// judge returns an error if the points do not follow the law. If they deviate only slightly, it adds a warning.
//
// Lack of fit is judged as in an F test against pure error: it compares the deviations of the medians from the law
// with the differences between visits at one concurrency (N. Draper and H. Smith, Applied Regression Analysis, Wiley
// 1998, section 2.1). The p-value is the share of resamples whose ratio is greater. It does not come from the F
// distribution, since medians are fitted, and since the law ends at sigma = 0 and kappa = 0.
func (f *Fit) judge() error {
	worst := math.Abs(f.Worst)
	lacks := f.LackOfFit != nil && *f.LackOfFit < surely
	why := ""
	switch {
	case worst <= noMisfit:
		return nil
	case f.steeper < 0 || f.Sigma == 0 && f.Kappa == 0 && (lacks || worst > worstMisfit):
		why = "throughput grows faster than concurrency (superlinear), which this law cannot describe"
		if f.steeper < 0 {
			why += fmt.Sprintf(": sigma would be %s", format.Digits(f.steeper, 3))
		}
	case lacks:
		why = fmt.Sprintf("visits at one concurrency differ by less than that (lack of fit, p = %s)",
			format.P(*f.LackOfFit))
	case worst > worstMisfit:
		why = "the measurements are too noisy, or what bounds them is not contention"
	default:
		return nil
	}
	said := fmt.Sprintf("the farthest point is %s off; %s", format.Change(f.Worst), why)
	if worst > slightMisfit {
		return errors.New("the law does not fit: " + said)
	}
	f.doubts = append(f.doubts, "the law fits only roughly: "+said)
	return nil
}

// steeper returns the sigma below 0 that fits significantly better than best, the nearest law with sigma of at least
// 0. It returns 0 if there is none. It uses the F test for one more unknown, against the residuals with it.
func (p *problem) steeper(best solution) float64 {
	free := p.minimize(best.u, best.v, true, true)
	freedom := float64(len(p.y) - 3)
	if !(free.u < 0 && free.cost < best.cost) {
		return 0
	}
	limit := (distuv.F{D1: 1, D2: freedom}).Quantile(1 - surely)
	if (best.cost-free.cost)*freedom > limit*free.cost {
		return free.u / p.sa
	}
	return 0
}
