package quantile

import (
	"math/bits"
	"time"
)

// The universe of the digests: every octave of nanoseconds is cut into 2^m
// equal leaves. A leaf is exact below 2^(m+1) ns and at most 2^-m of its value
// wide above, so that rank is counted over leaves without losing the tail.
const (
	leafBits = 10                       // m: a leaf is at most 0.1 % wide
	maxLeaf  = time.Duration(1)<<42 - 1 // 73 minutes; longer ones share the last leaf
	treeBits = 16                       // 2^16 leaves hold all of leafOf(0..maxLeaf)
)

// leafOf is the leaf of d, which must not be negative.
func leafOf(d time.Duration) uint32 { return uint32(leaf(min(d, maxLeaf))) }

// leaf is leafOf for a d that is not above maxLeaf.
func leaf(d time.Duration) int {
	shift := bits.Len64(uint64(d|1<<leafBits)) - (leafBits + 1)
	return shift<<leafBits + int(d>>(shift&63)) // &63 only tells the compiler
}

// leafStart is the smallest value of leaf i; leafStart(i+1) is past its end.
func leafStart(i uint32) time.Duration { return grid(leafBits).start(i) }

// A grid is such a universe, of one m or the other.
type grid uint8

const (
	fine   grid = leafBits
	coarse grid = 7 // a leaf is at most 0.8 % wide
)

// leaf is the leaf of d, which is from 0 to maxLeaf. It is written with constants
// for each m: shifts by a variable one made an Add 2.5 times slower.
func (m grid) leaf(d time.Duration) uint32 {
	if m == fine {
		return uint32(leaf(d))
	}
	shift := bits.Len64(uint64(d|1<<coarse)) - int(coarse+1)
	return uint32(shift<<coarse + int(d>>(shift&63)))
}

// start is the smallest value of leaf i; start(i+1) is past its end.
func (m grid) start(i uint32) time.Duration {
	if i < 2<<m {
		return time.Duration(i)
	}
	shift := i>>m - 1
	return time.Duration(i-shift<<m) << shift
}

// leaves is how many there are, up to maxLeaf.
func (m grid) leaves() uint32 { return m.leaf(maxLeaf) + 1 }
