package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/results"
)

func TestTheTailIsToldByWhatTheSlowestCallsMet(t *testing.T) {
	v := cell("sdk", func(v *results.Visit) {
		v.Record.Slowest = []bench.SlowCall{{Overlapped: []string{bench.GC, "span export"}}, {Overlapped: []string{bench.GC}}, {}, {}}
	})
	want := []string{"spans=sdk/qps=1000: of 24 calls, gc 50%, span export 25%, none of these 50%."}
	if diff := cmp.Diff(want, tails([]*view{v, cell("none", func(*results.Visit) {})})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAnObjectiveIsMissedIfMostVisitsMissIt(t *testing.T) {
	for _, c := range []struct {
		missed, unjudged, met int
		isMissed, isUnjudged  bool
	}{
		{0, 0, 6, false, false},
		{3, 0, 3, false, false},
		{4, 0, 2, true, false},
		{3, 1, 2, false, true},
		{0, 6, 0, false, true},
		{1, 0, 0, true, false},
	} {
		o := &objective{slo: "p99 < 5ms"}
		add := func(n int, r bench.SLOResult) {
			r.SLO = o.slo
			for range n {
				o.add(&results.Visit{Record: &bench.Record{SLOs: []bench.SLOResult{r, {SLO: "another"}}}})
			}
		}
		add(c.met, bench.SLOResult{Judged: true, Met: true})
		add(c.missed, bench.SLOResult{Judged: true})
		add(c.unjudged, bench.SLOResult{})
		if o.isMissed() != c.isMissed || o.isUnjudged() != c.isUnjudged || o.visits != c.missed+c.unjudged+c.met {
			t.Errorf("%+v: missed %v, unjudged %v, of %d", c, o.isMissed(), o.isUnjudged(), o.visits)
		}
	}
}

func TestALevelThatWasNotVisitedIsToldAsPlanned(t *testing.T) {
	if got := callsOf([]*view{{}}, 500); got != 500 {
		t.Errorf("%v calls, want the 500 that were planned", got)
	}
	if got := callsOf([]*view{cell("sdk", func(v *results.Visit) { v.Record.Offered = 490 })}, 500); got != 490 {
		t.Errorf("%v calls, want the 490 that were made", got)
	}
}
