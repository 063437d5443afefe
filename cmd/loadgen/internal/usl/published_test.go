package usl_test

import (
	"math"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
)

// These are published measurements, with the coefficients that were published for them. The published coefficients
// are the least squares of throughputs, which depend mostly on the points of great throughput. Ours are the least
// squares of logarithms, in which all points have the same weight. So ours differ, and our lambda is nearer to the
// measured X(1).
//
//	raytracer, specsdm91: N. Gunther, Guerrilla Capacity Planning, Springer 2007; S. Möding, R package usl 3.0,
//	  its data, tests and vignette
//	schwartz: B. Schwartz, Practical Scalability Analysis with the Universal Scalability Law, 2015; the coefficients
//	  are of the tests of github.com/codahale/usl
var published = []struct {
	name string
	n, x []float64
	them usl.Law // by least squares
	us   usl.Law // by least squares of logarithms
	// The greatest throughput of our law, and where.
	peak, most float64
}{
	{
		name: "raytracer",
		n:    []float64{1, 4, 8, 12, 16, 20, 24, 28, 32, 48, 64},
		x:    []float64{20, 78, 130, 170, 190, 200, 210, 230, 260, 280, 310},
		them: usl.Law{Lambda: 21.848843, Sigma: 0.057771, Kappa: 0},
		us:   usl.Law{Lambda: 21.592, Sigma: 0.056405, Kappa: 3.358e-6},
		peak: 64, most: 302.6, // within what was measured: neither fit shows a peak
	},
	{
		name: "specsdm91",
		n:    []float64{1, 18, 36, 72, 108, 144, 216},
		x:    []float64{64.9, 995.9, 1652.4, 1853.2, 1828.9, 1775.0, 1702.2},
		them: usl.Law{Lambda: 89.9952382, Sigma: 0.0277285, Kappa: 0.0001044}, // 1884 at 96.5
		us:   usl.Law{Lambda: 67.942, Sigma: 0.013452, Kappa: 0.00011511},
		peak: 92.58, most: 1960.8,
	},
	{
		name: "schwartz",
		n: []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
			17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32},
		x: []float64{955.16, 1878.91, 2688.01, 3548.68, 4315.54, 5130.43, 5931.37, 6531.08,
			7219.8, 7867.61, 8278.71, 8646.7, 9047.84, 9426.55, 9645.37, 9897.24,
			10097.6, 10240.5, 10532.39, 10798.52, 11151.43, 11518.63, 11806, 12089.37,
			12075.41, 12177.29, 12211.41, 12158.93, 12155.27, 12118.04, 12140.4, 12074.39},
		them: usl.Law{Lambda: 995.6486, Sigma: 0.02671591, Kappa: 7.690945e-4}, // 12,342 at 35
		us:   usl.Law{Lambda: 960.15, Sigma: 0.020454, Kappa: 0.00089096},
		peak: 33.16, most: 12208,
	},
}

func TestPublishedMeasurementsAreFitted(t *testing.T) {
	for _, c := range published {
		t.Run(c.name, func(t *testing.T) {
			var points []usl.Point
			for i, n := range c.n {
				points = append(points, usl.Point{N: n, X: c.x[i]})
			}
			f, err := usl.New(points, 1)
			if err != nil {
				t.Fatal(err)
			}
			if !near(f.Lambda, c.us.Lambda, 1e-3) || !near(f.Sigma, c.us.Sigma, 1e-3) ||
				!near(f.Kappa, c.us.Kappa, 1e-2) {
				t.Errorf("%+v: want %+v", f.Law, c.us)
			}
			if !near(f.Greatest.N, c.peak, 1e-3) || !near(f.Greatest.X, c.most, 1e-3) {
				t.Errorf("the greatest is %+v: want %v at %v", f.Greatest, c.most, c.peak)
			}
			// The throughput of one worker was measured: our lambda is within 10% of it, and at least as near as
			// theirs.
			us, them := math.Abs(f.Lambda/c.x[0]-1), math.Abs(c.them.Lambda/c.x[0]-1)
			if us > 0.1 || us > them {
				t.Errorf("lambda is %v, theirs %v, and X(1) %v", f.Lambda, c.them.Lambda, c.x[0])
			}
			if i := f.LambdaInterval; !(i.Low <= c.x[0] && c.x[0] <= i.High) {
				t.Errorf("X(1) is %v, and lambda within %+v", c.x[0], i)
			}
		})
	}
}

// The points above are the published ones: no coefficients near the published ones fit them better by the least
// squares of throughputs.
func TestPublishedCoefficientsAreOfThesePoints(t *testing.T) {
	for _, c := range published {
		t.Run(c.name, func(t *testing.T) {
			squares := func(l usl.Law) (sum float64) {
				x := lawful(l.Lambda, l.Sigma, l.Kappa)
				for i, n := range c.n {
					sum += (c.x[i] - x(n)) * (c.x[i] - x(n))
				}
				return sum
			}
			least := squares(c.them)
			for _, by := range []float64{-0.01, 0.01} {
				for _, other := range []usl.Law{
					{Lambda: c.them.Lambda * (1 + by), Sigma: c.them.Sigma, Kappa: c.them.Kappa},
					{Lambda: c.them.Lambda, Sigma: c.them.Sigma * (1 + by), Kappa: c.them.Kappa},
					{Lambda: c.them.Lambda, Sigma: c.them.Sigma, Kappa: max(0, c.them.Kappa*(1+by))},
				} {
					if got := squares(other); got < least {
						t.Errorf("%+v has %v squares, and the published %+v %v", other, got, c.them, least)
					}
				}
			}
		})
	}
}
