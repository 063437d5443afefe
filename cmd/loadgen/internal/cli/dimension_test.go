package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// colour is a dimension that this program does not have.
var colour = scenarios.Dimension{Name: "colour", About: "Arms: the colour of calls.", Arms: []string{"red", "blue"},
	Default: []string{"red"}}

// A dimension that is registered is in fields, flags, completion, names of cells and benchmarks, tables, the page,
// comparisons and the gate, and nothing else has to know it.
func TestADimensionThatIsRegisteredShowsEverywhere(t *testing.T) {
	remove := scenarios.Register(colour)
	t.Cleanup(func() { remove() })
	dir := t.TempDir()
	file := filepath.Join(dir, "colours.yaml")
	text := "qps: 1000\nduration: 1s\nrounds: 12\nspans: [none, sdk]\ncolour: [red, blue]\ncompare: blue vs red\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := scenarios.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	run := writtenRun(t, s, func(v *results.Visit) {
		latency := time.Millisecond
		if v.Cell.Value("colour") == "blue" {
			latency *= 2
		}
		cost(v, latency, 100*time.Microsecond, 1000, 10)
	})
	bench, err := os.ReadFile(filepath.Join(run, "run.bench"))
	if err != nil || !strings.Contains(string(bench), "/spans=sdk/colour=blue/qps=1000-2 ") {
		t.Errorf("names of benchmarks: %v\n%s", err, bench)
	}
	page := filepath.Join(dir, "page.html")
	answers := []struct {
		name string
		args []string
		want []string
		code int
	}{
		{"fields", []string{"scenarios", "--fields"}, []string{"colour", "a list of red, blue"}, 0},
		{"flag", []string{"run", "--help"}, []string{"--colour LIST", "The colour of calls."}, 0},
		{"completion", []string{"__complete", "run", "--colour", ""}, []string{"red\nblue\n"}, 0},
		{"plan", []string{"plan", file, "--colour", "red,blue"}, []string{"sdk/blue at 1,000/s", "blue vs red"}, 0},
		{"a wrong arm", []string{"plan", file, "--colour", "bleu"}, nil, 2},
		{"answer", []string{"show", run}, []string{"\nsdk/blue ", "blue vs red, spans=none, paired by round"}, 0},
		{"tables", []string{"show", run, "--all"}, []string{"spans=sdk/colour=blue", "colour=blue vs colour=red",
			"p99 latency"}, 0},
		{"comparison", []string{"compare", run}, []string{"blue vs red: ", "x worse"}, 1},
		{"JSON", []string{"show", run, "--format", "json"}, []string{`"colour": "blue"`}, 0},
		{"page", []string{"report", run, "-o", page}, nil, 0},
	}
	check := func(t *testing.T) {
		for _, a := range answers {
			t.Run(a.name, func(t *testing.T) {
				code, stdout, stderr := quickly(t, a.args...)
				if code != a.code {
					t.Errorf("exit %d\n%s", code, stderr)
				}
				for _, want := range a.want {
					if !strings.Contains(stdout, want) {
						t.Errorf("%q is not in\n%s", want, stdout)
					}
				}
			})
		}
		html, err := os.ReadFile(page)
		if err != nil || !strings.Contains(string(html), "blue") {
			t.Errorf("the page does not show the arm: %v", err)
		}
	}
	check(t)
	// A program that lacks the dimension still reads the run.
	remove()
	answers = slices.DeleteFunc(answers, func(a struct {
		name string
		args []string
		want []string
		code int
	}) bool {
		return a.args[0] != "show" && a.args[0] != "compare" && a.args[0] != "report"
	})
	t.Run("of another version", check)
}

// Another version may name an arm that this one lacks.
func TestARunWithUnknownArmsCanBeRead(t *testing.T) {
	s, err := scenarios.Decode("x.yaml", []byte("qps: 1000\nduration: 1s\nrounds: 12\nspans: [none, sdk]\n"))
	if err != nil {
		t.Fatal(err)
	}
	run := writtenRun(t, s, func(v *results.Visit) { cost(v, time.Millisecond, 100*time.Microsecond, 1000, 10) })
	path := filepath.Join(run, "run.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(data), `"sdk`, `"sdk2`)), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := quickly(t, "compare", run, "--format", "json")
	var document struct {
		Cells []struct{ Name string }
	}
	if err := json.Unmarshal([]byte(stdout), &document); err != nil || code != 0 ||
		!strings.Contains(stdout, "spans=sdk2") {
		t.Errorf("exit %d, %v\n%s%s", code, err, stdout, stderr)
	}
}

// Two functions of a program are arms of the dimension target.
func TestTwoTargetsAreComparedInOneRun(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	code, stdout, stderr := own(t, "run", "--target", "look-up,spanned", "--compare", "spanned vs look-up", "--qps",
		"400",
		"--duration", "100ms", "--warmup", "0", "--rounds", "6", "--seed", "1", "--all", "--out", out)
	if code != 0 || !strings.Contains(stdout, "target=spanned vs target=look-up") {
		t.Fatalf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	run, err := results.Read(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range run.Visits {
		// Half of the calls of one of them fail.
		if failed := v.Record.Failed > 0; failed != (v.Cell.Value(scenarios.Target) == "spanned") {
			t.Errorf("%v: %d calls failed", v.Cell, v.Record.Failed)
		}
	}
	bench, err := os.ReadFile(filepath.Join(out, "run.bench"))
	for _, name := range []string{"BenchmarkLoad/scenario=look-up-spanned/target=look-up/spans=none/qps=400-",
		"BenchmarkLoad/scenario=look-up-spanned/target=spanned/spans=none/qps=400-"} {
		if strings.Count(string(bench), name) != 6 {
			t.Errorf("%v: not 6 lines of %s in\n%s", err, name, bench)
		}
	}
	if code, stdout, stderr := own(t, "run", "--target", "look-up,look-uq"); code != exitUnusable ||
		!strings.Contains(stderr, `target "look-uq" is unknown (did you mean look-up?)`) {
		t.Errorf("an unknown target: exit %d\n%s%s", code, stdout, stderr)
	}
}
