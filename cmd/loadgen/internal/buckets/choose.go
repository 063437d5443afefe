package buckets

import (
	"math"
	"time"
)

// costs are the costs of all buckets between two of the nodes 0, which is where the first bucket begins, 1 to m, which
// are the candidates, and m+1, which is infinite.
type costs struct {
	m  int
	of []float64
}

func (c *costs) at(from, to int) *float64 { return &c.of[from*(c.m+2)+to] }

// newCosts returns the costs of buckets between candidates. Each target lies in one bucket of a histogram, and adds
// the error of its estimate to the cost of that bucket.
func newCosts(x *Sample, candidates []time.Duration, targets []target) *costs {
	m := len(candidates)
	c := &costs{m, make([]float64, (m+2)*(m+2))}
	ends, upTo := make([]float64, m+1), make([]float64, m+1)
	for i, end := range candidates {
		ends[i+1] = float64(end)
	}
	scale := 0.0
	for _, t := range targets {
		if t.scale != scale { // targets of one scale follow each other
			scale = t.scale
			for i := 1; i <= m; i++ {
				upTo[i] = x.within(ends[i] / scale)
			}
		}
		first := 1
		for first <= m && upTo[first] < t.rank {
			first++
		}
		for from := range first {
			for to := first; to <= m; to++ {
				estimate := interpolate(ends[from], ends[to], upTo[from], upTo[to], t.rank)
				*c.at(from, to) += t.cost(estimate)
			}
			*c.at(from, m+1) += t.cost(ends[from])
		}
	}
	return c
}

// choose returns the indices of the k candidates with the least total cost, which include all that are forced. There
// must be k candidates, and no more than k may be forced. Of several solutions it returns the one with the lowest last
// bounds.
func choose(c *costs, forced []bool, k int) []int {
	// steps[j][b] is the best way to make candidate b the j-th bound.
	steps := make([][]step, k+1)
	steps[0] = make([]step, c.m+2)
	for b := 1; b <= c.m; b++ {
		steps[0][b].cost = math.Inf(1) // no bound is the start alone
	}
	for j := 1; j <= k; j++ {
		steps[j] = make([]step, c.m+2)
		for b := range steps[j] {
			steps[j][b] = c.cheapest(steps[j-1], b, forced)
		}
	}
	chosen := make([]int, k)
	b := c.cheapest(steps[k], c.m+1, forced).from
	for j := k; j > 0; j-- {
		chosen[j-1] = b - 1
		b = steps[j][b].from
	}
	return chosen
}

// A step is a bucket that ends at some node: where it begins, and the least cost of all buckets up to its end.
type step struct {
	from int
	cost float64
}

// cheapest returns the last step on the cheapest way to a node. It skips no candidate that is forced.
func (c *costs) cheapest(before []step, to int, forced []bool) step {
	best := step{cost: math.Inf(1)}
	for from := to - 1; from >= 0; from-- {
		if cost := before[from].cost + *c.at(from, to); cost <= best.cost {
			best = step{from, cost}
		}
		if from > 0 && forced[from-1] {
			break
		}
	}
	return best
}
