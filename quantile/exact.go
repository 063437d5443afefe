package quantile

import (
	"slices"
	"sort"
	"time"
)

// Exact keeps every duration, 8 bytes each, and sorts them when asked: the
// truth that the other estimators are measured against.
//
// Add appends (amortised 42 B of allocation a value while the slice grows;
// [NewExact] with a capacity avoids it). The first Quantile after an Add sorts.
type Exact struct {
	values []time.Duration
	sorted bool
}

var (
	_ Estimator = (*Exact)(nil)
	_ Sizer     = (*Exact)(nil)
)

// NewExact returns an empty Exact with room for capacity durations.
func NewExact(capacity int) *Exact {
	return &Exact{values: make([]time.Duration, 0, capacity)}
}

// Add implements [Estimator].
func (e *Exact) Add(d time.Duration) {
	e.values = append(e.values, max(d, 0))
	e.sorted = false
}

// Quantile implements [Estimator], without error.
func (e *Exact) Quantile(q float64) time.Duration {
	if len(e.values) == 0 {
		return 0
	}
	return e.Sorted()[Rank(q, e.Count())-1]
}

// Merge implements [Estimator].
func (e *Exact) Merge(other Estimator) error {
	o, err := sameKind(e, other)
	if err != nil {
		return err
	}
	e.values = append(e.values, o.values...)
	e.sorted = false
	return nil
}

// Count is how many durations were added.
func (e *Exact) Count() uint64 { return uint64(len(e.values)) }

// Sorted returns everything added, smallest first. The slice belongs to e and
// is valid until the next Add or Merge.
func (e *Exact) Sorted() []time.Duration {
	if !e.sorted {
		slices.Sort(e.values)
		e.sorted = true
	}
	return e.values
}

// StateBytes implements [Sizer].
func (e *Exact) StateBytes() int { return 8 * cap(e.values) }

// Error is by how much an estimate of a quantile misses.
type Error struct {
	// Value is (estimate - exact) / exact. At a gap in the data it says nothing:
	// an estimate one rank off may lie anywhere in the gap. An exact value of 0
	// is taken as 1 ns.
	Value float64
	// Rank is the distance of q*n from the ranks that the estimate occupies
	// among the n values, over n.
	Rank float64
}

// Error judges estimate as an answer to Quantile(q). It is zero if e is empty.
func (e *Exact) Error(q float64, estimate time.Duration) Error {
	if len(e.values) == 0 {
		return Error{}
	}
	s, n, exact := e.Sorted(), float64(len(e.values)), float64(e.Quantile(q))
	below := float64(sort.Search(len(s), func(i int) bool { return s[i] >= estimate }))
	upto := float64(sort.Search(len(s), func(i int) bool { return s[i] > estimate }))
	target := clamp01(q) * n
	return Error{
		Value: (float64(estimate) - exact) / max(exact, 1),
		Rank:  max(below-target, target-upto, 0) / n,
	}
}
