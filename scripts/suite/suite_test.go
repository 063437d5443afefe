package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loadgen-go/loadgen/internal/property"
)

const sample = "github.com/loadgen-go/loadgen/scripts/suite/testdata/sample"

// sampled runs the tests of the sample that match run.
func sampled(t *testing.T, run string) tally {
	t.Helper()
	counted := tally{}
	if err := counted.goTest(t.Context(), []string{"GOMAXPROCS=2"}, "-count=1", "-run="+run,
		"./testdata/sample"); err != nil {
		t.Fatal(err)
	}
	return counted
}

func TestEveryEndOfATestIsCounted(t *testing.T) {
	counted := sampled(t, ".")
	want := map[string][3]int{ // runs, skips, failures
		"TestPasses": {1, 0, 0}, "TestIsSkipped": {1, 1, 0}, "TestPanics": {1, 0, 1},
		"TestFailsInARow": {1, 0, 1}, "TestFailsInARow/good": {1, 0, 0}, "TestFailsInARow/bad": {1, 0, 1},
	}
	got := map[string][3]int{}
	for which, c := range counted {
		got[which.name] = [3]int{c.runs, c.skips, c.failures}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAFailureSaysHowToRunItAgain(t *testing.T) {
	counted := sampled(t, "TestFails")
	c := counted[test{sample, "TestFailsInARow/bad"}]
	if want := "GOMAXPROCS=2 go test -count=1 -run='^TestFailsInARow$/^bad$' " + sample; c == nil || c.again != want {
		t.Fatalf("%+v, want %q", c, want)
	}
	var out strings.Builder
	counted.print(&out)
	for _, part := range []string{c.again, "2 is not 3", "       1         1  " + sample + " TestFailsInARow/bad\n",
		"3 runs of 3 tests, 0 of them skipped, 2 failures\n"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("no %q in\n%s", part, &out)
		}
	}
}

func TestAPackageThatDoesNotBuildIsAFailure(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, "go.mod", "module broken\n\ngo 1.26\n")
	write(t, "broken_test.go", "package broken\n\nvar x int = \"\"\n")
	counted := tally{}
	if err := counted.goTest(t.Context(), nil, "."); err != nil {
		t.Fatal(err)
	}
	if failed := counted.failed(); len(failed) == 0 {
		t.Errorf("nothing failed: %v", counted)
	}
}

func TestTestsThatCannotBeRunAreAnError(t *testing.T) {
	if err := (tally{}).goTest(t.Context(), nil, "-count=many", "."); err == nil {
		t.Error("no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (tally{}).goTest(ctx, nil, "./testdata/sample"); err == nil {
		t.Error("an interrupt is no error")
	}
}

func TestConditionsAreAllThatAreDocumented(t *testing.T) {
	list := conditions(false)
	seen := map[condition]bool{}
	for _, c := range list {
		seen[c] = true
	}
	if len(seen) != 2*2*3 {
		t.Errorf("%d conditions: %v", len(seen), list)
	}
	for _, c := range conditions(true) {
		if !slices.Contains(list, c) {
			t.Errorf("%v is not among all conditions", c)
		}
	}
}

func TestBusyLoopsEnd(t *testing.T) {
	procs, before := runtime.GOMAXPROCS(0), runtime.NumGoroutine()
	stop := busy(3)
	if got := runtime.GOMAXPROCS(0); got != procs+3 {
		t.Errorf("GOMAXPROCS %d beside 3 loops, want %d", got, procs+3)
	}
	stop()
	for runtime.NumGoroutine() > before { // otherwise the test times out
		runtime.Gosched()
	}
	if got := runtime.GOMAXPROCS(0); got != procs {
		t.Errorf("GOMAXPROCS %d, want %d", got, procs)
	}
}

func TestPropertiesAreFoundThroughTheFunctionsThatCheckThem(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a_test.go"), `package a
func TestDirect(t *testing.T)  { property.Check(t, nil) }
func TestByHelper(t *testing.T) { t.Run("row", func(t *testing.T) { helper(t) }) }
func helper(t *testing.T)       { deeper(t); helper(t) }
func TestPlain(t *testing.T)    { other(t) }
func other(t *testing.T)        { t.Check() }
func FuzzIt(f *testing.F)       {}
`)
	write(t, filepath.Join(dir, "b_test.go"), "package a\nfunc deeper(t *testing.T) { property.Check(t, nil) }\n")
	got := targets{dir: dir}
	if err := got.parse(regexp.MustCompile(""), []string{"a_test.go", "b_test.go"}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"TestByHelper", "TestDirect"}; !slices.Equal(got.properties, want) {
		t.Errorf("properties %v, want %v", got.properties, want)
	}
	if want := []string{"FuzzIt"}; !slices.Equal(got.fuzz, want) {
		t.Errorf("fuzz targets %v, want %v", got.fuzz, want)
	}
}

func TestWhatAPropertyFailsOnIsKeptAsARow(t *testing.T) {
	dir := t.TempDir()
	counted := tally{
		{"p", "TestA/row"}: {failures: 1,
			output: "x_test.go:3: [rapid] failed after 7 tests: p99\tbelow p50\nTo reproduce, specify " +
				"-run=\"TestA/row\" -rapid.seed=123\n"},
		{"p", "TestA"}: {failures: 1, output: "--- FAIL: TestA\n"},
		{"p", "TestB"}: {runs: 1},
	}
	if err := keep(dir, counted); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, property.Found))
	if want := "TestA/row\t123\tp99 below p50\n"; string(got) != want || err != nil {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if left := counted.without("p", []string{"TestA", "TestB"}); !slices.Equal(left, []string{"TestB"}) {
		t.Errorf("left to explore: %v, want only the test that has not failed", left)
	}
}

func TestBadArgumentsAreExplained(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"nothing":        {nil, "scripts/flaky, scripts/explore, scripts/fuzz or scripts/programs"},
		"no duration":    {[]string{"explore"}, "DURATION is missing"},
		"not a duration": {[]string{"explore", "ten"}, `"ten": want a duration`},
		"negative":       {[]string{"explore", "-run=x", "--", "-1s"}, "want a duration"},
		"bad expression": {[]string{"explore", "-run=(", "1s"}, "-run: "},
		"no such target": {[]string{"explore", "-run=NoSuchTest", "1s", "."}, "no property test and no fuzz target"},
		"no minutes":     {[]string{"fuzz"}, "MINUTES is missing"},
		"not a number":   {[]string{"fuzz", "10m"}, `"10m": want minutes for each target`},
		"NaN minutes":    {[]string{"fuzz", "NaN"}, "want minutes"},
		"no second":      {[]string{"fuzz", "0.001"}, "want minutes"},
		"no fuzz target": {[]string{"fuzz", "-run=TestBadArguments", "1", "."},
			"no property test and no fuzz target"},
		"no rounds":       {[]string{"flaky", "-rounds=0"}, "-rounds 0: want at least 1"},
		"unknown command": {[]string{"flakey"}, "scripts/flaky, scripts/explore, scripts/fuzz or scripts/programs"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := run(t.Context(), c.args); err == nil || !strings.Contains(err.Error(), c.want) ||
				status(t.Context(), err) != 2 {
				t.Errorf("error %v, want %q and exit status 2", err, c.want)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
