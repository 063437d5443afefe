package scenarios

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/internal/spelling"
)

// check checks what depends on several fields.
func (d *decoder) check(s *Scenario) {
	d.checkKind(s)
	if !validName.MatchString(s.Name) && !d.has("name") {
		d.wrong(d.file, 0, "the name of the file cannot be part of a benchmark's name: want a field name, of %s",
			want("name"))
	}
	d.checkCalls(s)
	d.checkArms(s)
	d.checkCalled(s)
	d.checkService(s)
}

// checkKind checks that the scenario has levels of one kind: rates, loads or a closed loop.
func (d *decoder) checkKind(s *Scenario) {
	missing := func(key, or string) {
		if _, ok := d.values[key]; !ok && !d.has(key) {
			d.wrong(d.file, 0, "%s is missing: want %s%s", key, want(key), or)
		}
	}
	beside := func(kind string, others ...string) {
		for _, other := range others {
			if v, ok := d.values[other]; ok && !(other == "closed" && !s.HasClosed()) {
				d.wrong(v.where, v.line, "%s cannot be combined with %s: want one of them", other, kind)
			}
		}
	}
	_, loads := d.values["load"]
	switch {
	case s.Closed:
		beside("closed", "qps", "load")
		missing("duration", "")
	case loads || d.has("load"):
		beside("load", "qps", "duration", "closed")
	default:
		missing("qps", ", or a field load")
		missing("duration", "")
	}
	if v, ok := d.values["think"]; ok && !s.HasClosed() && s.Think > 0 {
		d.wrong(v.where, v.line, "think needs a closed loop: want closed: true beside it")
	}
	if v, ok := d.values["abort"]; ok && s.Abort && len(s.SLOs) == 0 && !d.has("slo") {
		d.wrong(v.where, v.line, "abort: there is no objective to miss: want a field slo beside it")
	}
	d.checkWindows(s)
}

// checkWindows checks that every visit can be divided into its windows.
func (d *decoder) checkWindows(s *Scenario) {
	if d.has("slo") || d.has("window") || d.has("load") || d.has("duration") {
		return
	}
	v := d.values["slo"]
	if _, ok := d.values["window"]; ok {
		v = d.values["window"]
	}
	for _, l := range s.Levels() {
		length := s.Length(l)
		if length <= 0 {
			continue // a replay that has not been read; the visit checks it
		}
		run := bench.Run{Closed: &bench.Closed{Duration: length}, Window: s.Window, SLOs: s.SLOs}
		if err := run.CheckWindows(); err != nil {
			d.wrong(v.where, v.line, "%v: %s", l, strings.ReplaceAll(strings.ReplaceAll(err.Error(), "bench: ", ""),
				"Run.Window", "window"))
			return
		}
	}
}

// has reports whether a problem with a field has been found already.
func (d *decoder) has(key string) bool {
	return slices.ContainsFunc(d.problems, func(p ranked) bool {
		return strings.HasPrefix(p.What, key+":") || strings.HasPrefix(p.What, key+" ")
	})
}

// checkCalls reports rates at which no call is due within a visit.
func (d *decoder) checkCalls(s *Scenario) {
	if s.Duration <= 0 || s.Closed {
		return
	}
	duration, qps := d.values["duration"], d.values["qps"]
	for _, r := range s.QPS {
		least := time.Duration(math.Ceil(1e9 / r.Float())) // the shortest time with a call
		if s.Duration >= least {
			continue
		}
		if qps.given() && !duration.given() { // the flag is to blame, not the file
			d.wrong(qps.where, 0, "qps: %v/s yields no call in %v: want %s or more, or a longer duration", r,
				s.Duration, roundUp(1/s.Duration.Seconds()))
			continue
		}
		d.wrong(duration.where, duration.line, "duration: %v yields no call at %v/s: want %v or more, or a "+
			"higher rate", s.Duration, r, least)
	}
}

// roundUp returns x with four significant digits, rounded up.
func roundUp(x float64) string {
	unit := math.Pow(10, math.Floor(math.Log10(x))-3)
	return strconv.FormatFloat(math.Ceil(x/unit)*unit, 'g', 4, 64)
}

