package fleet

import (
	"math"
	"sort"
	"time"

	"gonum.org/v1/gonum/mathext"
)

// plannedShare is the share of visits in which no instance is offered more than the plan allows.
const plannedShare = 0.95

// withinShare reports whether, in plannedShare of the visits, none of n instances is offered more than limit calls, if
// each is offered mean calls on average.
//
// A balancer that sends each call to a random instance splits a Poisson process into independent Poisson processes
// (J. Kingman, Poisson Processes, Oxford 1993, section 5.1). During a visit each instance is therefore offered a
// Poisson number of calls. The probability that the busiest of n instances is offered at most limit calls is the n-th
// power of the probability for one instance, as for the maximum load of balls thrown into bins (M. Raab and A.
// Steger, "Balls into Bins" - A Simple and Tight Analysis, RANDOM 1998).
func withinShare(n int, mean, limit float64) bool {
	if mean > limit {
		return false
	}
	more := mathext.GammaIncReg(math.Floor(limit)+1, mean) // probability of more than limit calls
	return float64(n)*math.Log1p(-more) >= math.Log(plannedShare)
}

// carrying returns the smallest number of instances that carry the peak, such that in plannedShare of the visits none
// is offered more than limit calls per second. If mostInstances are not enough, it returns a larger number.
func carrying(peak, limit float64, visit time.Duration) int {
	least := math.Ceil(peak / limit * (1 - 1e-12)) // does not round up a whole number because of rounding errors
	if least > mostInstances {
		return mostInstances + 1
	}
	calls := visit.Seconds()
	return int(least) + sort.Search(mostInstances+1-int(least), func(i int) bool {
		n := int(least) + i
		return withinShare(n, peak*calls/float64(n), limit*calls)
	})
}

// busiest returns the largest number of calls per second that any of n instances is offered during a visit, in
// plannedShare of the visits.
func busiest(peak float64, n int, visit time.Duration) float64 {
	mean := peak * visit.Seconds() / float64(n)
	room := 20*math.Sqrt(mean) + 100 // enough for mostInstances
	i := sort.Search(int(room), func(i int) bool { return withinShare(n, mean, mean+float64(i)) })
	return math.Floor(mean+float64(i)) / visit.Seconds()
}
