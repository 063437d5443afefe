package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// asCommand makes the test binary be the command, for the processes of visits and
// for tests that need a process of their own.
const asCommand = "LOADGEN_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	survey = func(context.Context) []string { return nil }
	socketLimits = limitsOfTests
	if pkg := os.Getenv(testPackage); pkg != "" {
		mainPackage = func() (string, error) { return pkg, nil }
	}
	grace = graceOfTests()
	fuzzWorker := slices.Contains(os.Args, "-test.fuzzworker") // a process of this binary that go test -fuzz starts
	if as := os.Getenv(asCommand); as != "" && !fuzzWorker {
		endAsAsked()
		if as == asService {
			serveTests()
		}
		if as == ownTargets {
			os.Exit(Run(testTargets))
		}
		os.Exit(Run(nil))
	}
	// Under the race detector a process sleeps for a second before it exits, unless
	// it is told not to.
	if err := errors.Join(os.Setenv(asCommand, "1"), os.Setenv("GORACE", "atexit_sleep_ms=0")); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// command is a process of the command.
func command(t testing.TB, args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	cmd = child.Command(t.Context(), self, args...).Cmd // which ends with the test binary
	cmd.WaitDelay = 0
	cmd.Stdout, cmd.Stderr, cmd.Dir = stdout, stderr, t.TempDir()
	return cmd, stdout, stderr
}

