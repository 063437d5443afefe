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
func leafStart(i uint32) time.Duration {
	if i < 2<<leafBits {
		return time.Duration(i)
	}
	shift := i>>leafBits - 1
	return time.Duration(i-shift<<leafBits) << shift
}
