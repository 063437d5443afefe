package bench

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// An SLO is what a run is to hold: a bound on its latency, its failures or its
// drops, over the whole run or over every window of it. [ParseSLO] makes one.
type SLO struct {
	metric string  // p99, max, mean, errors, drops or achieved
	q      float64 // of a percentile
	below  bool    // the bound is one from above
	equal  bool    // the bound itself is allowed
	limit  float64 // ns, or a share
	every  time.Duration
}

// wantSLO is what ParseSLO takes.
const wantSLO = "an objective such as p99 < 5ms, max < 1s, errors < 0.1%, drops < 10ppm, achieved > 99% or p99 < 5ms over every 1s"

var sloForm = regexp.MustCompile(`^\s*(p[0-9.]+|max|mean|errors|drops|achieved)\s*(<=|>=|<|>)\s*((?:[0-9.]+[a-zµμ%]*)+)\s*(?:over\s+every\s+(\S+)\s*)?$`)

// ParseSLO reads an objective:
//
//	p99 < 5ms               a percentile of latency; a dropped call counts as infinite
//	max < 1s, mean < 2ms    of the latency of calls done; infinite if any was dropped
//	errors < 0.1%           calls that failed, of those offered
//	drops < 10ppm           calls that were never begun, of those offered
//	achieved > 99%          calls that ended while the schedule lasted, of those offered
//	p99 < 5ms over every 1s the same of the calls due in every window of so long
//
// Calls that fail are in errors and achieved alone. <= and >= allow the bound itself.
// In windows, latency is known to 2 %, and calls are achieved that did not begin after
// the end of theirs by the generator's own fault.
func ParseSLO(text string) (SLO, error) {
	fail := func(what string) (SLO, error) {
		return SLO{}, fmt.Errorf("SLO %q: %s: want %s", text, what, wantSLO)
	}
	m := sloForm.FindStringSubmatch(text)
	if m == nil {
		return fail("not an objective")
	}
	s := SLO{metric: m[1], below: m[2][0] == '<', equal: strings.HasSuffix(m[2], "=")}
	if p, ok := strings.CutPrefix(s.metric, "p"); ok {
		percent, err := strconv.ParseFloat(p, 64)
		s.q = math.Round(percent*1e9) / 1e11 // 99.9 is 0.999, to the last digit
		if err != nil || !(s.q > 0 && s.q < 1) {
			return fail(fmt.Sprintf("%q is not a percentile", s.metric))
		}
	}
	var err error
	if s.share() {
		s.limit, err = parseShare(m[3])
	} else {
		s.limit, err = parseBound(m[3])
	}
	switch {
	case err != nil:
		return fail(fmt.Sprintf("%q is not a bound for %s: %v", m[3], s.metric, err))
	case s.below == (s.metric == "achieved"):
		return fail(s.metric + " is bounded from the other side")
	case !s.equal && s.limit == map[bool]float64{true: 0, false: 1}[s.below]:
		return fail("nothing can hold it")
	}
	if m[4] != "" {
		if s.every, err = time.ParseDuration(m[4]); err != nil || s.every <= 0 {
			return fail(fmt.Sprintf("%q is not a length of windows", m[4]))
		}
	}
	return s, nil
}

// share tells whether the objective is about a share of calls.
func (s SLO) share() bool {
	return s.metric == "errors" || s.metric == "drops" || s.metric == "achieved"
}

// maxBound is the highest bound on latency: in ns, it is exact as a float64.
const maxBound = 1000 * time.Hour

func parseBound(text string) (float64, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, errors.New("want a duration, such as 5ms")
	case d <= 0 || d > maxBound:
		return 0, fmt.Errorf("want more than 0, and %v at most", maxBound)
	}
	return float64(d), nil
}

// parseShare reads a share, which is a multiple of 0.001 ppm.
func parseShare(text string) (float64, error) {
	number, per := text, 1.0
	if n, ok := strings.CutSuffix(text, "%"); ok {
		number, per = n, 100
	} else if n, ok := strings.CutSuffix(text, "ppm"); ok {
		number, per = n, 1e6
	}
	x, err := strconv.ParseFloat(number, 64)
	if err != nil || !(x >= 0 && x/per <= 1) {
		return 0, errors.New("want a share from 0 to 1, such as 0.1% or 10ppm")
	}
	share := math.Round(x/per*1e9) / 1e9
	if share == 0 && x > 0 {
		return 0, errors.New("want 0.001ppm or more, or 0")
	}
	return share, nil
}

