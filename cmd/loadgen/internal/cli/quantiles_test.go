package cli

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/quantiles"
)

// brief are flags with which it takes a moment, and hdr alone is sure to keep to what
// is asked: an error of 0.1 %, in any number of bytes.
var brief = []string{"--data", "lognormal", "--n", "4k", "--rounds", "1", "--q", "0.5,0.99", "--estimators",
	"hdr,dws", "--max-bytes", "0"}

func TestQuantilesHelp(t *testing.T) {
	code, got, _ := execute(t, "quantiles", "--help")
	if code != 0 {
		t.Fatalf("exit %d", code)
	}
	golden.Check(t, "help-quantiles.txt", got)
}

func TestQuantilesExitCodes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good.txt", strings.Repeat("1ms\n1500\n", 300))
	broken := write("broken.txt", "1\n2\nfast\n")
	negative := write("negative.txt", "-5\n")
	cut := write("cut.hlog", "#[Histogram log format version 1.1]\n0.1,1.0,2.0,HISTEgAAAB542pNpmSzMwMAAAA==\n")
	millis := write("millis.txt", strings.Repeat("45.868\n47.606\n", 300))
	escape := write("x\x1b[2J.txt", "fast\n")
	log, err := filepath.Abs(filepath.Join("..", "hdrlog", "testdata", "tagged-v2.hlog"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   string
		code   int
		stdout string
		stderr string
	}{
		{"", 0, "\nUse hdr, ", "quantiles: 2 estimators on 1 data set in 1 round; seed "},
		{"--seed 5 --all", 0, "in random order, seed 5\n", "; seed 5\n"},
		{good + " --n 1M --all", 0, "good.txt, 600 values: ", "on 2 data sets"},
		{"--max-error 0", 1, "No estimator has an error of at most 0% ", ""},
		{"--max-bytes 1B", 1, "its state is 265 KiB of 1 B allowed", ""},
		{"--estimators dws", 1, "No estimator is recommended: dws is only measured, and not meant to be used.", ""},
		{millis + " --unit ms --all", 0, "millis.txt, numbers in ms", ""},
		{millis, 2, "", millis + `:1: "45.868" has a fraction of a nanosecond, and its unit is not known: want ` +
			`--unit, such as --unit ms`},
		{millis + " --unit minutes", 2, "", `--unit: "minutes" is unknown: want one of ns, us, ms or s`},
		{"--unit ms", 2, "", "--unit: it is of no file"},
		{escape, 2, "", "x?[2J.txt:1: \"fast\" is not a number"},
		{log + " --all", 0, "tagged-v2.hlog, 6 histograms without a tag (others are tagged A), values in ns, ", ""},
		{log + " --tag A --all", 0, "tagged-v2.hlog, 6 histograms tagged A, values in ns, ", ""},
		{log + " --tag B", 2, "", `no histogram has the tag "B": want one of (none) and A`},
		{good + " --tag B", 2, "", `--tag: "B" is of no log`},
		{log + " --tags", 0, "A                6   4,487\n", ""},
		{good + " --tags", 2, "", "not a log of histograms, and only such logs have tags"},
		{"--tags", 2, "", "--tags: no log: want its path"},
		{"--qs 0.5", 2, "", "unknown flag: --qs\n\nDid you mean this?\n\t--q\n\nRun 'loadgen quantiles --help'"},
		{"--estimators hdr,hrd", 2, "",
			`--estimators: "hrd" is unknown (did you mean hdr?): want some of exact, hdr, `},
		{"--anchor hrd", 2, "", `--anchor: "hrd" is unknown (did you mean hdr?): want exact, hdr, `},
		{"--estimators hdr,hdr", 2, "", `--estimators: "hdr" is given twice`},
		{"--data normal", 2, "", `--data: shape of data "normal" is unknown: want some of lognormal, `},
		{"--data sorted,sorted", 2, "", `--data: "sorted" is given twice`},
		{"--n 0", 2, "", `--n: "0" is no count: want a whole number`},
		{"--n 1.5", 2, "", `--n: "1.5" is no count`},
		{"--n 1e9", 2, "", `--n: "1e9" is no count`},
		{"--n 5", 2, "", "p50 needs 6, lognormal has 5"},
		{"--q 0.5,p99", 2, "", `--q: "p99" is no quantile: want a number`},
		{"--q 1", 2, "", `--q: "1" is no quantile`},
		{"--q NaN", 2, "", `--q: "NaN" is no quantile`},
		{"--rounds 0", 2, "", "0 rounds: want 1 to 1000"},
		{"--shards 0", 2, "", "0 shards: want 1 to 10000"},
		{"--max-error -1%", 2, "", `--max-error: "-1%" is no share: want`},
		{"--max-bytes much", 2, "", `--max-bytes: "much" is no size: want`},
		{"--format xml", 2, "", `--format: "xml" is unknown: want one of text, bench, json, markdown, tsv`},
		{"--visit 1", 2, "", `--visit: "1" is of no run`},
		{broken, 2, "", broken + `:3: "fast" is not a number: want nanoseconds, or a duration such as 1.5ms`},
		{broken + " " + negative + " --n 0", 2, "", negative + `:1: "-5" is negative`},
		{cut, 2, "", cut + ":2: its histogram cannot be read: it has 11 compressed bytes, but its header says 30"},
		{"/no/such/file", 2, "", "/no/such/file: no such file"},
	} {
		t.Run(c.args, func(t *testing.T) {
			args := slices.Concat([]string{"quantiles"}, brief)
			for i := 0; i < len(args); i++ { // a slice flag adds to itself
				if strings.HasPrefix(args[i], "--") && strings.Contains(" "+c.args, " "+args[i]+" ") {
					args = slices.Delete(args, i, i+2)
					i--
				}
			}
			code, stdout, stderr := execute(t, append(args, strings.Fields(c.args)...)...)
			if code != c.code || !strings.Contains(unwrapped(stdout), c.stdout) ||
				!strings.Contains(stderr, c.stderr) ||
				code == 2 && stdout != "" {
				t.Errorf("exit %d, want %d, %q and %q in\n%s\n%s", code, c.code, c.stdout, c.stderr, stdout, stderr)
			}
		})
	}
}

