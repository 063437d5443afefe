package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// Variables of the processes of tests: the main package that is compared, the test
// binary, and whether the target changing allocates more.
const (
	testPackage = "LOADGEN_TEST_PACKAGE"
	testBinary  = "LOADGEN_TEST_BINARY"
	testWorse   = "LOADGEN_TEST_WORSE"
)

var allocated atomic.Pointer[byte] // by workers at once

// changing is a target that is not the same on both sides of a comparison.
var changing = Target{Name: "changing", Open: func(context.Context, trace.TracerProvider) (bench.Target, error) {
	size := 1000
	if os.Getenv(testWorse) != "" {
		size = 10_000
	}
	return bench.TargetFunc(func(context.Context, string) error {
		allocated.Store(&make([]byte,
			size)[0])
		return nil
	}), nil
}}

// program is a main that becomes the test binary, with a variable set.
func program(variable string) string {
	return fmt.Sprintf(`package main

import (
	"os"
	"syscall"
)

func main() {
	if err := syscall.Exec(os.Getenv(%q), os.Args, append(os.Environ(), %q)); err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(2)
	}
}
`, testBinary, variable)
}

// benchmarks are a test file: one costs some bytes, one is of a side alone.
func benchmarks(size int, alone string) string {
	return fmt.Sprintf(`package m

import (
	"fmt"
	"testing"
)

var sink []byte

func BenchmarkBoth(b *testing.B) {
	for i := 0; i < b.N; i++ {
		sink = make([]byte, %d)
	}
}

func %s(b *testing.B) { fmt.Print() }
`, size, alone)
}

// A benchmark of the base that the head has not, has not in each round, or that ends the program does not pass.
func TestABenchmarkThatTheHeadSkipsLosesOrExitsIsNoPass(t *testing.T) {
	const both = "package m\n\nimport (\n\t\"fmt\"\n\t\"os\"\n\t\"testing\"\n)\n\nvar out = fmt.Sprint(os.Args)\n\n" +
		"func BenchmarkA(b *testing.B) { for i := 0; i < b.N; i++ {} }\n"
	base := map[string]string{"m_test.go": both + "func BenchmarkB(b *testing.B) { for i := 0; i < b.N; i++ {} }\n"}
	for name, c := range map[string]struct{ head, want string }{
		"skipped": {both + `func BenchmarkB(b *testing.B) { b.Skip() }`, "base alone has B"},
		"deleted": {both, "base alone has B"},
		"exited":  {both + `func BenchmarkB(b *testing.B) { os.Exit(0) }`, "unexpected call to os.Exit(0)"},
		"not to PASS": {both + `func TestMain(m *testing.M) { m.Run(); os.Stdout.Close(); os.Exit(3) }`,
			"exit status 3"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := repository(t, base, map[string]string{"m_test.go": c.head})
			code, stdout, stderr := in(t, dir, "run", "--bench", ".", "--benchtime", "50x", "--rounds", "2",
				"--compare", "before", "--out", "out")
			if code != exitUnusable || !strings.Contains(stderr, c.want) ||
				!strings.Contains(stderr, "what was measured") {
				t.Errorf("exit %d\n%s\n%s\nwant 2 and %q", code, stdout, stderr, c.want)
			}
		})
	}
}

