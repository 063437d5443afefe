package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/selftest"
	"github.com/loadgen-go/loadgen/results"
)

var snakeCase = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// one parses the standard output of a command, which is to be one JSON document of the family: an object that has a
// schema, with keys in snake_case.
func one(t *testing.T, stdout string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(stdout))
	var document map[string]any
	if err := d.Decode(&document); err != nil {
		t.Fatalf("%v in\n%s", err, stdout)
	}
	if err := d.Decode(new(any)); err != io.EOF {
		t.Errorf("more than a document: %v\n%s", err, stdout)
	}
	if n, ok := document["schema"].(float64); !ok || n < 1 {
		t.Errorf("schema %v: want a number\n%s", document["schema"], stdout)
	}
	if kind, ok := document["kind"].(string); !ok || kind == "" {
		t.Errorf("kind %v: want what the document is\n%s", document["kind"], stdout)
	}
	keys(t, "", document)
	return document
}

// keys checks those of an object and below. Verdicts are data, and so are the keys of counts.
func keys(t *testing.T, path string, x any) {
	switch x := x.(type) {
	case map[string]any:
		for key, value := range x {
			if !snakeCase.MatchString(key) && path != ".counts" {
				t.Errorf("%s.%s: want snake_case", path, key)
			}
			keys(t, path+"."+key, value)
		}
	case []any:
		for _, value := range x {
			keys(t, path+"[]", value)
		}
	}
}

// What programs read is what it was, down to the last key.
func TestAnswersForPrograms(t *testing.T) {
	run := sampleRun(t)
	const log = "../hdrlog/testdata/tagged-v2.hlog"
	benchmarks := written(t, "new.txt", "goos: linux\ngoarch: amd64\ncpu: Imaginary CPU\n"+
		strings.Repeat("BenchmarkA-2 10 100 ns/op 8 B/op\n", 6))
	kept := filepath.Join(t.TempDir(), "history.jsonl")
	if code, _, stderr := quickly(t, "history", "record", benchmarks, "--file", kept, "--commit", "c0ffee", "--time",
		"2026-01-02T03:04:05Z"); code != 0 {
		t.Fatal(stderr)
	}
	poor := []string{"plan", "span-reuse", "--qps", "0.5,100,600k", "--duration", "3s", "--rounds", "2", "--spans",
		"sdk,none", "--workers", "1", "--arrivals", "constant", "--seed", "7"}
	for file, args := range map[string][]string{
		"show":          {"show", run},
		"compare":       {"compare", run},
		"plan":          poor,
		"plan-closed":   {"plan", "span-reuse", "--closed", "--workers", "2", "--seed", "7"},
		"scenarios":     {"scenarios"},
		"fields":        {"scenarios", "--fields"},
		"history":       {"history", kept},
		"capacity-plan": {"capacity", "plan", "--peak", "250000", measuredCapacity},
		"tags":          {"quantiles", log, "--tags"},
		"failure":       {"show", "/no/such/run"},
	} {
		for _, format := range []string{formatJSON, formatTSV} {
			if format == formatTSV && !slices.Contains([]string{"show", "scenarios", "fields", "history", "tags"},
				file) {
				continue
			}
			t.Run(file+"."+format, func(t *testing.T) {
				code, stdout, stderr := quickly(t, append(slices.Clone(args), "--format", format)...)
				if want := map[bool]int{true: exitUnusable}[file == "failure"]; code != want && file != "compare" {
					t.Errorf("exit %d\n%s", code, stderr)
				}
				if format == formatJSON {
					one(t, stdout)
				} else {
					rectangle(t, stdout)
				}
				golden.Check(t, file+"."+format, strings.NewReplacer(run, "RUN", log, "LOG").Replace(stdout))
			})
		}
	}
}

// rectangle checks that every row has as many fields as the header.
func rectangle(t *testing.T, tsv string) {
	t.Helper()
	rows := strings.Split(strings.TrimSuffix(tsv, "\n"), "\n")
	for _, row := range rows {
		if n := strings.Count(row, "\t"); n != strings.Count(rows[0], "\t") || len(rows) < 2 {
			t.Errorf("%d tabs in %q", n, row)
		}
	}
}