// Whatever arms there are, by default all are measured.
func TestQuantilesMeasuresAllEstimatorsByDefault(t *testing.T) {
	code, stdout, stderr := execute(t, "quantiles", "--data", "constant", "--n", "1k", "--rounds", "1", "--format",
		"json")
	var r quantiles.Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || code > 1 {
		t.Fatalf("exit %d, %v\n%s", code, err, stderr)
	}
	var got []string
	for _, c := range r.Sets[0].Cells {
		got = append(got, c.Estimator)
	}
	if !slices.Equal(got, armNames()) || r.Schema != quantiles.Schema || r.Environment.GoVersion == "" {
		t.Errorf("%v, want %v; schema %d", got, armNames(), r.Schema)
	}
}

func TestQuantilesReadsStandardInput(t *testing.T) {
	cmd, stdout, stderr := command(t, slices.Concat([]string{"quantiles"}, brief[4:], []string{"-", "--all"})...)
	cmd.Stdin = strings.NewReader(strings.Repeat("1ms\n2ms\n", 200))
	if err := cmd.Run(); err != nil || !strings.Contains(stdout.String(),
		"stdin, 400 values: standard input, numbers in ns\n") || strings.Contains(stdout.String(), "lognormal") {
		t.Errorf("%v\n%s\n%s", err, stdout, stderr)
	}
}