// What a benchmark prints neither hides its result nor becomes configuration.
func TestBenchmarksThatPrintAreCompared(t *testing.T) {
	text := func(calls int) string {
		return fmt.Sprintf("package m\n\nimport (\n\t\"fmt\"\n\t\"math/rand\"\n\t\"testing\"\n)\n\nvar sink "+
			"[]byte\n\n"+
			"func work() { for i := 0; i < %d; i++ { sink = make([]byte, 1000) } }\n\n"+
			"func BenchmarkDots(b *testing.B) { fmt.Print(\".\"); for i := 0; i < b.N; i++ { work() } }\n"+
			"func BenchmarkLines(b *testing.B) { fmt.Println(\"retries:\", rand.Int()); fmt.Println(\"cpu: 50\"); "+
			"fmt.Println(\"# round 77\"); for i := 0; i < b.N; i++ { work() } }\n", calls)
	}
	dir := repository(t, map[string]string{"m_test.go": text(1)}, map[string]string{"m_test.go": text(4)})
	code, stdout, stderr := in(t, dir, "run", "--bench", ".", "--benchtime", "50x", "--compare", "before", "--out",
		"out")
	for _, name := range []string{"Dots", "Lines"} {
		found := false
		_, cells, _ := strings.Cut(stdout, "\n"+name+"-")
		for line := range strings.Lines(cells) {
			if strings.HasPrefix(line, "  allocs/op ") {
				found = strings.HasSuffix(line, " x regressed\n")
				break
			}
		}
		if !found {
			t.Errorf("%s did not regress", name)
		}
	}
	if code != exitWorse || strings.Count(stdout, "12 rounds, paired") != 1 {
		t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
	}
}

// repository has a module, and is in it until the test ends: its base, which is tagged,
// and a working tree in which files are changed.
func repository(t *testing.T, base, head map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write := func(files map[string]string) {
		for name, text := range files {
			path := filepath.Join(dir, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700),
				os.WriteFile(path, []byte(text), 0o600)); err !=
				nil {
				t.Fatal(err)
			}
		}
	}
	write(map[string]string{"go.mod": "module example.com/m\n\ngo 1.21\n"})
	write(base)
	for _, args := range []string{"init --quiet", "add .",
		"-c user.name=t -c user.email=t@example.com -c commit.gpgsign=false commit --quiet -m base", "tag before"} {
		cmd := exec.Command("git", strings.Fields(args)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args, err, out)
		}
	}
	write(head)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(testBinary, self)
	t.Setenv(testPackage, "example.com/m")
	t.Setenv(asCommand, ownTargets)
	t.Setenv("TMPDIR", t.TempDir())
	return dir
}

