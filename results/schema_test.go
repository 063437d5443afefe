package results_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/results"
)

// document writes a run of one visit, and returns its writer and the text of its run.json.
func document(t *testing.T) (w *results.Writer, text string) {
	t.Helper()
	w = write(t, results.Complete, visit(t, "sdk", 1))
	data, err := os.ReadFile(w.JSONPath())
	if err != nil {
		t.Fatal(err)
	}
	return w, string(data)
}

func TestRunsOfOtherVersionsAreRead(t *testing.T) {
	for _, c := range []struct{ name, old, new string }{
		{"an earlier schema", `"schema":2`, `"schema":1`},
		{"a field beside others", `"schema":2`, `"schema":2,"newer":{"a":[1]}`},
		{"a field of a scenario", `"scenario":{`, `"scenario":{"newer":[1,{"a":2}],`},
		{"a field of handlers", `"handlers":{`, `"handlers":{"newer":"x",`},
		{"a field of a visit", `"round":1`, `"newer":true,"round":1`},
		{"the percentiles of another version", `"percentiles":{`, `"percentiles":{"newer":1,`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, text := document(t)
			other := strings.Replace(text, c.old, c.new, 1)
			if other == text {
				t.Fatalf("no %s in it", c.old)
			}
			if err := os.WriteFile(w.JSONPath(), []byte(other), 0o600); err != nil {
				t.Fatal(err)
			}
			if run, err := results.Read(w.JSONPath()); err != nil || len(run.Visits) != 1 {
				t.Errorf("%+v, %v", run, err)
			}
		})
	}
}

// A version of loadgen with schema 1 wrote the file.
func TestARunOfTheFirstSchemaIsRead(t *testing.T) {
	run, err := results.Read("testdata/run-schema-1.json")
	if err != nil || run.Schema != 1 || len(run.Visits) != 2 {
		t.Fatalf("%+v, %v", run, err)
	}
	if r := run.Visits[0].Record; r.Offered == 0 || r.Missed != 0 || r.Hiccups == nil || r.Hiccups.Count() != 0 {
		t.Errorf("%+v", r)
	}
	text, err := os.ReadFile("testdata/run-schema-1.json")
	if err != nil {
		t.Fatal(err)
	}
	// Schema 1 does not count missed calls, which were due and had not begun when the run was interrupted.
	offered := fmt.Sprintf(`"offered":%d`, run.Visits[0].Record.Offered)
	missing := strings.Replace(string(text), offered, fmt.Sprintf(`"offered":%d`, run.Visits[0].Record.Offered+1), 1)
	path := filepath.Join(t.TempDir(), "run.json")
	if err := os.WriteFile(path, []byte(missing), 0o600); err != nil {
		t.Fatal(err)
	}
	if run, err := results.Read(path); err != nil || run.Visits[0].Record.Missed != 1 {
		t.Errorf("a call was missed: %v", err)
	}
}

// README.md describes every field.
func TestEveryFieldIsDescribed(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []any{results.Header{}, results.Visit{}} {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(value)) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name != "" && name != "-" && !strings.Contains(string(page), "`"+name+"`") {
				t.Errorf("README.md does not describe `%s` of a %T", name, value)
			}
		}
	}
}

// Names of fields are words joined by _. Units, loads and arms are values, and may contain other characters.
func TestKeysAreSnakeCase(t *testing.T) {
	_, fresh := document(t)
	example, err := os.ReadFile("testdata/run.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a new run": fresh, "the example": string(example)} {
		t.Run(name, func(t *testing.T) {
			var value any
			if err := json.Unmarshal([]byte(text), &value); err != nil {
				t.Fatal(err)
			}
			walk(t, "", value)
		})
	}
}

var snake = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// walk checks the keys of all objects in x.
func walk(t *testing.T, path string, x any) {
	switch x := x.(type) {
	case map[string]any:
		for key, value := range x {
			if !snake.MatchString(key) {
				t.Errorf("%s.%s: want snake_case", path, key)
			}
			walk(t, path+"."+key, value)
		}
	case []any:
		for _, value := range x {
			walk(t, path+"[]", value)
		}
	}
}

// The plain numbers equal the percentiles of the histograms. A percentile with too few calls is null.
func TestPercentilesArePlainNumbers(t *testing.T) {
	_, text := document(t)
	var run struct {
		Visits []struct {
			Percentiles map[string]map[string]*float64 `json:"percentiles"`
		} `json:"visits"`
	}
	if err := json.Unmarshal([]byte(text), &run); err != nil {
		t.Fatal(err)
	}
	v := visit(t, "sdk", 1)
	p99 := float64(v.Record.Latency.Quantile(990. / 990))
	got := run.Visits[0].Percentiles
	if x := got["latency_ns"]["p99"]; x == nil || *x != p99 {
		t.Errorf("p99 is %v, want %v", x, p99)
	}
	if x := got["service_ns"]["max"]; x == nil || *x != float64(v.Record.Service.Max()) {
		t.Errorf("the longest service time is %v, want %v", x, v.Record.Service.Max())
	}
	// 1,000 calls are too few for p99.9, and the failed calls make the maximum infinite.
	for _, name := range []string{"p99_9", "max"} {
		if x, ok := got["latency_ns"][name]; !ok || x != nil {
			t.Errorf("%s of latency is %v (%v), want null", name, x, ok)
		}
	}
	for _, name := range []string{"queue_lag_ns", "generator_lag_ns", "failed_latency_ns"} {
		if got[name]["max"] == nil {
			t.Errorf("no %s: %v", name, got)
		}
	}
}

func TestTheExampleOfTheREADMEIsRead(t *testing.T) {
	run, err := results.Read("testdata/run.json")
	if err != nil || len(run.Visits) != 1 || run.Schema != results.Schema {
		t.Fatalf("%+v, %v", run, err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^jq (-r )?'([^']+)' run\.json +# (.*)$`).FindAllStringSubmatch(string(readme), -1)
	if len(lines) < 4 {
		t.Fatalf("%d lines of jq, want some", len(lines))
	}
	jq, err := exec.LookPath("jq")
	if err != nil {
		t.Skip("jq is not installed")
	}
	for _, l := range lines {
		t.Run(l[2], func(t *testing.T) {
			out, err := exec.Command(jq, "-rc", l[2], "testdata/run.json").CombinedOutput()
			if got := string(bytes.TrimSpace(out)); err != nil || got != l[3] {
				t.Errorf("%s, %v; README says %s", got, err, l[3])
			}
		})
	}
}