// String is the objective as [ParseSLO] reads it.
func (s SLO) String() string {
	operator := ">"
	if s.below {
		operator = "<"
	}
	if s.equal {
		operator += "="
	}
	text := fmt.Sprintf("%s %s %s", s.metric, operator, s.value(s.limit))
	if s.every > 0 {
		text += fmt.Sprintf(" over every %v", s.every)
	}
	return text
}

// shown writes a value that was measured, with no more digits than are worth it.
func (s SLO) shown(x float64) string {
	if !s.share() && !math.IsInf(x, 1) {
		unit := time.Nanosecond
		for time.Duration(x) >= 10_000*unit {
			unit *= 10
		}
		x = float64(time.Duration(x).Round(unit))
	}
	return s.value(x)
}

// value writes a value of the metric.
func (s SLO) value(x float64) string {
	switch {
	case math.IsInf(x, 1):
		return "infinite"
	case !s.share():
		return time.Duration(x).String()
	case x > 0 && x < 0.0001:
		return strconv.FormatFloat(math.Round(x*1e9)/1e3, 'f', -1, 64) + "ppm"
	}
	return strconv.FormatFloat(math.Round(x*1e9)/1e7, 'f', -1, 64) + "%"
}

// An SLOResult is what became of an objective.
type SLOResult struct {
	SLO string `json:"slo"`
	// Met is whether it was held; it says nothing unless Judged, which is false if
	// there were too few calls.
	Met    bool   `json:"met"`
	Judged bool   `json:"judged"`
	Detail string `json:"detail"` // the value, and where
}

// Missed tells whether the objective was not held.
func (r SLOResult) Missed() bool { return r.Judged && !r.Met }

// A sloView is what an objective is judged by: a whole run, or windows of it.
type sloView struct {
	offered, done, failed, never uint64 // never: dropped or missed
	achieved                     float64
	latency                      interface {
		Quantile(q float64) time.Duration
		Max() time.Duration
		Mean() time.Duration
	}
}

// of is the value of the metric. The error says why there is none.
func (s SLO) of(v *sloView) (float64, error) {
	if v.offered == 0 {
		return 0, fmt.Errorf("no call was due")
	}
	switch s.metric {
	case "errors":
		return float64(v.failed) / float64(v.offered), nil
	case "drops":
		return float64(v.never) / float64(v.offered), nil
	case "achieved":
		return v.achieved, nil
	case "max", "mean":
		switch {
		case v.never > 0:
			return math.Inf(1), nil
		case v.done == 0:
			return 0, fmt.Errorf("no call was done")
		case s.metric == "max":
			return float64(v.latency.Max()), nil
		}
		return float64(v.latency.Mean()), nil
	}
	n := v.done + v.never
	if need := quantile.SamplesFor(s.q); n < need {
		return 0, &TooFewError{s.q, n, need, v.failed}
	}
	rank := quantile.Rank(s.q, n)
	if rank > v.done {
		return math.Inf(1), nil
	}
	return float64(v.latency.Quantile(float64(rank) / float64(v.done))), nil
}

// holds tells whether a value is within the bound.
func (s SLO) holds(x float64) bool {
	switch {
	case x == s.limit:
		return s.equal
	case s.below:
		return x < s.limit
	}
	return x > s.limit
}

// judge judges the objective by views, each of which begins at an instant.
func (s SLO) judge(views iter.Seq2[time.Duration, *sloView]) SLOResult {
	r := SLOResult{SLO: s.String(), Met: true}
	why := errors.New("there is no whole window")
	worst := 0.0
	for begin, v := range views {
		x, err := s.of(v)
		if err != nil {
			why = err
			continue
		}
		// The value that is farthest from holding is shown.
		if !r.Judged || s.below == (x > worst) && x != worst {
			worst = x
			r.Detail = fmt.Sprintf("%s is %s", s.metric, s.shown(x))
			if s.every > 0 {
				r.Detail += fmt.Sprintf(" in the %v from %v on", s.every, begin)
			}
		}
		r.Judged = true
		r.Met = r.Met && s.holds(x)
	}
	if !r.Judged {
		r.Met = false
		r.Detail = "cannot be judged: " + why.Error()
	}
	return r
}