// in runs the command in a directory.
func in(t *testing.T, dir string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd, out, errs := command(t, args...)
	cmd.Dir = dir
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	checkClean(t, dir)
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// checkClean sees that nothing is left of a checkout.
func checkClean(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command("git", "worktree", "list")
	cmd.Dir = dir
	if out, err := cmd.Output(); err != nil || bytes.Count(out, []byte("\n")) != 1 {
		t.Errorf("%v; git still knows of\n%s", err, out)
	}
	if left, _ := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "loadgen-base-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestARunAgainstARevisionInterleavesBothSidesAndFindsWhatRegressed(t *testing.T) {
	dir := repository(t, map[string]string{"main.go": program("A=1")},
		map[string]string{"main.go": program(testWorse + "=1")})
	rounds := max(6, comparison.Need(len(comparison.RevisionUnits()), true))
	code, stdout, stderr := in(t, dir, "run", "--target", "changing", "--qps", "2k", "--duration", "20ms", "--warmup",
		"0", "--workers", "2", "--quantile", "exact", "--seed", "7", "--compare", "before", "--out", "out")
	if code != exitWorse || !strings.Contains(stderr, "regressed\n") ||
		!strings.Contains(stderr, fmt.Sprintf("%d visits in %d rounds", 2*rounds, rounds)) ||
		!strings.Contains(stderr, "comparing the working tree, head (commit ") ||
		!strings.Contains(stderr, "built example.com/m of before (") ||
		!strings.Contains(stderr, ") and of the working tree in ") ||
		!strings.Contains(stderr, " with changes), with base (commit ") {
		t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	if !slices.ContainsFunc(strings.Split(stdout, "\n"), func(line string) bool {
		return strings.HasPrefix(line, "  B/op ") && strings.HasSuffix(line, " x regressed")
	}) {
		t.Errorf("no line says that B/op regressed:\n%s", stdout)
	}
	var orders [2]string
	for i, name := range []string{"base", "head"} {
		run, err := results.Read(filepath.Join(dir, "out", name))
		if err != nil || run.Status != results.Complete || len(run.Visits) != rounds {
			t.Fatalf("%s: %+v, %v", name, run, err)
		}
		if changes := strings.HasSuffix(run.Environment.Commit, "+changes"); changes != (name == "head") {
			t.Errorf("%s is of commit %q", name, run.Environment.Commit)
		}
		for _, v := range run.Visits {
			orders[i] += fmt.Sprint(v.Order)
		}
	}
	for i := range orders[0] {
		if orders[0][i] == orders[1][i] {
			t.Errorf("round %d: both are visit %c", i+1, orders[0][i])
		}
	}
	if strings.Count(orders[0], "1") == rounds || strings.Count(orders[0], "2") == rounds {
		t.Errorf("the base has one place in all rounds: %s", orders[0])
	}
}

func TestBenchmarksOfBothSidesArePairedByRoundAndWhatRegressedIsMeasuredAgain(t *testing.T) {
	dir := repository(t, map[string]string{"m_test.go": benchmarks(1000, "helper")},
		map[string]string{"m_test.go": benchmarks(4000, "BenchmarkNew")})
	code, stdout, stderr := in(t, dir, "run", "--bench", ".", "--benchtime", "50x", "--compare", "before",
		"--confirm", "--out", "out")
	for _, want := range []string{"warning: only head has New", "12 rounds, paired by round\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in\n%s", want, stdout)
		}
	}
	if code != exitWorse || strings.Count(stdout, "exit 1\n") != 1 || !strings.Contains(stderr, "in 12 rounds") ||
		!strings.Contains(stderr, "confirming: Both") || !strings.Contains(stderr, "regressed\n") {
		t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	for name, want := range map[string]int{"base.bench": 12, "head.bench": 24, "confirm/base.bench": 12,
		"confirm/head.bench": 12} {
		if got := readBench(t, filepath.Join(dir, "out", name)); len(got) != want {
			t.Errorf("%s: %d results; want %d", name, len(got), want)
		}
	}
}

// plainScreen returns the screen of a pipe.
func plainScreen() *terminal.Screen {
	return terminal.New(io.Discard, terminal.Options{}, func(string) string { return "" })
}

func TestTooFewRoundsShowNoRegression(t *testing.T) {
	rounds := func(bytes int) string {
		return fmt.Sprintf("# loadgen run --bench\n# round 1\nBenchmarkBoth 50 %[1]d B/op\n# round "+
			"2\nBenchmarkBoth 50 %[1]d B/op\n", bytes)
	}
	var stdout strings.Builder
	o := &runOptions{strict: true, stdout: &stdout, stderr: io.Discard, screen: plainScreen()}
	base, head := written(t, "base.bench", rounds(1000)), written(t, "head.bench", rounds(4000))
	options := o.gate()
	options.Inputs = []string{"base=" + base, "head=" + head}
	r, err := gate.Compare(options)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.printComparison(r, base, head, judged(r), false); err != nil {
		t.Fatal(err)
	}
	var exit *exitError
	if !errors.As(judged(r), &exit) || exit.code != exitNotValid ||
		!strings.Contains(stdout.String(), "2 rounds cannot show this: need 6") ||
		!strings.Contains(stdout.String(), "too few rounds to show any difference") {
		t.Errorf("%v\n%s", exit, &stdout)
	}
}

// hangs is a test file whose fifth process hangs: that of the third round of two sides.
const hangs = `package m

import (
	"bytes"
	"os"
	"testing"
	"time"
)

func init() {
	name := os.Getenv("` + testMarks + `")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		_, err = f.WriteString("bench\n")
	}
	if err != nil {
		panic(err)
	}
	if data, err := os.ReadFile(name); err != nil || bytes.Count(data, []byte("\n")) == 5 {
		time.Sleep(time.Hour)
	}
}

func BenchmarkBoth(b *testing.B) {}
`

func TestAnInterruptKeepsTheRoundsOfBenchmarks(t *testing.T) {
	marks := filepath.Join(t.TempDir(), "marks")
	t.Setenv(testMarks, marks)
	dir := repository(t, map[string]string{"m_test.go": hangs}, nil)
	p := start(t, dir, "run", "--bench", ".", "--benchtime", "50x", "--rounds", "6", "--compare", "before", "--out",
		"out")
	p.await(t, "a third round", func() bool { return marked(marks, "bench") == 5 })
	if code := p.interrupt(t); code != exitInterrupted ||
		!strings.Contains(p.stderr.String(), "interrupted after 2 of 6 rounds") ||
		!strings.Contains(p.stdout.String(), "head.bench") {
		t.Errorf("exit %d\n%s\n%s", code, &p.stdout, &p.stderr)
	}
	if !strings.Contains(p.stderr.String(), "warning: both are the same") {
		t.Errorf("it does not say that there is nothing to compare:\n%s", &p.stderr)
	}
	for _, name := range []string{"base.bench", "head.bench"} {
		if got := readBench(t, filepath.Join(dir, "out", name)); len(got) != 2 {
			t.Errorf("%s: %d results; want those of two rounds", name, len(got))
		}
	}
	checkClean(t, dir)
}

func TestAComparisonWithARevisionThatCannotBeMadeSaysWhy(t *testing.T) {
	dir := repository(t, map[string]string{"main.go": "package main\n\nfunc main() {}\n"}, nil)
	for _, c := range []struct {
		args   string
		stderr []string
	}{
		{"--compare nowhere",
			[]string{`--compare: git knows no revision "nowhere": want a branch, a tag or a commit`}},
		{"--compare before,HEAD", []string{`"before" and "HEAD" are two revisions`}},
		{"--compare before --profile cpu", []string{"--profile: a comparison with a revision keeps no profiles"}},
		{"--compare before --rounds 1 --duration 10ms --spans none --qps 1k",
			[]string{"warning: both are the same", "no visit of base could be made",
				"what was measured before is in"}},
		{"--bench .", []string{"--bench: want --compare REF"}},
		{"--benchtime 1s", []string{"--benchtime: want --bench PKG beside it"}},
		{"--compare before --bench . --qps 1k --benchtime now --benchmarks ( --rounds 0 --seed x",
			[]string{"--qps: benchmarks have none",
				`--benchtime: "now" is neither`, "--benchmarks: error parsing", `--rounds: "0" is not valid`,
				`--seed: "x" is not valid`}},
		{"--compare before --bench ./...", []string{`"./..." is not a package`}},
		{"--compare before --bench ./no", []string{"package ./no of base (commit "}},
		{"--compare before --bench .", []string{"has no test files"}},
		{"span-reuse --compare before --bench .", []string{`benchmarks have no scenario: leave out "span-reuse"`}},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, stdout, stderr := in(t, dir, append([]string{"run"}, strings.Fields(c.args)...)...)
			if code != exitUnusable || stdout != "" {
				t.Errorf("%s: exit %d\n%s", c.args, code, stdout)
			}
			for _, want := range c.stderr {
				if !strings.Contains(stderr, want) {
					t.Errorf("%s: %q is not in\n%s", c.args, want, stderr)
				}
			}
		})
	}
	code, _, stderr := in(t, dir, "plan", "--compare", "nowhere")
	if code != exitUnusable || !strings.Contains(stderr, `git knows no revision "nowhere"`) {
		t.Errorf("plan: exit %d\n%s", code, stderr)
	}
	if code, _, stderr := execute(t, "run", "--compare", "main"); code != exitUnusable ||
		!strings.Contains(stderr, "is not in a git working tree") {
		t.Errorf("outside of a repository: exit %d\n%s", code, stderr)
	}
}

