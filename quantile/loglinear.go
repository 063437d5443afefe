package quantile

import (
	"math/bits"
	"time"
)

// The universe of the digests: every doubling of the duration is divided into 2^m leaves of equal width.
// A leaf is exact below 2^(m+1) ns, and at most 2^-m of its value wide above, so ranks can be counted
// over leaves without losing the tail.
const (
	leafBits = 10                       // m: a leaf is at most 0.1 % wide
	maxLeaf  = time.Duration(1)<<42 - 1 // 73 minutes; longer durations share the last leaf
	treeBits = 16                       // 2^16 leaves hold all of leafOf(0..maxLeaf)
)

// leafOf returns the leaf of d, which must not be negative.
func leafOf(d time.Duration) uint32 { return uint32(leaf(min(d, maxLeaf))) }

// leaf is leafOf for a d that is at most maxLeaf.
func leaf(d time.Duration) int {
	shift := bits.Len64(uint64(d|1<<leafBits)) - (leafBits + 1)
	return shift<<leafBits + int(d>>(shift&63)) // &63 tells the compiler that shift is below 64
}

// leafStart returns the smallest value of leaf i. The values of leaf i end before leafStart(i+1).
func leafStart(i uint32) time.Duration { return grid(leafBits).start(i) }

// A grid is a universe of leaves, given by m.
type grid uint8

const (
	fine   grid = leafBits
	coarse grid = 7 // a leaf is at most 0.8 % wide
)

// leaf returns the leaf of d, which must be from 0 to maxLeaf. It uses constants for each m, because
// with a variable shift Add was 2.5 times slower.
func (m grid) leaf(d time.Duration) uint32 {
	if m == fine {
		return uint32(leaf(d))
	}
	shift := bits.Len64(uint64(d|1<<coarse)) - int(coarse+1)
	return uint32(shift<<coarse + int(d>>(shift&63)))
}

// start returns the smallest value of leaf i. The values of leaf i end before start(i+1).
func (m grid) start(i uint32) time.Duration {
	if i < 2<<m {
		return time.Duration(i)
	}
	shift := i>>m - 1
	return time.Duration(i-shift<<m) << shift
}

// leaves returns the number of leaves up to maxLeaf.
func (m grid) leaves() uint32 { return m.leaf(maxLeaf) + 1 }
