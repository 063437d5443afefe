package visit

import (
	"math/rand/v2"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/estimators"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// estimates gives every estimator the latencies of a visit, in the order in which calls ended, and compares its
// answers with a full sort. The seed determines the random numbers of estimators that use them.
func estimates(arms []string, latencies []time.Duration, seed uint64) ([]results.Estimate, error) {
	if len(latencies) == 0 {
		return nil, nil
	}
	truth := quantile.NewExact(len(latencies))
	for _, d := range latencies {
		truth.Add(d)
	}
	var list []results.Estimate
	seeds := estimatorSeeds(seed)
	for _, arm := range arms {
		if arm == scenarios.None {
			continue
		}
		e, err := estimate(arm, latencies, truth, seeds)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// estimatorSeeds returns a generator of seeds for the estimators of a visit. Default seeds would be the same in every
// visit, since each visit has a process of its own.
func estimatorSeeds(seed uint64) *rand.Rand {
	const stream = 0x657374 // "est"; nothing else of the visit uses this stream
	return rand.New(rand.NewPCG(seed, stream))
}

// insertions is about how many insertions are timed. A few latencies are therefore given to several estimators, one
// after the other.
const insertions = 50_000

// estimate times one estimator and compares its answers with the exact ones.
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
