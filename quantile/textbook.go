package quantile

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"
)

// TextbookQDigest is the q-digest as in its paper, stored in sorted arrays. It counts values in the nodes of
// a binary tree over the values, and folds sparse siblings into their parent. Its error is bounded for any
// data and any tree of merges: for every q, the rank of the estimate is within Epsilon*n of q*n, counted
// at the ends of its leaf. A leaf is at most 0.1 % of the value wide, except for the last: durations above
// 73 minutes share it, and the estimate of a quantile among them is no more precise than that. [QDigest]
// is faster, smaller and more precise in the tail; this is the form that is widely known.
//
// The bound is the same number of ranks for every quantile. At p99.9, an error of 1 % of the ranks can mean
// any value above p98.9. Quantiles are interpolated linearly between the ends of a node.
//
// Because the leaves are log-linear and not single nanoseconds, the tree has only 16 levels. Add takes
// about 60 ns and allocates nothing.
//
// Source: Shrivastava, Buragohain, Agrawal and Suri, Medians and Beyond: New
// Aggregation Techniques for Sensor Networks, SenSys 2004, sections 3 and 4.
type TextbookQDigest struct {
	extremes
	k       uint64
	nodes   []textbookNode // in order of id, which is breadth first
	pending []uint32       // ids of leaves not yet counted in nodes
	spare   []textbookNode
	level   []textbookNode // buffer of compress
	up      []textbookNode
	curve   []textbookPoint // the distribution function; nil if it is out of date
}

// A textbookNode counts values that are known to lie among the leaves below it, but not in which. Ids number
// the tree breadth first: the root is 1, the children of i are 2i and 2i+1.
type textbookNode struct {
	id    uint32
	count uint64
}

// A textbookPoint means that sum values lie to the left of leaf coordinate x.
type textbookPoint struct{ x, sum float64 }

// textbookBuffer is how many leaves wait before they are sorted and counted. Sorting a few thousand is cheap,
// and makes passes over the nodes rare.
const textbookBuffer = 4096

var (
	_ Estimator = (*TextbookQDigest)(nil)
	_ Sizer     = (*TextbookQDigest)(nil)
)

// NewTextbookQDigest returns an empty TextbookQDigest whose rank error is below epsilon times the number of
// values. It keeps at most 48/epsilon nodes of 16 B. It returns an error unless epsilon is between 0 and 1.
func NewTextbookQDigest(epsilon float64) (*TextbookQDigest, error) {
	if !(epsilon > 0 && epsilon < 1) {
		return nil, fmt.Errorf("quantile: textbook q-digest: epsilon is %v: want a number between 0 and 1", epsilon)
	}
	return &TextbookQDigest{
		k:       uint64(math.Ceil(treeBits / epsilon)),
		pending: make([]uint32, 0, textbookBuffer),
	}, nil
}

// Epsilon returns the bound on the rank error, as a share of the number of values.
func (d *TextbookQDigest) Epsilon() float64 { return treeBits / float64(d.k) }

// Add implements [Estimator].
func (d *TextbookQDigest) Add(v time.Duration) {
	v = max(v, 0)
	d.extremes.add(v)
	d.curve = nil
	if len(d.pending) == cap(d.pending) {
		d.flush()
	}
	d.pending = append(d.pending, 1<<treeBits|leafOf(v))
}

// flush counts the pending leaves and restores the digest property.
func (d *TextbookQDigest) flush() {
	if len(d.pending) == 0 {
		return
	}
	slices.Sort(d.pending)
	leaves := d.level[:0]
	for _, id := range d.pending {
		if last := len(leaves) - 1; last >= 0 && leaves[last].id == id {
			leaves[last].count++
		} else {
			leaves = append(leaves, textbookNode{id, 1})
		}
	}
	d.pending, d.level = d.pending[:0], leaves
	d.add(leaves)
	d.compress()
}

// add adds nodes, which are in order of id, to the nodes of the digest.
func (d *TextbookQDigest) add(nodes []textbookNode) {
	d.spare = union(d.spare[:0], d.nodes, nodes)
	d.nodes, d.spare = d.spare, d.nodes
}

