package usl

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// Limits of the points that a law is fitted to.
const (
	// LeastDistinct is the least number of different concurrencies: one for each of three unknowns, and as many again
	// to judge the fit by.
	LeastDistinct = 6
	// NearOne is the largest allowed value of the least concurrency. Lambda is the throughput of one worker. Without
	// measurements near one, lambda and all that depends on it would be extrapolated.
	NearOne = 2
)

// resamples is how many resamples are drawn for the intervals. 12 of them are beyond each end of an interval.
const resamples = 500

// A Point is one measurement: X calls per second at concurrency N. Several points may have the same N.
type Point struct {
	N float64 `json:"n"`
	X float64 `json:"x"`
}

// An Interval is a 95% confidence interval. In JSON an infinite end is null.
type Interval struct {
	Low, High float64
}

// MarshalJSON writes {"low":1,"high":null}.
func (i Interval) MarshalJSON() ([]byte, error) {
	end := func(x float64) *float64 {
		if math.IsInf(x, 0) {
			return nil
		}
		return &x
	}
	return json.Marshal(struct {
		Low  *float64 `json:"low"`
		High *float64 `json:"high"`
	}{end(i.Low), end(i.High)})
}

// A Fit is the law that is nearest to points, with its uncertainty.
type Fit struct {
	Law
	Points []Point `json:"points"` // by N

	LambdaInterval Interval `json:"lambda_interval"`
	SigmaInterval  Interval `json:"sigma_interval"`
	KappaInterval  Interval `json:"kappa_interval"`

	// Greatest is where the law has its greatest throughput: at its peak if the points show one, else within the
	// concurrencies that were measured. GreatestInterval is of the throughput.
	Greatest         Point    `json:"greatest"`
	GreatestInterval Interval `json:"greatest_interval"`
	// PeakInterval is of the concurrency of the peak. It is nil if the points do not show a peak: if the interval of
	// kappa reaches to 0, or the peak is beyond twice the greatest concurrency that was measured.
	PeakInterval *Interval `json:"peak_interval,omitempty"`

	// Worst is the relative residual of the concurrency that is farthest off: median/law - 1.
	Worst float64 `json:"worst_residual"`
	// LackOfFit is the p-value of the hypothesis that the law holds and visits differ by chance alone. It is nil if
	// no concurrency was measured twice.
	LackOfFit *float64 `json:"lack_of_fit_p,omitempty"`
	Seed      uint64   `json:"seed"`

	sample  *sample
	cost    float64 // half the sum of squares of ln(median/law)
	steeper float64 // the sigma below 0 that fits significantly better, or 0 if there is none
	doubts  []string
}

// New returns the law that fits points, with its intervals. It returns an error if a point is invalid, if there are
// fewer than LeastDistinct concurrencies or none near one, or if the points do not follow the law. New takes about
// 60 ms, for the intervals. They are the same for the same seed.
//
// The law is fitted to the median throughput of each concurrency. Intervals come from a parametric bootstrap: visits
// are drawn from the law, as many at each concurrency as were made, and the law is fitted to their medians. The
// residuals of a fit are smaller than its errors by a factor that is itself uncertain, so each resample scales its
// errors by a draw of chi^2 with as many degrees of freedom as the residuals have, as in Student's t.
func New(points []Point, seed uint64) (*Fit, error) {
	f, err := nearest(points)
	if err != nil {
		return nil, err
	}
	if err := f.plateau(); err != nil {
		return nil, err
	}
	f.resample(rand.New(rand.NewPCG(seed, 0)))
	f.Seed = seed
	if err := f.judge(); err != nil {
		return nil, err
	}
	return f, nil
}

// nearest returns the law that is nearest to points, not yet judged.
func nearest(points []Point) (*Fit, error) {
	if err := check(points); err != nil {
		return nil, err
	}
	points = sorted(points)
	f := &Fit{Points: points, sample: newSample(points)}
	p := newProblem(f.sample.medians)
	best := solution{cost: math.Inf(1)}
	// The search starts from a curve that hardly bends, from one that is flat, and from one that falls.
	for _, start := range [][2]float64{{0.1, 0.1}, {5, 0.1}, {1, 5}} {
		if s := p.solve(start[0], start[1]); s.cost < best.cost {
			best = s
		}
	}
	f.Law, f.cost = p.law(best), best.cost
	for _, m := range f.sample.medians {
		if r := m.X/f.Throughput(m.N) - 1; math.Abs(r) > math.Abs(f.Worst) {
			f.Worst = r
		}
	}
	if best.u == 0 {
		f.steeper = p.steeper(best)
	}
	return f, nil
}

