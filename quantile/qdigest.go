package quantile

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// QDigest is the eager q-digest with a relative error. It counts values in a forest of binary trees over
// log-linear leaves. A value is counted in the highest node that still has room; the further a node
// lies in the tail, the less room it has. For every q, the leaf of the estimate contains a rank that is
// within Epsilon*(1-q)*n of q*n, for any data, in any order, and for any tree of merges. So p99.9 is
// ten times as precise as p99. With Uniform the bound is Epsilon*n for every q, and the digest takes a
// third of the memory. A leaf is at most 0.8 % of the value wide (0.1 % with 10 MantissaBits). Quantiles
// are interpolated linearly between the ends of a node.
//
// The first 4,096 values are kept, and quantiles are exact. After that, Add costs about as much as
// counting in a histogram, 3 ns. It allocates nothing except for the storage, which grows with the
// logarithm of the count: about 50 KB for a million values, and 2 KB encoded. Count, minimum and
// maximum are always exact.
//
// There are leaves for durations from 0 to 73 minutes. Other durations are counted as the ends of that
// range, and by [QDigest.Clamped]. A QDigest holds at most 2^62 values: see [QDigest.AddN] and
// [QDigest.Merge].
//
// Make a QDigest with [NewQDigest]. A zero QDigest is empty and has the default options. It is not safe
// for concurrent use, not even for reading.
//
// Source: for the eager form, Gupta, Singhal and Wu, Optimal quantile estimation: beyond the comparison
// model, 2024, arXiv 2404.03847; for the relative error, Cormode, Korn, Muthukrishnan and Srivastava,
// Space- and time-efficient deterministic algorithms for biased quantiles over data streams, PODS 2006.
// The leaves are those of HdrHistogram. [TextbookQDigest] is the form in the paper of 2004.
type QDigest struct {
	extremes
	options QDigestOptions
	clamped uint64
	// raw holds all values while there are at most rawMost. After that, forest holds them.
	raw    []time.Duration
	sorted bool // whether raw is sorted
	forest forest
	stale  bool   // whether forest.totals is out of date
	end    uint64 // Add counts durations below end in its fast path: see shorten
}

// QDigestOptions are the settings of a [QDigest]. The zero value is the default: Epsilon is 0.1, and
// leaves are at most 0.8 % wide.
type QDigestOptions struct {
	// Epsilon bounds the rank error, as a share of the values above the quantile, or of all
	// values if Uniform is set. It is a number between 0 and 1; 0 means 0.1. The memory is
	// proportional to 1/Epsilon. A typical error is a tenth of the bound.
	Epsilon float64
	// Uniform bounds the error by the same number of ranks for every quantile.
	Uniform bool
	// MantissaBits sets the leaves: each doubling of the value has 2^MantissaBits leaves. It is 7
	// (leaves are at most 0.8 % wide) or 10 (0.1 %); 0 means 7. With 10 there are twice as many
	// nodes, and the table of the leaves takes 132 KB instead of 18.
	MantissaBits int
}

const (
	// rawMost is the largest number of values that are kept as they are.
	rawMost = 4096
	// shortEnd is the end of the durations that have leaves.
	shortEnd = uint64(maxLeaf) + 1
)

var (
	_ Estimator = (*QDigest)(nil)
	_ Sizer     = (*QDigest)(nil)
)

// NewQDigest returns an empty QDigest. The error lists every option that is out of range.
func NewQDigest(o QDigestOptions) (*QDigest, error) {
	o = o.filled()
	if err := o.check(); err != nil {
		return nil, err
	}
	return &QDigest{options: o}, nil
}

// filled returns o with its defaults filled in.
func (o QDigestOptions) filled() QDigestOptions {
	if o.Epsilon == 0 {
		o.Epsilon = 0.1
	}
	if o.MantissaBits == 0 {
		o.MantissaBits = int(coarse)
	}
	return o
}

// check returns an error if options, whose defaults are filled in, are out of range.
func (o QDigestOptions) check() error {
	var errs []error
	if !(o.Epsilon > 0 && o.Epsilon < 1) {
		errs = append(errs, fmt.Errorf("quantile: q-digest: Epsilon is %v: want a number between 0 and 1", o.Epsilon))
	}
	if o.MantissaBits != int(coarse) && o.MantissaBits != int(fine) {
		errs = append(errs, fmt.Errorf("quantile: q-digest: MantissaBits is %d: want 7 or 10", o.MantissaBits))
	}
	return errors.Join(errs...)
}

// Options returns the options of d, with the defaults filled in.
func (d *QDigest) Options() QDigestOptions { return d.options.filled() }

// Clamped returns how many durations were negative or longer than 73 minutes.
func (d *QDigest) Clamped() uint64 { return d.clamped }

// Add implements [Estimator].
func (d *QDigest) Add(v time.Duration) {
	if uint64(v) >= d.end {
		d.add(v)
		return
	}
	if v < d.min {
		d.min = v
	}
	if v > d.max {
		d.max = v
	}
	d.n++
	d.stale = true
	leaf := d.forest.grid.leaf(v)
	if n := &d.forest.nodes[d.forest.jump[leaf]]; n.count < uint64(n.cap) {
		n.count++
		return
	}
	d.forest.place(leaf, 1)
}

