package quantile

import (
	"math/bits"
	"slices"
	"time"
)

const (
	// fewToSort are sorted by comparing them: counting bytes is not worth it.
	fewToSort = 512
	// manyToSort are not copied to be sorted, but dealt out first, until parts that
	// are not larger than partToSort fit the nearer caches.
	manyToSort = 1 << 20
	partToSort = 1 << 16
)

// sortDurations sorts v, none of which is negative. It takes as much memory again, and
// no more than 512 KB if v is longer than manyToSort.
//
// It is a radix sort: many values are dealt out by the highest bits that differ, over
// and over (MSD), until a part fits the cache, which is sorted from its lowest byte to
// its highest (LSD). Bytes that are the same in all are skipped: those of latencies
// differ in three or four. Sources: McIlroy, Bostic and McIlroy, Engineering Radix Sort,
// Computing Systems 6(1), 1993, section 4 (American flag sort), and Knuth, The Art of
// Computer Programming, vol. 3, section 5.2.5, algorithm R, with counts (algorithm
// 5.2 D) instead of lists.
func sortDurations(v []time.Duration) {
	part := len(v)
	if part > manyToSort {
		part = partToSort
	}
	(&radix{part: part}).sort(v)
}

// A radix is a sort that is under way.
type radix struct {
	part  int             // so many values are not dealt out
	spare []time.Duration // room for a copy of them, once it is needed
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

// deal permutes v so that it is in the order of the eight bits at shift, and returns
// where the values of each of their patterns end.
func deal(v []time.Duration, shift int) (ends [256]int) {
	byteOf := func(d time.Duration) uint8 { return uint8(d >> (shift & 63)) }
	var next [256]int // where the next with that byte goes
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
			// Follow the cycle of those that are in each other's places.
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

// sortBytes sorts v by the bytes in which its values differ. Spare is of its length.
func sortBytes(v, spare []time.Duration, differ time.Duration) {
	from, to := v, spare
	for shift := 0; shift < 64; shift += 8 {
		if uint8(differ>>shift) != 0 {
			scatter(to, from, shift)
			from, to = to, from
		}
	}
	if &from[0] != &v[0] {
		copy(v, from)
	}
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
