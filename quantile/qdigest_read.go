package quantile

import "sort"

// sum brings totals up to date, in the order of the number of nodes. The trees
// themselves are small enough to be summed as they are asked.
func (f *forest) sum() {
	if f.totals == nil {
		f.totals = make([]uint64, f.roots()+1)
	}
	for i := range f.roots() {
		f.totals[i+1] = f.totals[i] + f.weight(i)
	}
}

// weight is what node i and all below it count.
func (f *forest) weight(i uint32) uint64 {
	n := &f.nodes[i]
	if n.kids == 0 {
		return n.count
	}
	return n.count + f.weight(n.kids) + f.weight(n.kids+1)
}

// tree is the root that the value of that rank is below.
func (f *forest) tree(rank float64) uint32 {
	i := sort.Search(len(f.totals)-1, func(i int) bool { return float64(f.totals[i+1]) >= rank })
	return min(uint32(i), f.roots()-1)
}

// find is the leaf coordinate that rank values lie left of, if each node's are
// spread evenly over those of its leaves that lie in [first, end): the values are
// known to.
func (f *forest) find(rank float64, first, end uint32) float64 {
	i, level := f.tree(rank), f.height
	rank -= float64(f.totals[i])
	cut := func(lo, hi uint32) (float64, float64) { return float64(max(lo, first)), float64(min(hi, end)) }
	lo, spread := i<<level, 0.0 // spread is what the nodes above have below i
	for {
		n := &f.nodes[i]
		from, to := cut(lo, lo+1<<level)
		spread += float64(n.count)
		if n.kids == 0 {
			// Rounding must not lead out of the node, nor into an empty one.
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

// between are the leaves that the value of that rank lies between: the first by
// which that many may have begun, and the first by which that many must have
// ended.
func (f *forest) between(rank uint64) (first, last uint32) {
	i := f.tree(float64(rank))
	for f.totals[i] >= rank { // it was rounded
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

// begun is the first leaf of the node, in order of their beginnings, at which the
// rank is reached below node i, or what is left of the rank.
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

// ended is begun for the last leaves, in order of their ends.
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