func TestComparisonsOfArmsAndARevisionShareAFlag(t *testing.T) {
	for text, want := range map[string]struct{ ref, arms string }{
		"main":                            {"main", ""},
		"pooled vs sdk":                   {"", "pooled vs sdk"},
		"pooled vs sdk,v1.2, sdk vs none": {"v1.2", "pooled vs sdk, sdk vs none"},
		"":                                {"", ""},
		"HEAD@{1 day ago}":                {"HEAD@{1 day ago}", ""},
		"HEAD@{Jan 2, 2026},a vs b":       {"HEAD@{Jan 2, 2026}", "a vs b"},
	} {
		t.Run(text, func(t *testing.T) {
			cmd := newRun(nil)
			if err := cmd.Flags().Set("compare", text); err != nil {
				t.Fatal(err)
			}
			ref, err := takeRevision(cmd)
			f := cmd.Flags().Lookup("compare")
			if err != nil || ref != want.ref || f.Value.String() != want.arms ||
				f.Changed != (want.arms != "" || text == "") {
				t.Errorf("%q: revision %q, arms %q, %v; want %+v", text, ref, f.Value, err, want)
			}
		})
	}
}

func TestWhatRegressedIsMeasuredAgainAlone(t *testing.T) {
	if got, want := pattern([]string{"Encode/size=1-2", "Encode/size=2-2", "Add-16", "Plain",
		"Add-16/x-1"}), "^Benchmark(Encode|Add|Plain)$"; got != want {
		t.Errorf("pattern %s, want %s", got, want)
	}
	s, err := scenarios.Decode("test.yaml",
		[]byte("spans: [none, sdk, pooled, pooled-value]\nqps: [1000, 10k]\nduration: 1s\n"))
	if err != nil {
		t.Fatal(err)
	}
	cells := named(s, []string{"Load/scenario=test/target=map/spans=pooled/qps=1000-2",
		"Load/scenario=test/target=map/spans=sdk/qps=10000-2"})
	if len(cells) != 2 || cells[0].String() == cells[1].String() {
		t.Errorf("the cells of two names are %v", cells)
	}
	o := &runOptions{confirm: true, stderr: new(strings.Builder)}
	first := &gate.Report{Exit: exitWorse, Tables: []*gate.Table{{Cells: []*gate.Cell{
		{Name: "a", Verdict: comparison.Regressed}, {Name: "a", Verdict: comparison.Regressed}, {Name: "b",
			Verdict: comparison.Improved}}}}}
	if names := suspects(first, o); !slices.Equal(names, []string{"a"}) {
		t.Errorf("suspects are %v", names)
	}
	if names := suspects(first, &runOptions{}); names != nil {
		t.Errorf("without --confirm they are %v", names)
	}
	if err := notConfirmed(&gate.Report{}, o); err != nil {
		t.Errorf("what did not regress again: %v", err)
	}
	if err := notConfirmed(&gate.Report{Exit: exitWorse, Counts: map[comparison.Verdict]int{comparison.Regressed: 1}},
		o); err == nil {
		t.Error("what regressed again is no regression")
	}
}

