package record

import (
	"math"
	"slices"
	"time"
)

// A Trend says how latency changed in the course of a run. It compares the windows in the first
// third of the run with the windows in the last third, by the medians of their medians. The windows
// in between are in neither.
type Trend struct {
	Windows int `json:"windows"` // the number of windows with enough calls for a median
	// P is the probability that a trend as clear as that of the medians arises by chance, by the
	// Mann-Kendall test. Load is the same for the numbers of calls offered: if the load has a
	// trend, the latency may have one too.
	P    float64 `json:"p"`
	Load float64 `json:"load_p"`
	// First and Last are the medians of the first and the last third; Change is Last/First - 1.
	First  time.Duration `json:"first_ns"`
	Last   time.Duration `json:"last_ns"`
	Change float64       `json:"change"`
	// Interval is the 95% interval of Change; nil if there are fewer than 12 windows, or if
	// neighbouring windows are too strongly correlated.
	Interval *ChangeInterval `json:"interval,omitempty"`
}

// A ChangeInterval is an interval of a relative change. A change of -0.5 halves the value.
type ChangeInterval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

const (
	trendWindows    = 8  // the fewest windows with a trend
	trendCalls      = 20 // the fewest calls of a window with a median
	intervalWindows = 12 // the fewest windows with an interval
	// maxCorrelation is the highest correlation of neighbouring parts of a run at which they are
	// treated as independent.
	maxCorrelation = 0.3
)

// trend returns the trend of the windows, or nil if too few of them have enough calls.
func trend(windows []Window) *Trend {
	var medians, offered []float64
	for i, w := range windows {
		if i == len(windows)-1 && i > 0 && w.Length < windows[0].Length {
			break // the last window, cut short
		}
		offered = append(offered, float64(w.Offered))
		if w.Done >= trendCalls && w.P50 > 0 {
			medians = append(medians, float64(w.P50))
		}
	}
	if len(medians) < trendWindows {
		return nil
	}
	t := &Trend{Windows: len(medians)}
	_, t.P = mannKendall(medians)
	_, t.Load = mannKendall(offered)
	third := len(medians) / 3
	first, last := medians[:third], medians[len(medians)-third:]
	t.First, t.Last = time.Duration(middle(first)), time.Duration(middle(last))
	t.Change = middle(last)/middle(first) - 1
	if len(medians) >= intervalWindows && correlation(first, last) <= maxCorrelation {
		t.Interval = changeOf(first, last)
	}
	return t
}

// middle returns the median of x, which must not be empty.
func middle(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// correlation returns the correlation of neighbouring values within series, each around its own
// mean, or 0 if all values are equal.
func correlation(series ...[]float64) float64 {
	products, squares := 0.0, 0.0
	for _, x := range series {
		mean := 0.0
		for _, v := range x {
			mean += v / float64(len(x))
		}
		for i, v := range x {
			squares += (v - mean) * (v - mean)
			if i > 0 {
				products += (v - mean) * (x[i-1] - mean)
			}
		}
	}
	if squares == 0 {
		return 0
	}
	return products / squares
}

// changeOf returns the 95% interval of the relative change from first to last, which have the same
// length. It is the interval of the shift of their logarithms; its ends are ratios of two values.
//
// Source: Hodges and Lehmann, Annals of Mathematical Statistics 34(2), 1963.
func changeOf(first, last []float64) *ChangeInterval {
	var ratios []float64
	for _, y := range last {
		for _, x := range first {
			ratios = append(ratios, y/x)
		}
	}
	slices.Sort(ratios)
	k := shiftRank(len(first))
	return &ChangeInterval{ratios[k-1] - 1, ratios[len(ratios)-k] - 1}
}

// shiftRank returns the rank k for which the k-th smallest of the sorted differences between n
// values and n others is above their shift with a probability of at most 2.5%, and likewise the k-th
// largest below it. K is at least 1, which suffices for n of 4 and more.
func shiftRank(n int) int {
	const exact = 20
	differences := float64(n * n)
	if n > exact {
		sd := math.Sqrt(differences * float64(2*n+1) / 12)
		return max(int(differences/2-1.96*sd), 1)
	}
	// ways[k] is the number of orders of both samples in which k differences are negative.
	ways := make([]float64, n*n+1)
	ways[0] = 1
	total := 1.0
	for i := 1; i <= n; i++ {
		for k := len(ways) - 1; k >= n+i; k-- {
			ways[k] -= ways[k-n-i]
		}
		for k := i; k < len(ways); k++ {
			ways[k] += ways[k-i]
		}
		total *= float64(n+i) / float64(i)
	}
	rank, chance := 0, 0.0
	for chance+ways[rank]/total <= 0.025 {
		chance += ways[rank] / total
		rank++
	}
	return max(rank, 1)
}
