package capacity_test

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
)

// searches returns how many searches to make of each simulated target, and whether to use all targets. By default
// there are few searches of few targets, which find only gross errors; CAPACITY_SEARCHES=60 makes 60 searches of
// every target. All searches have fixed seeds and use the defaults of the command.
func searches(few int) (n int, long bool) {
	if n, err := strconv.Atoi(os.Getenv("CAPACITY_SEARCHES")); err == nil {
		return n, true
	}
	return few, false
}

// half returns the rate at which half of the visits hold. It is known, or is found by simulating calls.
func (k *target) half(long bool, near, calls float64) float64 {
	if long || k.known == 0 {
		return k.truth(near, calls)
	}
	return k.known
}

// A tally summarizes the answers of many searches.
type tally struct {
	searches, precise, covered, fitted, within int
	half, widest                               float64 // mean and largest half width of precise intervals
	told                                       int
	share                                      float64 // sum of the ratios of told rates to the truth
	missed                                     int     // told rates at which more than half of six visits miss
	probes, spent                              float64
	verdicts                                   map[capacity.Verdict]int
}

func (y *tally) add(s *capacity.Search, v *visitor, truth float64) {
	a := s.Answer().Arms[0]
	y.searches++
	y.probes, y.spent = y.probes+float64(a.Probes), y.spent+s.Spent().Seconds()
	if y.verdicts == nil {
		y.verdicts = map[capacity.Verdict]int{}
	}
	y.verdicts[a.Verdict]++
	truth *= v.drifted(s, truth)
	covers := a.Low <= truth && truth <= a.High
	if a.Fitted {
		y.fitted++
		if covers {
			y.within++
		}
	}
	if a.Precise {
		y.precise++
		if covers {
			y.covered++
		}
		half := math.Log(a.High/a.Low) / 2
		y.half, y.widest = y.half+(half-y.half)/float64(y.precise), max(y.widest, half)
	}
	if a.Told > 0 {
		y.told++
		y.share += a.Told / truth
		missed := 0
		for range 6 {
			if o := v.visit(a.Told, v.length(a.Told)); !o.met(v.q) {
				missed++
			}
		}
		if missed > 3 {
			y.missed++
		}
	}
}

// drifted returns the ratio of the capacity during refinement to the initial capacity. The speed of the server changes
// the capacity by as many calls per second.
func (v *visitor) drifted(s *capacity.Search, truth float64) float64 {
	sum, n := 0.0, 0.0
	for i, e := range s.Evidence() {
		if e.Step == capacity.Refine {
			sum, n = sum+math.Expm1(v.speeds[i]), n+1
		}
	}
	if sum == 0 {
		return 1
	}
	return 1 + sum/n/v.mean/truth
}

func (y *tally) String() string {
	n := float64(y.searches)
	return fmt.Sprintf("of %d %d precise, %d cover; of %d fitted %d cover; half %.2f%% (at most %.2f%%); %d told "+
		"at %.3f, %d missed; %.0f probes, %.0f s; %v",
		y.searches, y.precise, y.covered, y.fitted, y.within, 100*y.half, 100*y.widest,
		y.told, y.share/float64(max(y.told, 1)), y.missed, y.probes/n, y.spent/n, y.verdicts)
}

// queues returns targets of all kinds for each rate, with about that capacity, in calls per second.
func queues(rates ...float64) (targets []*target) {
	for _, rate := range rates {
		for _, q := range []float64{0.99, 0.999} {
			for _, k := range []*target{
				{name: "MM1", service: exponential, servers: 1, limit: 23},
				{name: "MD1", service: constant, servers: 1, limit: 12},
				{name: "MM8", service: exponential, servers: 8, limit: 6.5},
				{name: "lognormal", service: lognormal, servers: 1, limit: 60},
				{name: "Pareto", service: pareto, servers: 1, limit: 30},
			} {
				if q == 0.999 {
					k.limit *= 1.5
				}
				k.name, k.q = fmt.Sprintf("%s p%v %v", k.name, 100*q, rate), q
				k.mean = 0.8 * float64(k.servers) / rate
				k.limit *= k.mean
				targets = append(targets, k)
			}
		}
	}
	return targets
}

func TestPreciseIntervalsCoverTheCapacity(t *testing.T) {
	n, long := searches(3)
	rates := []float64{1000}
	if long {
		rates = []float64{100, 1000, 10_000, 100_000}
	}
	for _, k := range queues(rates...) {
		if !long && (k.q > 0.99 || !strings.HasPrefix(k.name, "M")) {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			if long {
				t.Parallel()
			}
			truth := k.half(long, 0.8*float64(k.servers)/k.mean, 4e8)
			var y tally
			for seed := range n {
				v := k.visitor(uint64(seed), 7)
				y.add(v.search(uint64(seed), 0), v, truth)
			}
			t.Logf("half of the visits hold at %.1f/s; %v", truth, &y)
			if missed := y.precise - y.covered; missed > max(1, y.precise*7/100) || y.widest > 0.03 {
				t.Error("want 93% of the precise intervals, or all but one, to cover it, and a half width of 3% at " +
					"most")
			}
		})
	}
}

