package quantile

import (
	"math/bits"
	"slices"
	"time"
)

const (
	// fewToSort is the length below which comparing is faster than counting bytes.
	fewToSort = 512
	// Slices longer than manyToSort are not sorted in a copy. They are first divided into parts of
	// at most partToSort values, which fit into the faster caches.
	manyToSort = 1 << 20
	partToSort = 1 << 16
)

// sortDurations sorts v, whose values must not be negative. It needs a buffer of the size of v, but at most
// 512 KB if v is longer than manyToSort.
//
// It is a radix sort. Many values are divided by the highest bits in which they differ, again and again
// (MSD), until a part fits into the cache. That part is sorted from its lowest byte to its highest (LSD).
// Bytes that are equal in all values are skipped: latencies differ in three or four bytes. Sources:
// McIlroy, Bostic and McIlroy, Engineering Radix Sort, Computing Systems 6(1), 1993, section 4 (American
// flag sort), and Knuth, The Art of Computer Programming, vol. 3, section 5.2.5, algorithm R, with counts
// (algorithm 5.2 D) instead of lists.
func sortDurations(v []time.Duration) {
	part := len(v)
	if part > manyToSort {
		part = partToSort
	}
	(&radix{part: part}).sort(v)
}

// A radix is the state of a sort.
type radix struct {
	part  int             // length up to which values are not divided
	spare []time.Duration // buffer for a copy of a part, allocated when it is needed
}

func (s *radix) sort(v []time.Duration) {
	if len(v) < fewToSort {
		slices.Sort(v)
		return
	}
	var differ time.Duration
	ascending := true
	for i, d := range v[1:] {
		differ |= d ^ v[i]
		ascending = ascending && v[i] <= d
	}
	switch {
	case ascending:
	case len(v) > s.part:
		start := 0
		for _, end := range deal(v, max(bits.Len64(uint64(differ))-8, 0)) {
			s.sort(v[start:end])
			start = end
		}
	default:
		if s.spare == nil {
			s.spare = make([]time.Duration, s.part)
		}
		sortBytes(v, s.spare[:len(v)], differ)
	}
}

// deal permutes v into the order of the eight bits at shift, and returns the end of each of the 256 parts.
func deal(v []time.Duration, shift int) (ends [256]int) {
	byteOf := func(d time.Duration) uint8 { return uint8(d >> (shift & 63)) }
	var next [256]int // for each byte, the index of its next value
	for _, d := range v {
		ends[byteOf(d)]++
	}
	sum := 0
	for b, n := range ends {
		next[b] = sum
		sum += n
		ends[b] = sum
	}
	for b, end := range ends {
		for next[b] < end {
			// Follow the cycle of values that are in each other's places.
			d := v[next[b]]
			for to := byteOf(d); int(to) != b; to = byteOf(d) {
				place := &v[next[to]]
				next[to]++
				d, *place = *place, d
			}
			v[next[b]] = d
			next[b]++
		}
	}
	return ends
}

// sortBytes sorts v by the bytes in which its values differ. spare must have the length of v.
func sortBytes(v, spare []time.Duration, differ time.Duration) {
	from, into := v, spare
	for shift := 0; shift < 64; shift += 8 {
		if uint8(differ>>shift) != 0 {
			scatter(into, from, shift)
			from, into = into, from
		}
	}
	if &from[0] != &v[0] {
		copy(v, from)
	}
}

// scatter is a stable sort of from by one byte. It puts the result into out.
func scatter(out, from []time.Duration, shift int) {
	var next [256]int // for each byte, the index of its next value
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
		out[*place] = d
		*place++
	}
}

// mergeSorted merges b into a, both in ascending order. It merges from the end, so that a few large values
// cost little.
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
