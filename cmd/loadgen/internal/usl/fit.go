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
)

// What a fit needs, and what it is refused for.
const (
	LeastDistinct = 6    // concurrencies: three unknowns, and as many again to judge by
	worstResidual = 0.20 // of a point, relative
	leastR2       = 0.90
	flatResidual  = 0.05 // below it for all points, a low R2 only says that the curve is flat
)

// resamples are drawn for the intervals: 12 of them lie beyond each end.
const resamples = 500

// A Point is what was measured: at N workers, X calls a second. Several may have one N.
type Point struct {
	N float64 `json:"n"`
	X float64 `json:"x"`
}

// An Interval is one of 95%. In JSON an end that is infinite is null.
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

// A Fit is the law that is nearest to points, and how sure it is.
type Fit struct {
	Law
	Points []Point `json:"points"` // by N

	LambdaInterval Interval `json:"lambda_interval"`
	SigmaInterval  Interval `json:"sigma_interval"`
	KappaInterval  Interval `json:"kappa_interval"`
	// Where Peak is, with an infinite end if resamples had none.
	PeakInterval           Interval `json:"peak_interval"`
	PeakThroughputInterval Interval `json:"peak_throughput_interval"`

	// R2 is the share of the variance of throughputs that the law explains; Worst is the
	// residual of the point that is farthest off, measured/law - 1.
	R2    float64 `json:"r2"`
	Worst float64 `json:"worst_residual"`
	Seed  uint64  `json:"seed"`
}

// New fits points, and finds intervals. Its error says why they cannot be fitted: points that are no
// measurements, fewer than LeastDistinct concurrencies, or a curve that is not of this
// law. It takes about 40 ms, for the intervals; they are the same for the same seed.
//
// Those are of a bootstrap of residuals: throughputs are made up from the law and from
// relative residuals drawn from its own, and fitted. Residuals of a fit are smaller than
// errors, by the root of (n-3)/n; how much smaller in this sample is itself uncertain, and
// so each resample is scaled by a draw of the root of (n-3)/chi^2 of n-3 degrees, as in
// Student's t. With it 92 to 97 of 100 intervals of 95% held the truth, of 7 points as of 10
// that are 3% off; without it 72 to 88. Where kappa is truly 0 the throughput at the peak
// is that of infinitely many workers, and its interval is too narrow: 85 of 100 held it.
func New(points []Point, seed uint64) (*Fit, error) {
	f, err := Nearest(points)
	if err != nil {
		return nil, err
	}
	f.resample(rand.New(rand.NewPCG(seed, 0)))
	f.Seed = seed
	return f, nil
}

// Nearest is New without the intervals: it takes less than a millisecond.
func Nearest(points []Point) (*Fit, error) {
	if err := check(points); err != nil {
		return nil, err
	}
	points = slices.SortedFunc(slices.Values(points), func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.N, b.N), cmp.Compare(a.X, b.X))
	})
	p := newProblem(points)
	best := solution{cost: math.Inf(1)}
	// A curve that hardly bends, one that is flat, and one that falls.
	for _, start := range [][2]float64{{0.1, 0.1}, {5, 0.1}, {1, 5}} {
		if s := p.solve(start[0], start[1]); s.cost < best.cost {
			best = s
		}
	}
	f := &Fit{Law: p.law(best), Points: points}
	f.judge()
	if err := f.poor(); err != nil {
		return nil, err
	}
	return f, nil
}

// check reports everything that is wrong with points.
func check(points []Point) error {
	var errs []error
	distinct := map[float64]bool{}
	for i, p := range points {
		if !(p.N >= 1 && p.N <= 1e9) {
			errs = append(errs, fmt.Errorf("point %d: its concurrency is %v: want one of 1 to 1e9", i+1, p.N))
		}
		if !(p.X > 0 && p.X <= 1e15) {
			errs = append(errs, fmt.Errorf("point %d: its throughput is %v: want one above 0, in calls a second", i+1, p.X))
		}
		distinct[p.N] = true
	}
	if len(distinct) < LeastDistinct {
		errs = append(errs, fmt.Errorf("%d different concurrencies: the law has three unknowns, and is fitted to %d or more", len(distinct), LeastDistinct))
	}
	return errors.Join(errs...)
}

// judge sets how well the law fits.
func (f *Fit) judge() {
	var mean, explained, all float64
	for _, p := range f.Points {
		mean += p.X / float64(len(f.Points))
	}
	for _, p := range f.Points {
		x := f.Throughput(p.N)
		explained += (p.X - x) * (p.X - x)
		all += (p.X - mean) * (p.X - mean)
		if r := p.X/x - 1; math.Abs(r) > math.Abs(f.Worst) {
			f.Worst = r
		}
	}
	f.R2 = 1
	if all > 0 {
		f.R2 = 1 - explained/all
	}
}

// poor says why f is not to be trusted.
func (f *Fit) poor() error {
	worst := math.Abs(f.Worst)
	if worst <= flatResidual || worst <= worstResidual && f.R2 >= leastR2 {
		return nil
	}
	why := "the measurements are too noisy, or what bounds them is not contention"
	if f.Sigma == 0 && f.Kappa == 0 {
		why = "throughput grows faster than concurrency, which this law does not know"
	}
	return fmt.Errorf("poor fit: R2 %.2f, and a point is %+.0f%% off: want R2 of at least %.2f and %.0f%%, or %.0f%% alone; %s",
		f.R2, 100*f.Worst, leastR2, 100*worstResidual, 100*flatResidual, why)
}

// resample sets the intervals.
func (f *Fit) resample(random *rand.Rand) {
	n := len(f.Points)
	p := newProblem(f.Points)
	u, v := f.Sigma*p.sa, f.Kappa*p.sb
	r := make([]float64, n)
	p.residuals(r, u, v)
	freedom := float64(n - 3)
	spread := distuv.ChiSquared{K: freedom, Src: random}
	law := make([]float64, n) // ln(X/N)
	for i := range law {
		law[i] = p.y[i] - r[i]
	}
	var lambda, sigma, kappa, peak, top []float64
	made := *p
	made.y = make([]float64, n)
	for range resamples {
		// The root of n/(n-3), times that of (n-3)/chi^2.
		scale := math.Sqrt(float64(n) / spread.Rand())
		for i := range made.y {
			made.y[i] = law[i] + scale*r[random.IntN(n)]
		}
		l := made.law(made.solve(max(u, 0.01), max(v, 0.01)))
		lambda, sigma, kappa = append(lambda, l.Lambda), append(sigma, l.Sigma), append(kappa, l.Kappa)
		at, x := l.Peak()
		peak, top = append(peak, at), append(top, x)
	}
	f.LambdaInterval, f.SigmaInterval, f.KappaInterval = middle(lambda), middle(sigma), middle(kappa)
	f.PeakInterval, f.PeakThroughputInterval = middle(peak), middle(top)
}

// middle is what 95% of values lie in. It sorts them.
func middle(values []float64) Interval {
	slices.Sort(values)
	beyond := len(values) * 25 / 1000
	return Interval{values[beyond], values[len(values)-1-beyond]}
}