// check reports everything that is wrong with points.
func check(points []Point) error {
	var errs []error
	distinct, least := map[float64]bool{}, math.Inf(1)
	for i, p := range points {
		if !(p.N >= 1 && p.N <= 1e9) {
			errs = append(errs, fmt.Errorf("point %d: its concurrency is %v: want one of 1 to 1e9", i+1, p.N))
		}
		if !(p.X > 0 && p.X <= 1e15) {
			errs = append(errs, fmt.Errorf("point %d: its throughput is %v: want one above 0, in calls per second",
				i+1, p.X))
		}
		distinct[p.N], least = true, min(least, p.N)
	}
	if len(distinct) < LeastDistinct {
		errs = append(errs, fmt.Errorf("%d different concurrencies: the law has three unknowns, and is fitted to "+
			"%d or more", len(distinct), LeastDistinct))
	}
	if least > NearOne && !math.IsInf(least, 1) {
		errs = append(errs, fmt.Errorf("the least concurrency is %s: want 1 or %d among them, since the law starts "+
			"from the throughput of one", format.Digits(least, 4), NearOne))
	}
	return errors.Join(errs...)
}

// A sample is what was measured, by concurrency.
type sample struct {
	medians []Point
	visits  []int   // the number of visits that each is the median of
	within  float64 // the sum of squares of ln X around its mean at each concurrency
}

// Medians returns the median of each concurrency of points, by concurrency.
func Medians(points []Point) []Point { return newSample(sorted(points)).medians }

// sorted returns points by N, and by X where they have the same N.
func sorted(points []Point) []Point {
	return slices.SortedFunc(slices.Values(points), func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.N, b.N), cmp.Compare(a.X, b.X))
	})
}

// newSample returns the sample of sorted points.
func newSample(points []Point) *sample {
	s := &sample{}
	for len(points) > 0 {
		n := len(points)
		if i := slices.IndexFunc(points, func(p Point) bool { return p.N != points[0].N }); i > 0 {
			n = i
		}
		y := make([]float64, n)
		for i, p := range points[:n] {
			y[i] = math.Log(p.X)
		}
		_, within := summary(y)
		low, high := points[(n-1)/2].X, points[n/2].X
		s.medians = append(s.medians, Point{points[0].N, low * math.Sqrt(high/low)})
		s.visits, s.within = append(s.visits, n), s.within+within
		points = points[n:]
	}
	return s
}

// repeated reports whether any concurrency was measured twice.
func (s *sample) repeated() bool { return slices.Max(s.visits) > 1 }

// summary returns the median of values, and the sum of their squares around their mean. It sorts them.
func summary(values []float64) (median, squares float64) {
	slices.Sort(values)
	n, mean := len(values), 0.0
	for _, v := range values {
		mean += v / float64(n)
	}
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	return (values[(n-1)/2] + values[n/2]) / 2, squares
}

// variance returns the variance of the median of n draws of the standard normal distribution, to within 5%: pi/2n in
// the limit, and less for even n, where the median is a mean of two.
func variance(n int) float64 {
	if n%2 == 0 {
		return math.Pi / 2 / (float64(n) + 1.3)
	}
	return math.Pi / 2 / (float64(n) + 0.5)
}

// resample sets the intervals, and the p-value of the lack of fit.
func (f *Fit) resample(random *rand.Rand) {
	p := newProblem(f.sample.medians)
	law := make([]float64, len(p.y)) // ln(X/N)
	ratio := 0.0                     // of the variance of a median to that of a visit, in the mean
	for i, m := range f.sample.medians {
		law[i] = math.Log(f.Throughput(m.N) / m.N)
		ratio += variance(f.sample.visits[i]) / float64(len(law))
	}
	chi2 := distuv.ChiSquared{K: float64(len(law) - 3), Src: random}
	visits := make([]float64, slices.Max(f.sample.visits))
	laws, lacking := make([]Law, resamples), 0
	for k := range laws {
		sd, within := math.Sqrt(2*f.cost/ratio/chi2.Rand()), 0.0
		for i := range p.y {
			drawn := visits[:f.sample.visits[i]]
			for j := range drawn {
				drawn[j] = law[i] + sd*random.NormFloat64()
			}
			median, squares := summary(drawn)
			p.y[i], within = median, within+squares
		}
		s := p.solve(max(f.Sigma*p.sa, 0.01), max(f.Kappa*p.sb, 0.01))
		if s.cost*f.sample.within >= f.cost*within {
			lacking++
		}
		laws[k] = p.law(s)
	}
	if f.sample.repeated() {
		share := float64(1+lacking) / (1 + resamples)
		f.LackOfFit = &share
	}
	f.LambdaInterval = middle(laws, func(l Law) float64 { return l.Lambda })
	f.SigmaInterval = middle(laws, func(l Law) float64 { return l.Sigma })
	f.KappaInterval = middle(laws, func(l Law) float64 { return l.Kappa })
	f.greatest(laws)
}

// middle returns the interval that holds the value of 95% of laws.
func middle(laws []Law, value func(Law) float64) Interval {
	values := make([]float64, len(laws))
	for i, l := range laws {
		values[i] = value(l)
	}
	slices.Sort(values)
	beyond := len(values) * 25 / 1000
	return Interval{values[beyond], values[len(values)-1-beyond]}
}