// union appends the sum of a and b to out, all in order of id.
func union(out, a, b []textbookNode) []textbookNode {
	for len(a) > 0 && len(b) > 0 {
		switch c := cmp.Compare(a[0].id, b[0].id); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			out = append(out, textbookNode{a[0].id, a[0].count + b[0].count})
			a, b = a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// compress folds siblings into their parent, from the leaves up, wherever the three together do not exceed
// floor(n/k) (algorithm COMPRESS of the paper). After that, every node except the leaves counts at most
// floor(n/k), and no node except the root could be folded.
func (d *TextbookQDigest) compress() {
	limit := d.n / d.k
	if limit == 0 {
		return
	}
	// Nodes are kept in the order from the deepest level to the root, which is backwards.
	kept, rest := d.spare[:0], d.nodes
	d.up = d.up[:0]
	for depth := treeBits; depth > 0; depth-- {
		first := sort.Search(len(rest), func(i int) bool { return rest[i].id >= 1<<depth })
		d.level = union(d.level[:0], rest[first:], d.up)
		rest, d.up = rest[:first], d.up[:0]
		above := rest[sort.Search(len(rest), func(i int) bool { return rest[i].id >= 1<<(depth-1) }):]
		done := len(kept)
		kept = d.fold(kept, above, limit)
		slices.Reverse(kept[done:])
	}
	kept = append(kept, union(d.level[:0], rest, d.up)...) // the root, if its count is not 0
	slices.Reverse(kept)
	d.spare, d.nodes = d.nodes, kept
}

// fold divides d.level: pairs that fit into their parents are added to d.up, the other nodes to kept. above
// are the nodes one level up.
func (d *TextbookQDigest) fold(kept, above []textbookNode, limit uint64) []textbookNode {
	for i := 0; i < len(d.level); {
		parent, j := d.level[i].id/2, i
		var pair uint64
		for ; j < len(d.level) && d.level[j].id/2 == parent; j++ {
			pair += d.level[j].count
		}
		for len(above) > 0 && above[0].id < parent {
			above = above[1:]
		}
		total := pair
		if len(above) > 0 && above[0].id == parent {
			total += above[0].count
		}
		if total <= limit {
			d.up = append(d.up, textbookNode{parent, pair})
		} else {
			kept = append(kept, d.level[i:j]...)
		}
		i = j
	}
	return kept
}

// Quantile implements [Estimator].
func (d *TextbookQDigest) Quantile(q float64) time.Duration {
	if d.n == 0 {
		return 0
	}
	switch r := Rank(q, d.n); {
	case r == d.n:
		return d.max
	case !(q > 0):
		return d.min
	}
	d.flush()
	if d.curve == nil {
		d.curve = d.distribution()
	}
	target := q * float64(d.n)
	i := sort.Search(len(d.curve), func(i int) bool { return d.curve[i].sum >= target })
	i = min(max(i, 1), len(d.curve)-1) // rounding may make the sum of the slopes differ from n
	a, b := d.curve[i-1], d.curve[i]
	x := a.x + (b.x-a.x)*(target-a.sum)/(b.sum-a.sum)
	leaf := min(uint32(x), uint32(b.x)-1)
	lo, hi := leafStart(leaf), leafStart(leaf+1)-1
	return d.within(lo + time.Duration((x-float64(leaf))*float64(hi-lo)))
}

// distribution returns the distribution function. It spreads each count evenly over the leaves of its node.
// At most one node per level straddles any coordinate, and each of these except a leaf counts at most
// floor(n/k). Hence the rank error is at most height/k.
func (d *TextbookQDigest) distribution() []textbookPoint {
	type edge struct{ x, slope float64 }
	edges := make([]edge, 0, 2*len(d.nodes))
	first, end := float64(leafOf(d.min)), float64(leafOf(d.max)+1)
	for _, n := range d.nodes {
		lo, hi := leavesOf(n.id)
		// No value lies outside the extremes.
		from, upto := max(float64(lo), first), min(float64(hi), end)
		slope := float64(n.count) / (upto - from)
		edges = append(edges, edge{from, slope}, edge{upto, -slope})
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Compare(a.x, b.x) })
	curve := make([]textbookPoint, 0, len(edges))
	var slope, sum, prev float64
	for i := 0; i < len(edges); {
		x := edges[i].x
		sum += slope * (x - prev)
		for ; i < len(edges) && edges[i].x == x; i++ {
			slope += edges[i].slope
		}
		curve = append(curve, textbookPoint{x, sum})
		prev = x
	}
	return curve
}

// leavesOf returns the range [lo, hi) of the leaves below node id.
func leavesOf(id uint32) (lo, hi uint32) {
	lo, hi = id, id+1
	for lo < 1<<treeBits {
		lo, hi = 2*lo, 2*hi
	}
	return lo - 1<<treeBits, hi - 1<<treeBits
}

// Merge implements [Estimator]. Digests with the same epsilon can be merged, and the bound holds for the
// result. It also returns an error for more than 2^62 values together.
func (d *TextbookQDigest) Merge(other Estimator) error {
	o, err := sameKind(d, other)
	if err != nil {
		return err
	}
	if o.k != d.k {
		return mergeError(d, other, fmt.Sprintf("its epsilon is %v: want %v", o.Epsilon(), d.Epsilon()))
	}
	if err := mergeable(d, o, d.n, o.n); err != nil {
		return err
	}
	d.flush()
	o.flush()
	d.extremes.merge(&o.extremes)
	d.curve = nil
	d.add(o.nodes)
	d.compress()
	return nil
}

// StateBytes implements [Sizer].
func (d *TextbookQDigest) StateBytes() int {
	nodes := cap(d.nodes) + cap(d.spare) + cap(d.level) + cap(d.up)
	return 16*(nodes+cap(d.curve)) + 4*cap(d.pending)
}
