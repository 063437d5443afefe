package quantile

import (
	"math"
	"time"
)

// A forest is a row of binary trees over the leaves, eight for each doubling of the value. A node counts
// values that are known to lie among its leaves, but not in which.
//
// Invariant: a node above the leaves counts at most W/k, where W is the weight of all nodes strictly to
// its right (of all nodes, if uniform). Only the nodes that straddle the boundary between two leaves are
// uncertain at that boundary, and there is at most one of them at each of the height levels. With
// k = height/epsilon they count at most epsilon times what lies above the boundary. If an estimate is
// too low by e, more values lie above it than above the quantile, namely e more. With
// k = height*(1+1/epsilon), e <= epsilon/(1+epsilon) * ((1-q)n + e), which is e <= epsilon*(1-q)n.
//
// W only grows, so an old cap is merely too small. That is why caps are set only in rebuild, when the
// storage is full.
type forest struct {
	grid    grid
	height  uint8 // levels above the leaves
	uniform bool
	k       uint64

	nodes []node   // the roots, then pairs of siblings
	jump  []uint32 // for each leaf, the index of the childless node above it
	// totals holds the weight to the left of each root, and of all roots; see sum.
	totals []uint64
}

// A node at level l covers 2^l leaves. A node that has children counts no more values.
type node struct {
	count uint64
	cap   uint32 // limit of count; leafCap for a leaf
	kids  uint32 // index of the left child, followed by the right child; 0: no children
}

const (
	nodeBytes = 16
	rootBits  = 3 // 2^rootBits trees for each doubling
	// leafCap is not a limit for leaves: above it, place counts the value.
	leafCap = math.MaxUint32
)

// newForest returns a forest without nodes. fill or decode makes them.
func newForest(o QDigestOptions) forest {
	f := forest{grid: grid(o.MantissaBits), height: uint8(o.MantissaBits - rootBits), uniform: o.Uniform}
	k := float64(f.height) / o.Epsilon
	if !o.Uniform {
		k += float64(f.height) // see the comment of forest
	}
	f.k = uint64(min(math.Ceil(k), mostMerged))
	f.jump = make([]uint32, f.grid.leaves(), f.grid.leaves()+1)
	return f
}

// empty reports whether f is the zero forest.
func (f *forest) empty() bool { return f.jump == nil }

func (f *forest) roots() uint32 { return f.grid.leaves() >> f.height }

func (f *forest) bytes() int { return nodeBytes*cap(f.nodes) + 4*cap(f.jump) + 8*cap(f.totals) }

// place counts weight values of leaf. It fills each childless node on the way down from the root, and
// splits the node if it is full.
func (f *forest) place(leaf uint32, weight uint64) {
	i, level := leaf>>f.height, f.height
	for level > 0 {
		n := &f.nodes[i]
		if n.kids == 0 {
			if n.count < uint64(n.cap) {
				part := min(weight, uint64(n.cap)-n.count)
				n.count += part
				weight -= part
			}
			if weight == 0 {
				return
			}
			if len(f.nodes)+2 > cap(f.nodes) {
				f.rebuild()
				i, level = leaf>>f.height, f.height
				continue
			}
			kids := f.pair(level-1, n.cap)
			f.nodes[i].kids = kids
			f.aim(i, leaf&^(1<<level-1), level)
		}
		level--
		i = f.nodes[i].kids + leaf>>level&1
	}
	f.nodes[i].count += weight
}

// pair appends two empty siblings and returns the index of the first.
func (f *forest) pair(level uint8, limit uint32) uint32 {
	if level == 0 {
		limit = leafCap
	}
	kids := uint32(len(f.nodes))
	f.nodes = append(f.nodes, node{cap: limit}, node{cap: limit})
	return kids
}

// aim points the jump table for the leaves of node i, which begin at leaf lo, to the childless nodes above
// them.
func (f *forest) aim(i, lo uint32, level uint8) {
	if kids := f.nodes[i].kids; kids != 0 {
		f.aim(kids, lo, level-1)
		f.aim(kids+1, lo+1<<(level-1), level-1)
		return
	}
	leaves := f.jump[lo : lo+1<<level]
	for l := range leaves {
		leaves[l] = i
	}
}

func (f *forest) aimAll() {
	for i := range f.roots() {
		f.aim(i, i<<f.height, f.height)
	}
}

// room returns how much a node may count if weight lies to its right. It rounds down, so rooms still add
// up: what two weights allow separately, their sum allows.
//
// A room below 4 is reduced to 0. Then the last 4k values stay in leaves, which takes few nodes and keeps
// p99.99 of a million values within 0.4 % instead of 0.8 %.
func (f *forest) room(weight uint64) uint64 {
	if room := weight / f.k; room >= 4 {
		return room
	}
	return 0
}

func limit(room uint64) uint32 { return uint32(min(room, leafCap)) }

