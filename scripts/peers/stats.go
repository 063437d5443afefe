package main

import (
	"math"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// missing is the value of a number that could not be measured. It is printed as "-".
var missing = math.NaN()

// A spread is the median of the values of the rounds, and their extremes.
type spread struct{ median, min, max float64 }

// spreadOf returns the spread of values, without the missing ones. ok is false if all are missing.
func spreadOf(values []float64) (s spread, ok bool) {
	known := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(known) == 0 {
		return spread{}, false
	}
	slices.Sort(known)
	n := len(known)
	return spread{(known[(n-1)/2] + known[n/2]) / 2, known[0], known[n-1]}, true
}

// percentile returns the q-quantile of sorted by the nearest rank, in us, or missing if sorted is empty.
func percentile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return missing
	}
	return micros(sorted[quantile.Rank(q, uint64(len(sorted)))-1])
}

func micros(d time.Duration) float64 { return float64(d) / 1e3 }

// A timeline holds when the calls of a load began, or ended, by the number of the call, as times of the function now.
// 0 is never.
type timeline []time.Duration

// newTimeline returns an empty timeline. It touches its memory, so that no page faults happen during calls.
func newTimeline(calls int) timeline {
	t := make(timeline, calls)
	for i := range t {
		t[i] = 1
	}
	clear(t)
	return t
}

// first returns the earliest time in t, or end if there is none.
func (t timeline) first(end time.Duration) time.Duration {
	first := end
	for _, moment := range t {
		if moment > 0 {
			first = min(first, moment)
		}
	}
	return first
}

// A timetable determines when calls are due: call n, from 0, is due n gaps after the origin. If atOnce calls are made
// together, they are due when the first of them is.
type timetable struct {
	origin, gap time.Duration
	atOnce      int
}

func (s timetable) due(n int) time.Duration {
	return s.origin + time.Duration(n-n%s.atOnce)*s.gap
}

// late returns how late every call was, sorted, and how many calls were early, which count as 0 late. A call that was
// never made counts as late as it was at the end, although it may have been later.
func (s timetable) late(t timeline, end time.Duration) (sorted []time.Duration, early int) {
	sorted = make([]time.Duration, len(t))
	for n, moment := range t {
		if moment == 0 {
			moment = end
		} else if moment < s.due(n) {
			early++
		}
		sorted[n] = max(moment-s.due(n), 0)
	}
	slices.Sort(sorted)
	return sorted, early
}

// inTime returns the share of the calls that began before the end of the schedule.
func (s timetable) inTime(t timeline) float64 {
	over, n := s.origin+time.Duration(len(t))*s.gap, 0
	for _, moment := range t {
		if moment > 0 && moment < over {
			n++
		}
	}
	return float64(n) / float64(len(t))
}
