package report

import (
	"math"

	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// estimators are the arms that answered percentiles of the latencies of every visit at one level.
type estimators struct {
	Level  scenarios.Level `json:"level"`
	Visits int             `json:"visits"`
	Arms   []estimator     `json:"arms"`
}

// An estimator is one arm: medians over the visits. What was not measured is nil.
type estimator struct {
	Quantile   string   `json:"quantile"`
	StateBytes *float64 `json:"state_bytes"`
	InsertNS   *float64 `json:"insert_ns"` // to add one latency
	QueryNS    *float64 `json:"query_ns"`  // to answer all percentiles
	Answers    []answer `json:"answers"`   // of the percentiles that the visits have the calls for
}

// An answer is by how much an estimate misses the exact percentile, whichever way: by a share of its value, and by a
// share of the ranks.
type answer struct {
	Q     float64  `json:"q"`
	Value *float64 `json:"value_error"`
	Rank  *float64 `json:"rank_error"`
}

// estimatorsOf returns the estimators of a run at the highest rate that was visited.
func estimatorsOf(run *results.Run, all []*view) *estimators {
	var of estimators
	most := -1.0 // calls a second
	for _, v := range all {
		for _, visit := range v.visits {
			if offered := visit.Record.Rate(); v.cell.Level != of.Level && offered > 1.5*most || most < 0 {
				of.Level, most = v.cell.Level, offered
			}
		}
	}
	var visits []*results.Visit
	for _, v := range all {
		if v.cell.Level == of.Level {
			visits = append(visits, v.visits...)
		}
	}
	of.Visits = len(visits)
	for _, arm := range run.Scenario.Arms(scenarios.Quantile) {
		if arm != scenarios.None {
			of.Arms = append(of.Arms, estimatorOf(arm, visits))
		}
	}
	return &of
}

func estimatorOf(arm string, visits []*results.Visit) estimator {
	var insert, query, state []float64
	value, rank := map[float64][]float64{}, map[float64][]float64{}
	for _, v := range visits {
		for _, e := range v.Estimates {
			if e.Quantile != arm {
				continue
			}
			insert, query, state = append(insert, e.InsertNS), append(query, e.QueryNS), append(state,
				float64(e.StateBytes))
			for _, a := range e.Answers {
				value[a.Q] = append(value[a.Q], math.Abs(a.Value))
				rank[a.Q] = append(rank[a.Q], a.Rank)
			}
		}
	}
	e := estimator{Quantile: arm, Answers: []answer{}}
	if len(insert) == 0 {
		return e
	}
	e.StateBytes, e.InsertNS, e.QueryNS = medianOf(state), medianOf(insert), medianOf(query)
	for _, q := range results.EstimatePercentiles() {
		if len(value[q]) > 0 {
			e.Answers = append(e.Answers, answer{q, medianOf(value[q]), medianOf(rank[q])})
		}
	}
	return e
}

// medianOf returns the median of values, or nil if there are none or it is not finite.
func medianOf(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	return finite(results.Median(values))
}
