package record

import (
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// Together judges the objective by the calls of several runs as if they were one run. Runs in which
// it was not judged are ignored; if there is no other, the result is not judged. An objective over
// windows is judged by the window of each run that burned most. A run that ended early is included
// only if it was certain to miss the objective by then.
func (s SLO) Together(records []*Record) SLOResult {
	total, worst := SLOResult{SLO: s.String(), Detail: "cannot be judged"}, SLOResult{}
	v, latency := Calls{}, quantile.NewHDR()
	meanBurn := 0.0
	for _, r := range records {
		result, ok := r.Result(s)
		if !ok || !result.Judged || result.Due == 0 {
			continue
		}
		total.Judged = true
		total.Due += result.Due
		total.Bad += result.Bad
		meanBurn += result.Burn * float64(result.Due)
		if worst.Due == 0 || result.Burn > worst.Burn {
			worst = result
		}
		v.addRecord(r)
		if err := latency.Merge(r.Latency); err != nil {
			panic(err) // impossible: a histogram can count more calls than a run can make
		}
	}
	if !total.Judged {
		return total
	}
	meanBurn /= float64(total.Due)
	v.Due, v.Latency = total.Due, latency
	v.Sum = time.Duration(meanBurn * s.limit * float64(total.Due))
	total = s.judged(total, &v)
	total.SLO, total.Detail = s.String(), worst.Detail
	if s.every == 0 {
		total.Detail = s.detail(0, &v, s.value(&v, total))
	}
	return total
}

// Result returns the result of an objective; ok is false if the run did not have this objective.
func (r *Record) Result(s SLO) (result SLOResult, ok bool) {
	for _, result := range r.SLOs {
		if result.SLO == s.String() {
			return result, true
		}
	}
	return SLOResult{}, false
}

// addRecord adds the calls of a run, as objectives of latency count them.
func (v *Calls) addRecord(r *Record) {
	v.Done += r.Done
	v.Never += r.Dropped
	if !r.FailedApart {
		v.Failed += r.Failed
	}
	if r.Aborted == "" {
		v.Never += r.Missed
	}
}