// Whatever happens, a program that asked for JSON finds one document.
func TestABadCommandLineIsADocumentToo(t *testing.T) {
	for _, c := range []struct {
		args, want string
	}{
		{"run --format json --qps -1", `--qps: "-1" is not a rate`},
		{"run --qqps 1 --format json", "unknown flag: --qqps"},
		{"run --format=json a b", "accepts at most 1 arg"},
		{"run --format json --out -", "--out: there are several files"},
		{"run --format json --compare no/such/ref", "no/such/ref"},
		{"show a b --format json", "accepts at most 1 arg"},
		{"plan --format json no-such", `no scenario and no file is called "no-such"`},
		{"scenarios --format json all", `unknown command "all"`},
		{"selftest --format json --only pace", `group of checks "pace" is unknown`},
		{"selftest --format json --aa 3", "--aa: 3 rounds"},
		{"compare --format json none none", "none"},
		{"history --format json none", "'loadgen history record' creates it"},
		{"quantiles --format json --q 2", `"2" is no quantile`},
		{"quantiles --format json --tags", "--tags: no log"},
		{"buckets --format json", "there are no latencies"},
		{"instrument check --format json --mode x", `--mode: "x" is unknown`},
		{"capacity --format json", "there is no objective"},
		{"capacity plan --format json", "--peak is missing"},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, stdout, stderr := quickly(t, strings.Fields(c.args)...)
			got := one(t, stdout)
			message, _ := got["error"].(string)
			if code != exitUnusable || got["exit"] != float64(exitUnusable) || !strings.Contains(message, c.want) ||
				!strings.Contains(stderr, c.want) {
				t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
			}
		})
	}
	for _, args := range []string{"show none", "run --qqps 1", "show none --format tsv", "report none --format json"} {
		if code, stdout, _ := quickly(t, strings.Fields(args)...); code != exitUnusable || stdout != "" {
			t.Errorf("%s: exit %d\n%s", args, code, stdout)
		}
	}
}

