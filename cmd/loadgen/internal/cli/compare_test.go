package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
)

// benchText is what go test -bench prints: n rounds of one benchmark of about ns, after
// lines of configuration.
func benchText(name string, ns float64, n int, config ...string) string {
	text := strings.Join(append(config, ""), "\n")
	for i := range n {
		text += fmt.Sprintf("Benchmark%s-8 1000 %.1f ns/op 64 B/op\n", name, ns*(1+0.01*math.Sin(float64(3*i))))
	}
	return text
}

// armsText is a run of loadgen of two arms, in rounds, the second slower by a factor and
// offered so many calls.
func armsText(factor float64, qps int) string {
	text := "# loadgen 2  seed=1  rounds=12  order=random\nloop: open\n"
	for i := range 12 {
		drift := math.Exp(math.Sin(float64(i)))
		text += fmt.Sprintf("# round %d, visit 1\nBenchmarkLoad/spans=none/qps=10-2 100 %.0f p99-latency-ns 10 "+
			"offered-qps 0 err-ppm\n", i+1, 1e6*drift)
		text += fmt.Sprintf("# round %d, visit 2: noisy-machine\nBenchmarkLoad/spans=sdk/qps=10-2 100 %.0f "+
			"p99-latency-ns %d offered-qps 0 err-ppm\n", i+1, 1e6*drift*factor, qps)
	}
	return text
}