// The latencies that a run left behind are data.
func TestQuantilesReadsARun(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	if code, _, stderr := execute(t, "run", scenario(t, tiny), "--rounds", "2", "--seed", "1", "--out",
		out); code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	args := slices.Concat([]string{"quantiles", out}, brief[4:])
	code, stdout, stderr := execute(t, append(args, "--visit", "spans=sdk", "--all")...)
	if code != 0 || !strings.Contains(unwrapped(stdout), "2 visits of spans=sdk (of 3 arms), middles of buckets") ||
		!strings.Contains(stdout, "\ntiny, ") {
		t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	if code, _, stderr := execute(t, append(args, "--visit", "spans=no")...); code != 2 ||
		!strings.Contains(stderr, `no visit of "spans=no" was measured (did you mean spans=none?): want a number, `+
			`or one of spans=none, spans=sdk, `) {
		t.Errorf("exit %d\n%s", code, stderr)
	}
}

func TestBenchstatReadsTheTextOfQuantiles(t *testing.T) {
	code, stdout, stderr := execute(t, slices.Concat([]string{"quantiles"}, brief,
		[]string{"--rounds", "6", "--format", "bench"})...)
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	r, n := benchfmt.NewReader(strings.NewReader(stdout), "stdout"), 0
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Error(rec)
		case *benchfmt.Result:
			n++
			if name := rec.Name.Full(); !strings.HasPrefix(string(name), "Quantiles/est=") ||
				!strings.Contains(string(name), "/dist=lognormal/n=4000") {
				t.Errorf("%s", name)
			}
		}
	}
	if r.Err() != nil || n != 12 {
		t.Errorf("%d results, %v", n, r.Err())
	}
	path := filepath.Join(t.TempDir(), "q.bench")
	if err := os.WriteFile(path, []byte(stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	table, err := exec.Command("go", "tool", "benchstat", "-col", "/est@(hdr dws)", path).CombinedOutput()
	for _, want := range []string{"insert-sec/op", "state-bytes", "p99-error-ppm", "p99-rank-error-ppm",
		"merge-sec/op", "query-sec/op", "vs base", "n=6"} {
		if err != nil || !strings.Contains(string(table), want) {
			t.Errorf("%v; %q is not in what benchstat says:\n%s", err, want, table)
		}
	}
}

func TestAnInterruptEndsQuantilesAtOnce(t *testing.T) {
	p := start(t, "", "quantiles", "--n", "100k", "--rounds", "1000")
	p.await(t, "it measures", func() bool { return strings.Contains(p.stderr.String(), "in 1,000 rounds; seed ") })
	if code := p.interrupt(t); code != exitInterrupted || p.stdout.String() != "" ||
		!strings.Contains(p.stderr.String(), "loadgen: interrupted: nothing is printed") {
		t.Errorf("exit %d\n%s\n%s", code, &p.stdout, &p.stderr)
	}
}

func TestQuantilesCompletion(t *testing.T) {
	for flag, want := range map[string]string{"--data": "gc-pause\n", "--estimators": "tdigest\n",
		"--format": "markdown\n"} {
		t.Run(flag, func(t *testing.T) {
			if code, stdout, _ := execute(t, "__complete", "quantiles", flag, ""); code != 0 ||
				!strings.Contains(stdout, want) {
				t.Errorf("%s: exit %d\n%s", flag, code, stdout)
			}
		})
	}
}

// The sample was measured once; the tables of the command still look like it.
func TestTheSampleOfQuantilesLooksLikeOne(t *testing.T) {
	shown := readPage(t, estimatorsPage).block(t, "quantiles", "text")
	header := func(line string) string {
		return strings.ReplaceAll(strings.Join(strings.Fields(line), " "), "*", "")
	}
	var sample []string
	for line := range strings.Lines(shown) {
		sample = append(sample, header(line))
	}
	code, stdout, stderr := execute(t, "quantiles", "--data", "gc-pause", "--n", "40k", "--rounds", "2",
		"--max-bytes", "1MB", "--estimators", "exact,hdr,tdigest,qdigest,dws")
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	headers := 0
	// what is measured differs, and the rest does not
	figures := regexp.MustCompile(`[0-9][0-9,.]*`)
	for line := range strings.Lines(stdout) {
		if strings.HasPrefix(line, "estimator ") || strings.HasPrefix(line, "Latency estimators ") ||
			strings.HasPrefix(line, "More: ") {
			headers++
			if !slices.ContainsFunc(sample, func(s string) bool {
				return figures.ReplaceAllString(s, "") == figures.ReplaceAllString(header(line), "")
			}) {
				t.Errorf("it prints %q, and %s does not", line, estimatorsPage)
			}
		}
	}
	if headers != 3 || !slices.ContainsFunc(sample, func(s string) bool { return strings.HasPrefix(s, "Use ") }) {
		t.Errorf("%d headers; the sample is %q", headers, sample)
	}
}
