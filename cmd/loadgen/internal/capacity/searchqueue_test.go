package capacity_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
)

// A queue is a target in virtual time: calls come at random, wait for one of its servers
// and are served, in the time of a server's rate on average.
type queue struct {
	name    string
	servers int
	fixed   bool    // each call takes just as long, else exponentially distributed times
	mu      float64 // calls a second that one server can serve
	bound   float64 // that the 99th percentile of the latency must keep, seconds
}

// capacity is the rate at which the 99th percentile is the bound, by formula.
func (q *queue) capacity() float64 {
	low, high := 0.0, float64(q.servers)*q.mu
	for range 100 {
		middle := (low + high) / 2
		if q.beyond(middle) > 0.01 {
			high = middle
		} else {
			low = middle
		}
	}
	return low
}

// beyond is the share of calls whose latency is beyond the bound.
func (q *queue) beyond(rate float64) float64 {
	a, t := rate/q.mu, q.bound*q.mu
	if q.fixed { // Erlang's formula for the wait of M/D/1, in units of the service
		t--
		sum, factorial := 0.0, 1.0
		for j := 0.0; j <= t; j++ {
			sum += math.Pow(a*(j-t), j) / factorial * math.Exp(-a*(j-t))
			factorial *= j + 1
		}
		return 1 - (1-a)*sum
	}
	// M/M/k: the wait is 0, or, with Erlang's C, exponential of rate k-a.
	k := float64(q.servers)
	b := 1.0
	for i := 1.0; i <= k; i++ {
		b = a * b / (i + a*b)
	}
	c := b / (1 - a/k*(1-b))
	d := k - 1 - a
	if math.Abs(d) < 1e-9 {
		return math.Exp(-t) * (1 + c*t)
	}
	return math.Exp(-t) * (1 + c*(1-math.Exp(-d*t))/d)
}

const batches = 10

// probe makes the probe, and stops it if the search says so. The queue is warm when it begins. A
// disturbed one stands still for a twentieth of the probe, somewhere.
func (q *queue) probe(s *capacity.Search, ask capacity.Ask, r *rand.Rand, disturbed bool) capacity.Evidence {
	e := capacity.Evidence{Ask: ask, Achieved: ask.Rate}
	batch := s.Options().Probe.Seconds() / batches
	length := ask.Duration.Seconds()
	stall := math.Inf(1)
	if disturbed {
		stall = r.Float64() * length
	}
	free := make([]float64, q.servers)
	for i := range free {
		free[i] = -batch
	}
	now, end := -batch, 0.0
	var latencies []float64
	for {
		now += r.ExpFloat64() / ask.Rate
		for now >= end {
			if end > 0 {
				e.Margins = append(e.Margins, math.Log(q.bound/percentile99(latencies)))
			}
			latencies = latencies[:0]
			end += batch
			if e.Duration = time.Duration(len(e.Margins)) * s.Options().Probe / batches; e.Duration >= ask.Duration || s.Done(&e) {
				return e
			}
		}
		if now >= stall {
			for i := range free {
				free[i] = max(free[i], stall) + 0.05*s.Options().Probe.Seconds()
			}
			stall = math.Inf(1)
		}
		next := 0
		for i := range free[1:] {
			if free[i+1] < free[next] {
				next = i + 1
			}
		}
		service := 1 / q.mu
		if !q.fixed {
			service *= r.ExpFloat64()
		}
		free[next] = max(now, free[next]) + service
		if now >= end-batch {
			latencies = append(latencies, free[next]-now)
		}
	}
}

// percentile99 partitions rather than sorts: the simulation spends most of its time here.
func percentile99(x []float64) float64 {
	if len(x) == 0 {
		return 1e-9
	}
	k := min(len(x)*99/100, len(x)-1)
	for len(x) > 32 {
		pivot := x[len(x)/2]
		i, j := 0, len(x)-1
		for i <= j {
			for x[i] < pivot {
				i++
			}
			for x[j] > pivot {
				j--
			}
			if i <= j {
				x[i], x[j] = x[j], x[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case k <= j:
			x = x[:j+1]
		case k >= i:
			x, k = x[i:], k-i
		default:
			return x[k]
		}
	}
	slices.Sort(x)
	return x[k]
}

// noiseless is how many probes a bisection takes if each tells the truth: doublings, halvings until
// the interval is as narrow as asked, and as much to confirm it.
func noiseless(o capacity.Options, truth float64) float64 {
	probes, low := 1.0, o.Start
	for ; low*2 <= truth; low *= 2 {
		probes++
	}
	probes++ // the one that failed
	for width := math.Ln2; width > 2*o.Precision; width /= 2 {
		probes++
	}
	return probes + 3
}
