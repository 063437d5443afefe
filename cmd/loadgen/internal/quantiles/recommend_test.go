package quantiles

import (
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"time"
)

// A made is an invented estimator, with the time of an insertion, the size of its state, and its error.
type made struct {
	name  string
	ns    float64
	bytes int
	err   float64
}

// madeReport returns a report about two data sets. Errors are half as large in the second one.
func madeReport(limits Limits, all ...made) *Report {
	r := &Report{Limits: limits, Quantiles: []float64{0.5}, Anchor: "hdr"}
	for i, name := range []string{"a", "b"} {
		s := Set{Name: name, N: 1000, Points: []Point{{Q: 0.5, Exact: time.Millisecond}}}
		for _, m := range all {
			e := m.err / float64(i+1)
			s.Cells = append(s.Cells, Cell{Estimator: m.name, Insert: Timing{Median: m.ns},
				TimesAnchor: Timing{Median: m.ns / 5}, StateBytes: m.bytes, Answers: []Answer{{Value: e, Error: e}}})
		}
		r.Sets = append(r.Sets, s)
	}
	r.Recommendation = recommend(r)
	return r
}

func TestTheCheapestThatKeepsTheLimitsIsRecommended(t *testing.T) {
	limits := Limits{MaxError: 0.01, MaxBytes: 1000}
	for name, c := range map[string]struct {
		limits Limits
		all    []made
		want   string
	}{
		"the cheapest":            {limits, []made{{"slow", 20, 10, 0}, {"fast", 10, 900, 0.01}}, "fast"},
		"not if it is off":        {limits, []made{{"slow", 20, 10, 0}, {"fast", 10, 10, 0.0101}}, "slow"},
		"not if it is large":      {limits, []made{{"slow", 20, 1000, 0}, {"fast", 10, 1001, 0}}, "slow"},
		"nor if it does not tell": {limits, []made{{"slow", 20, 1000, 0}, {"fast", 10, 0, 0}}, "slow"},
		"unless any size will do": {Limits{MaxError: 0.01}, []made{{"slow", 20, 1000, 0}, {"fast", 10, 0, 0}},
			"fast"},
		"the smaller of two alike": {limits, []made{{"large", 10, 900, 0}, {"small", 10.5, 800, 0}}, "small"},
		"not of two that differ":   {limits, []made{{"large", 10, 900, 0}, {"small", 10.6, 800, 0}}, "large"},
		"one that tells, of two alike": {Limits{MaxError: 0.01}, []made{{"mute", 10, 0, 0}, {"told", 10, 800, 0}},
			"told"},
		"no error is allowed, none there": {Limits{}, []made{{"off", 1, 1, 0.001}, {"exact", 10, 800, 0}}, "exact"},
	} {
		r := madeReport(c.limits, c.all...)
		if got := r.Recommendation; got.Estimator != c.want || got.Closest != "" {
			t.Errorf("%s: %q, want %q", name, got.Estimator, c.want)
		}
		if advice := r.Advice(); !strings.HasPrefix(advice, "Use "+c.want+", the ") {
			t.Errorf("%s: %s", name, advice)
		}
	}
}

func TestIfNoneKeepsTheLimitsTheClosestIsNamedAndWhy(t *testing.T) {
	limits := Limits{MaxError: 0.01, MaxBytes: 1000}
	for name, c := range map[string]struct {
		limits Limits
		all    []made
		want   string // the closest
		why    string
	}{
		"by error": {limits, []made{{"far", 1, 10, 0.05}, {"near", 9, 10, 0.02}}, "near",
			"near: p50 of a is off by 2.00%."},
		"by size": {limits, []made{{"far", 1, 10, 0.05}, {"near", 9, 2000, 0}}, "near",
			"near: its state is 1.95 KiB of 1,000 B allowed."},
		"the larger": {limits, []made{{"far", 1, 3000, 0.02}, {"near", 9, 10, 0.025}}, "near",
			"p50 of a is off by 2.50%; p50 of b is off by 1.25%."},
		"size not told":  {limits, []made{{"mute", 1, 0, 0}, {"near", 9, 9000, 0.09}}, "near", "its state is"},
		"all mute":       {limits, []made{{"mute", 1, 0, 0}}, "mute", "its size is unknown."},
		"no error at 0":  {Limits{}, []made{{"off", 1, 1, 0.001}}, "off", "off by 0.10%"},
		"of equals cost": {limits, []made{{"dear", 9, 10, 0.02}, {"cheap", 1, 10, 0.02}}, "cheap", "off by 2.00%"},
	} {
		r := madeReport(c.limits, c.all...)
		if r.Recommendation.Estimator != "" || r.Recommendation.Closest != c.want {
			t.Errorf("%s: %q, closest %q", name, r.Recommendation.Estimator, r.Recommendation.Closest)
		}
		if advice := r.Advice(); !strings.HasPrefix(advice, "No estimator has ") || !strings.Contains(advice, c.why) {
			t.Errorf("%s: %q is not in %s", name, c.why, advice)
		}
	}
}

func TestAnEstimatorThatIsOnlyMeasuredIsNotRecommended(t *testing.T) {
	r := madeReport(Limits{MaxError: 0.01}, made{"dear", 20, 10, 0}, made{"cheap", 1, 1, 0})
	for i := range r.Sets {
		r.Sets[i].Cells[1].measureOnly = true
	}
	r.Recommendation = recommend(r)
	if advice := r.Advice(); r.Recommendation.Estimator != "dear" ||
		!strings.HasPrefix(advice, "Use dear, the only one of 2 estimators") {
		t.Errorf("%q: %s", r.Recommendation.Estimator, advice)
	}
	if text := r.Text(screen(80, "never"), terminal.Detail{}); !strings.Contains(text, "meets, not for use") {
		t.Error(text)
	}
}

func TestASizeThatIsUnknownInOneSetIsUnknown(t *testing.T) {
	r := madeReport(Limits{MaxError: 1, MaxBytes: 1000}, made{"part", 1, 10, 0})
	r.Sets[1].Cells[0].StateBytes = 0
	if c := newCandidate(r, 0); c.StateBytes != 0 || c.Meets() {
		t.Errorf("%+v", c)
	}
}

// At a gap the error of the rank counts.
func TestARankThatIsRightIsRightAtAGap(t *testing.T) {
	p := testPlan()
	p.Data = []Data{stepped("stepped", 2000)}
	p.Quantiles = []float64{0.9}
	p.Arms = p.Arms[2:3] // off by 30 %
	p.Limits = Limits{MaxError: 0.31}
	if r := mustMeasure(t, p); !r.Sets[0].Points[0].Gap || r.Recommendation.Estimator != "rough" {
		t.Errorf("%+v: %s", r.Sets[0].Points, r.Advice())
	}
	p.Limits.MaxError = 0.29
	if r := mustMeasure(t, p); r.Recommendation.Estimator != "" ||
		!strings.Contains(r.Advice(), "p90 of stepped is off by") || !strings.Contains(r.Advice(), ", at a gap") {
		t.Errorf("%s", r.Advice())
	}
}
