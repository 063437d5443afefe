package capacity

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/quantile"
)

// An objective is a bench.SLO, and its bound as a value that margins compare.
type objective struct {
	text   string
	metric string
	q      float64 // of a percentile; 0 if it is none
	limit  float64 // ns, or a share of calls that may go wrong
	every  bool    // in windows
}

// read takes an objective apart.
func read(s bench.SLO) objective {
	o := objective{text: s.String(), metric: s.Metric(), q: s.Quantile(), limit: s.Limit(), every: s.Every() > 0}
	if o.metric == "achieved" {
		o.limit = 1 - o.limit
	}
	return o
}

// batched tells whether a part of a run can be judged by the objective: its percentile
// and its mean are about the same in all parts. The largest value is not, failures are
// too rare, and windows are parts by themselves.
func (o objective) batched() bool { return !o.every && (o.q > 0 || o.metric == "mean") }

// value reads a value of the metric as bench writes it. A share is that of calls that
// went wrong.
func (o objective) value(text string) (float64, error) {
	if text == "infinite" {
		return math.Inf(1), nil
	}
	per := 0.0
	for suffix, times := range map[string]float64{"%": 100, "ppm": 1e6} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			text, per = number, times
		}
	}
	if per == 0 {
		d, err := time.ParseDuration(text)
		return float64(d), err
	}
	x, err := strconv.ParseFloat(text, 64)
	x /= per
	if o.metric == "achieved" {
		x = 1 - x
	}
	return x, err
}

// margin is by how much a value keeps the bound: above 0 if it does.
func (o objective) margin(value float64) float64 {
	switch {
	case value <= 0:
		return MaxMargin
	case o.limit <= 0:
		return -MaxMargin
	}
	return min(max(math.Log(o.limit/value), -MaxMargin), MaxMargin)
}

// ofRun is the margin of a run that bench judged. Of windows it is that of the worst.
func (o objective) ofRun(judged bench.SLOResult) (float64, error) {
	if !judged.Judged {
		return 0, fmt.Errorf("%s %s: want a longer --probe", o.text, judged.Detail)
	}
	words := strings.Fields(judged.Detail) // p99 is 4ms in the 1s from 3s on
	if len(words) < 3 {
		return 0, fmt.Errorf("what became of %s is not understood: %q", o.text, judged.Detail)
	}
	value, err := o.value(words[2])
	if err != nil {
		return 0, fmt.Errorf("what became of %s is not understood: %w", o.text, err)
	}
	return o.margin(value), nil
}

// ofBatch is the margin of calls that were done. For each of them so many never
// began, and count as infinitely long.
func (o objective) ofBatch(latencies []time.Duration, never float64) float64 {
	if o.metric == "mean" {
		if never > 0 {
			return -MaxMargin
		}
		sum := 0.0
		for _, d := range latencies {
			sum += float64(d)
		}
		return o.margin(sum / float64(len(latencies)))
	}
	sorted := slices.Clone(latencies)
	slices.Sort(sorted)
	all := uint64(len(sorted)) + uint64(math.Round(never*float64(len(sorted))))
	rank := quantile.Rank(o.q, all)
	if rank > uint64(len(sorted)) {
		return -MaxMargin
	}
	return o.margin(float64(sorted[rank-1]))
}
