package results

import (
	"fmt"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/scenarios"
)

// ArmWithoutEffect is the name of a doubt about two arms of a service: they export the same, so what they differ in
// does nothing.
const ArmWithoutEffect = "arm-without-effect"

// WorkLeftOver is the name of a doubt about two arms of a service: after the load, one had much more left to do than
// the other, which its costs do not have.
const WorkLeftOver = "work-left-over"

// An ArmDoubt is a reason not to believe the comparison of two arms of a service.
type ArmDoubt struct {
	Name   string          `json:"name"`
	A      string          `json:"a"`
	B      string          `json:"b"`
	Level  scenarios.Level `json:"level"`
	Detail string          `json:"detail"` // what was found, and what to do
}

// leftOver is by how much of its CPU time under load a service may have more left to do than another.
const leftOver = 0.02

// ArmDoubts returns the doubts about the compared arms of the service that the visits of a run started.
func ArmDoubts(r *Run) (doubts []ArmDoubt) {
	for _, c := range r.Scenario.Comparisons() {
		if c.Dimension != scenarios.ServiceArm || r.Scenario.Service == nil {
			continue
		}
		a, b := r.visitsOf(c.CellA), r.visitsOf(c.CellB)
		if len(a) == 0 || len(b) == 0 {
			continue
		}
		add := func(name, detail string) {
			doubts = append(doubts, ArmDoubt{Name: name, A: c.A, B: c.B, Level: c.CellA.Level, Detail: detail})
		}
		if alikeBy(r.Scenario, &c) {
			if x := exported(a); EffectOf(x, exported(b)) == Same {
				add(ArmWithoutEffect, fmt.Sprintf("%s and %s export the same, %s a call, so what they differ in has "+
					"no effect on the service: correct it, or if it changes how and not what is exported, set otlp "+
					"to some in both arms", c.A, c.B, x.perCall()))
			}
		}
		if x, y := lateOf(a), lateOf(b); x > 0 && y > 0 {
			if cpu := min(cpuOf(a), cpuOf(b)); cpu > 0 && max(x, y)-min(x, y) > leftOver*cpu {
				add(WorkLeftOver, fmt.Sprintf("after the load %s had %v a call left to do and %s %v, which cpu-ns/op "+
					"does not have: raise the duration, or let all arms export sooner (OTEL_BSP_SCHEDULE_DELAY)",
					c.A, time.Duration(x).Round(time.Nanosecond), c.B, time.Duration(y).Round(time.Nanosecond)))
			}
		}
	}
	return doubts
}

// alikeBy reports whether two compared arms start the same program in different ways, and do not say what they are to
// export, so that they are meant to export different things.
func alikeBy(s *scenarios.Scenario, c *scenarios.Comparison) bool {
	a, b := s.ArmOf(c.CellA), s.ArmOf(c.CellB)
	x, y := s.ServiceOf(a), s.ServiceOf(b)
	sameProgram := x.Build == y.Build && slices.Equal(x.Command, y.Command) && a.Revision == b.Revision
	sameWay := slices.Equal(x.Args, y.Args) && x.Dir == y.Dir && sameEnv(x.Env, y.Env)
	return sameProgram && !sameWay && (a.OTLP == "" || b.OTLP == "")
}

// sameEnv reports whether two changes of the environment are equal.
func sameEnv(a, b map[string]*string) bool {
	if len(a) != len(b) {
		return false
	}
	for name, x := range a {
		y, ok := b[name]
		if !ok || (x == nil) != (y == nil) || x != nil && *x != *y {
			return false
		}
	}
	return true
}

// visitsOf returns the usable visits of a cell that started a service.
func (r *Run) visitsOf(c scenarios.Cell) (visits []*Visit) {
	for _, v := range r.Visits {
		if v.Cell == c && v.Usable() && v.Service != nil {
			visits = append(visits, v)
		}
	}
	return visits
}

// exported returns what the visits of an arm exported in all.
func exported(visits []*Visit) (sum Exported) {
	for _, v := range visits {
		if v.Service.Exports == nil {
			continue
		}
		sum.Exports = sum.plus(*v.Service.Exports)
		sum.Calls += v.Service.Calls
	}
	return sum
}

// perCall describes what is exported for each call.
func (e Exported) perCall() string {
	calls := float64(max(e.Calls, 1))
	return fmt.Sprintf("%.3g spans, %.3g points and %.3g records", float64(e.Traces.Items)/calls,
		float64(e.Metrics.Items)/calls, float64(e.Logs.Items)/calls)
}

// lateOf returns the median CPU time after the load per call, in nanoseconds, or 0 if it is unknown.
func lateOf(visits []*Visit) float64 {
	return medianOf(visits, func(v *Visit) *time.Duration { return v.Service.LateCPU })
}

// cpuOf returns the median CPU time under load per call, in nanoseconds, or 0 if it is unknown.
func cpuOf(visits []*Visit) float64 {
	return medianOf(visits, func(v *Visit) *time.Duration { return v.Service.CPU })
}

// medianOf returns the median of a time per call, in nanoseconds, or 0 if it is unknown in some visit.
func medianOf(visits []*Visit, of func(*Visit) *time.Duration) float64 {
	var values []float64
	for _, v := range visits {
		d := of(v)
		if d == nil {
			return 0
		}
		values = append(values, v.perCall(float64(*d)))
	}
	return Median(values)
}