// execute runs the command to its end.
func execute(t testing.TB, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd, out, errs := command(t, args...)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// readBench returns the results of the benchmark text at path, of which every line is one that the Go tools read.
func readBench(t testing.TB, path string) (all []*benchfmt.Result) {
	t.Helper()
	lines := benchfmt.Files{Paths: []string{path}}
	for lines.Scan() {
		switch line := lines.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Fatal(line)
		case *benchfmt.Result:
			all = append(all, line.Clone())
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// scenario writes the file of a scenario.
func scenario(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tiny.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const tiny = `
about: Whether it works.
qps: [4000]
spans: [none, sdk, pooled]
duration: 100ms
warmup: 20ms
rounds: 6
`

func TestARunMeasuresComparesAndLeavesResultsThatBenchstatReads(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	code, stdout, stderr := execute(t, "run", scenario(t, tiny), "--seed", "7", "--all", "--out", out)
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	for _, want := range []string{
		"tiny: Whether it works.", "seed 7",
		"offered/s", "achieved/s", "p99.9", "gen lag", "errors", "drops", "cpu-ns/op", "B/op", "allocs/op", "GCs",
		"RSS",
		"quantile", "state", "insert ns", "dws+qdigest",
		"spans=sdk vs spans=none at 4,000/s: ", "spans=pooled vs spans=none at 4,000/s: ", "times the bytes",
		filepath.Join(out, "run.bench"), filepath.Join(out,
			"run.json"), "go run golang.org/x/perf/cmd/benchstat@latest ",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in the output:\n%s", want, stdout)
		}
	}
	if want, got := "tiny: 18 visits in 6 rounds, about 3 s; seed 7\n", withoutWaits(stderr); got != want {
		t.Errorf("into a pipe the standard error is %q, want %q", got, want)
	}
	run, err := results.Read(out)
	if err != nil {
		t.Fatal(err)
	}
	checkRun(t, run)
	benchstat := exec.Command("go", "tool", "benchstat", "-col", "/spans", filepath.Join(out, "run.bench"))
	table, err := benchstat.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, table)
	}
	for _, want := range []string{"none", "sdk", "pooled", "p99-latency-sec", "B/op", "vs base", "n=6"} {
		if !bytes.Contains(table, []byte(want)) {
			t.Errorf("%q is not in what benchstat says:\n%s", want, table)
		}
	}
	// The tables come from the file alone.
	code, again, _ := execute(t, "show", out, "--all")
	if code != 0 || stdout != again {
		t.Errorf("exit %d; show prints\n%s", code, again)
	}
}

// checkRun checks what holds for every whole run of tiny.
func checkRun(t *testing.T, run *results.Run) {
	t.Helper()
	if run.Status != results.Complete || len(run.Visits) != run.Scenario.Visits() {
		t.Errorf("%s, %d visits", run.Status, len(run.Visits))
	}
	offered, orders := map[int]uint64{}, map[string]bool{}
	order := ""
	for i, v := range run.Visits {
		if v.Error != "" || v.Log != "" {
			t.Errorf("visit %d: error %q, log %q", i, v.Error, v.Log)
			continue
		}
		if first, ok := offered[v.Round]; ok && v.Record.Offered != first {
			t.Errorf("round %d: one arm was offered %d calls and another %d", v.Round, first, v.Record.Offered)
		}
		offered[v.Round] = v.Record.Offered
		if v.Spans != nil && (v.Spans.Made != v.Spans.Exported || v.Spans.Made != v.Warmup+v.Record.Offered) {
			t.Errorf("%v: %d calls and %d before made %d spans, %d exported", v.Cell, v.Record.Offered, v.Warmup,
				v.Spans.Made, v.Spans.Exported)
		}
		if (v.Spans == nil) != (v.Cell.Value("spans") == "none") {
			t.Errorf("%v: spans %+v", v.Cell, v.Spans)
		}
		if len(v.Estimates) != len(run.Scenario.Arms("quantile")) || v.Cost.Bytes == 0 || v.Cost.PeakRSS == 0 {
			t.Errorf("%v: %d estimates, cost %+v", v.Cell, len(v.Estimates), v.Cost)
		}
		order += v.Cell.Value("spans") + " "
		if v.Order == len(run.Scenario.Cells()) {
			orders[order], order = true, ""
		}
	}
	if len(orders) < 2 {
		t.Errorf("every round has the same order: %v", orders)
	}
	if offered[1] == offered[2] && offered[2] == offered[3] && offered[3] == offered[4] {
		t.Errorf("every round has the same arrivals: %v", offered)
	}
}

func TestASeedGivesTheSameOrderAndTheSameArrivals(t *testing.T) {
	t.Parallel()
	file := scenario(t, tiny)
	runs := map[string]string{}
	for i, seed := range []string{"1", "1", "2"} {
		out := filepath.Join(t.TempDir(), "out")
		if code, _, stderr := execute(t, "run", file, "--seed", seed, "--rounds", "2", "--spans", "none,sdk",
			"--quantile", "exact", "--duration", "20ms", "--warmup", "0", "--out", out); code != 0 {
			t.Fatalf("exit %d\n%s", code, stderr)
		}
		run, err := results.Read(out)
		if err != nil {
			t.Fatal(err)
		}
		what := ""
		for _, v := range run.Visits {
			what += v.Cell.String() + " " + format.Count(v.Record.Offered) + "\n"
		}
		if i == 1 && runs["1"] != what {
			t.Errorf("one seed, two runs:\n%s\n%s", runs["1"], what)
		}
		runs[seed] = what
	}
	if runs["1"] == runs["2"] {
		t.Errorf("two seeds, one run:\n%s", runs["1"])
	}
}

func TestEveryArmOfALiveScenarioRunsOnThePathOfTheCall(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	code, stdout, stderr := execute(t, "run", "quantile-live", "--qps", "4k", "--rounds", "1", "--duration", "50ms",
		"--warmup", "10ms", "--seed", "1", "--out", out)
	if code != 0 || !strings.Contains(stdout, "dws+qdigest") {
		t.Fatalf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	estimators := len(defaultEstimators(t))
	arms := 1 + estimators // and none; each with a line of its own, and one for each estimator
	if got := readBench(t, filepath.Join(out, "run.bench")); len(got) != arms+arms*estimators {
		t.Errorf("%d results of %d arms", len(got), arms)
	}
}

func TestScenariosOfOtherArmsRunAndSetThemSideBySide(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		"span-cost": {"\nspans         sampling     processors  offered/s", "\nsdk           parent-0.01  discard ",
			"\npooled        never        - ",
			"\n- processors=batch vs processors=none at 4,000/s, spans=sdk, sampling=always:"},
		"metrics-cost": {"\nmetrics     offered/s", "\nown  ", "\n- metrics=own vs metrics=otel at 4,000/s: ",
			"-col '/metrics@(none otel own prometheus)'"},
		"instrument-cost": {"\ncompiled    ", "\n- instrument=compiled vs instrument=registered at 4,000/s: ",
			"-col '/instrument@(none registered compiled)'"},
	} {
		out := filepath.Join(t.TempDir(), "out")
		code, stdout, stderr := execute(t, "run", name, "--qps", "4k", "--rounds", "1", "--duration", "20ms",
			"--warmup", "5ms", "--seed", "1", "--all", "--out", out)
		if code != 0 {
			t.Fatalf("%s: exit %d\n%s", name, code, stderr)
		}
		for _, w := range want {
			if !strings.Contains(stdout, w) {
				t.Errorf("%s: %q is not in\n%s", name, w, stdout)
			}
		}
		run, err := results.Read(out)
		if err != nil {
			t.Fatal(err)
		}
		if got := readBench(t, filepath.Join(out, "run.bench")); len(got) != 2*len(run.Scenario.Cells()) {
			t.Errorf("%s: %d results", name, len(got))
		}
	}
}

// What goes wrong, what the program says of it, and how it ends: through a
// process, since that is what a script sees.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	broken := scenario(t, "qps: [-1]\nspan: [sdk]\nduration: 10ms\nrounds: none\n")
	good := scenario(t, tiny)
	taken := filepath.Join(t.TempDir(), "taken")
	if code, _, stderr := execute(t, "run", good, "--rounds", "1", "--duration", "20ms", "--spans", "none", "--seed",
		"1", "--out", taken); code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	damaged := filepath.Join(t.TempDir(), "run.json")
	if err := os.WriteFile(damaged, []byte(`{"schema":1,`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   string
		code   int
		stderr []string // all of them
	}{
		{"", 0, nil},
		{"--help", 0, nil},
		{"--version", 0, nil},
		{"run --help", 0, nil},
		{"scenarios", 0, nil},
		{"scenarios --fields", 0, nil},
		{"plan", 0, nil},
		{"plan " + good, 0, nil},
		{"show " + taken, 0, nil},
		{"completion bash", 0, nil},
		{"plan " + good + " --spans none --spans sdk", 0, nil},
		{"runn", 2, []string{`unknown command "runn"`, "Did you mean this?", "run\n", "loadgen --help"}},
		{"run --qqps 1", 2, []string{"unknown flag: --qqps", "'loadgen run --help'"}},
		{"run a b", 2, []string{"accepts at most 1 arg"}},
		{"run no-such", 2, []string{`no scenario and no file is called "no-such"`, "span-reuse"}},
		{"plan " + filepath.Dir(good), 2, []string{"is a directory"}},
		{"plan " + broken, 2, []string{"tiny.yaml:1:7: qps: ", "tiny.yaml:2:1: unknown field \"span\"",
			"tiny.yaml:4:9: rounds: "}},
		{"run " + broken + " --workers none", 2, []string{"tiny.yaml:1:7: qps: ", `--workers: "none" is not valid`}},
		{"run --qps -1", 2, []string{`--qps: "-1" is not a rate`}},
		{"run --qps 1 --duration 10ms", 2, []string{"--duration: 10ms yields no call at 1/s"}},
		{"run --spans pool", 2, []string{`--spans: "pool" is unknown (did you mean pooled-value or pooled or ` +
			`pooled-off?): want a list of none, noop, pooled-value, pooled, pooled-off, sdk`}},
		{"run --spans sdk --spans sdk", 2, []string{`--spans: "sdk" is given twice`}},
		{"run --out=", 2, []string{"--out is empty: want a directory"}},
		{"run --out " + taken, 2, []string{"holds a run already"}},
		{"run --out /dev/null/x", 2, []string{"/dev/null"}},
		{"show a b", 2, []string{"accepts at most 1 arg"}},
		{"show " + taken + " --all -v", 2, []string{"loadgen: --all and --verbose: want one of them\n",
			"'loadgen show --help'"}},
		{"show /no/such/run", 2, []string{"/no/such/run", "want the directory of a run"}},
		{"show " + filepath.Join(taken, "run.bench"), 2, []string{"want the run.json beside it"}},
		{"show " + damaged, 2, []string{"run.json:1: not JSON"}},
		{"visit", 2, []string{"reading what to visit"}},
		{"selftest --help", 0, nil},
		// none of them depends on the machine
		{"selftest --only accounting", 0, []string{"self-test: 6 checks, about 2 s\n"}},
		{"selftest now", 2, []string{`unknown command "now"`}},
		{"selftest --quickly", 2, []string{"unknown flag: --quickly"}},
		{"selftest --only pace", 2,
			[]string{`--only: group of checks "pace" is unknown: want some of oracle, companions, pacing`}},
		{"run " + good + " --strict --rounds 1 --duration 10ms --spans none", 3, []string{"1 of 1 visit not valid"}},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, stdout, stderr := execute(t, strings.Fields(c.args)...)
			if code != c.code {
				t.Errorf("loadgen %s: exit %d, want %d\n%s", c.args, code, c.code, stderr)
			}
			for _, want := range c.stderr {
				if !strings.Contains(stderr, want) {
					t.Errorf("loadgen %s: %q is not in its standard error:\n%s", c.args, want, stderr)
				}
			}
			if c.code == 2 && stdout != "" {
				t.Errorf("loadgen %s: failed, and wrote to its standard output:\n%s", c.args, stdout)
			}
			if c.code == 0 && stdout == "" {
				t.Errorf("loadgen %s: no output", c.args)
			}
		})
	}
}

