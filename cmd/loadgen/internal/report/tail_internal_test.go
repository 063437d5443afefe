package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/results"
)

func TestTheTailIsExplainedByWhatTheSlowestCallsMet(t *testing.T) {
	v := cell("sdk", func(v *results.Visit) {
		v.Record.Slowest = []record.SlowCall{{Overlapped: []string{record.GC, "span export"}},
			{Overlapped: []string{record.GC}}, {}, {}}
	})
	want := []string{"spans=sdk/qps=1000: of 24 calls, gc 50%, span export 25%, none of these 50%."}
	if diff := cmp.Diff(want, tails([]*view{v, cell("none", func(*results.Visit) {})})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTheCallsOfALevelThatWasNotVisitedArePlanned(t *testing.T) {
	if got := callsOf([]*view{{}}, 500); got != 500 {
		t.Errorf("%v calls, want the 500 that were planned", got)
	}
	if got := callsOf([]*view{cell("sdk", func(v *results.Visit) { v.Record.Offered = 490 })}, 500); got != 490 {
		t.Errorf("%v calls, want the 490 that were made", got)
	}
}
