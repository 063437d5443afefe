package fleet_test

import (
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/fleet"
)

// plannedShare is the share of visits in which a plan keeps every instance within its limit.
const plannedShare = 0.95

// A queue is an instance with servers whose service times are exponential with mean 1/mu. Calls wait for the first
// free server.
type queue struct {
	free []float64 // when each server becomes free
	mu   float64
}

// call returns the latency of a call that arrives at a time.
func (q *queue) call(at float64, random *rand.Rand) float64 {
	first := 0
	for i, t := range q.free {
		if t < q.free[first] {
			first = i
		}
	}
	q.free[first] = max(at, q.free[first]) + random.ExpFloat64()/q.mu
	return q.free[first] - at
}

// A balancer sends each call to a random instance. Calls arrive at random, at a rate.
type balancer struct {
	instances []*queue
	rate      float64
	limit     float64 // in seconds: the objective is that 99% of calls take less
	random    *rand.Rand
	now, next float64
}

func newBalancer(instances, servers int, mu, rate, limit float64, seed uint64) *balancer {
	b := &balancer{rate: rate, limit: limit, random: rand.New(rand.NewPCG(seed, 17))}
	for range instances {
		b.instances = append(b.instances, &queue{make([]float64, servers), mu})
	}
	b.next = b.random.ExpFloat64() / rate
	b.visit(2000 / mu) // until the state is steady
	return b
}

// visit continues for some seconds, and returns how many calls each instance received, and how many of these were too
// slow.
func (b *balancer) visit(seconds float64) (calls, slow []int) {
	calls, slow = make([]int, len(b.instances)), make([]int, len(b.instances))
	for end := b.now + seconds; ; b.next += b.random.ExpFloat64() / b.rate {
		if b.next >= end {
			b.now = end
			return calls, slow
		}
		i := b.random.IntN(len(b.instances))
		calls[i]++
		if b.instances[i].call(b.next, b.random) >= b.limit {
			slow[i]++
		}
	}
}

func total(counts []int) (sum int) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

// holds reports whether 99% of calls were fast enough.
func holds(calls, slow int) bool { return slow*100 <= calls }

// searched returns the rate that a search reports: 2.5 times the spread of visits below the rate at which half of them
// hold, or less if not all of six visits held with a third to spare.
func searched(servers int, mu, limit, seconds float64) float64 {
	share := func(rate float64) float64 {
		b, held := newBalancer(1, servers, mu, rate, limit, 5), 0
		for range 100 {
			if calls, slow := b.visit(seconds); holds(calls[0], slow[0]) {
				held++
			}
		}
		return float64(held) / 100
	}
	at := func(wanted float64) float64 {
		low, high := 0.0, float64(servers)*mu
		for range 10 {
			if mid := (low + high) / 2; share(mid) >= wanted {
				low = mid
			} else {
				high = mid
			}
		}
		return low
	}
	half, spread := at(0.5), math.Log(at(0.16)/at(0.84))/2
	for told := half * math.Exp(-2.5*spread); ; told *= math.Exp(-spread) {
		b, all, slowest, of := newBalancer(1, servers, mu, told, limit, 6), true, 0, 0
		for range 6 {
			calls, slow := b.visit(seconds)
			all, slowest, of = all && holds(calls[0], slow[0]), slowest+slow[0], of+calls[0]
		}
		if all && float64(slowest) <= 2./3*0.01*float64(of) {
			return told
		}
	}
}

// greatest returns the plan for the greatest peak that needs no more than that many instances.
func greatest(t *testing.T, instances int, headroom float64, m *fleet.Measured) (plan *fleet.ArmPlan) {
	low, high := 0.0, float64(instances)*m.Arms[0].Told
	for range 30 {
		p, err := fleet.New(fleet.Ask{Peak: (low + high) / 2, Headroom: headroom}, m)
		if err != nil {
			t.Fatal(err)
		}
		if p.Arms[0].Instances > instances {
			high = p.Peak
			continue
		}
		low, plan = p.Peak, &p.Arms[0]
	}
	return plan
}

// In a fleet that is planned without headroom, the busiest instance receives at most the reported rate in 95% of
// visits. Each instance keeps the objective in 95% of its visits, and so do all calls together. With the default
// headroom of the command, all instances keep it at the same time. FLEET_VISITS sets the number of visits, which is
// 150 otherwise.
func TestPlannedFleetKeepsTheObjective(t *testing.T) {
	visits := 150
	if n, err := strconv.Atoi(os.Getenv("FLEET_VISITS")); err == nil {
		visits = n
	}
	for _, c := range []struct {
		name      string
		servers   int
		mu, limit float64 // of a server; the objective
		instances int
	}{
		{"4 of M/M/1", 1, 1000, 12.5e-3, 4},
		{"20 of M/M/1", 1, 1000, 12.5e-3, 20},
		{"20 of M/M/1, busy at 0.9", 1, 1000, 50e-3, 20},
		{"10 of M/M/8", 8, 125, 80e-3, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			const seconds = 2
			told := searched(c.servers, c.mu, c.limit, seconds)
			for _, headroom := range []float64{0, 0.3} {
				p := greatest(t, c.instances, headroom, &fleet.Measured{Arms: []fleet.Capacity{
					{Arm: "it", Told: told, Low: told, Holds: told, High: told, Visit: seconds * time.Second}}})
				n, peak := p.Instances, p.Utilisation*told*float64(p.Instances)
				b := newBalancer(n, c.servers, c.mu, peak, c.limit, 7)
				var within, each, together, atOnce int
				for range visits {
					calls, slow := b.visit(seconds)
					most, held := 0, 0
					for i := range calls {
						most = max(most, calls[i])
						if holds(calls[i], slow[i]) {
							held++
						}
					}
					if float64(most) <= (1-headroom)*told*seconds {
						within++
					}
					if held == n {
						atOnce++
					}
					if holds(total(calls), total(slow)) {
						together++
					}
					each += held
				}
				t.Logf("%d instances at %.1f%% of %.0f/s, headroom %v%%: none above in %d of %d visits, each holds "+
					"in %d of %d, all calls in %d, all instances in %d",
					n, 100*p.Utilisation, told, 100*headroom, within, visits, each, n*visits, together, atOnce)
				// Three standard errors are allowed, if the true share is 95%.
				least := plannedShare - 3*math.Sqrt(plannedShare*(1-plannedShare)/float64(visits))
				atLeast := func(what string, got, of int, share float64) {
					if float64(got) < share*float64(of) {
						t.Errorf("headroom %v%%: %s in %d of %d visits", 100*headroom, what, got, of)
					}
				}
				atLeast("no instance is offered more than told", within, visits, least)
				atLeast("an instance keeps the objective", each, n*visits, plannedShare)
				atLeast("all calls keep the objective", together, visits, plannedShare)
				if headroom > 0 {
					atLeast("all instances keep the objective at once", atOnce, visits, plannedShare)
				}
			}
		})
	}
}