// The plan shows what run does with the same flags: each visit is made with the revision, too.
func TestThePlanOfAComparisonWithARevisionHasBothSides(t *testing.T) {
	dir := repository(t, map[string]string{"main.go": "package main\n\nfunc main() {}\n"}, nil)
	flags := []string{"plan", "span-reuse", "--spans", "none", "--qps", "10k", "--rounds", "6"}
	code, text, stderr := in(t, dir, append(flags, "--compare", "before")...)
	const line = "revisions   the working tree and before: every visit is made with both\n"
	if code != exitOK || !strings.Contains(text, line) {
		t.Errorf("exit %d, and want %q\n%s\n%s", code, line, text, stderr)
	}
	var plans [2]planDocument
	for i, more := range [][]string{nil, {"--compare", "before"}} {
		code, text, stderr := in(t, dir, slices.Concat(flags, more, []string{"--format", "json"})...)
		if err := json.Unmarshal([]byte(text), &plans[i]); code != exitOK || err != nil {
			t.Fatalf("exit %d, %v\n%s", code, err, stderr)
		}
	}
	one, two := &plans[0], &plans[1]
	if one.Against != nil || two.Against == nil || *two.Against != "before" {
		t.Errorf("against %v, %v", one.Against, two.Against)
	}
	if one.Visits != 6 || two.Visits != 12 || two.Wall != 2*one.Wall || *two.Cells[0].Calls != 2**one.Cells[0].Calls {
		t.Errorf("%d and %d visits in %v and %v: want twice as many against a revision", one.Visits, two.Visits,
			one.Wall, two.Wall)
	}
}
