package results

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/scenarios"
)

func FuzzRead(f *testing.F) {
	for _, text := range []string{
		`{"schema":2,"scenario":{"name":"a","qps":["1k"],"duration":"1s"},"visits":[],"status":"complete"}`,
		`{"schema":2,"scenario":{"qps":["1k"],"duration":"1s"},"visits":[` +
			`{"cell":{"spans":"none","qps":1000},"round":1,"error":"x"}],"status":"partial"}`,
		`{"schema":2,"scenario":null}`, `{"schema":"2"}`, `[]`, ``,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if run, err := parse("run.json", data); (run == nil) == (err == nil) {
			t.Errorf("%v, %v: want a run or an error", run, err)
		}
	})
}

// A visit that is accepted can be written.
func FuzzVisit(f *testing.F) {
	data, err := os.ReadFile("testdata/run.json")
	if err != nil {
		f.Fatal(err)
	}
	var run struct{ Visits []json.RawMessage }
	if err := json.Unmarshal(data, &run); err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{string(run.Visits[0]), `{}`, `{"record":{}}`, `{"record":null,"error":"x"}`,
		`null`} {
		f.Add([]byte(text))
	}
	s := &scenarios.Scenario{Name: "fuzz"}
	s.SetArms(scenarios.Target, scenarios.MapTarget)
	h := &Header{Scenario: s}
	f.Fuzz(func(t *testing.T, data []byte) {
		v := &Visit{}
		if json.Unmarshal(data, v) != nil || v.Check() != nil {
			return
		}
		if _, err := json.Marshal(v); err != nil {
			t.Errorf("run.json: %v", err)
		}
		if lines, err := benchLines(h, v); err == nil && !strings.HasSuffix(lines, "\n") {
			t.Errorf("run.bench: %q", lines)
		}
	})
}
