package usl

import (
	"fmt"
	"math"
)

// A CurvePoint is one of a law's curve, to be drawn.
type CurvePoint struct {
	N       float64 `json:"n"`
	X       float64 `json:"x"`
	Latency float64 `json:"latency_seconds"`
	// Extrapolated says that nothing was measured so far out.
	Extrapolated bool `json:"extrapolated,omitempty"`
}

// Range is between which concurrencies was measured.
func (f *Fit) Range() (least, most float64) {
	return f.Points[0].N, f.Points[len(f.Points)-1].N
}

// Curve is the law at steps places, evenly spaced in the logarithm, from 1 to twice the
// greatest concurrency that was measured. Steps are at least 2.
func (f *Fit) Curve(steps int) []CurvePoint {
	least, most := f.Range()
	curve := make([]CurvePoint, max(steps, 2))
	for i := range curve {
		n := math.Pow(2*most, float64(i)/float64(len(curve)-1))
		curve[i] = CurvePoint{N: n, X: f.Throughput(n), Latency: f.Latency(n), Extrapolated: n < least || n > most}
	}
	return curve
}

// Extrapolated warns of a statement about n: it is empty if n is within what was measured.
func (f *Fit) Extrapolated(n float64) string {
	least, most := f.Range()
	if n >= least && n <= most {
		return ""
	}
	return fmt.Sprintf("%s is outside of the %s to %s that were measured: the law was not seen to hold there, and may not",
		short(n), short(least), short(most))
}

// Warnings are what to know before f is believed.
func (f *Fit) Warnings() (all []string) {
	n, _ := f.Peak()
	switch {
	case math.IsInf(n, 1):
		all = append(all, "no peak was seen: kappa is 0 in what was measured, which does not show that there is none further out")
	default:
		if w := f.Extrapolated(n); w != "" {
			all = append(all, "the peak at "+w)
		}
	}
	return all
}

func short(n float64) string { return fmt.Sprintf("%.4g", n) }
