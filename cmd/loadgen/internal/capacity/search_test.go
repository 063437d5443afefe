package capacity_test

import (
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
)

// queues carry from 60% to 90% of what their servers could.
var queues = []queue{
	{name: "M/M/1 at 80%", servers: 1, mu: 1e5, bound: math.Log(100) / 2e4},
	{name: "M/M/1 at 60%", servers: 1, mu: 1e5, bound: math.Log(100) / 4e4},
	{name: "M/M/1 at 90%", servers: 1, mu: 1e5, bound: math.Log(100) / 1e4},
	{name: "M/D/1", servers: 1, fixed: true, mu: 1e5, bound: 10e-5},
	{name: "M/M/4", servers: 4, mu: 25e3, bound: 10 / 25e3},
}

func options() capacity.Options {
	return capacity.Options{Arms: []string{"none"}, Start: 7_000, Least: 100, Most: 1e6, Precision: 0.03,
		Probe: time.Second, Budget: time.Minute, Seed: 1}
}

// TestTheIntervalCoversTheTruth holds the search to what it promises. CAPACITY_SEARCHES sets how many are made.
func TestTheIntervalCoversTheTruth(t *testing.T) {
	searches := 2
	if n, err := strconv.Atoi(os.Getenv("CAPACITY_SEARCHES")); err == nil {
		searches = n
	}
	for _, disturbed := range []float64{0, 0.2} {
		for _, q := range queues {
			truth := q.capacity()
			covered, confirmed, precise, worst, width := 0, 0, 0, 0.0, 0.0
			var spent, bias, most float64
			for seed := range searches {
				r := rand.New(rand.NewPCG(uint64(seed), 7))
				o := options()
				if d, err := time.ParseDuration(os.Getenv("CAPACITY_PROBE")); err == nil {
					o.Probe, o.Budget = d, 60*d
				}
				s, err := capacity.New(o)
				if err != nil {
					t.Fatal(err)
				}
				for ask, ok := s.Next(); ok; ask, ok = s.Next() {
					s.Add(q.probe(s, ask, r, r.Float64() < disturbed))
				}
				a := s.Answer().Arms[0]
				if !a.Precise && os.Getenv("CAPACITY_DEBUG") != "" {
					for _, e := range s.Evidence() {
						t.Logf("%.0f %v %.2f", e.Rate, e.Confirm, e.Margins)
					}
					t.Logf("%+v", a)
				}
				if a.Low <= truth && truth <= a.High {
					covered++
				}
				if a.Confirmed > 0 {
					confirmed++
				}
				if a.Precise {
					precise++
				}
				half := math.Log(a.High/a.Low) / 2
				worst = max(worst, half)
				width += half / float64(searches)
				cost := s.Spent().Seconds() / o.Probe.Seconds() / noiseless(s.Options(), truth)
				spent += cost / float64(searches)
				most = max(most, cost)
				bias += math.Log(a.Holds/truth) / float64(searches)
			}
			t.Logf("%-13s disturbed %.0f%%: covered %d of %d, confirmed %d, precise %d, half width %.2f%% (most %.2f%%), bias %+.2f%%, spent %.2f (most %.2f) of noiseless",
				q.name, 100*disturbed, covered, searches, confirmed, precise, 100*width, 100*worst, 100*bias, spent, most)
		}
	}
}
