package fleet

import (
	"fmt"
	"testing"
)

// A search is drawn by the objective that decided it, also of an arm that the plan leaves out.
func TestASearchKnowsTheObjectiveThatDecided(t *testing.T) {
	const probe = `{"evidence":{"arm":"a","rate":%d,"achieved":%[1]d%s},"in_system":1,"objectives":[
		{"slo":"p99 < 1ms","judged":true,"met":true,"detail":"p99 is 412µs"},
		{"slo":"errors < 0.1%%","judged":true,"met":%t,"detail":"errors is 0.3%%"}]}`
	m, err := parse("f", fmt.Appendf(nil, `{"schema":2,"status":"complete","answer":{"arms":[
		{"arm":"b","verdict":"found","holds":1000,"low":950,"high":1050,"confirmed":950},
		{"arm":"a","verdict":"fails-throughout"}]},"probes":[%s,%s,%s]}`, fmt.Sprintf(probe, 1000, "", false),
		fmt.Sprintf(probe, 500, `,"limited":"noisy-machine: busy"`, true),
		fmt.Sprintf(probe, 250, `,"spoiled":"saturated: late"`, true)))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Searches) != 2 || m.Searches[0].Arm != "b" || len(m.Searches[0].Probes) != 0 {
		t.Fatalf("%+v", m.Searches)
	}
	s := m.Searches[1]
	if s.SLO != "errors < 0.1%" || !s.Share || s.Limit != 0.001 || s.Why == "" || len(s.Probes) != 3 {
		t.Errorf("%+v", s)
	}
	for i, want := range []Probe{{1000, 1000, 0.003, true, false, "", 0.001},
		{500, 500, 0.003, true, true, "noisy-machine: busy", 0.002}, {250, 250, 0.003, true, false, "", 0.004}} {
		if s.Probes[i] != want {
			t.Errorf("probe %d: %+v, want %+v", i, s.Probes[i], want)
		}
	}
}