// A run says what show says of it later, and where its files are.
func TestARunForPrograms(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	code, stdout, stderr := execute(t, "run", scenario(t, tiny), "--seed", "7", "--rounds", "2", "--out", out,
		"--profile",
		"cpu", "--format", "json")
	if code != 0 || !strings.Contains(stderr, "tiny: 6 visits in 2 rounds") {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	ran := one(t, stdout)
	files := map[string]any{"run_bench": filepath.Join(out, results.BenchFile),
		"run_json": filepath.Join(out, results.JSONFile), "profiles": filepath.Join(out, "profiles")}
	if diff := cmp.Diff(files, ran["files"]); diff != "" {
		t.Error(diff)
	}
	delete(ran, "files")
	_, stdout, _ = execute(t, "show", out, "--format", "json")
	if diff := cmp.Diff(one(t, stdout), ran); diff != "" {
		t.Error(diff)
	}
	// Percentiles have the keys and units of run.json.
	data, err := os.ReadFile(filepath.Join(out, results.JSONFile))
	if err != nil {
		t.Fatal(err)
	}
	type stated struct {
		Percentiles map[string]map[string]*float64
	}
	var file struct{ Visits []stated }
	var document struct{ Cells []stated }
	for _, err := range []error{json.Unmarshal(data, &file), json.Unmarshal([]byte(stdout), &document)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	shape := func(s stated) (all []string) {
		for name, of := range s.Percentiles {
			for key := range of {
				all = append(all, name+"."+key)
			}
		}
		slices.Sort(all)
		return all
	}
	if diff := cmp.Diff(shape(file.Visits[0]), shape(document.Cells[0])); diff != "" {
		t.Error(diff)
	}
	if document.Cells[0].Percentiles["latency_ns"]["p50"] == nil {
		t.Errorf("no p50 in\n%s", stdout)
	}
}

func TestAnInterruptedRunIsOneDocument(t *testing.T) {
	p, marks, out := interrupting(t, "marking", twoAndOne, "--format", "json")
	p.await(t, "a third visit", func() bool { return marked(marks, "call") == 3 })
	code := p.interrupt(t)
	var d report.Document
	if err := json.Unmarshal([]byte(p.stdout.String()), &d); err != nil {
		t.Fatalf("%v\n%s", err, &p.stdout)
	}
	one(t, p.stdout.String())
	if code != exitInterrupted || d.Status != results.Partial || d.Visits.Measured != 2 || d.Visits.Planned != 6 ||
		d.Files.JSON != filepath.Join(out, results.JSONFile) ||
		!strings.Contains(p.stderr.String(), "interrupted after 2 of 6 visits") {
		t.Errorf("exit %d, %+v\n%s", code, d.Visits, &p.stderr)
	}
}

// commands are all that there are, with their flags.
func commands(root *cobra.Command) (all []*cobra.Command) {
	for _, c := range root.Commands() {
		all = append(append(all, c), commands(c)...)
	}
	return all
}

// --format lists what it takes wherever one looks, and --out is where a command writes.
func TestFlagsMeanTheSameEverywhere(t *testing.T) {
	formats, outs := 0, 0
	for _, c := range commands(newRoot(nil)) {
		if f := c.Flags().ShorthandLookup("o"); f != nil && f.Name != "out" {
			t.Errorf("%s: -o is --%s", c.CommandPath(), f.Name)
		}
		if f := c.Flags().Lookup("out"); f != nil {
			outs++
			if f.Shorthand != "o" || !strings.HasPrefix(f.Usage, "Where to write it: ") {
				t.Errorf("%s: --out, -%s: %s", c.CommandPath(), f.Shorthand, f.Usage)
			}
		}
		if c.Flags().Lookup("json") != nil || c.Flags().Lookup("output") != nil {
			t.Errorf("%s has --json or --output", c.CommandPath())
		}
		f := c.Flags().Lookup("format")
		if f == nil {
			continue
		}
		formats++
		known := f.Annotations[formatsOf]
		list := strings.Join(known, ", ")
		path := strings.Fields(c.CommandPath())[1:]
		if f.DefValue != formatText && c.Name() != "report" {
			t.Errorf("%s: the default is %s", c.CommandPath(), f.DefValue)
		}
		if c.Name() != "report" && !slices.Contains(known, formatJSON) {
			t.Errorf("%s: no JSON among %s", c.CommandPath(), list)
		}
		if want := "The `format` of the answer: " + list + "."; f.Usage != want {
			t.Errorf("%s: %q, want %q", c.CommandPath(), f.Usage, want)
		}
		_, stdout, _ := quickly(t, append(append([]string{"__complete"}, path...), "--format", "")...)
		if !strings.HasPrefix(stdout, strings.Join(known, "\n")+"\n") {
			t.Errorf("%s: completion offers\n%s", c.CommandPath(), stdout)
		}
		args := map[string]string{"show": "x", "report": "x", "compare": "x y", "canary": "x"}[c.Name()]
		code, _, stderr := quickly(t, slices.Concat(path, strings.Fields(args), []string{"--format", "pdf"})...)
		if want := fmt.Sprintf(`--format: "pdf" is unknown: want one of %s`, list); code != exitUnusable ||
			!strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d\n%s\nwant %s", c.CommandPath(), code, stderr, want)
		}
	}
	if formats < 11 || outs < 5 {
		t.Errorf("%d commands have --format, %d --out", formats, outs)
	}
}

// What show says of a cell in words, its document says in numbers.
func TestTheDocumentOfARunSaysWhatItsTextSays(t *testing.T) {
	dir := sampleRun(t)
	t.Setenv("COLUMNS", "140") // which a row fits
	_, text, _ := quickly(t, "show", dir, "--all")
	text = strings.Join(strings.Fields(text), " ")
	_, stdout, _ := quickly(t, "show", dir, "--format", "json")
	var d report.Document
	if err := json.Unmarshal([]byte(stdout), &d); err != nil {
		t.Fatal(err)
	}
	said := func(format string, args ...any) {
		t.Helper()
		if want := fmt.Sprintf(format, args...); !strings.Contains(text, want) {
			t.Errorf("the text does not say %q:\n%s", want, text)
		}
	}
	micros := func(ns *float64, key string, infinite []string) string {
		switch {
		case slices.Contains(infinite, key):
			return "infinite"
		case ns == nil:
			return "-"
		}
		return format.Number(*ns / 1e3)
	}
	for _, c := range d.Cells {
		units := map[string]string{}
		for _, f := range c.Figures {
			units[f.Unit] = format.Number(*f.Median)
		}
		l := c.Percentiles.Latency
		said("%s %s %s %s %s %s %s %s %d %d %s %s %s", c.Cell.Value("spans"), units["offered-qps"],
			units["achieved-qps"],
			micros(l.P50, "p50", c.Infinite), micros(l.P99, "p99", c.Infinite), micros(l.P999, "p99_9", c.Infinite),
			micros(l.Max, "max", c.Infinite), units["p99-generator-lag-us"], c.Calls.Failed, c.Calls.Dropped,
			units["cpu-ns/op"], units["B/op"], units["allocs/op"])
		for _, o := range c.Objectives {
			said("%s: %s: %s, held in %d of %d visits", c.Name, o.SLO, o.Outcome, o.Held, o.Judged)
		}
		for _, r := range c.Verdict {
			said("%s: %d of %d visits. The first, %s in round %d: %s.", r.Name, r.Visits, d.Visits.Planned, c.Name,
				r.Round, r.Detail)
		}
		for _, f := range c.Failures {
			said("%d calls failed: %s.", f.Count, f.Kind)
		}
		if c.Tail != nil {
			said("%s: of %d calls, %s %.0f%%", c.Name, c.Tail.Calls, c.Tail.Met[0].Name,
				100*float64(c.Tail.Met[0].Calls)/float64(c.Tail.Calls))
		}
	}
	for _, w := range d.Warnings {
		said("- %s", strings.Join(strings.Fields(w), " "))
	}
	for _, e := range d.Estimators.Arms {
		said("%s %s %s %s", e.Quantile, format.Bytes(*e.StateBytes), format.Number(*e.InsertNS),
			format.Number(*e.QueryNS/1e3))
	}
}

// A comparison with a revision is one document, although what regressed is measured and compared again.
func TestAComparisonWithARevisionIsOneDocument(t *testing.T) {
	dir := repository(t, map[string]string{"m_test.go": benchmarks(1000, "helper")},
		map[string]string{"m_test.go": benchmarks(4000, "helper")})
	code, stdout, stderr := in(t, dir, "run", "--bench", ".", "--benchtime", "50x", "--compare", "before", "--confirm",
		"-o", "out", "--format", "json")
	var d comparedDocument
	if err := json.Unmarshal([]byte(stdout), &d); err != nil {
		t.Fatalf("%v\n%s\n%s", err, stdout, stderr)
	}
	one(t, stdout)
	if code != exitWorse || d.Exit != exitWorse || d.Interrupted ||
		d.Files.Base != filepath.Join("out", "base.bench") ||
		d.Confirmation == nil || d.Confirmation.Exit != exitWorse ||
		d.Confirmation.Files.Head != filepath.Join("out", "confirm", "head.bench") {
		t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
	}
}

func TestAnInterruptedComparisonSaysSo(t *testing.T) {
	var stdout strings.Builder
	o := &runOptions{format: formatJSON, stdout: &stdout}
	cut := &exitError{exitInterrupted, errors.New("interrupted after 2 of 6 rounds")}
	if err := o.finish(cut); err != cut || stdout.Len() > 0 {
		t.Errorf("nothing was compared: %v\n%s", err, &stdout)
	}
	r := &gate.Report{Schema: gate.Schema, Kind: "compare"}
	if err := o.printComparison(r, "base", "head", cut, false); err != nil {
		t.Fatal(err)
	}
	if err := o.finish(cut); err != cut || one(t, stdout.String())["interrupted"] != true {
		t.Errorf("%v\n%s", err, &stdout)
	}
}

// The checks that were made before an interruption, none of them too, are one document.
func TestASelfTestForPrograms(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := execute(t, "selftest", "--only", "accounting", "--format", "json")
	d := one(t, stdout)
	if checks, _ := d["checks"].([]any); code != 0 || d["passed"] != true || len(checks) != 6 {
		t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	var out strings.Builder
	st := selfTest{checks: []selftest.Check{made(selftest.Finding{}, nil)}, json: true, stdout: &out,
		stderr: io.Discard}
	if err := st.run(stopped); !interrupted(err) {
		t.Error(err)
	}
	if checks, ok := one(t, out.String())["checks"].([]any); !ok || len(checks) > 0 {
		t.Errorf("checks are not an empty list:\n%s", &out)
	}
}