// The told rate is reliable: of six visits at that rate, more than half seldom miss the objective.
func TestVisitsHoldAtTheToldRate(t *testing.T) {
	n, long := searches(2)
	for _, c := range []struct {
		most int // largest number of searches, of 200, in which more than half of the visits miss
		target
	}{
		{0, target{name: "MM1", limit: 500e-6, service: exponential, known: 40_930}},
		{0, target{name: "MD1", limit: 200e-6, service: constant}},
		{0, target{name: "rho .96", limit: 2e-3, service: exponential}},
		{0, target{name: "stalls of 400ms every 2s, p99 below 450ms", limit: 0.45, service: exponential, every: 2,
			stall: 0.4}},
		{0, target{name: "stalls of 400ms every 30s", limit: 0.1, service: exponential, every: 30, stall: 0.4}},
		{0, target{name: "speed walks by 0.5% a probe", limit: 500e-6, service: exponential, walk: 0.005}},
		{0, target{name: "speed drifts by -3% in 60 probes", limit: 500e-6, service: exponential, drift: -0.03}},
		{2, target{name: "a fifth of the visits is disturbed", limit: 500e-6, service: exponential, disturbed: 0.2,
			known: 40_930}},
		{2, target{name: "30% of the visits are slower by 15%", limit: 500e-6, service: exponential, slow: 0.3,
			slower: 1.15}},
		{2, target{name: "half of the visits are slower by 15%", limit: 500e-6, service: exponential, slow: 0.5,
			slower: 1.15}},
	} {
		if !long && c.known == 0 {
			continue
		}
		c.mean, c.servers, c.q = 20e-6, 1, 0.99
		t.Run(c.name, func(t *testing.T) {
			if long {
				t.Parallel()
			}
			truth := c.half(long, 40_000, 2e7)
			var y tally
			for seed := range n {
				v := c.visitor(uint64(seed), 11)
				y.add(v.search(uint64(seed), 0), v, truth)
			}
			t.Logf("half of the visits hold at %.0f/s; %v", truth, &y)
			if y.missed > c.most {
				t.Errorf("more than half of six visits miss at %d of the rates, want %d at most", y.missed, c.most)
			}
		})
	}
}

func TestATargetThatStallsIsRefusedOrAnsweredRightly(t *testing.T) {
	n, long := searches(1)
	for _, k := range []*target{
		{name: "400ms every 2s, p99 below 100ms", mean: 20e-6, limit: 0.1, every: 2, stall: 0.4}, // no rate holds
		{name: "100ms every 7s, p99 below 2ms", mean: 40e-6, limit: 2e-3, every: 7, stall: 0.1, known: 22_530},
		{name: "30ms every 5s, p99 below 2ms", mean: 40e-6, limit: 2e-3, every: 5, stall: 0.03, known: 22_100},
	} {
		k.servers, k.q, k.service = 1, 0.99, exponential
		t.Run(k.name, func(t *testing.T) {
			if long {
				t.Parallel()
			}
			truth := math.NaN()
			if k.known > 0 {
				truth = k.half(long, 20_000, 1e8)
			}
			var y tally
			for seed := range n {
				v := k.visitor(uint64(seed), 13)
				y.add(v.search(uint64(seed), 0), v, truth)
			}
			t.Logf("half of the visits hold at %.0f/s; %v", truth, &y)
			if y.covered < y.precise || y.missed > 0 || k.known == 0 && y.verdicts[capacity.FailsThroughout] < n {
				t.Error("an answer is wrong")
			}
		})
	}
}

// If latency jumps at a rate, half of the visits hold there.
func TestACliffIsWithinTheInterval(t *testing.T) {
	n, _ := searches(3)
	for _, factor := range []float64{3, 10, 100} {
		t.Run(fmt.Sprintf("by %v", factor), func(t *testing.T) {
			k := &target{q: 0.99, limit: 1e-3, factor: factor}
			var y tally
			for seed := range n {
				v := k.visitor(uint64(seed), 17)
				v.knee = 5000 * math.Exp(v.r.Float64())
				y.add(v.search(uint64(seed), 0), v, v.knee)
			}
			t.Log(&y)
			if y.precise < y.searches || 100*y.covered < 93*y.searches || y.missed > 0 {
				t.Error("want precise answers, of which 93% are right")
			}
		})
	}
}

// The required rates include one that is 5% above the capacity, and some at which nearly all visits hold.
func TestARequiredRateIsDecidedByVisitsThere(t *testing.T) {
	n, long := searches(2)
	targets := []*target{
		{name: "MM1 40000", mean: 20e-6, limit: 500e-6, service: exponential, servers: 1, q: 0.99, known: 40_930},
		{name: "MD1 40000", mean: 20e-6, limit: 200e-6, service: constant, servers: 1, q: 0.99},
	}
	for _, k := range append(targets, queues(1000)...) {
		if !long && k.known == 0 {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			if long {
				t.Parallel()
			}
			truth := k.half(long, 0.8*float64(k.servers)/k.mean, 1e8)
			for _, times := range []float64{0.6, 0.8, 1.05, 1.3} {
				carried, refused, probes, spent := 0, 0, 0, 0.0
				for seed := range n {
					v := k.visitor(uint64(seed), 19)
					s := v.search(uint64(seed), times*truth)
					a := s.Answer().Arms[0]
					probes, spent = probes+a.Probes, spent+s.Spent().Seconds()
					if a.Told >= times*truth*(1-1e-6) {
						carried++
					}
					if a.Refused {
						refused++
					}
				}
				t.Logf("%v of %.0f/s: of %d carried %d, refused %d; %d probes, %.0f s", times, truth, n, carried,
					refused, probes/n, spent/float64(n))
				if times == 1.05 && 40*carried > 2*n {
					t.Error("want at most 2 of 40 carried")
				}
			}
		})
	}
}
