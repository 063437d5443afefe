package fleet

import (
	"github.com/loadgen-go/loadgen/bench/record"
)

// A Search holds the probes of the search for the capacity of an arm.
type Search struct {
	Arm string
	// Why says why the plan leaves out the arm, or is empty.
	Why    string
	SLO    string // the objective that the probes are drawn by; "" if they have none
	Limit  float64
	Share  bool // the objective bounds a share of calls, rather than nanoseconds
	Probes []Probe
}

// A Probe is a visit of a search.
type Probe struct {
	Rate     float64 // calls per second
	Achieved float64 // calls per second
	Value    float64 // of the objective's quantity; meaningless unless Known
	Known    bool
	Held     bool    // all objectives were met
	Limited  string  // why the probe says nothing about the target, or ""
	Mean     float64 // mean latency in seconds, by Little's law; 0 if it is unknown
}

// searches returns the search of each arm, with the objective that decided most of its misses.
func (f *file) searches() (list []Search) {
	for _, a := range f.Answer.Arms {
		s := Search{Arm: a.Arm, Why: a.unusable()}
		which := f.deciding(a.Arm)
		for i := range f.Probes {
			if p := &f.Probes[i]; p.Evidence.Arm == a.Arm {
				s.add(p, which)
			}
		}
		list = append(list, s)
	}
	return list
}

// deciding returns the number of the objective that was missed most often by an arm: the first if none was.
func (f *file) deciding(arm string) (which int) {
	missed := map[int]int{}
	for _, p := range f.Probes {
		for i, o := range p.Objectives {
			if p.Evidence.Arm == arm && o.Missed() {
				missed[i]++
			}
		}
	}
	for i, n := range missed {
		if n > missed[which] || n == missed[which] && i < which {
			which = i
		}
	}
	return which
}

// add adds a probe, drawn by one of its objectives.
func (s *Search) add(p *probe, which int) {
	e := &p.Evidence
	v := Probe{Rate: e.Rate, Achieved: e.Achieved, Limited: e.Limited, Held: len(p.Objectives) > 0 && e.Spoiled == ""}
	for _, o := range p.Objectives {
		v.Held = v.Held && o.Met
	}
	if e.Achieved > 0 {
		v.Mean = p.InSystem / e.Achieved
	}
	if which < len(p.Objectives) {
		o := p.Objectives[which]
		if slo, err := record.ParseSLO(o.SLO); err == nil {
			s.SLO, s.Limit, s.Share = slo.String(), slo.Limit(), slo.IsShare()
			v.Value, v.Known = slo.Measured(o.Detail)
		}
	}
	s.Probes = append(s.Probes, v)
}

// Shown returns the number of instances, as an upper bound if an instance of the arm may carry more.
func (a *ArmPlan) Shown() string { return a.show(a.Instances) }
