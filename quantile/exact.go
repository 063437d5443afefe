package quantile

import (
	"slices"
	"sort"
	"time"
)

// Exact keeps all durations and sorts them for Quantile. It is the truth that the other estimators are
// measured against.
//
// It is cheap in CPU time and expensive in memory. Add takes about 3 ns and copies nothing, since
// durations are kept in chunks. The first Quantile after an Add sorts the new durations by their bytes,
// which takes 10 to 20 ns each, and merges them with the rest. In sum that is less than a t-digest
// takes. A duration takes 8 B, and up to 16 B more while it is sorted.
type Exact struct {
	before uint64 // number of values that are not in chunk
	sorted []time.Duration
	full   [][]time.Duration // chunks that are not sorted yet
	chunk  []time.Duration
}

var (
	_ Estimator = (*Exact)(nil)
	_ Sizer     = (*Exact)(nil)
)

// The chunks of an Exact double in size from leastChunk to mostChunk. With larger chunks, copying would
// cost more; with smaller ones, their headers would.
const (
	leastChunk = 1 << 8
	mostChunk  = 1 << 17
)

// NewExact returns an empty Exact with room for capacity durations. That many durations are added and
// sorted without being copied.
func NewExact(capacity int) *Exact {
	return &Exact{chunk: make([]time.Duration, 0, capacity)}
}

// Add implements [Estimator].
func (e *Exact) Add(d time.Duration) {
	i := len(e.chunk)
	if i == cap(e.chunk) {
		i = e.grow()
	}
	e.chunk = e.chunk[:i+1]
	e.chunk[i] = max(d, 0)
}

// grow begins a new chunk and returns its length, 0.
func (e *Exact) grow() int {
	if len(e.chunk) > 0 {
		e.before += uint64(len(e.chunk))
		e.full = append(e.full, e.chunk)
	}
	e.chunk = make([]time.Duration, 0, min(max(2*cap(e.chunk), leastChunk), mostChunk))
	return 0
}

// Quantile implements [Estimator]. It is exact.
func (e *Exact) Quantile(q float64) time.Duration {
	n := e.Count()
	if n == 0 {
		return 0
	}
	return e.Sorted()[Rank(q, n)-1]
}

// Merge implements [Estimator].
func (e *Exact) Merge(other Estimator) error {
	o, err := sameKind(e, other)
	if err != nil {
		return err
	}
	for _, values := range append([][]time.Duration{o.sorted, o.chunk}, o.full...) {
		if len(values) > 0 {
			e.full = append(e.full, slices.Clone(values))
		}
	}
	e.before += o.Count()
	return nil
}

// Count returns how many durations were added.
func (e *Exact) Count() uint64 { return e.before + uint64(len(e.chunk)) }

// Sorted returns all durations in ascending order. The slice belongs to e and is valid until the next Add
// or Merge.
func (e *Exact) Sorted() []time.Duration {
	added := e.take()
	sortDurations(added)
	if len(e.sorted) == 0 {
		e.sorted = added
	} else {
		e.sorted = mergeSorted(e.sorted, added)
	}
	return e.sorted
}

// take removes the unsorted values and returns them as one slice.
func (e *Exact) take() (added []time.Duration) {
	added = e.chunk
	e.before = e.Count()
	switch {
	case len(e.full) > 0:
		added = slices.Concat(append(e.full, e.chunk)...)
		e.chunk = e.chunk[:0]
	case len(e.sorted) > 0:
		e.chunk = e.chunk[:0] // its values are about to be copied
	default:
		e.chunk = nil
	}
	e.full = nil
	return added
}

// StateBytes implements [Sizer].
func (e *Exact) StateBytes() int {
	room := cap(e.sorted) + cap(e.chunk)
	for _, values := range e.full {
		room += cap(values)
	}
	return 8 * room
}

// Error is the error of an estimate of a quantile.
type Error struct {
	// Value is (estimate - exact) / exact. It means nothing at a gap in the data, since an
	// estimate that is one rank off may lie anywhere in the gap. An exact value of 0 is taken
	// as 1 ns.
	Value float64
	// Rank is the distance between the nearest rank of q and the ranks of the estimate among the
	// n values, divided by n. An estimate that is not among the values has a rank half way
	// between its neighbours.
	Rank float64
}

// Error returns the error of estimate for Quantile(q). It is zero if e is empty.
func (e *Exact) Error(q float64, estimate time.Duration) Error {
	if e.Count() == 0 {
		return Error{}
	}
	s, n, exact := e.Sorted(), float64(e.Count()), float64(e.Quantile(q))
	below := float64(sort.Search(len(s), func(i int) bool { return s[i] >= estimate }))
	upto := float64(sort.Search(len(s), func(i int) bool { return s[i] > estimate }))
	first, last := below+1, upto // ranks of estimate
	if below == upto {
		first, last = below+0.5, below+0.5
	}
	rank := float64(Rank(q, e.Count()))
	return Error{
		Value: (float64(estimate) - exact) / max(exact, 1),
		Rank:  max(first-rank, rank-last, 0) / n,
	}
}
