package main

import (
	"math"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// missing is the figure of what cannot be told. It is printed as "-".
var missing = math.NaN()

// A spread is the median of what the rounds measured, and its extremes.
type spread struct{ median, min, max float64 }

// spreadOf leaves out what is missing; ok is false if everything is.
func spreadOf(values []float64) (s spread, ok bool) {
	known := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(known) == 0 {
		return spread{}, false
	}
	slices.Sort(known)
	n := len(known)
	return spread{(known[(n-1)/2] + known[n/2]) / 2, known[0], known[n-1]}, true
}

// percentile is the q-quantile of sorted by the nearest rank, in us; missing if
// there are none.
func percentile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return missing
	}
	return micros(sorted[quantile.Rank(q, uint64(len(sorted)))-1])
}

func micros(d time.Duration) float64 { return float64(d) / 1e3 }

// A timeline is when things happened to the calls of a load, by their numbers, on
// the clock of now: when they began, or when they ended. 0 is never.
type timeline []time.Duration

// newTimeline touches the pages now rather than during a call.
func newTimeline(calls int) timeline {
	t := make(timeline, calls)
	for i := range t {
		t[i] = 1
	}
	clear(t)
	return t
}

// first is when the earliest of them was; end if there were none.
func (t timeline) first(end time.Duration) time.Duration {
	first := end
	for _, at := range t {
		if at > 0 {
			first = min(first, at)
		}
	}
	return first
}

// A timetable is when calls are due: call n, from 0, is due n gaps after the origin.
// Where so many are made at once, they are due when the first of them is.
type timetable struct {
	origin, gap time.Duration
	atOnce      int
}

func (s timetable) due(n int) time.Duration {
	return s.origin + time.Duration(n-n%s.atOnce)*s.gap
}

// late is how much later than due everything was, sorted, and how much was before
// it was due: that counts as 0 late. What never happened is as late as it was at
// the end: it may have been any later.
func (s timetable) late(t timeline, end time.Duration) (sorted []time.Duration, early int) {
	sorted = make([]time.Duration, len(t))
	for n, at := range t {
		if at == 0 {
			at = end
		} else if at < s.due(n) {
			early++
		}
		sorted[n] = max(at-s.due(n), 0)
	}
	slices.Sort(sorted)
	return sorted, early
}

// inTime is the share of the calls that began before the schedule was over.
func (s timetable) inTime(t timeline) float64 {
	over, n := s.origin+time.Duration(len(t))*s.gap, 0
	for _, at := range t {
		if at > 0 && at < over {
			n++
		}
	}
	return float64(n) / float64(len(t))
}
