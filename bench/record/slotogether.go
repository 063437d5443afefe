package record

import (
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// Together judges the objective by the calls of all runs that it was judged by, as if they
// were one. An objective about windows is judged by the window of each run that burned most. Of
// a run that was ended early, what was certain then counts. The result is not judged if none
// of the runs was.
func (s SLO) Together(records []*Record) SLOResult {
	all, worst := SLOResult{SLO: s.String(), Detail: "cannot be judged"}, SLOResult{}
	v, latency := Calls{}, quantile.NewHDR()
	meanBurn := 0.0
	for _, r := range records {
		one, ok := r.Result(s)
		if !ok || !one.Judged || one.Due == 0 {
			continue
		}
		all.Judged = true
		all.Due += one.Due
		all.Bad += one.Bad
		meanBurn += one.Burn * float64(one.Due)
		if worst.Due == 0 || one.Burn > worst.Burn {
			worst = one
		}
		v.addRecord(r)
		if err := latency.Merge(r.Latency); err != nil {
			panic(err) // no more calls are ever made
		}
	}
	if !all.Judged {
		return all
	}
	meanBurn /= float64(all.Due)
	v.Due, v.Latency = all.Due, latency
	v.Sum = time.Duration(meanBurn * s.limit * float64(all.Due))
	all = s.judged(all, &v)
	all.SLO, all.Detail = s.String(), worst.Detail
	if s.every == 0 {
		all.Detail = s.detail(0, &v, s.value(&v, all))
	}
	return all
}

// Result returns what became of an objective in a run. It is false if the run was not to meet it.
func (r *Record) Result(s SLO) (SLOResult, bool) {
	for _, one := range r.SLOs {
		if one.SLO == s.String() {
			return one, true
		}
	}
	return SLOResult{}, false
}

// addRecord adds the calls of a run that objectives about latency are about.
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
