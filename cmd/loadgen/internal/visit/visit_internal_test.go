package visit

import (
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
		machine results.Machine
		why     []string // what the detail says; nothing: not noisy
	}{
		{results.Machine{}, nil},
		{results.Machine{Known: true}, nil},
		{results.Machine{Known: true, Stolen: 0.019, Others: 0.099}, nil},
		{results.Machine{Stolen: 0.5}, nil},
		{results.Machine{Known: true, Stolen: 0.03}, []string{"3% of the machine's CPU time was stolen",
			"a quieter machine"}},
		{results.Machine{Known: true, Others: 0.2},
			[]string{"20% of the machine's CPU time was used by other processes", "close them"}},
		{results.Machine{Known: true, Stolen: 0.03, Others: 0.2}, []string{"stolen", "other processes"}},
	} {
		got := noise(c.machine)
		if len(got) > 0 != (c.why != nil) {
			t.Errorf("%+v: %v", c.machine, got)
			continue
		}
		for _, want := range c.why {
			if !strings.Contains(got[0].Detail, want) {
				t.Errorf("%+v: %q is not in %q", c.machine, want, got[0].Detail)
			}
		}
		if len(c.why) > 0 && c.machine.Stolen == 0 && strings.Contains(got[0].Detail, "stolen") {
			t.Errorf("%+v: nothing was stolen, and %q", c.machine, got[0].Detail)
		}
	}
}

func TestSpansThatAreLostCastDoubt(t *testing.T) {
	for _, c := range []struct {
		spans *results.SpanCount
		want  string
	}{
		{nil, ""},
		{&results.SpanCount{Made: 10, Exported: 10}, ""},
		{&results.SpanCount{Made: 10, Exported: 7}, "3 of 10 spans were lost"},
	} {
		if got := lost(c.spans); len(got) > 0 != (c.want != "") || c.want != "" &&
			!strings.Contains(got[0].Detail, c.want) {
			t.Errorf("%+v: %v", c.spans, got)
		}
	}
}

// Every arm of metrics records what it says, beside a live estimator, too; and a visit
// notices what is not recorded.
func TestEveryArmOfMetricsRecordsEveryCall(t *testing.T) {
	const calls = 100
	ctx := context.Background()
	var names []string
	for _, arm := range metrics {
		names = append(names, arm.name)
		for _, live := range []string{"", "hdr"} {
			s, err := scenarios.Decode("test.yaml", []byte("qps: 1000\nduration: 1s\nhandlers: {keys: 3, spin: 0}"))
			if err != nil {
				t.Fatal(err)
			}
			req := &Request{Scenario: s, Cell: scenarios.Cell{Spans: "sdk", Attributes: "6", Metrics: arm.name,
				Quantile: live}, Turns: 1}
			pipeline, err := newPipeline(&req.Cell)
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
					t.Errorf("%s: %d calls and %d durations of %d, %v", arm.name, counted, timed, calls, err)
				}
				if err := metering.check(ctx, m, calls+1); err == nil ||
					!strings.Contains(err.Error(), "of 101 calls") {
					t.Errorf("%s: a call that is not recorded is not noticed: %v", arm.name, err)
				}
			}
			if err := metering.check(ctx, m, calls); err != nil {
				t.Errorf("%s: %v", arm.name, err)
			}
			if err := pipeline.Close(ctx); err != nil {
				t.Error(err)
			}
			if exported, bytes := pipeline.Exported(); exported != calls || bytes < 200*calls {
				t.Errorf("%d spans of six attributes are %d bytes", exported, bytes)
			}
		}
	}
	if !slices.Equal(names, scenarios.MetricsArms) {
		t.Errorf("metrics are %v, scenarios name %v", names, scenarios.MetricsArms)
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
	asked := func(seed uint64) (all string) {
		_, keys, err := newMap(context.Background(), &Request{Scenario: s, Seed: seed, Turns: 1}, pipeline, &metering{})
		if err != nil {
			t.Fatal(err)
		}
		for n := range uint64(50) {
			all += keys.Key(n) + " "
		}
		return all
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