// A target that is asked for more than it can do is measured all the same, and
// the run says that it was.
func TestAnOverloadedRunIsMeasuredAndSaysSo(t *testing.T) {
	for name, args := range map[string][]string{
		"the queue grows":   {},
		"calls are dropped": {"--queue", "10"},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			args := append([]string{"run", "--target", "turnstile", "--qps", "2k", "--duration", "100ms", "--warmup",
				"0", "--rounds", "1", "--seed", "1", "--strict", "--all", "--out", out}, args...)
			code, stdout, stderr := own(t, args...)
			if code != exitNotValid || !strings.Contains(stdout, "\n- saturated: ") {
				t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
			}
			if len(readBench(t, filepath.Join(out, "run.bench"))) == 0 {
				t.Error("no results")
			}
		})
	}
}

func TestOutputThatCannotBeWrittenIsAnError(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	for _, args := range [][]string{{"plan"}, {"scenarios"}, {"scenarios", "--fields"}} {
		cmd, _, stderr := command(t, args...)
		cmd.Stdout = full
		if err := cmd.Run(); cmd.ProcessState.ExitCode() != exitUnusable ||
			!strings.Contains(stderr.String(), "no space left") || strings.Contains(stderr.String(), "--help") {
			t.Errorf("%v: %v\n%s", args, err, stderr)
		}
	}
}

