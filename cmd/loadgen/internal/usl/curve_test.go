package usl_test

import (
	"math"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
)

func fitted(t *testing.T, x truth, at ...float64) *usl.Fit {
	t.Helper()
	f, err := usl.New(x.visited(3, 0.001, seeded(1), at...), 1)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A peak is reported if the points show one that is near what was measured.
func TestPeakIsReportedWhereItIsShown(t *testing.T) {
	for _, c := range []struct {
		name string
		x    truth
		peak float64 // 0: none is reported
		want string
	}{
		{"within", lawful(20000, 0.19, 0.01), 9, ""},
		{"beyond", lawful(20000, 0.05, 0.0006), math.Sqrt(0.95 / 0.0006), "the peak at 39."},
		{"too far beyond", lawful(20000, 0.01, 0.0001), 0, "the law has its peak beyond 64, too far"},
		{"none", lawful(20000, 0.5, 0), 0, "no peak is shown: kappa may be 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := fitted(t, c.x, workers...)
			w := strings.Join(f.Warnings(), "\n")
			if !strings.HasPrefix(w, c.want) || c.want == "" && w != "" {
				t.Errorf("warnings %q: want %q", w, c.want)
			}
			curve := f.Curve(50)
			end := curve[len(curve)-1].N
			if c.peak == 0 {
				if f.PeakInterval != nil || end != 32 {
					t.Errorf("a peak within %v; drawn to %v: want none, and 32", f.PeakInterval, end)
				}
				return
			}
			if i := f.PeakInterval; i == nil || !(i.Low < c.peak && c.peak < i.High) ||
				!near(f.Greatest.N, c.peak, 0.02) || end != 64 {
				t.Errorf("a peak at %v, within %v; drawn to %v: want %v", f.Greatest.N, i, end, c.peak)
			}
		})
	}
}

func TestStatementBeyondWhatWasMeasuredIsWarnedOf(t *testing.T) {
	f := fitted(t, lawful(20000, 0.19, 0.01), workers...)
	for n, want := range map[float64]bool{0.5: true, 1: false, 32: false, 33: true, math.Inf(1): true} {
		if got := f.Extrapolated(n) != ""; got != want {
			t.Errorf("at %v a warning: %v", n, got)
		}
	}
	for _, p := range f.Curve(50) {
		if p.Extrapolated != (p.N > 32) || !near(p.X*p.Latency, p.N, 1e-9) {
			t.Errorf("a point of the curve: %+v", p)
		}
	}
	two := fitted(t, lawful(20000, 0.19, 0.01), workers[1:]...)
	if c := two.Curve(50); !c[0].Extrapolated || c[0].N != 1 {
		t.Errorf("the curve begins with %+v, where nothing was measured", c[0])
	}
}

// The greatest throughput is within what was measured, if no peak is shown.
func TestGreatestThroughputIsNotExtrapolated(t *testing.T) {
	f := fitted(t, lawful(1000, 0.1, 0), 1, 2, 3, 4, 6, 8)
	x := lawful(1000, 0.1, 0)(8)
	if f.Greatest.N != 8 || !near(f.Greatest.X, x, 0.01) ||
		!(f.GreatestInterval.Low <= x && x <= f.GreatestInterval.High) {
		t.Errorf("%+v in %+v: want %v at 8", f.Greatest, f.GreatestInterval, x)
	}
}
