// Package rng draws the many streams of random numbers that a run needs from its one seed. So a run
// can be repeated, and the numbers for one purpose do not change if another purpose draws more or
// fewer.
//
// Drawing a number costs the same as in math/rand/v2. [Mix] takes about a nanosecond.
package rng

import "math/rand/v2"

// A Stream identifies the purpose that numbers of a seed are drawn for. Streams of the same seed are
// independent of each other. The gaps between some constants leave room for numbered streams: the
// stream of the third round is Rounds+3.
type Stream uint64

// The streams. A value never changes its meaning, so that a seed that was noted makes the same run
// in later versions.
const (
	Arrivals Stream = iota + 1
	Keys
	Work                     // plus the hash of a key
	Rounds  Stream = 1 << 32 // plus the number of the round, from 1
	Order   Stream = 1 << 33 // order of the visits in a round
	Scaling Stream = 1 << 34 // order of visits with different numbers of workers
	Splits  Stream = 1 << 35 // which sides of an A/A comparison are swapped

	Requests Stream = 1 << 36 // plus the number of a placeholder in the requests of a target
	Rows     Stream = 1 << 37 // plus the number of a table: which of its rows a call uses
)

// New returns a generator of the numbers in a stream of seed. It is not safe for concurrent use.
func New(seed uint64, s Stream) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(s))) }

// Start returns the number from which the argument of [Mix] counts for a stream of seed.
func Start(seed uint64, s Stream) uint64 { return Mix(seed*Golden + uint64(s)) }

// Mix spreads every bit of x over all bits. From multiples of [Golden] it makes numbers that are
// practically independent and uniform over 64 bits.
//
// Source: Stafford's variant 13 of the finaliser of MurmurHash3, as in Steele, Lea and
// Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014, section 4.
func Mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Golden is 2^64 divided by the golden ratio. Its multiples are far apart.
const Golden = 0x9e3779b97f4a7c15