// checkArms checks that the compared arms are arms of the scenario.
func (d *decoder) checkArms(s *Scenario) {
	if _, given := d.values[Quantile]; !given && s.CallsService() {
		s.SetArms(Quantile) // estimators are not what a service is loaded for
	}
	switch v := d.values[Quantile]; {
	case s.Live || !slices.Contains(s.arms[Quantile], None):
	case len(s.arms[Quantile]) == 1:
		s.SetArms(Quantile) // no estimator is compared
	default:
		d.wrong(v.where, v.line,
			"quantile: %q beside other arms needs live: true: want some of %s, or %s alone, or live: true",
			None, strings.Join(slices.Concat(defaultEstimators, peers), ", "), None)
	}
	d.pairs(s)
	v := d.values["compare"]
	for _, p := range s.Compare {
		if d.unread[ServiceArms] { // the names of the arms are unknown
			break
		}
		dim := p.of(s)
		of := "'s " + dim.Name
		if dim.Declared { // the arms have no other name
			of = ""
		}
		arms := d.armsOf(s, dim)
		for _, arm := range []string{p.A, p.B} {
			if !slices.Contains(arms, arm) && !d.lenient { // or it may be of a dimension of another version
				d.wrong(v.where, v.line, "compare: %q is not an arm of this scenario%s%s: want %s%s", arm, of,
					spelling.Meant(arm, arms), strings.Join(arms, ", "), v.toMeasure(p, dim, arm))
			}
		}
	}
	d.checkOwn(s)
	if n := len(s.Cells()); n > MaxCells {
		d.wrong(d.file, 0, "the arms and levels of load make %d cells: want at most %d", n, MaxCells)
	}
}

// toMeasure returns how to add an arm, which a comparison names and its dimension has, to the arms of the scenario. It
// returns "" for other arms.
func (v value) toMeasure(p Pair, dim *Dimension, arm string) string {
	switch {
	case !slices.Contains(dim.Arms, arm) && (len(dim.Arms) > 0 || !ValidName(arm)):
		return ""
	case dim.Declared:
		return "; to measure it, declare it in " + ServiceArms + " (--arm)"
	case v.given():
		return fmt.Sprintf("; to measure both, add --%s %s,%s", dim.Name, p.B, p.A)
	}
	return "; to measure it, add it to " + dim.Name
}

// armsOf returns the scenario's arms of a dimension, or all arms of the dimension if the field is wrong, so that
// the scenario's arms are unknown.
func (d *decoder) armsOf(s *Scenario, dim *Dimension) []string {
	if d.has(dim.Name) {
		return slices.Clone(dim.Arms)
	}
	return s.arms[dim.Name]
}

// armsValue returns the value of the field that holds the arms of a dimension.
func (d *decoder) armsValue(dim *Dimension) value {
	if dim.Declared {
		return d.values[ServiceArms]
	}
	return d.values[dim.Name]
}

// pairs completes the comparisons. By default each arm of a dimension is compared with the first arm. If a flag
// replaces the arms of a dimension, the file's comparisons of arms that are left out are removed, and the default
// applies if no comparison in that dimension remains.
func (d *decoder) pairs(s *Scenario) {
	v, inFile := d.values["compare"]
	if inFile && !v.given() {
		s.Compare = slices.DeleteFunc(s.Compare, func(p Pair) bool {
			dim := p.of(s)
			arms := d.armsOf(s, dim)
			return d.armsValue(dim).given() && !(slices.Contains(arms, p.A) && slices.Contains(arms, p.B))
		})
	}
	if d.has("compare") {
		return
	}
	given := slices.Clone(s.Compare)
	for _, dim := range s.dimensions() {
		if dim.InProcess && s.CallsService() || inFile && (v.given() || !d.armsValue(dim).given()) ||
			slices.ContainsFunc(given, func(p Pair) bool { return p.of(s) == dim }) {
			continue
		}
		arms := d.armsOf(s, dim)
		for _, a := range arms[min(1, len(arms)):] {
			s.Compare = append(s.Compare, Pair{a, arms[0]})
		}
	}
}

// checkOwn checks that a scenario that does not call the map does not set what only the map has.
func (d *decoder) checkOwn(s *Scenario) {
	if slices.Contains(s.arms[Target], MapTarget) {
		return
	}
	for _, dim := range s.dimensions() {
		if v := d.values[dim.Name]; dim.OfMap {
			d.wrong(v.where, v.line, "%s applies to the map only: want no field %s with target %s", dim.Name, dim.Name,
				strings.Join(s.arms[Target], ", "))
		}
	}
}