func TestCompletionOffersWhatAFlagTakes(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"run", "--spans", ""}, "pooled-off\n"},
		{[]string{"plan", "--arrivals", ""}, "poisson\n"},
		{[]string{"run", ""}, "span-reuse-full\n"},
		{[]string{"selftest", "--only", ""}, "companions\n"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			if code, stdout, _ := execute(t, append([]string{"__complete"}, c.args...)...); code != 0 ||
				!strings.Contains(stdout, c.want) {
				t.Errorf("%v: exit %d\n%s", c.args, code, stdout)
			}
		})
	}
	if _, stdout, _ := execute(t, "__complete", "run", "span-reuse", ""); strings.Contains(stdout, "span-reuse") {
		t.Errorf("a second scenario is offered:\n%s", stdout)
	}
}

func TestWhatIsPrintedWithoutARun(t *testing.T) {
	for file, args := range map[string][]string{
		"plan.txt": {"plan", "span-reuse", "--workers", "1", "--seed", "7"},
		"plan-poor.txt": {"plan", "span-reuse", "--qps", "0.5,100", "--duration", "3s", "--rounds", "2", "--spans",
			"sdk,none", "--workers", "2", "--arrivals", "constant"},
		"scenarios.txt": {"scenarios"},
		"fields.txt":    {"scenarios", "--fields"},
		"help-run.txt":  {"run", "--help"},

		"help-selftest.txt": {"selftest", "--help"},
	} {
		t.Run(file, func(t *testing.T) {
			code, got, stderr := execute(t, args...)
			if code != 0 {
				t.Fatalf("%v: exit %d\n%s", args, code, stderr)
			}
			golden.Check(t, file, got)
		})
	}
}

// defaultEstimators returns the estimators of a scenario that names none.
func defaultEstimators(t *testing.T) []string {
	t.Helper()
	s, err := scenarios.Decode("x.yaml", []byte("qps: 1\nduration: 10s"))
	if err != nil {
		t.Fatal(err)
	}
	return s.Arms(scenarios.Quantile)
}

// withoutWaits returns a standard error without the lines that a run writes only where it takes long, as on a busy
// machine.
func withoutWaits(stderr string) string {
	var lines []string
	for line := range strings.Lines(stderr) {
		switch strings.TrimSuffix(line, "\n") {
		case "computing the digests of the program and its inputs", "reading and comparing what was measured":
		default:
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}
