package visit

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/observable/spans"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

func TestAMachineThatDoesOtherThingsIsCalledNoisy(t *testing.T) {
	for _, c := range []struct {
		name    string
		machine results.Machine
		local   bool     // a service on the machine is called
		why     []string // parts of the detail; nil if the machine is not noisy
	}{
		{"nothing is known", results.Machine{}, false, nil},
		{"nothing else runs", results.Machine{Known: true}, false, nil},
		{"just below the limits", results.Machine{Known: true, Stolen: 0.019, Others: 0.099}, false, nil},
		{"unknown values do not count", results.Machine{Stolen: 0.5}, false, nil},
		{"the host steals", results.Machine{Known: true, Stolen: 0.03}, false,
			[]string{"3.0% of the machine's CPU time was stolen", "a quieter machine"}},
		{"other processes run", results.Machine{Known: true, Others: 0.2}, false,
			[]string{"20% of the machine's CPU time was used by other processes", "close other programs"}},
		{"both", results.Machine{Known: true, Stolen: 0.03, Others: 0.2}, false,
			[]string{"stolen", "other processes"}},
		{"the service runs", results.Machine{Known: true, Others: 0.6}, true, nil},
		{"the host steals from the service", results.Machine{Known: true, Stolen: 0.03, Others: 0.6}, true,
			[]string{"3.0% of the machine's CPU time was stolen"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := noise(c.machine, c.local)
			if len(got) > 0 != (c.why != nil) {
				t.Fatal(got)
			}
			for _, want := range c.why {
				if !strings.Contains(got[0].Detail, want) {
					t.Errorf("%q is not in %q", want, got[0].Detail)
				}
			}
			if len(c.why) > 0 && c.machine.Stolen == 0 && strings.Contains(got[0].Detail, "stolen") {
				t.Errorf("nothing was stolen, and %q", got[0].Detail)
			}
		})
	}
}

func TestSpansThatAreLostCastDoubt(t *testing.T) {
	for _, c := range []struct {
		name  string
		spans *results.SpanCount
		want  string
	}{
		{"no spans are counted", nil, ""},
		{"all are exported", &results.SpanCount{Made: 10, Exported: 10}, ""},
		{"some are lost", &results.SpanCount{Made: 10, Exported: 7}, "3 of 10 spans were lost"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := lost(c.spans); len(got) > 0 != (c.want != "") || c.want != "" &&
				!strings.Contains(got[0].Detail, c.want) {
				t.Error(got)
			}
		})
	}
}

// Every arm of metrics records every call, also beside a live estimator. A visit reports a call that is not recorded.
func TestEveryArmOfMetricsRecordsEveryCall(t *testing.T) {
	const calls = 100
	ctx := context.Background()
	var names []string
	for _, arm := range metrics {
		names = append(names, arm.name)
		for _, live := range []string{"", "hdr"} {
			t.Run(arm.name+" "+cmp.Or(live, "not live"), func(t *testing.T) {
				s, err := scenarios.Decode("test.yaml",
					[]byte("qps: 1000\nduration: 1s\nhandlers: {keys: 3, spin: 0}"))
				if err != nil {
					t.Fatal(err)
				}
				req := &Request{Scenario: s, Turns: 1, Cell: scenarios.Cell{}.With("spans", "sdk").
					With("attributes", "6").With("metrics", arm.name).With("quantile", live)}
				pipeline, err := newPipeline(req, true, nil)
				if err != nil {
					t.Fatal(err)
				}
				metering, err := openMetrics(arm.name)
				if err != nil {
					t.Fatal(err)
				}
				m, _, err := newMap(ctx, req, pipeline, metering)
				if err != nil {
					t.Fatal(err)
				}
				for i := range calls {
					if err := m.Call(ctx, m.Keys()[i%3]); err != nil {
						t.Error(err)
					}
				}
				if arm.name != scenarios.None {
					counted, timed, err := metering.read(ctx, m)
					if err != nil || counted != calls || timed != calls {
						t.Errorf("%d calls and %d durations of %d, %v", counted, timed, calls, err)
					}
					if err := metering.check(ctx, m, calls+1); err == nil ||
						!strings.Contains(err.Error(), "for 101 calls") {
						t.Errorf("a call that is not recorded is not noticed: %v", err)
					}
				}
				if err := metering.check(ctx, m, calls); err != nil {
					t.Error(err)
				}
				if err := pipeline.Close(ctx); err != nil {
					t.Error(err)
				}
				if exported, bytes := pipeline.Exported(); exported != calls || bytes < 200*calls {
					t.Errorf("%d spans of six attributes are %d bytes", exported, bytes)
				}
			})
		}
	}
	if !slices.Equal(names, scenarios.KnownArms("metrics")) {
		t.Errorf("metrics are %v, scenarios name %v", names, scenarios.KnownArms("metrics"))
	}
}

func TestTheSeedOfARoundDecidesItsKeys(t *testing.T) {
	s, err := scenarios.Decode("test.yaml", []byte("qps: 1000\nduration: 1s"))
	if err != nil {
		t.Fatal(err)
	}
	pipeline, err := spans.Open("none")
	if err != nil {
		t.Fatal(err)
	}
	asked := func(seed uint64) (names string) {
		_, keys, err := newMap(context.Background(), &Request{Scenario: s, Seed: seed, Turns: 1}, pipeline,
			&metering{})
		if err != nil {
			t.Fatal(err)
		}
		for n := range uint64(50) {
			names += keys.Key(n) + " "
		}
		return names
	}
	first, again, other := asked(1), asked(1), asked(2)
	if first != again || first == other {
		t.Errorf("seed 1: %s and then %s, seed 2: %s", first, again, other)
	}
}

func TestAVisitThatItsQuotaStoppedIsThrottled(t *testing.T) {
	for name, c := range map[string]struct {
		machine results.Machine
		want    string
	}{
		"no quota":  {results.Machine{Known: true}, ""},
		"within it": {results.Machine{Quota: 1.5, Throttled: 0.005}, ""},
		"half the time": {results.Machine{Quota: 1.5, Throttled: 0.5},
			"the CPU quota of 1.5 cores (cgroup) was used up in 50% of its periods"},
	} {
		t.Run(name, func(t *testing.T) {
			got := throttled(c.machine)
			if (len(got) > 0) != (c.want != "") {
				t.Fatalf("%v, want %q", got, c.want)
			}
			if len(got) > 0 && (got[0].Name != results.Throttled || !strings.HasPrefix(got[0].Detail, c.want)) {
				t.Errorf("%v, want %q", got, c.want)
			}
		})
	}
}
