// Package rng draws the many streams of random numbers that a run needs from its one
// seed, so that a run can be made again, and so that what is drawn for one purpose does
// not shift when another purpose draws more or less.
//
// Drawing costs what math/rand/v2 costs; [Mix] costs about a nanosecond.
package rng

import "math/rand/v2"

// A Stream names what numbers of a seed are drawn for. Streams of one seed are
// independent of each other. The spaces between the constants are for those who number
// their streams: Rounds+3 is the third round's.
type Stream uint64

// The streams there are. A value never changes its meaning: a seed that somebody noted
// is to make the same run.
const (
	Arrivals Stream = iota + 1
	Keys
	Work                     // plus the hash of a key
	Rounds  Stream = 1 << 32 // plus the number of the round, from 1
	Order   Stream = 1 << 33 // of the visits of a round
	Scaling Stream = 1 << 34 // the order of visits at several numbers of workers
	Splits  Stream = 1 << 35 // which sides of an A/A comparison are swapped
)

// New returns a generator of the numbers of a stream of seed. It is not safe for
// concurrent use.
func New(seed uint64, s Stream) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(s))) }

// Start returns where [Mix] is to begin to count for a stream of seed.
func Start(seed uint64, s Stream) uint64 { return Mix(seed*Golden + uint64(s)) }

// Mix spreads every bit of x over all of them: of the multiples of [Golden] it makes
// numbers that are as good as independent and uniform over 64 bits.
//
// Source: Stafford's variant 13 of the finaliser of MurmurHash3, as in Steele, Lea and
// Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014, section 4.
func Mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Golden is 2^64 over the golden ratio: multiples of it are far apart.
const Golden = 0x9e3779b97f4a7c15
