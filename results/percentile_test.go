package results_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/results"
)

func TestAPercentileIsNamedExactly(t *testing.T) {
	for want, q := range map[string]float64{
		"p0": 0, "p50": 0.5, "p7": 0.07, "p29": 0.29, "p99.9": 0.999, "p99.99999999999999": 0.9999999999999999,
		"p100": 1, "p0.1": 0.001,
		"p0.000000000000001": 1e-17,
	} {
		t.Run(want, func(t *testing.T) {
			if got := record.PercentileName(q); got != want {
				t.Errorf("%v is %s", q, got)
			}
		})
	}
}

// A visit of a target that reports phases has their percentiles; a reader finds out if they do not add up.
func TestPhasesArePercentilesToo(t *testing.T) {
	v := visit(t, "sdk", 1)
	if s := v.Summaries(); s.Write != nil || s.Wait != nil || s.Read != nil {
		t.Errorf("summaries of phases without phases: %+v", s)
	}
	phases := record.NewPhases()
	v.Record.Phases = &phases
	for i := range v.Record.Done {
		phases.Write.Add(time.Microsecond)
		phases.Wait.Add(time.Duration(i) * time.Microsecond)
		phases.Read.Add(0)
	}
	if err := v.Check(); err != nil {
		t.Error(err)
	}
	if s := v.Summaries(); *s.Write.P99 != 1000 || *s.Wait.Max != float64(v.Record.Done-1)*1000 || *s.Read.P50 != 0 {
		t.Errorf("write p99 %v, wait max %v, read p50 %v", *s.Write.P99, *s.Wait.Max, *s.Read.P50)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var again results.Visit
	if err := json.Unmarshal(text, &again); err != nil || again.Check() != nil {
		t.Errorf("read again: %v, %v", err, again.Check())
	} else if p := again.Record.Phases; p.Wait.Max() != phases.Wait.Max() || p.Read.Count() != v.Record.Done {
		t.Errorf("phases came back as %+v", p)
	}
	phases.Wait.Add(1)
	if err := v.Check(); err == nil || !strings.Contains(err.Error(), "write, wait and read") {
		t.Errorf("%v: want an error about the counts of phases", err)
	}
	phases.Wait = nil
	if err := v.Check(); err == nil || !strings.Contains(err.Error(), "want write, wait and read") {
		t.Errorf("%v: want an error about the missing phase", err)
	}
}
