package capacity_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
)

// queues hold their bound up to from 60% to 90% of what their servers could serve.
var queues = []queue{
	{name: "MM1-at-60%", servers: 1, mu: 1e5, bound: math.Log(100) / 4e4},
	{name: "MM1-at-80%", servers: 1, mu: 1e5, bound: math.Log(100) / 2e4},
	{name: "MM1-at-90%", servers: 1, mu: 1e5, bound: math.Log(100) / 1e4},
	{name: "MD1", servers: 1, fixed: true, mu: 1e5, bound: 10e-5},
	{name: "MM4", servers: 4, mu: 25e3, bound: 10 / 25e3},
}

// options have batches of some 25,000 calls where the queues of the tests are at their limit.
func options() capacity.Options {
	return capacity.Options{Arms: []string{"none"}, Start: 7_000, Least: 100, Most: 1e6, Precision: 0.03,
		Probe: 3 * time.Second, Budget: 3 * time.Minute, Seed: 1}
}

// A tally counts what came of many searches.
type tally struct {
	searches, tooLow, tooHigh, precise, confirmed int
	half, worst                                   float64 // half the width of the interval, as a share: on average, at most
	cost, most                                    float64 // the time of probes beside that of a noiseless bisection
}

func (y *tally) String() string {
	return fmt.Sprintf("of %d searches %d too low, %d too high, %d precise, %d confirmed; half width %.2f%% (at most %.2f%%), time %.2f of a noiseless bisection's (at most %.2f)",
		y.searches, y.tooLow, y.tooHigh, y.precise, y.confirmed, 100*y.half, 100*y.worst, y.cost, y.most)
}

func (y *tally) add(s *capacity.Search, truth float64) {
	a := s.Answer().Arms[0]
	y.searches++
	if a.High < truth {
		y.tooLow++
	}
	if a.Low > truth {
		y.tooHigh++
	}
	if a.Precise {
		y.precise++
	}
	if a.Confirmed > 0 {
		y.confirmed++
	}
	n := float64(y.searches)
	half := math.Log(a.High/a.Low) / 2
	cost := s.Spent().Seconds() / s.Options().Probe.Seconds() / noiseless(s.Options(), truth)
	y.half, y.worst = y.half+(half-y.half)/n, max(y.worst, half)
	y.cost, y.most = y.cost+(cost-y.cost)/n, max(y.most, cost)
}

// CAPACITY_SEARCHES=100 makes as many searches of each kind, in about two minutes; else there
// are few, and only what is grossly wrong is found.
func TestTheIntervalCoversTheTruth(t *testing.T) {
	searches, most := 1, 1
	kinds := []float64{0, 0.2}
	if n, err := strconv.Atoi(os.Getenv("CAPACITY_SEARCHES")); err == nil {
		searches, most = n, n*7/100
	} else {
		kinds = kinds[1:]
	}
	for _, q := range queues {
		for _, disturbed := range kinds {
			t.Run(fmt.Sprintf("%s/disturbed=%.0f%%", q.name, 100*disturbed), func(t *testing.T) {
				truth := q.capacity()
				var y tally
				for seed := range searches {
					r := rand.New(rand.NewPCG(uint64(seed), 7))
					s, err := capacity.New(options())
					if err != nil {
						t.Fatal(err)
					}
					for ask, ok := s.Next(); ok; ask, ok = s.Next() {
						s.Add(q.probe(s, ask, r, r.Float64() < disturbed))
					}
					y.add(s, truth)
				}
				t.Logf("holds at %.0f/s: %v", truth, &y)
				if y.tooLow+y.tooHigh > most {
					t.Errorf("the interval misses the truth in more than %d", most)
				}
				if y.half > 0.03 || y.cost > 2 {
					t.Error("want a half width of at most 3%, and at most twice the time")
				}
			})
		}
	}
}
