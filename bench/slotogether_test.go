package bench_test

import (
	"context"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// The runs have 1,000 calls of 1 ms; some calls take 50 ms, fail, or are dropped.
func TestAnObjectiveIsJudgedByTheCallsOfSeveralRunsTogether(t *testing.T) {
	run := func(t *testing.T, slow, fail int64, s record.SLO, abort bool) (r *record.Record) {
		synctest.Test(t, func(t *testing.T) {
			var n atomic.Int64
			r = do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Second), Workers: 100,
				Window: 500 * ms, SLOs: []record.SLO{s}, Abort: abort,
				Target: bench.TargetFunc(func(context.Context, string) error {
					switch i := n.Add(1); {
					case i <= slow:
						time.Sleep(50 * ms)
					case i > 1000-fail:
						return context.Canceled
					default:
						time.Sleep(ms)
					}
					return nil
				})})
		})
		return r
	}
	type calls struct{ slow, fail int64 }
	for _, c := range []struct {
		name   string
		slo    string
		abort  bool
		runs   []calls
		held   int
		met    bool
		burn   float64
		detail string
		// by so many calls the burn may differ: those that begin or end in the instant in which a run is ended
		either float64
	}{
		{"all hold", "p99 < 10ms", false, []calls{{5, 0}, {10, 0}, {0, 9}}, 3, true, 0.8, "p99 is 1", 0},
		{"one misses, and they hold together", "p99 < 10ms", false, []calls{{0, 0}, {20, 0}, {0, 0}}, 2, true, 2. / 3,
			"p99 is 1", 0},
		{"one misses, and so they do together", "p99 < 10ms", false, []calls{{5, 0}, {50, 0}, {5, 0}}, 2, false, 2,
			"p99 is 50", 0},
		{"failures count", "p99 < 10ms", false, []calls{{0, 0}, {0, 40}, {0, 0}}, 2, false, 4. / 3, "p99 is infinite",
			0},
		{"errors", "errors < 1%", false, []calls{{0, 0}, {0, 20}}, 1, false, 1, "errors is 1%", 0},
		{"errors, allowed", "errors <= 1%", false, []calls{{0, 0}, {0, 20}}, 1, true, 1, "errors is 1%", 0},
		{"max", "max < 10ms", false, []calls{{0, 0}, {1, 0}}, 1, false, 2. / 1, "max is 50", 0},
		{"mean", "mean < 2ms", false, []calls{{0, 0}, {30, 0}}, 1, true, (1 + 2.47) / 2 / 2, "mean is 1.735ms", 0},
		{"mean, infinite", "mean < 2ms", false, []calls{{0, 0}, {0, 1}}, 1, false, 1e9, "mean is infinite", 0},
		{"windows", "p99 < 10ms over every 500ms", false, []calls{{5, 0}, {20, 0}}, 1, false, 2.5,
			"in the 500ms from 0s on", 0},
		{"one is ended early", "p99 < 10ms", true, []calls{{0, 0}, {11, 0}, {0, 0}}, 2, true, 11. / 30, "ms or more",
			0},
		{"one is ended early, which is enough", "p99 < 10ms", true, []calls{{0, 0}, {500, 0}, {0, 0}}, 2, false,
			61. / 30, "p99 is 50ms or more", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := slo(t, c.slo)
			var records []*record.Record
			held := 0
			for _, one := range c.runs {
				r := run(t, one.slow, one.fail, s, c.abort)
				records = append(records, r)
				if r.SLOs[0].Met {
					held++
				}
			}
			got := s.Together(records)
			if held != c.held || !got.Judged || got.Met != c.met ||
				math.Abs(got.Burn-c.burn) > 1e-9*c.burn+c.either/got.Budget ||
				!strings.Contains(got.Detail, c.detail) || got.SLO != s.String() {
				t.Errorf("%d hold, together %+v; want %d, met %v, a burn of %v, and %q", held, got, c.held, c.met,
					c.burn, c.detail)
			}
		})
	}
	if got := slo(t, "p99 < 1ms").Together(nil); got.Judged || got.Met {
		t.Errorf("of no run: %+v", got)
	}
}
