package visit_test

import (
	"context"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/bench/work"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/observable/spans"
	"github.com/loadgen-go/loadgen/quantile/estimators"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

func TestEveryNameOfAScenarioMeetsItsType(t *testing.T) {
	var quantiles, peers, tracers []string
	for _, a := range estimators.Arms() {
		if a.Peer {
			peers = append(peers, a.Name)
		} else {
			quantiles = append(quantiles, a.Name)
		}
	}
	for _, a := range spans.Arms() {
		tracers = append(tracers, a.Name)
	}
	all := slices.Concat([]string{scenarios.None}, quantiles, peers)
	if !slices.Equal(all, scenarios.KnownArms("quantile")) {
		t.Errorf("estimators are %v, scenarios name %v", all, scenarios.KnownArms("quantile"))
	}
	if !slices.Equal(tracers, scenarios.KnownArms("spans")) {
		t.Errorf("arms of spans are %v, scenarios name %v", tracers, scenarios.KnownArms("spans"))
	}
	if !slices.Equal(spans.Samplings(), scenarios.KnownArms("sampling")) {
		t.Errorf("samplings are %v, scenarios name %v", spans.Samplings(), scenarios.KnownArms("sampling"))
	}
	if !slices.Equal(spans.Processors(), scenarios.KnownArms("processors")) {
		t.Errorf("processors are %v, scenarios name %v", spans.Processors(), scenarios.KnownArms("processors"))
	}
	for _, arm := range scenarios.KnownArms("attributes") {
		n, err := strconv.Atoi(arm)
		if err == nil {
			_, err = spans.Attributes(n)
		}
		if err != nil {
			t.Errorf("scenarios name %s attributes: %v", arm, err)
		}
	}
}

// request returns the request of a cell of a scenario.
func request(t *testing.T, text string, cell int) *visit.Request {
	t.Helper()
	s, err := scenarios.Decode("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return &visit.Request{Scenario: s, Cell: s.Cells()[cell], Seed: 42, Turns: 0.5}
}

const short = `
qps: [5000]
spans: [none, noop, pooled-value, pooled, pooled-off, sdk]
duration: 100ms
warmup: 20ms
handlers: {allocate: 100}
`

func TestAVisitAccountsForEveryCallAndSpan(t *testing.T) {
	for cell, arm := range []string{"none", "noop", "pooled-value", "pooled", "pooled-off", "sdk"} {
		t.Run(arm, func(t *testing.T) {
			v, err := visit.Do(context.Background(), request(t, short, cell), nil)
			if err != nil {
				t.Fatal(err)
			}
			r := v.Record
			if v.Cell.Value("spans") != arm || r.Done == 0 || r.Done != r.Offered || v.Warmup == 0 || r.Interrupted {
				t.Errorf("%+v", r)
			}
			if exports := arm != "none" && arm != "noop"; (v.Spans != nil) != exports {
				t.Errorf("spans %+v", v.Spans)
			} else if exports && (v.Spans.Dropped() != 0 || v.Spans.Made != v.Warmup+r.Done ||
				v.Spans.Bytes < 100*v.Spans.Exported) {
				t.Errorf("%d calls, %d before; spans %+v", r.Done, v.Warmup, v.Spans)
			}
			if v.Cost.CPU <= 0 || v.Cost.Allocs < r.Done || v.Cost.PeakRSS == 0 {
				t.Errorf("cost %+v", v.Cost)
			}
			if len(v.Estimates) != 9 {
				t.Errorf("%d estimates", len(v.Estimates))
			}
			for _, e := range v.Estimates {
				if e.N != r.Done || e.InsertNS <= 0 || e.QueryNS <= 0 || e.StateBytes <= 0 || len(e.Answers) != 2 {
					t.Errorf("%+v", e)
				}
				for _, a := range e.Answers {
					if e.Quantile == "exact" && (a.Value != 0 || a.Rank != 0) {
						t.Errorf("full sort misses: %+v", a)
					}
					if e.Quantile == "hdr" && (a.Value > 0.001 || a.Value < -0.001) {
						t.Errorf("hdr misses: %+v", a)
					}
				}
			}
		})
	}
}

func TestPeersThatAScenarioNamesAreJudgedAndCanBeLive(t *testing.T) {
	var names []string
	for _, a := range estimators.Arms() {
		if a.Peer {
			names = append(names, a.Name)
		}
	}
	peers := strings.Join(names, ", ")
	for name, text := range map[string]string{
		"judged": "quantile: [" + peers + "]",
		"live":   "live: true\nquantile: [none, " + peers + "]",
	} {
		t.Run(name, func(t *testing.T) {
			req := request(t, short+text, 1)
			req.Scenario.Warmup = 0
			v, err := visit.Do(context.Background(), req, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(v.Estimates) != len(names) {
				t.Errorf("%d estimates", len(v.Estimates))
			}
			for _, e := range v.Estimates {
				if !slices.Contains(names, e.Quantile) || e.N != v.Record.Done || len(e.Answers) != 2 {
					t.Errorf("%+v", e)
				}
			}
		})
	}
}

// Spans that were not sampled do not count as lost, and sampled spans are counted.
func TestAVisitAccountsForEverySampledSpan(t *testing.T) {
	text := short + "sampling: [always, parent-0.01, never]\nprocessors: [batch, discard, none]\nattributes: 6\n"
	for i, c := range request(t, text, 0).Scenario.Cells() {
		if c.Value("spans") == scenarios.None || c.Value("spans") == "noop" || c.Value("spans") == "pooled-off" {
			continue
		}
		t.Run(c.Arm(), func(t *testing.T) {
			req := request(t, text, i)
			req.Scenario.Duration = 40 * time.Millisecond
			req.Scenario.SetArms(scenarios.Quantile, "hdr")
			v, err := visit.Do(context.Background(), req, nil)
			if err != nil {
				t.Fatal(err)
			}
			calls := v.Warmup + v.Record.Done
			switch s := v.Spans; {
			case c.Value("processors") == scenarios.None:
				if s != nil {
					t.Errorf("nothing is exported, and %+v", s)
				}
			case s == nil || s.Dropped() != 0 || s.Made != s.Exported:
				t.Errorf("%+v", s)
			case c.Value("sampling") == scenarios.Always && s.Made != calls,
				c.Value("sampling") == scenarios.Never && s.Made != 0,
				c.Value("sampling") == "parent-0.01" && s.Made > calls/4:
				t.Errorf("%+v of %d calls", s, calls)
			}
			if v.Doubted(results.SpansLost) {
				t.Error(v.Verdict)
			}
		})
	}
}

// The CPU time of calls does not include waiting, so that both together do not exceed the CPU time of the process.
func TestCPUTimeIsThatOfCallsAlone(t *testing.T) {
	req := request(t, short, 0)
	req.Scenario.SetArms(scenarios.Quantile, "exact")
	req.Scenario.Warmup, req.Scenario.Duration = 0, 300*time.Millisecond
	req.Scenario.Pace = pace.Tight // its CPU time of waiting is known on every machine
	before, err := machine.Read()
	if err != nil {
		t.Fatal(err)
	}
	v, err := visit.Do(context.Background(), req, nil)
	if err != nil {
		t.Fatal(err)
	}
	after, err := machine.Read()
	if err != nil {
		t.Fatal(err)
	}
	const coarse = 4 * time.Millisecond // a tick of the slowest clock of CPU time
	if total := after.Since(&before, 0).CPU; v.Record.Waiting <= 0 || v.Cost.CPU+v.Record.Waiting > total+coarse {
		t.Errorf("CPU %v and waiting %v, of %v in total", v.Cost.CPU, v.Record.Waiting, total)
	}
}

func TestWhatIsMeasuredBeginsWithASmallHeapAndArrivalsOfItsOwn(t *testing.T) {
	same := 0
	for seed := range uint64(4) {
		req := request(t, short, 0)
		req.Seed, req.Scenario.Warmup, req.Scenario.Duration = seed, 50*time.Millisecond, 50*time.Millisecond
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		v, err := visit.Do(context.Background(), req, nil)
		if err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if after.NumForcedGC == before.NumForcedGC {
			t.Error("no collection before what is measured")
		}
		if v.Warmup == v.Record.Offered {
			same++
		}
	}
	if same == 4 {
		t.Error("the warm-up has the arrivals of what is measured")
	}
}

func TestAVisitThatIsInterruptedKeepsWhatItMeasured(t *testing.T) {
	req := request(t, short, 4)
	req.Scenario.Duration, req.Scenario.Warmup = time.Hour, 0
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var calls atomic.Int64
	own := visit.Own{Open: func(_ context.Context, provider trace.TracerProvider) (bench.Target, error) {
		tracer := provider.Tracer("test")
		return bench.TargetFunc(func(ctx context.Context, _ string) error {
			_, span := tracer.Start(ctx, "call")
			span.End()
			if calls.Add(1) == 100 {
				cancel()
			}
			return nil
		}), nil
	}}
	v, err := visit.Do(ctx, req, &own)
	if err != nil || !v.Record.Interrupted || v.Record.Done < 100 || v.Spans.Exported != v.Record.Done {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestTheDropPolicyDropsInsteadOfWaiting(t *testing.T) {
	req := request(t, short+"overload: drop\nworkers: 1\n", 0)
	req.Scenario.Handlers.Spin, req.Turns = 2*time.Millisecond, work.Calibrate()
	v, err := visit.Do(context.Background(), req, nil)
	if err != nil || v.Record.Dropped == 0 || v.Record.Queue.Max() != 0 {
		t.Errorf("%+v, %v", v.Record, err)
	}
}

func TestAnUnknownNameIsAnError(t *testing.T) {
	for name, spoil := range map[string]func(*visit.Request){
		"spans":     func(r *visit.Request) { r.Cell = r.Cell.With("spans", "magic") },
		"sampling":  func(r *visit.Request) { r.Cell = r.Cell.With("sampling", "magic") },
		"processor": func(r *visit.Request) { r.Cell = r.Cell.With("processors", "magic") },
		"attribute": func(r *visit.Request) { r.Cell = r.Cell.With("attributes", "magic") },
		"metrics":   func(r *visit.Request) { r.Cell = r.Cell.With("metrics", "magic") },
		"quantile":  func(r *visit.Request) { r.Cell = r.Cell.With("quantile", "magic") },
		"estimates": func(r *visit.Request) { r.Scenario.SetArms(scenarios.Quantile, "magic") },
		"arrivals":  func(r *visit.Request) { r.Scenario.Arrivals = schedule.Process{} },
		"work":      func(r *visit.Request) { r.Scenario.Handlers.Distribution = "magic" },
	} {
		t.Run(name, func(t *testing.T) {
			req := request(t, short, 0)
			spoil(req)
			if v, err := visit.Do(context.Background(), req, nil); err == nil {
				t.Errorf("%+v", v)
			}
		})
	}
}

// A target may or may not count calls that were abandoned. Neither is an error of its metrics.
func TestAVisitWhoseCallsTimeOutIsMeasured(t *testing.T) {
	req := request(t, `
qps: [100]
spans: [sdk]
metrics: [own]
handlers: {spin: 50ms, distribution: fixed}
duration: 200ms
warmup: 0s
timeout: 5ms
workers: 4
`, 0)
	v, err := visit.Do(t.Context(), req, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := v.Record; r.GivenUp == 0 || r.Failed != r.GivenUp || len(r.Failures) != 1 ||
		r.Failures[0].Kind != "timeout" {
		t.Errorf("%d given up of %d that failed: %+v", r.GivenUp, r.Failed, r.Failures)
	}
	if v.Spans.Dropped() > 0 {
		t.Errorf("%+v: spans of calls that were given up count as lost", v.Spans)
	}
}

// Calls of the warm-up that do not return continue during the measurement. The verdict says so, and their spans do not
// count as lost.
func TestAVisitWhoseWarmupTimesOutIsNotWarm(t *testing.T) {
	for _, c := range []struct {
		name, spin string
		want       bool
	}{
		{"they do not return in time", "50ms", true},
		{"they return", "1us", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := request(t, `
qps: [100]
spans: [sdk]
metrics: [own]
handlers: {spin: `+c.spin+`, distribution: fixed}
duration: 200ms
warmup: 100ms
timeout: 5ms
workers: 4
`, 0)
			if !c.want {
				req.Scenario.Timeout = time.Minute
			}
			v, err := visit.Do(t.Context(), req, nil)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(v.Verdict, func(r record.Reason) bool { return r.Name == results.NotWarm })
			if (i >= 0) != c.want || c.want && !strings.Contains(v.Verdict[i].Detail,
				"of the warm-up had not returned") {
				t.Errorf("%+v", v.Verdict)
			}
			if v.Spans.Dropped() > 0 {
				t.Errorf("%+v: spans of calls that were given up count as lost", v.Spans)
			}
		})
	}
}