// fill counts values in a new forest, from the top. A node that has room for all of its values is not
// split.
func (f *forest) fill(values []time.Duration) {
	// below[i] values lie to the left of leaf i. The memory of the jump table is used for it, since
	// that is not needed before the nodes exist.
	below := f.jump[:f.grid.leaves()+1]
	for _, v := range values {
		below[f.grid.leaf(min(v, maxLeaf))+1]++
	}
	for i := 1; i < len(below); i++ {
		below[i] += below[i-1]
	}
	live := f.roots()
	for i := range f.roots() {
		live += f.splits(i<<f.height, f.height, below)
	}
	f.nodes = make([]node, f.roots(), withSlack(live))
	for i := range f.roots() {
		f.fillNode(i, i<<f.height, f.height, below)
	}
	f.aimAll()
}

// share returns how many values lie among the leaves of a node, and the room of the node.
func (f *forest) share(lo uint32, level uint8, below []uint32) (count, room uint64) {
	end, n := lo+1<<level, uint32(len(below)-1)
	weight := uint64(below[n])
	if !f.uniform {
		weight -= uint64(below[end])
	}
	return uint64(below[end] - below[lo]), f.room(weight)
}

// splits returns how many nodes fillNode appends below a node.
func (f *forest) splits(lo uint32, level uint8, below []uint32) uint32 {
	count, room := f.share(lo, level, below)
	if level == 0 || count <= room {
		return 0
	}
	return 2 + f.splits(lo, level-1, below) + f.splits(lo+1<<(level-1), level-1, below)
}

func (f *forest) fillNode(i, lo uint32, level uint8, below []uint32) {
	count, room := f.share(lo, level, below)
	if level > 0 {
		f.nodes[i].cap = limit(room)
	}
	if level == 0 || count <= room {
		f.nodes[i].count = count
		return
	}
	kids := f.pair(level-1, 0)
	f.nodes[i].kids = kids
	f.fillNode(kids, lo, level-1, below)
	f.fillNode(kids+1, lo+1<<(level-1), level-1, below)
}

// rebuild sets the caps according to the current weights, folds pairs of childless siblings into their
// parent if it has room, and reallocates the storage with some room to grow.
//
// Folding does not lower W of any other node: values that move into the parent are no longer to the right
// of the nodes in its left half, but these are gone.
func (f *forest) rebuild() {
	var total uint64
	if f.uniform {
		for i := range f.nodes {
			total += f.nodes[i].count
		}
	}
	var right uint64
	for i := f.roots(); i > 0; i-- {
		right = f.refit(i-1, f.height, right, total)
	}
	f.pack()
}

// refit rebuilds node i. right is the weight to its right. It returns the sum of right and the weight of
// node i.
func (f *forest) refit(i uint32, level uint8, right, total uint64) uint64 {
	n := &f.nodes[i]
	if level == 0 {
		n.cap = leafCap
		return right + n.count
	}
	room := f.room(right)
	if f.uniform {
		room = f.room(total)
	}
	n.cap = limit(room)
	if n.kids == 0 {
		return right + n.count
	}
	kids := right
	for child := n.kids + 1; child >= n.kids; child-- {
		kids = f.refit(child, level-1, kids, total)
	}
	if childless := f.nodes[n.kids].kids == 0 && f.nodes[n.kids+1].kids == 0; childless {
		if sum := kids - right; n.count+sum <= room {
			n.count += sum
			n.kids = 0
			return right + n.count
		}
	}
	return kids + n.count
}

// pack moves the reachable nodes into new storage, in breadth-first order and with some room to grow, and
// points the jump table to them.
func (f *forest) pack() {
	live := f.roots()
	for i := range f.nodes {
		if f.nodes[i].kids != 0 {
			live += 2
		}
	}
	out := make([]node, f.roots(), withSlack(live))
	copy(out, f.nodes)
	for i := 0; i < len(out); i++ {
		if kids := out[i].kids; kids != 0 {
			out[i].kids = uint32(len(out))
			out = append(out, f.nodes[kids], f.nodes[kids+1])
		}
	}
	f.nodes = out
	f.aimAll()
}

// withSlack returns the capacity for live nodes, with room for more before the next rebuild.
func withSlack(live uint32) uint32 { return live + live/4 + 128 }

// merge adds the counts of o, which has the same options. If two counts have room in their forests, the sum
// has room in the merged forest, so the invariant holds.
func (f *forest) merge(o *forest) {
	for i := range f.roots() {
		f.mergeNode(i, o, i, f.height)
	}
	f.rebuild()
}

func (f *forest) mergeNode(i uint32, o *forest, j uint32, level uint8) {
	from := o.nodes[j]
	f.nodes[i].count += from.count
	if from.kids == 0 {
		return
	}
	if f.nodes[i].kids == 0 {
		kids := f.pair(level-1, 0)
		f.nodes[i].kids = kids
	}
	kids := f.nodes[i].kids
	f.mergeNode(kids, o, from.kids, level-1)
	f.mergeNode(kids+1, o, from.kids+1, level-1)
}
