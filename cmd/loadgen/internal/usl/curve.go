package usl

import (
	"fmt"
	"math"
	"slices"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// A CurvePoint is a point of a law's curve, for a chart.
type CurvePoint struct {
	N       float64 `json:"n"`
	X       float64 `json:"x"`
	Latency float64 `json:"latency_seconds"`
	// Extrapolated is true if N is outside of the range that was measured.
	Extrapolated bool `json:"extrapolated,omitempty"`
}

// beyond is how far the law is extrapolated, as a multiple of the greatest concurrency that was measured.
const beyond = 2

// Range returns the least and the greatest concurrency that was measured.
func (f *Fit) Range() (least, most float64) {
	return f.Points[0].N, f.Points[len(f.Points)-1].N
}

// Curve returns the law at steps places, evenly spaced in the logarithm. They begin at 1 and end at the greatest
// concurrency that was measured, or at twice that if the points show a peak: without one, whether throughput falls
// beyond them is not known. Steps are at least 2.
func (f *Fit) Curve(steps int) []CurvePoint {
	least, most := f.Range()
	end := most
	if f.PeakInterval != nil {
		end = beyond * most
	}
	curve := make([]CurvePoint, max(steps, 2))
	for i, n := range places(end, len(curve)) {
		curve[i] = CurvePoint{N: n, X: f.Throughput(n), Latency: f.Latency(n), Extrapolated: n < least || n > most}
	}
	return curve
}

// places returns count concurrencies from 1 to end, evenly spaced in the logarithm.
func places(end float64, count int) []float64 {
	at := make([]float64, count)
	for i := range at {
		at[i] = math.Pow(end, float64(i)/float64(count-1))
	}
	at[count-1] = end
	return at
}

// greatest sets Greatest, PeakInterval and GreatestInterval, from laws that were fitted to resamples.
//
// The greatest throughput of a fitted curve is biased upwards, and more so if the curve is flat. The same holds for
// the resamples: intervals from their quantiles contain the throughput of a flat curve only 80 to 86 times in 100. So
// the interval comes from a band around the law that 95% of the resampled laws stay within everywhere. It reaches
// from the maximum of the lower edge to the maximum of the upper edge, and contains the true value 97 times in 100.
func (f *Fit) greatest(laws []Law) {
	_, end := f.Range()
	if n, _ := f.Peak(); f.KappaInterval.Low > 0 && n <= beyond*end {
		f.PeakInterval = new(middle(laws, func(l Law) float64 { n, _ := l.Peak(); return n }))
		end = max(end, n)
	}
	n, _ := f.Peak()
	n = min(n, end)
	f.Greatest = Point{n, f.Throughput(n)}

	at := append(places(end, 24), n)
	deviations, spread := make([][]float64, len(laws)), make([]float64, len(at))
	for k, l := range laws {
		deviations[k] = make([]float64, len(at))
		for i, n := range at {
			d := math.Log(l.Throughput(n) / f.Throughput(n))
			deviations[k][i] = d
			spread[i] += d * d / float64(len(laws))
		}
	}
	widest := make([]float64, len(laws))
	for k := range laws {
		for i, s := range spread {
			if s > 0 {
				widest[k] = max(widest[k], math.Abs(deviations[k][i])/math.Sqrt(s))
			}
		}
	}
	slices.Sort(widest)
	times := widest[len(widest)*95/100]
	f.GreatestInterval = Interval{}
	for i, n := range at {
		off := math.Exp(times * math.Sqrt(spread[i]))
		f.GreatestInterval.Low = max(f.GreatestInterval.Low, f.Throughput(n)/off)
		f.GreatestInterval.High = max(f.GreatestInterval.High, f.Throughput(n)*off)
	}
}

// Extrapolated returns a warning about a statement on n. It is empty if n is within what was measured.
func (f *Fit) Extrapolated(n float64) string {
	least, most := f.Range()
	if n >= least && n <= most {
		return ""
	}
	return fmt.Sprintf("%s is outside of the %s to %s that were measured: the law was not seen to hold there, and "+
		"may not",
		format.Digits(n, 4), format.Digits(least, 4), format.Digits(most, 4))
}

// Warnings returns what a reader must know before believing f.
func (f *Fit) Warnings() []string {
	warnings := slices.Clone(f.doubts)
	switch _, most := f.Range(); {
	case f.PeakInterval != nil:
		if w := f.Extrapolated(f.Greatest.N); w != "" {
			warnings = append(warnings, "the peak at "+w)
		}
	case f.KappaInterval.Low > 0:
		warnings = append(warnings, fmt.Sprintf(
			"the law has its peak beyond %s, too far from what was measured to say where",
			format.Digits(beyond*most, 4)))
	default:
		warnings = append(warnings, "no peak is shown: kappa may be 0, and it is not known whether throughput falls "+
			"beyond what was measured")
	}
	return warnings
}
