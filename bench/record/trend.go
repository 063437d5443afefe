package record

import (
	"math"
	"slices"
	"time"
)

// A Trend is how the latency of calls changed in the course of a run: from the first third of
// its windows to the last, by the medians of their medians. What lies between is in neither.
type Trend struct {
	Windows int `json:"windows"` // with calls enough for a median
	// P is how probable a trend as clear as that of the medians is by chance, by the test of
	// Mann and Kendall, and Load the same for the number of calls offered: if the load has a
	// trend, so may the latency.
	P    float64 `json:"p"`
	Load float64 `json:"load_p"`
	// First and Last are the medians of the thirds, and Change is Last/First - 1.
	First  time.Duration `json:"first_ns"`
	Last   time.Duration `json:"last_ns"`
	Change float64       `json:"change"`
	// Interval is the 95% interval of Change; nil if there are fewer than 12 windows, or
	// windows follow each other too closely to be judged as if they did not.
	Interval *ChangeInterval `json:"interval,omitempty"`
}

// A ChangeInterval is an interval of a relative change: -0.5 is half of what there was.
type ChangeInterval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

const (
	trendWindows    = 8  // the fewest that are judged
	trendCalls      = 20 // of a window
	intervalWindows = 12 // the fewest that have an interval
	// maxCorrelation is up to where parts of a run that follow each other count as
	// independent.
	maxCorrelation = 0.3
)

func trend(windows []Window) *Trend {
	var medians, offered []float64
	for i, w := range windows {
		if i == len(windows)-1 && i > 0 && w.Length < windows[0].Length {
			break // shorter than the others
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

// middle returns the median of x, which is not empty.
func middle(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// correlation returns that of neighbours within series, as they differ from the mean of
// their own; 0 if they do not differ.
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

// changeOf returns the 95% interval of the change from values to as many others, as a ratio:
// that of the shift of their logarithms, whose ends are ratios of two of the values.
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

// shiftRank returns which of the sorted differences between n values and n others, from
// either end, bounds their shift with a chance of at most 2.5% to be wrong: 1 at the least,
// which is enough from 4 on.
func shiftRank(n int) int {
	const exact = 20
	all := float64(n * n)
	if n > exact {
		sd := math.Sqrt(all * float64(2*n+1) / 12)
		return max(int(all/2-1.96*sd), 1)
	}
	// In how many ways so many of the differences are below 0: by how many of the one kind
	// each of the other kind is preceded.
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
