package fleet

import (
	"math"
	"sort"
	"time"

	"gonum.org/v1/gonum/mathext"
)

// Share is the share of visits in which no instance is offered more than the plan allows.
const Share = 0.95

// withinShare reports whether, in Share of the visits, none of n instances is offered more than limit calls, if each
// is offered mean of them in the mean.
//
// A balancer that sends each call to an instance at random splits a Poisson process into independent ones (J. Kingman,
// Poisson Processes, Oxford 1993, section 5.1). Over a visit each instance is therefore offered a Poisson number of
// calls, and the probability that the busiest of n is offered at most limit is the n-th power of that of one instance:
// the maximum load of balls thrown into bins (M. Raab and A. Steger, "Balls into Bins" - A Simple and Tight Analysis,
// RANDOM 1998).
func withinShare(n int, mean, limit float64) bool {
	if mean > limit {
		return false
	}
	more := mathext.GammaIncReg(math.Floor(limit)+1, mean) // the probability of more than limit
	return float64(n)*math.Log1p(-more) >= math.Log(Share)
}

// carrying returns the fewest instances of which none is offered more than limit calls a second over a visit, in Share
// of the visits, when all are offered peak. It is above mostInstances if so many are too few.
func carrying(peak, limit float64, visit time.Duration) int {
	least := math.Ceil(peak / limit * (1 - 1e-12)) // leaves a count that is whole but for rounding
	if least > mostInstances {
		return mostInstances + 1
	}
	calls := visit.Seconds()
	return int(least) + sort.Search(mostInstances+1-int(least), func(i int) bool {
		n := int(least) + i
		return withinShare(n, peak*calls/float64(n), limit*calls)
	})
}

// busiest returns the most calls a second that any of n instances is offered over a visit, in Share of the visits.
func busiest(peak float64, n int, visit time.Duration) float64 {
	mean := peak * visit.Seconds() / float64(n)
	room := 20*math.Sqrt(mean) + 100 // which is enough for mostInstances
	i := sort.Search(int(room), func(i int) bool { return withinShare(n, mean, mean+float64(i)) })
	return math.Floor(mean+float64(i)) / visit.Seconds()
}
