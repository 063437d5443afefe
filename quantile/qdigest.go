package quantile

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// QDigest is the eager q-digest with a relative error: counts on a forest of
// binary trees over log-linear leaves. A value goes into the highest node that
// still has room, and a node has the less room the further out in the tail it
// lies. For every q the estimate's leaf holds a rank within Epsilon*(1-q)*n of
// q*n, whatever the data, their order, and the tree of merges: p99.9 is ten times
// as sharp as p99. With Uniform it is Epsilon*n everywhere, in a third of the
// room. A leaf is at most 0.8 % of the value wide (0.1 % with 10 MantissaBits);
// between the ends of a node the quantile is interpolated, linearly.
//
// The first 4,096 values are kept as they are, and the answers exact. Later an Add
// costs about as much as counting into a histogram, 3 ns, and allocates nothing but
// for the storage, which grows with the logarithm of the count: about 50 KB at a
// million values, and 2 KB encoded. Count, minimum and maximum are exact always.
//
// Durations from 0 to 73 minutes have leaves. Those outside are counted as the
// ends of that range, and by [QDigest.Clamped]. More than 2^62 values are not
// counted: see [QDigest.AddN] and [QDigest.Merge].
//
// Make one with [NewQDigest]. A zero one is empty and has the default options. It is not
// safe for concurrent use, reading included.
//
// Source: Gupta, Singhal and Wu, Optimal quantile estimation: beyond the
// comparison model, 2024, arXiv 2404.03847, for the eager form, and Cormode, Korn,
// Muthukrishnan and Srivastava, Space- and time-efficient deterministic algorithms
// for biased quantiles over data streams, PODS 2006, for the relative error; the
// leaves are those of HdrHistogram. [TextbookQDigest] is the form the paper of
// 2004 has.
type QDigest struct {
	extremes
	options QDigestOptions
	clamped uint64
	// raw holds all there is as long as that is at most rawMost values; then the
	// forest does.
	raw    []time.Duration
	sorted bool // raw is
	forest forest
	stale  bool   // the forest's totals are from before the last change
	end    uint64 // Add takes shorter durations by the short way: see shorten
}

// QDigestOptions say how a [QDigest] spends its room. The zero value is the
// default: 0.1 of the ranks above, leaves of 0.8 %.
type QDigestOptions struct {
	// Epsilon is the bound on the rank error, as a share of the values above the
	// quantile, or of all if Uniform: a number between 0 and 1. 0 means 0.1. The
	// room it takes is in proportion to 1/Epsilon; the error is typically a tenth
	// of the bound.
	Epsilon float64
	// Uniform bounds the error by the same number of ranks at every quantile.
	Uniform bool
	// MantissaBits sets the leaves: 2^MantissaBits to each doubling of the value,
	// 7 (at most 0.8 % wide) or 10 (0.1 %). 0 means 7. With 10 there are twice the
	// nodes, and 132 KB of a table of the leaves instead of 18.
	MantissaBits int
}

const (
	// rawMost is how many values are kept as they are.
	rawMost = 4096
	// shortEnd is where the durations end that have leaves.
	shortEnd = uint64(maxLeaf) + 1
)

var (
	_ Estimator = (*QDigest)(nil)
	_ Sizer     = (*QDigest)(nil)
)

// NewQDigest returns an empty QDigest. The error names every option that is out
// of its range.
func NewQDigest(o QDigestOptions) (*QDigest, error) {
	o = o.filled()
	if err := o.check(); err != nil {
		return nil, err
	}
	return &QDigest{options: o}, nil
}

// filled is o with its defaults filled in.
func (o QDigestOptions) filled() QDigestOptions {
	if o.Epsilon == 0 {
		o.Epsilon = 0.1
	}
	if o.MantissaBits == 0 {
		o.MantissaBits = int(coarse)
	}
	return o
}

// check judges options whose defaults are filled in.
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

// Options are what d was made with, defaults filled in.
func (d *QDigest) Options() QDigestOptions { return d.options.filled() }

// Clamped is how many of the durations were negative, or longer than 73 minutes.
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

// add is Add while there is no forest, or of durations that have no leaves.
func (d *QDigest) add(v time.Duration) {
	if len(d.raw) == cap(d.raw) || d.n >= rawMost || uint64(v) >= shortEnd {
		d.AddN(v, 1)
		return
	}
	d.extremes.merge(&extremes{1, v, v})
	d.raw = append(d.raw, v)
	d.sorted = false
}

// AddN takes the duration v n times, within the same bound, in about the time of
// a few Adds. What would make more than 2^62 values in all is left out, since
// counters must not wrap.
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

// keep stores v, n times; it is accounted for.
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

// shorten opens the short way of Add, which does not count how many values there are, while
// it would take some 70 years to add too many by it; and closes it after that.
func (d *QDigest) shorten() {
	d.end = 0
	if !d.forest.empty() && d.n <= mostMerged/2 {
		d.end = shortEnd
	}
}

// keepRaw appends v, in storage that grows up to what is needed and no further.
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

// Merge implements [Estimator]. Digests of the same options merge, and the bound
// holds for the sum, in whichever order and tree. More than 2^62 values together
// are an error, too.
func (d *QDigest) Merge(other Estimator) error {
	o, err := sameKind(d, other)
	if err != nil {
		return err
	}
	if o.Options() != d.Options() {
		return mergeError(d, o, fmt.Sprintf("the options are %+v and %+v", o.Options(), d.Options()))
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

// Quantile implements [Estimator]. The first one after a change sums up the
// nodes, some ten microseconds; the next ones take a fraction of one each. The
// first 4,096 values are sorted instead.
func (d *QDigest) Quantile(q float64) time.Duration {
	rank := Rank(q, d.n)
	switch {
	case rank == d.n: // of none, too
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

// Bounds are durations that the exact quantile lies between, ends included: what
// the counts leave open, and no statement on chance. They are equal if the answer
// is exact, and 0 if d is empty. It costs what [QDigest.Quantile] does.
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
		hi = d.max // the last leaf holds whatever is longer
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
func (d *QDigest) StateBytes() int { return 8*cap(d.raw) + d.forest.bytes() + 200 } // and the fields
