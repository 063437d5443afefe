package capacity

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// A probe is an Evidence in short. Rates are natural logarithms beside Start.
type probe struct {
	x       float64 // the rate
	margin  float64 // of the mean value of its batches
	spread  float64 // of the batches, as a standard deviation
	n       float64 // how many batches
	confirm bool
}

func newProbe(e *Evidence, start float64) probe {
	p := probe{x: math.Log(e.Rate / start), n: float64(len(e.Margins)), confirm: e.Confirm}
	p.margin, p.spread = robust(e.Margins)
	return p
}

// err is the standard error of the margin; of a lone batch, half of it.
func (p *probe) err() float64 {
	if p.n < 2 || p.spread == 0 {
		return math.Abs(p.margin) / 2
	}
	return p.spread / math.Sqrt(p.n)
}

// vote is what the probe says of its rate: 1 if it surely holds, -1 if it surely fails.
func (p *probe) vote() float64 {
	if p.margin == 0 {
		return 0
	}
	return min(max(p.margin/(2*p.err()), -1), 1)
}

// robust is the margin of the mean value of the batches, and their spread as a standard
// deviation, from the median distance from the median. Batches beyond four times that were
// disturbed and are left out. The mean is of values, not of margins: a percentile of
// a short batch is too low more often than too high, and the mean of many comes nearest to that of them all.
func robust(margins []float64) (center, spread float64) {
	middle := median(slices.Clone(margins))
	away := make([]float64, len(margins))
	for i, m := range margins {
		away[i] = math.Abs(m - middle)
	}
	spread = 1.4826 * median(slices.Clone(away))
	var sum, n float64
	for i, m := range margins {
		if away[i] <= 4*spread {
			sum, n = sum+math.Exp(middle-m), n+1
		}
	}
	return middle - math.Log(sum/n), spread
}

// median sorts the values; 0 if there are none.
func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	if n == 0 {
		return 0
	}
	return (values[(n-1)/2] + values[n/2]) / 2
}

// A fit is the crossing of the margin with 0, over the logarithm of the rate beside Start.
type fit struct {
	at, half     float64 // with half of its 95% interval
	probes       int     // that were relied on
	held, failed bool    // some of these held, some failed: the crossing is among them
	below, above float64 // batches on each side
}

// fewest is how many probes an interval takes.
const fewest = 10

func (f *fit) precise(precision float64) bool {
	return f.probes >= fewest && f.held && f.failed && f.half <= precision
}

// finest is how many times narrower than the precision asked for an interval is at most: the
// margin is not quite straight, and percentiles of short batches are biased, which no
// number of probes takes away.
const finest = 2.5

func (f *fit) low() float64  { return f.at - f.half }
func (f *fit) high() float64 { return f.at + f.half }

// fit estimates the crossing from the probes near the bracket. It is false, and the
// crossing is the middle of the bracket, where there are not probes enough.
func (v *view) fit() (fit, bool) {
	middle := v.width() * float64(v.levels[v.cut-1].at+v.levels[v.cut].at) / 2
	f := fit{at: middle}
	ok := false
	for range 3 { // each time from the probes near where it is thought to be
		near := v.near(f.at)
		var next fit
		if next, ok = cross(near, f.at); !ok {
			break
		}
		reach := v.width() * float64(v.coarse())
		next.half = max(next.half, v.Precision/finest)
		next.at = min(max(next.at, middle-reach), middle+reach)
		f = next
	}
	if !ok {
		f = fit{at: middle, half: math.Inf(1)}
	}
	for _, p := range v.near(f.at) {
		if p.x > f.at {
			f.above += p.n
		} else {
			f.below += p.n
		}
	}
	return f, ok
}

// near are the probes near a logarithm of a rate, where the margin is about straight.
func (v *view) near(x float64) []probe {
	var near []probe
	for _, l := range v.levels {
		for _, p := range l.probes {
			if math.Abs(p.x-x) <= 2*v.Precision {
				near = append(near, p)
			}
		}
	}
	return near
}

// cross estimates where the margin is 0.
func cross(probes []probe, from float64) (fit, bool) {
	steep, ok := steepness(probes)
	if !ok {
		return fit{}, false
	}
	says := make([]float64, len(probes)) // where each probe says the crossing is
	spreads := make([]float64, len(probes))
	for i, p := range probes {
		says[i] = p.x + p.margin/steep
		spreads[i] = p.spread / steep
	}
	at := median(slices.Clone(says))
	away := make([]float64, len(probes))
	for i, p := range probes {
		away[i] = math.Abs(says[i]-at) * math.Sqrt(p.n)
	}
	// Few probes may agree by chance: their batches say how well they could.
	sigma := max(1.4826*median(away), median(spreads), 1e-6)

	const tuning = 4.685 // Tukey's biweight, 95% as good as the mean of normal samples
	var f fit
	for range 20 {
		var sum, weights, x float64
		f = fit{}
		for i, p := range probes {
			u := (says[i] - at) * math.Sqrt(p.n) / (tuning * sigma)
			if math.Abs(u) >= 1 {
				continue
			}
			w := p.n * (1 - u*u) * (1 - u*u)
			sum, weights, x = sum+w*says[i], weights+w, x+w*p.x
			f.probes++
			f.held, f.failed = f.held || p.margin > 0, f.failed || p.margin < 0
		}
		if weights == 0 {
			return fit{}, false
		}
		at = sum / weights
		f.half = sigma/math.Sqrt(weights)*student(f.probes-1) + math.Abs(x/weights-at)/4
	}
	f.at = at
	return f, true
}

// steepness is by how much the margin falls over the logarithm of the rate: the median over
// pairs of probes, weighted by how far they are apart. A queue's is at least 1/2 where its
// load matters; less is noise.
func steepness(probes []probe) (float64, bool) {
	type slope struct{ of, weight float64 }
	var slopes []slope
	var total float64
	for i, p := range probes {
		for _, q := range probes[:i] {
			if d := p.x - q.x; math.Abs(d) > 1e-9 {
				w := math.Abs(d) * math.Sqrt(min(p.n, q.n))
				slopes = append(slopes, slope{(q.margin - p.margin) / d, w})
				total += w
			}
		}
	}
	slices.SortFunc(slopes, func(a, b slope) int {
		if a.of < b.of {
			return -1
		}
		return 1
	})
	var sum float64
	for _, s := range slopes {
		if sum += s.weight; sum >= total/2 {
			return max(s.of, 0.5), true
		}
	}
	return 0, false
}

// student is the 97.5% quantile of Student's t.
func student(df int) float64 {
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(max(df, 1))}.Quantile(0.975)
}
