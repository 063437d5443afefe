package scenarios

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// check looks at what only several fields together can tell.
func (d *decoder) check(s *Scenario) {
	for _, key := range []string{"qps", "duration"} {
		if _, ok := d.values[key]; !ok && !d.has(key) {
			d.wrong(d.file, 0, "%s is missing: want %s", key, want(key))
		}
	}
	if !validName.MatchString(s.Name) && !d.has("name") {
		d.wrong(d.file, 0, "the name of the file cannot be part of a benchmark's name: want a field name, of %s", want("name"))
	}
	d.checkCalls(s)
	d.checkArms(s)
}

// has tells whether something is wrong with a field already.
func (d *decoder) has(key string) bool {
	return slices.ContainsFunc(d.problems, func(p ranked) bool {
		return strings.HasPrefix(p.What, key+":") || strings.HasPrefix(p.What, key+" ")
	})
}

// checkCalls finds rates at which no call falls into a visit.
func (d *decoder) checkCalls(s *Scenario) {
	if s.Duration <= 0 {
		return
	}
	at, qps := d.values["duration"], d.values["qps"]
	for _, r := range s.QPS {
		one := time.Duration(math.Ceil(1e9 / r.Float())) // for one call
		if s.Duration >= one {
			continue
		}
		if qps.given() && !at.given() { // the flag is to blame, not the file
			d.wrong(qps.where, 0, "qps: %v/s yields no call in %v: want %s or more, or a longer duration", r, s.Duration, roundUp(1/s.Duration.Seconds()))
			continue
		}
		d.wrong(at.where, at.line, "duration: %v yields no call at %v/s: want %v or more, or a higher rate", s.Duration, r, one)
	}
}

// roundUp writes x with four digits, and not below it.
func roundUp(x float64) string {
	unit := math.Pow(10, math.Floor(math.Log10(x))-3)
	return strconv.FormatFloat(math.Ceil(x/unit)*unit, 'g', 4, 64)
}

// checkArms sees that what is compared is among the arms.
func (d *decoder) checkArms(s *Scenario) {
	if v := d.values["quantile"]; !s.Live && slices.Contains(s.Quantile, None) {
		d.wrong(v.where, v.line, "quantile: %q is an arm of live scenarios only: want %s, or live: true", None, strings.Join(QuantileArms, ", "))
	}
	arms, known, of := s.Spans, SpansArms, "spans"
	if s.Live {
		arms, known, of = s.Quantile, liveArms, "quantile"
	}
	if d.has(of) {
		arms = known // which of them are meant cannot be told
	}
	v := d.values["compare"]
	if d.values[of].given() && v.line > 0 {
		// A flag that leaves arms out leaves their comparisons out, too.
		s.Compare = slices.DeleteFunc(s.Compare, func(p Pair) bool {
			return !slices.Contains(arms, p.A) || !slices.Contains(arms, p.B)
		})
	}
	if len(s.Compare) == 0 && !d.has("compare") {
		for _, a := range arms[min(1, len(arms)):] {
			s.Compare = append(s.Compare, Pair{a, arms[0]})
		}
	}
	for _, p := range s.Compare {
		for _, arm := range []string{p.A, p.B} {
			if !slices.Contains(arms, arm) {
				d.wrong(v.where, v.line, "compare: %q is not an arm of this scenario's %s: want %s", arm, of, strings.Join(arms, ", "))
			}
		}
	}
}
