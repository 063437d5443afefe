package visit

import (
	"math/rand/v2"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/estimators"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// estimates gives every estimator the latencies of a visit, in the order in which
// calls ended, and sets its answers against full sort. Those that draw at random draw from
// the seed.
func estimates(arms []string, latencies []time.Duration, seed uint64) ([]results.Estimate, error) {
	if len(latencies) == 0 {
		return nil, nil
	}
	truth := quantile.NewExact(len(latencies))
	for _, d := range latencies {
		truth.Add(d)
	}
	var all []results.Estimate
	seeds := estimatorSeeds(seed)
	for _, arm := range arms {
		if arm == scenarios.None {
			continue
		}
		e, err := estimate(arm, latencies, truth, seeds)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// estimatorSeeds returns the seeds of the estimators of a visit, one after the other. With
// seeds of the process alone every visit, which has a process of its own, would draw the
// same numbers.
func estimatorSeeds(seed uint64) *rand.Rand {
	const stream = 0x657374 // est: no other numbers of the visit are drawn from it
	return rand.New(rand.NewPCG(seed, stream))
}

// insertions is about how many are timed, so that few latencies are given to
// several estimators in turn.
const insertions = 50_000

func estimate(arm string, latencies []time.Duration, truth *quantile.Exact, seeds *rand.Rand) (results.Estimate,
	error) {
	var (
		estimator       quantile.Estimator
		inserts, asking []float64
	)
	n := len(latencies)
	for range min(max(insertions/n, 1), 25) {
		e, err := estimators.New(arm, seeds.Uint64())
		if err != nil {
			return results.Estimate{}, err
		}
		start := time.Now()
		for _, d := range latencies {
			e.Add(d)
		}
		added := time.Now()
		for _, q := range results.EstimatePercentiles() {
			e.Quantile(q)
		}
		inserts = append(inserts, float64(added.Sub(start))/float64(n))
		asking = append(asking, float64(time.Since(added)))
		estimator = e
	}
	out := results.Estimate{
		Quantile: arm,
		N:        uint64(n),
		InsertNS: results.Median(inserts),
		QueryNS:  results.Median(asking),
	}
	if s, ok := estimator.(quantile.Sizer); ok {
		out.StateBytes = s.StateBytes()
	}
	for _, q := range results.EstimatePercentiles() {
		if uint64(n) < quantile.SamplesFor(q) {
			continue
		}
		answer := estimator.Quantile(q)
		miss := truth.Error(q, answer)
		out.Answers = append(out.Answers, results.Answer{
			Q: q, Estimate: answer, Exact: truth.Quantile(q), Value: miss.Value, Rank: miss.Rank})
	}
	return out, nil
}
