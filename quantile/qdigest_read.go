package quantile

import "sort"

// sum updates totals. The trees are small enough to be summed up when they are read.
func (f *forest) sum() {
	if f.totals == nil {
		f.totals = make([]uint64, f.roots()+1)
	}
	for i := range f.roots() {
		f.totals[i+1] = f.totals[i] + f.weight(i)
	}
}

// weight returns the count of node i and all nodes below it.
func (f *forest) weight(i uint32) uint64 {
	n := &f.nodes[i]
	if n.kids == 0 {
		return n.count
	}
	return n.count + f.weight(n.kids) + f.weight(n.kids+1)
}

// tree returns the root of the tree that contains the value with a rank.
func (f *forest) tree(rank float64) uint32 {
	i := sort.Search(len(f.totals)-1, func(i int) bool { return float64(f.totals[i+1]) >= rank })
	return min(uint32(i), f.roots()-1)
}

// find returns the leaf coordinate left of which rank values lie. It assumes that the values of each node
// are spread evenly over those of its leaves that are in [first, end), which contains all values.
func (f *forest) find(rank float64, first, end uint32) float64 {
	i, level := f.tree(rank), f.height
	rank -= float64(f.totals[i])
	cut := func(lo, hi uint32) (float64, float64) { return float64(max(lo, first)), float64(min(hi, end)) }
	lo, spread := i<<level, 0.0 // spread is the part of the counts above i that is below i
	for {
		n := &f.nodes[i]
		from, to := cut(lo, lo+1<<level)
		spread += float64(n.count)
		if n.kids == 0 {
			// Rounding must not lead out of the node or into an empty interval.
			x := from + (to-from)*min(max(rank, 0)/max(spread, 0x1p-20), 1)
			return max(min(x, to-0x1p-20), from)
		}
		level--
		mid := min(max(float64(lo+1<<level), from), to)
		left := spread * (mid - from) / (to - from)
		below := left + float64(f.weight(n.kids))
		if mid == to || (mid > from && rank <= below) {
			i, spread = n.kids, left
			continue
		}
		i, lo, spread = n.kids+1, lo+1<<level, spread-left
		rank -= below
	}
}

// between returns the leaves between which the value with a rank lies: the first leaf by which rank values
// may have begun, and the first leaf by which rank values must have ended.
func (f *forest) between(rank uint64) (first, last uint32) {
	i := f.tree(float64(rank))
	for f.totals[i] >= rank { // rank was rounded to a float64
		i--
	}
	for f.totals[i+1] < rank {
		i++
	}
	rank -= f.totals[i]
	first, _ = f.begun(i, i<<f.height, f.height, rank)
	last, _ = f.ended(i, i<<f.height, f.height, rank)
	return first, last
}

// begun takes the nodes below node i in the order in which their leaves begin. It returns the first leaf
// of the node in which rank is reached, or the rest of rank if it is not reached.
func (f *forest) begun(i, lo uint32, level uint8, rank uint64) (leaf uint32, left uint64) {
	n := &f.nodes[i]
	if n.count >= rank {
		return lo, 0
	}
	rank -= n.count
	if n.kids == 0 {
		return 0, rank
	}
	leaf, rank = f.begun(n.kids, lo, level-1, rank)
	if rank > 0 {
		leaf, rank = f.begun(n.kids+1, lo+1<<(level-1), level-1, rank)
	}
	return leaf, rank
}

// ended is begun for the last leaves of the nodes, in the order in which their leaves end.
func (f *forest) ended(i, lo uint32, level uint8, rank uint64) (leaf uint32, left uint64) {
	n := &f.nodes[i]
	if n.kids != 0 {
		leaf, rank = f.ended(n.kids, lo, level-1, rank)
		if rank > 0 {
			leaf, rank = f.ended(n.kids+1, lo+1<<(level-1), level-1, rank)
		}
		if rank == 0 {
			return leaf, 0
		}
	}
	if n.count >= rank {
		return lo + 1<<level - 1, 0
	}
	return 0, rank - n.count
}