// files writes files into one directory, and is where they are.
func files(t testing.TB, texts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// compareIn runs the command in a directory. Arguments are parted by blanks, but for what
// stands in quotes.
func compareIn(t *testing.T, dir, stdin, args string) (code int, stdout, stderr string) {
	t.Helper()
	cmd, out, errs := command(t, append([]string{"compare"}, words(args)...)...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	_ = cmd.Run() // its code says how it ended
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// A comparing is what is compared, how it ends, and what is said of it.
type comparing struct {
	args string
	code int
	want []string // in what it prints; numbers of verdicts are in the summary, for programs
}

// verdictCounts matches the numbers of verdicts of a summary.
var verdictCounts = regexp.MustCompile(`^\d+ (regressed|expected|improved|worse|better|equivalent|inconclusive)`)

// check compares what a comparison prints with what it should print. Run runs it in a format.
func (c *comparing) check(t *testing.T, run func(format string) (code int, stdout, stderr string)) {
	t.Helper()
	code, stdout, stderr := run(formatText)
	if code != c.code || (code == 2) != (stdout == "") || (code == 2) != (stderr != "") {
		t.Errorf("compare %s: exit %d, want %d\n%s%s", c.args, code, c.code, stdout, stderr)
	}
	var r gate.Report
	if code != 2 {
		_, document, _ := run(formatJSON)
		if err := json.Unmarshal([]byte(document), &r); err != nil {
			t.Errorf("compare %s --format json: %v\n%s", c.args, err, document)
		}
		if !strings.HasSuffix(r.Summary, fmt.Sprintf("; exit %d", code)) ||
			strings.HasSuffix(stdout, fmt.Sprintf("exit %d\n", code)) != (code != 0) {
			t.Errorf("compare %s: exit %d, and it prints\n%s\nand the summary %s", c.args, code, stdout, r.Summary)
		}
	}
	for _, want := range c.want {
		said := stdout + stderr
		if verdictCounts.MatchString(want) {
			said = r.Summary
		}
		if !strings.Contains(unwrapped(said), unwrapped(want)) {
			t.Errorf("compare %s: %q is not in\n%s%s", c.args, want, stdout, stderr)
		}
	}
}

// here runs the comparison in this process and directory.
func (c *comparing) here(format string) (code int, stdout, stderr string) {
	args := words("compare " + c.args)
	if format != formatText {
		args = append(args, "--format", format)
	}
	var out, errs bytes.Buffer
	code = dispatch(context.Background(), nil, args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// toCompare are files to compare.
func toCompare(t *testing.T) (dir string) {
	t.Helper()
	return files(t, map[string]string{
		"base": benchText("A", 100, 10), "same": benchText("A", 100.4, 10), "worse": benchText("A", 120,
			10), "better": benchText("A", 80, 10),
		"two": benchText("A", 100, 10) + benchText("B", 100,
			10), "empty": "", "log": "hello\n", "nan": "BenchmarkA-8 1000 NaN ns/op\n", "inf": "BenchmarkA-8 1000 " +
			"1 ns/op\nBenchmarkA-8 1000 +Inf ns/op\n",
		"broken": "BenchmarkA-8 1000 1 ns/op\nBenchmarkA-8 fast 1 ns/op\n", "long": "BenchmarkA-8 1000 1 ns/op\n" +
			strings.Repeat("x", 70_000) + "\n",
		"units": "Unit lag-us better=lower\nUnit lag-us better=higher\nBenchmarkA-8 1000 1 lag-us\n",
		"twice": "BenchmarkA-8 1000 1 ns/op 2 sec/op\n",
		"one":   benchText("A", 100, 1), "five": benchText("A", 100,
			5), "ties": strings.Repeat("BenchmarkA-8 1000 100 ns/op 64 B/op\n", 10),
		"zero": "Unit widgets/op better=lower\n" + strings.Repeat("BenchmarkA-8 1000 0 widgets/op\n",
			10), "seven": strings.Repeat("BenchmarkA-8 1000 7 widgets/op\n", 10),
		"zero-ns": "Unit pause-ns better=lower\n" + strings.Repeat("BenchmarkA-8 1000 0 pause-ns\n",
			10), "one-ns": strings.Repeat("BenchmarkA-8 1000 1 pause-ns\n", 10),
		"sec": strings.ReplaceAll(strings.ReplaceAll(benchText("A", 100, 10), "ns/op", "e-9 sec/op"), " e-9",
			"e-9"),
		"strange": strings.Repeat("BenchmarkA-8 1000 5 foos\n",
			10), "higher": "Unit foos better=higher assume=exact\n" +
			strings.Repeat("BenchmarkA-8 1000 5 foos\n", 2), "lower": "BenchmarkA-8 1000 4 foos\n",
		"old-commit": benchText("A", 100, 10, "goos: linux", "commit: abc"), "new-commit": benchText("A", 100, 10,
			"goos: linux", "commit: def"),
		"ticks": benchText("A", 100, 5) + benchText("A", 100, 5, "warn: slow tick 1"),
		"pkg-a": benchText("A", 100, 10, "pkg: a"), "pkg-b": benchText("A", 100, 10, "pkg: b"),
		"both": benchText("A", 100, 10, "mode: x") + benchText("A", 100, 10, "mode: y"), "x": benchText("A", 100, 10,
			"mode: x"),
		"part":          benchText("A", 100, 10) + "# partial: ended after 10 of 12 visits\n",
		"run/run.bench": armsText(1.3, 10), "run/run.json": "{}", "load": armsText(1, 11), "fails": benchText("A",
			100, 10) + "--- FAIL: BenchmarkC\nFAIL\n",
		"gate.yaml": "margins: {ns/op: 30%}\n", "broken.yaml": "margins: {ns/op: 30}\n",
		"expected.yaml": "expected:\n- {cell: A*, unit: ns/op, reason: it checks more, until: 9999-12-31}\n- " +
			"{cell: Z, unit: ns/op, reason: gone, until: 9999-12-31}\n",
		"past.yaml": "expected: [{cell: A-8, unit: sec/op, reason: it checks more, until: 2001-12-31}]\n",
		"200": strings.Repeat("BenchmarkA-8 1000 200 allocs/op\n",
			10), "201": strings.Repeat("BenchmarkA-8 1000 201 allocs/op\n", 10),
		"only.yaml":   "only: [B/op]\n",
		"strict.yaml": "strict: true\n", "config.yaml": "config: [mode]\n", "two.yaml": "---\nmargins: {ns/op: " +
			"1%}\n---\nstrict: true\n", "null.yaml": "margins:\n  ns/op: null\n",
	})
}

// Through a process, since that is what a script sees.
func TestCompareExitCodes(t *testing.T) {
	dir := toCompare(t)
	for _, c := range []comparing{
		{"base same", 0, []string{"unpaired: they come from several files",
			"0 regressed, 0 improved, 2 equivalent, 0 inconclusive; exit 0"}},
		{"base worse", 1, []string{"regressed", "1 regressed, 0 improved, 1 equivalent, 0 inconclusive; exit 1"}},
		{"base better", 0, []string{"1 improved"}},
		{"base -", 0, []string{"- vs base"}},
		{"ties ties", 0, []string{"2 equivalent"}},
		{"base sec --filter .unit:sec/op", 0, []string{"1 equivalent"}},
		{"zero-ns zero-ns", 0, []string{"pause us", "1 equivalent"}},
		{"zero seven --margin widgets/op=+5", 1, []string{"1 regressed"}},
		{"one one", 0, []string{"one round", "cannot show this",
			"2 numbers have too few rounds to show any difference", "2 inconclusive; exit 0"}},
		{"one one --strict", 3, []string{"0 regressed, 0 improved, 0 equivalent, 2 inconclusive"}},
		{"run --col '/spans@(none sdk)'", 1,
			[]string{"sdk vs none: 12 rounds, paired by round", "+30%",
				"1 regressed, 0 improved, 0 equivalent, 0 inconclusive, 2 exploratory"}},
		{"base worse --gate expected.yaml", 0, []string{"it checks more (until 9999-12-31)",
			"0 regressed, 1 expected,",
			"warning: expected.yaml:3:10: the expected regression of Z in sec/op matches"}},
		{"base worse --gate past.yaml", 1,
			[]string{"it was expected until 2001-12-31, which has passed: it checks more",
				"1 regressed"}},
		{"base none", 2, []string{"open none: no such file", "want Go benchmark text"}},
		{"base empty", 2, []string{"empty: no benchmark results: want lines that begin with Benchmark"}},
		{"base nan", 2, []string{"nan:1: NaN ns/op: want a finite number"}},
		{"base broken nan", 2, []string{"broken:2: ", "nan:1: NaN"}},
		{"two base", 2, []string{"base has nothing to compare with B-8 in sec/op, B-8 in B/op of two: measure it, " +
			"list it under removed in the gate file, or leave it out by --filter"}},
		{"zero seven", 2, []string{"A-8: widgets/op: it has the value 0", "--margin 'widgets/op=+1'"}},
		{"base same -o no/such/file", 2, []string{"--out: open no/such/file"}},
	} {
		t.Run(c.args, func(t *testing.T) {
			c.check(t, func(format string) (code int, stdout, stderr string) {
				args := strings.ReplaceAll(c.args+" --format "+format, " --format text", "")
				return compareIn(t, dir, benchText("A", 100, 10), args)
			})
		})
	}
}

func TestCompareSaysWhatItDidAndWhatIsWrong(t *testing.T) {
	t.Chdir(toCompare(t))
	for _, c := range []comparing{
		{"base same worse", 1, []string{"same vs base", "worse vs base",
			"1 regressed, 0 improved, 3 equivalent"}},
		{"before=base after=worse --paired", 1,
			[]string{"after vs before: 10 rounds, paired by round"}},
		{"base base", 0, []string{"base#1 vs base#0"}},
		{"zero-ns one-ns --margin pause-ns=+2", 0, []string{"1 equivalent"}},
		{"zero-ns one-ns --margin pause-ns=+0.5", 1, []string{"1 regressed"}},
		{"higher lower", 1, []string{"1 regressed"}},
		{"seven zero --margin widgets/op=0 --exact widgets/op", 0, []string{"1 improved"}},
		{"one one --exact B/op --strict --filter .unit:B/op", 0, []string{"1 equivalent"}},
		{"200 201", 0, []string{"1 equivalent"}},
		{"200 201 --exact allocs/op", 1, []string{"+0.5%", "1 regressed"}},
		{"200 201 --exact allocs/op --margin allocs/op=1%", 0, []string{"1 equivalent"}},
		{"one worse --gate strict.yaml", 3, []string{"exit 3"}},
		{"base worse --strict", 1, []string{"exit 1"}},
		{"base five", 0, []string{"5 to 10 rounds, unpaired"}},
		{"old-commit new-commit --config commit", 0,
			[]string{`warning: commit differs: "abc" in old-commit, "def" in new-commit: compared all`}},
		{"old-commit new-commit", 0,
			[]string{"warning: old-commit:2: lines such as 'commit: abc', with 2 different values, are treated as " +
				"output of the program", "--config commit separates"}},
		{"base ticks", 0, []string{"10 rounds"}},
		{"x both --config mode", 0, []string{"warning: only both has "}},
		{"x both", 0, []string{"10 to 20 rounds", "--config mode separates"}},
		{"both x --ignore mode", 0, []string{"10 to 20 rounds"}},
		{"fails base", 0,
			[]string{"warning: fails:11: --- FAIL: BenchmarkC: the failed benchmarks were not measured"}},
		{"part base", 0, []string{"warning: part:11: the run is partial: ended after 10 of 12 visits"}},
		{"base two", 0, []string{"warning: only two has B-8 in sec/op, B-8 in B/op, so it is not compared"}},
		{"run/run.json --col '/spans@(sdk none)'", 0, []string{"none vs sdk", "1 improved"}},
		{"run/run.bench --col /spans", 1, []string{"warning: the base is none because it comes first in the input"}},
		{"run run --col '/spans@(none sdk)'", 1, []string{".file: run#0", ".file: run#1", "2 regressed"}},
		{"base worse --margin ns/op=30%", 0, []string{"= same", "2 equivalent"}},
		{"base worse --gate gate.yaml", 0, []string{"2 equivalent"}},
		{"base worse --gate gate.yaml --margin ns/op=5%", 1, []string{"1 regressed"}},
		{"base worse --gate only.yaml", 0, []string{"1 equivalent, 0 inconclusive, 1 exploratory; exit 0"}},
		{"base worse --units B/op", 0, []string{"1 equivalent, 0 inconclusive, 1 exploratory; exit 0"}},
		{"base worse --units B/op,ns/op", 1,
			[]string{"1 regressed, 0 improved, 1 equivalent, 0 inconclusive; exit 1"}},
		{"run --col '/spans@(none sdk)' --units err-ppm", 0, []string{"1 equivalent, 0 inconclusive, 2 exploratory"}},
		{"base worse --units us/op", 2, []string{"--units: nothing was measured in us/op: want some of B/op, sec/op"}},
		{"strange strange --units foos", 2,
			[]string{"--units: the better direction of foos is unknown: add --better foos=lower"}},
		{"run --col '/spans@(none sdk)' --filter .unit:err-ppm", 2,
			[]string{"nothing was judged", "other units with --units"}},
		{"run", 2, []string{"run.json is not a run of loadgen"}},
		{"run --filter .unit:B/op", 2,
			[]string{"--paired do not apply to a run's own comparisons: want --col beside them, or --units"}},
		{"base worse --margin us/op=5%", 2,
			[]string{"--margin: nothing was measured in us/op: want some of B/op, sec/op"}},
		{"", 2, []string{"requires at least 1 arg"}},
		{"log log", 2, []string{"log: no benchmark results"}},
		{"base inf", 2, []string{"inf:2: +Inf ns/op: want a finite number"}},
		{"base long", 2, []string{"long:2: a line of more than 65535 bytes"}},
		{"base units", 2, []string{"units:2: metadata better of unit lag-us already set to lower"}},
		{"base twice", 2, []string{"twice:1: two values in sec/op"}},
		{"base strange", 2, []string{"strange has nothing to compare with A-8 in sec/op"}},
		{"pkg-a pkg-b", 2, []string{`A-8 in sec/op (pkg: "a")`, "or by --ignore"}},
		{"both x --config mode", 2, []string{`A-8 in sec/op (mode: "y")`}},
		{"both x --gate config.yaml", 2, []string{`A-8 in sec/op (mode: "y")`}},
		{"strange strange", 2, []string{"nothing was judged", "better=lower"}},
		{"base five --paired", 2, []string{"--paired: 10 rounds of base and 5 of five: want equal numbers"}},
		{"load --col '/spans@(none sdk)'", 2,
			[]string{"10 calls per second were offered to none and 11 to sdk, which are not comparable"}},
		{"base", 2, []string{"one input, and it is not a run with its run.json: want BASE HEAD, or --col"}},
		{"load", 2, []string{"what varies in its names: --col '/spans@(none sdk)'"}},
		{"base --col /spans", 2, []string{"some lines have no /spans: leave them out by --filter"}},
		{"run --col '/spans@(none)'", 2, []string{"all lines are of none: there is nothing to compare it with"}},
		{"run --col '/spans@(none'", 2, []string{"--col: syntax error", "\n\t            ^"}},
		{"base same --filter 'name:'", 2, []string{"--filter: syntax error", "^"}},
		{"base same --row .unit", 2, []string{"--row: syntax error", "^"}},
		{"base same --filter .name:C", 2, []string{"none of 20 benchmark lines is left"}},
		{"- -", 2, []string{"standard input is given twice"}},
		{"base same --margin ns/op=5 --format pdf", 2,
			[]string{"--margin: margin of ns/op: \"5\" may be a share or an amount",
				"--format: \"pdf\" is unknown: want one of text, markdown, json, html"}},
		{"base same --gate broken.yaml", 2, []string{"broken.yaml:1:18: margin of ns/op: \"30\""}},
		{"base same --gate none.yaml", 2, []string{"gate file: open none.yaml"}},
	} {
		t.Run(c.args, func(t *testing.T) {
			c.check(t, c.here)
		})
	}
}

// unwrapped is text without the breaks of long lines.
func unwrapped(s string) string {
	return strings.ReplaceAll(s, "\n  ", " ")
}

// A file of that name in the current directory is read without being asked for.
func TestTheGateFileOfAProjectIsRead(t *testing.T) {
	dir := files(t, map[string]string{"a": benchText("A", 100, 10), "b": benchText("A", 120, 10),
		gate.DefaultFile: "margins: {ns/op: 30%}\n"})
	if code, stdout, stderr := compareIn(t, dir, "", "a b"); code != 0 {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	dir = files(t, map[string]string{"a": benchText("A", 100, 10), "b": benchText("A", 120, 10),
		gate.DefaultFile: "margin: {}\n"})
	if code, _, stderr := compareIn(t, dir, "", "a b"); code != 2 ||
		!strings.Contains(stderr, gate.DefaultFile+`:1:1: unknown field "margin"`) {
		t.Errorf("exit %d\n%s", code, stderr)
	}
}

func TestCompareWritesAFileAndTheSummary(t *testing.T) {
	dir := files(t, map[string]string{"a": benchText("A", 100, 10), "b": benchText("A", 120, 10)})
	code, stdout, stderr := compareIn(t, dir, "", "a b --format json -o out.json")
	if want := "1 regressed, 0 improved, 1 equivalent, 0 inconclusive; exit 1\n"; code != 1 || stdout != want {
		t.Errorf("exit %d, prints %q%s", code, stdout, stderr)
	}
	data, err := os.ReadFile(filepath.Join(dir, "out.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r gate.Report
	if err := json.Unmarshal(data, &r); err != nil || r.Schema != gate.Schema || r.Exit != 1 || len(r.Tables) != 1 {
		t.Errorf("%v: %+v", err, r)
	}
}

func TestCompareHelp(t *testing.T) {
	code, got, _ := execute(t, "compare", "--help")
	if code != 0 {
		t.Fatalf("exit %d", code)
	}
	golden.Check(t, "help-compare.txt", got)
	if code, stdout, _ := execute(t, "__complete", "compare", "--format", ""); code != 0 ||
		!strings.Contains(stdout, "markdown\n") {
		t.Errorf("completion of --format: exit %d\n%s", code, stdout)
	}
}

// The gate file of the help text is one.
func TestTheGateFileOfTheHelpIsOne(t *testing.T) {
	_, help, _ := execute(t, "compare", "--help")
	_, rest, ok := strings.Cut(help, "rules of a project:\n\n")
	text, _, ok2 := strings.Cut(rest, "\n\n")
	f, err := gate.ParseFile("help", []byte(text))
	if !ok || !ok2 || err != nil || len(f.Margins) != 3 || len(f.Exact) != 1 || len(f.Only) != 2 || !f.Strict ||
		len(f.Expected) != 1 || len(f.Removed) != 1 {
		t.Errorf("%v: %+v of\n%s", err, f, text)
	}
}

// The sample of the page is the comparison of files like these.
func TestTheComparisonOfThePageIsWhatItPrints(t *testing.T) {
	page := readPage(t, comparisonPage)
	pkg := "pkg: example.com/codec"
	dir := files(t, map[string]string{
		"old.txt": benchText("Encode", 1000, 10, pkg) + benchText("Decode", 2000, 10),
		"new.txt": benchText("Encode", 1120, 10, pkg) + strings.ReplaceAll(benchText("Decode", 2010, 10), "64 B/op",
			"48 B/op"),
	})
	code, got, stderr := compareIn(t, dir, "", "old.txt new.txt")
	if want := page.block(t, "compare", "text"); code != 1 || strings.TrimSpace(got) != want {
		t.Errorf("exit %d\n%s\nprints\n%s\nthe page shows\n%s", code, stderr, got, want)
	}
}

// The gate file of the page is one.
func TestTheGateFileOfThePageIsOne(t *testing.T) {
	f, err := gate.ParseFile(comparisonPage, []byte(readPage(t, comparisonPage).block(t, "gate", "yaml")))
	if err != nil || len(f.Margins) != 3 || len(f.Expected) != 1 || len(f.Removed) != 1 {
		t.Errorf("%v: %+v", err, f)
	}
}
