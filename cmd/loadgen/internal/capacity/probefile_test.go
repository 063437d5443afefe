package capacity

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/scenarios"
)

// written writes the file of a new search, and returns its directory and text.
func written(t *testing.T) (dir, text string) {
	t.Helper()
	s, err := New(Options{Arms: []string{"a"}, Start: 100, Least: 1, Most: 1e6, Precision: 0.1, Probe: time.Second,
		Budget: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	scenario, err := scenarios.Decode("a.yaml",
		[]byte("qps: 100\nduration: 1s\nspans: [none, sdk]\nslo: [p99 < 5ms]\n"))
	if err != nil {
		t.Fatal(err)
	}
	scenario.Compare = nil // as a search has it: its probes compare nothing
	dir = t.TempDir()
	if err := (&File{Scenario: scenario, Search: s}).Write(dir); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	return dir, string(data)
}

func TestAFileThatNoSearchWritesIsRefused(t *testing.T) {
	const one = `{"arm": "a", "rate": 100, "took": 1}`
	const probe = `{"evidence": ` + one + `}`
	for name, c := range map[string]struct{ evidence, probes, more, want string }{
		"a probe":                    {one, probe, ``, ""},
		"a rate below 0 is required": {``, ``, `"require_qps": -5,`, "the required rate is -5/s"},
		"a rate beyond all":          {``, ``, `"require_qps": 1e300,`, "the required rate is 1e+300/s"},
		"no workers":                 {``, ``, `"scaling_workers": [1, 0],`, "throughput with 0 workers"},
		"a probe is cut":             {one, ``, ``, "probes 0, evidence of 1"},
		"a probe is null":            {one, `null`, ``, "probe 1 does not match the evidence"},
		"a probe of another rate": {one, strings.Replace(probe, "100", "200", 1), ``,
			"probe 1 does not match the evidence"},
		"an arm of another search": {strings.Replace(one, `"a"`, `"b"`, 1), strings.Replace(probe, `"a"`, `"b"`, 1),
			``, `"b", which the search does not have`},
		"time that overflows": {strings.Replace(one, `: 1}`, `: 9223372036854775807},`, 1) + one, probe + "," + probe,
			``, "which is too long"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, text := written(t)
			for from, to := range map[string]string{`"evidence": null`: `"evidence": [` + c.evidence + `]`,
				`"probes": null`: `"probes": [` + c.probes + `]`, `"schema"`: c.more + `"schema"`} {
				if strings.Count(text, from) != 1 {
					t.Fatalf("no %s in\n%s", from, text)
				}
				text = strings.Replace(text, from, to, 1)
			}
			if err := os.WriteFile(filepath.Join(dir, FileName), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := ReadFile(dir)
			if refused := err != nil; refused != (c.want != "") || refused && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestAValueOfAnotherTypeIsRefusedWithItsLine(t *testing.T) {
	dir, text := written(t)
	text = strings.Replace(text, `"status": `, `"status": 5, "was": `, 1)
	if err := os.WriteFile(filepath.Join(dir, FileName), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(dir); err == nil || !strings.Contains(err.Error(),
		FileName+":4: json: cannot unmarshal number") {
		t.Errorf("error %v", err)
	}
}

func TestASearchWhoseQuestionWasChangedOnDiskIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		from, to string
		refused  bool
	}{
		"nothing":                       {"", "", false},
		"an objective":                  {"5ms", "50ms", true},
		"the rate that it began from":   {`"start": 100`, `"start": 200`, true},
		"the precision":                 {`"precision": 0.1`, `"precision": 0.2`, true},
		"the digest":                    {`"digest": "`, `"digest": "0`, true},
		"the budget, which --budget is": {`"budget": 60000000000`, `"budget": 90000000000`, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir, text := written(t)
			if !strings.Contains(text, c.from) {
				t.Fatalf("no %q in\n%s", c.from, text)
			}
			if err := os.WriteFile(filepath.Join(dir, FileName), []byte(strings.Replace(text, c.from, c.to, 1)),
				0o644); err != nil {
				t.Fatal(err)
			}
			_, err := ReadFile(dir)
			if refused := err != nil; refused != c.refused || refused &&
				!strings.Contains(err.Error(), "have changed since its probes were made") {
				t.Errorf("error %v, want one: %v", err, c.refused)
			}
		})
	}
}
