package quantile

import (
	"slices"
	"time"
)

// fewToSort are sorted by comparing them: counting bytes is not worth it.
const fewToSort = 512

// sortDurations sorts v, none of which is negative. What it returns is v or a slice of
// its length that takes its place.
//
// It is a radix sort from the lowest byte to the highest (LSD), which skips bytes that
// are the same in all: those of latencies differ in three or four. Source: Knuth, The
// Art of Computer Programming, vol. 3, section 5.2.5, algorithm R, with counts
// (algorithm 5.2 D) instead of lists.
func sortDurations(v []time.Duration) []time.Duration {
	if len(v) < fewToSort {
		slices.Sort(v)
		return v
	}
	var differ time.Duration
	ascending := true
	for i, d := range v[1:] {
		differ |= d ^ v[i]
		ascending = ascending && v[i] <= d
	}
	if ascending {
		return v
	}
	from, to := v, make([]time.Duration, len(v))
	for shift := 0; shift < 64; shift += 8 {
		if uint8(differ>>shift) != 0 {
			scatter(to, from, shift)
			from, to = to, from
		}
	}
	return from
}

// scatter puts what is in from into to, in the order of one byte, and where that is the
// same in the order of from.
func scatter(to, from []time.Duration, shift int) {
	var next [256]int // where the next with that byte goes
	for _, d := range from {
		next[uint8(d>>(shift&63))]++
	}
	sum := 0
	for i, n := range next {
		next[i] = sum
		sum += n
	}
	for _, d := range from {
		place := &next[uint8(d>>(shift&63))]
		to[*place] = d
		*place++
	}
}

// mergeSorted merges b into a, both smallest first. It goes backwards, so that a few
// large values cost little.
func mergeSorted(a, b []time.Duration) []time.Duration {
	i, j := len(a), len(b)
	a = append(a, b...)
	for k := len(a); j > 0 && i > 0; {
		k--
		if a[i-1] > b[j-1] {
			i--
			a[k] = a[i]
		} else {
			j--
			a[k] = b[j]
		}
	}
	copy(a, b[:j])
	return a
}