// add is Add while there is no forest, and for durations that have no leaves.
func (d *QDigest) add(v time.Duration) {
	if len(d.raw) == cap(d.raw) || d.n >= rawMost || uint64(v) >= shortEnd {
		d.AddN(v, 1)
		return
	}
	d.extremes.merge(&extremes{1, v, v})
	d.raw = append(d.raw, v)
	d.sorted = false
}

// AddN adds the duration v n times, within the same error bound, in about the time of a few Adds. Values
// that would make the count exceed 2^62 are not added, so that counters do not overflow.
func (d *QDigest) AddN(v time.Duration, n uint64) {
	n = min(n, mostMerged-min(d.n, mostMerged))
	if n == 0 {
		return
	}
	if uint64(v) > uint64(maxLeaf) {
		d.clamped += n
	}
	v = max(v, 0)
	d.extremes.merge(&extremes{n, v, v})
	d.keep(v, n)
}

// keep stores v n times. It does not update the count and the extremes.
func (d *QDigest) keep(v time.Duration, n uint64) {
	if d.forest.empty() && d.n <= rawMost {
		for range n {
			d.keepRaw(v)
		}
		return
	}
	d.grow()
	d.stale = true
	d.forest.place(d.forest.grid.leaf(min(v, maxLeaf)), n)
	d.shorten()
}

// shorten opens the fast path of Add, which does not check the count. At half of mostMerged it closes the
// path again; to overflow the count from there, Add would have to run for some 70 years.
func (d *QDigest) shorten() {
	d.end = 0
	if !d.forest.empty() && d.n <= mostMerged/2 {
		d.end = shortEnd
	}
}

// keepRaw appends v to raw, whose storage does not grow beyond rawMost.
func (d *QDigest) keepRaw(v time.Duration) {
	if len(d.raw) == cap(d.raw) {
		more := make([]time.Duration, len(d.raw), min(max(64, 4*len(d.raw)), rawMost))
		copy(more, d.raw)
		d.raw = more
	}
	d.raw = append(d.raw, v)
	d.sorted = false
}

// grow moves the raw values into the forest.
func (d *QDigest) grow() {
	if d.forest.empty() {
		d.forest = newForest(d.Options())
		d.forest.fill(d.raw)
		d.raw, d.stale = nil, true
		d.shorten()
	}
}

// Merge implements [Estimator]. Digests with the same options can be merged, and the error bound holds for
// the result, for any order and tree of merges. It also returns an error for more than 2^62 values
// together.
func (d *QDigest) Merge(other Estimator) error {
	o, err := sameKind(d, other)
	if err != nil {
		return err
	}
	if o.Options() != d.Options() {
		return mergeError(d, o, fmt.Sprintf("its options are %+v: want %+v", o.Options(), d.Options()))
	}
	if err := mergeable(d, o, d.n, o.n); err != nil {
		return err
	}
	d.extremes.merge(&o.extremes)
	d.clamped += o.clamped
	for _, v := range o.raw {
		d.keep(v, 1)
	}
	if !o.forest.empty() {
		d.grow()
		d.stale = true
		d.forest.merge(&o.forest)
		d.shorten()
	}
	return nil
}

// Quantile implements [Estimator]. The first call after a change sums up the nodes, which takes about ten
// microseconds. Later calls take a fraction of a microsecond. Up to 4,096 values are sorted instead.
func (d *QDigest) Quantile(q float64) time.Duration {
	rank := Rank(q, d.n)
	switch {
	case rank == d.n: // also if there are no values
		return d.max
	case !(q > 0):
		return d.min
	case d.forest.empty():
		return d.sort()[rank-1]
	}
	d.sum()
	x := d.forest.find(q*float64(d.n), d.leafOf(d.min), d.leafOf(d.max)+1)
	g, leaf := d.forest.grid, uint32(x)
	lo, hi := g.start(leaf), g.start(leaf+1)-1
	return d.within(lo + time.Duration((x-float64(leaf))*float64(hi-lo)))
}

// Bounds returns durations between which the exact quantile lies, ends included. They are certain, not
// statistical: they are what the counts leave open. They are equal if the quantile is exact, and 0 if d
// is empty. Bounds costs as much as [QDigest.Quantile].
func (d *QDigest) Bounds(q float64) (lo, hi time.Duration) {
	rank := Rank(q, d.n)
	switch {
	case rank == d.n:
		return d.max, d.max
	case rank == 1:
		return d.min, d.min
	case d.forest.empty():
		v := d.sort()[rank-1]
		return v, v
	}
	d.sum()
	g := d.forest.grid
	first, last := d.forest.between(rank)
	lo, hi = g.start(first), g.start(last+1)-1
	if last == d.leafOf(math.MaxInt64) {
		hi = d.max // the last leaf also counts all longer durations
	}
	return d.within(lo), d.within(hi)
}

func (d *QDigest) leafOf(v time.Duration) uint32 { return d.forest.grid.leaf(min(v, maxLeaf)) }

func (d *QDigest) sort() []time.Duration {
	if !d.sorted {
		slices.Sort(d.raw)
		d.sorted = true
	}
	return d.raw
}

func (d *QDigest) sum() {
	if d.stale {
		d.forest.sum()
		d.stale = false
	}
}

// StateBytes implements [Sizer].
func (d *QDigest) StateBytes() int { return 8*cap(d.raw) + d.forest.bytes() + 200 } // 200 for the fields
