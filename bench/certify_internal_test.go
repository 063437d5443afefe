package bench

import (
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/quantile"
)

// hiccuping returns a record of a machine on which a number of goroutines woke late.
func hiccuping(n, late int, by time.Duration) *record.Record {
	h := quantile.NewHDR()
	for i := range n {
		if i < late {
			h.Add(by)
		} else {
			h.Add(50 * time.Microsecond)
		}
	}
	return &record.Record{Latency: quantile.NewHDR(), FailedLatency: quantile.NewHDR(), Service: quantile.NewHDR(),
		Queue: quantile.NewHDR(), Generator: quantile.NewHDR(), Hiccups: h}
}

func TestAMachineThatIsBusyWithSomethingElseIsNoisy(t *testing.T) {
	for name, c := range map[string]struct {
		n, late int
		by      time.Duration
		noisy   bool
	}{
		"late at p99":          {1000, 11, 15 * time.Millisecond, true},
		"late, but not at p99": {1000, 9, 15 * time.Millisecond, false},  // not at p99
		"not late enough":      {1000, 50, 9 * time.Millisecond, false},  // not so late
		"too few to tell":      {367, 100, 15 * time.Millisecond, false}, // too few to tell
		"just enough to tell":  {368, 100, 15 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := hiccuping(c.n, c.late, c.by)
			v := r.Verdict()
			if (len(v) != 0) != c.noisy {
				t.Errorf("%d of %d %v late: %v", c.late, c.n, c.by, v)
			}
			if c.noisy && (v[0].Name != record.NoisyMachine || !strings.Contains(v[0].Detail, "woke 15") ||
				!strings.Contains(v[0].Detail, "leave the machine more processors")) {
				t.Errorf("verdict %v", v)
			}
		})
	}
	// A target that uses all processors makes the machine busy itself.
	r := hiccuping(1000, 50, 15*time.Millisecond)
	r.Offered, r.Dropped = 100, 50
	if v := r.Verdict(); len(v) != 1 || v[0].Name != record.Saturated {
		t.Errorf("verdict %v", v)
	}
}
