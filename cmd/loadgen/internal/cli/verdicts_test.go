package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// nothing is a histogram without values, of those that visits here do not have.
var nothing = quantile.NewHDR()

// written is the directory of a run of a scenario whose visits are made up: of 400 calls,
// and otherwise as visit says.
func writtenRun(t *testing.T, s *scenarios.Scenario, visit func(v *results.Visit)) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	w, err := results.Create(dir, results.Header{Scenario: s, Environment: results.Environment{GOMAXPROCS: 2}})
	if err != nil {
		t.Fatal(err)
	}
	lag := quantile.NewHDR()
	for range 400 {
		lag.Add(0)
	}
	for round := 1; round <= s.Rounds; round++ {
		for i, c := range s.Cells() {
			v := &results.Visit{Round: round, Order: i + 1, Cell: c,
				Record: &record.Record{Offered: 400, Done: 400, Scheduled: time.Second, Elapsed: time.Second,
					Latency: quantile.NewHDR(), Service: lag, Queue: lag, Generator: lag, FailedLatency: nothing,
					Hiccups: nothing}}
			visit(v)
			if err := w.Add(v); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(results.Complete); err != nil {
		t.Fatal(err)
	}
	return dir
}

// cost makes up what the calls of a visit took and spent.
func cost(v *results.Visit, latency, cpu time.Duration, bytes, allocs uint64) {
	for range v.Record.Done {
		v.Record.Latency.Add(latency)
	}
	v.Cost = results.Cost{CPU: cpu * 400, Bytes: bytes * 400, Allocs: allocs * 400}
}

// varied makes up visits of arms that differ in all ways that there are: by much, a
// little, not at all, and by chance; one of them is saturated.
func varied(s *scenarios.Scenario) func(v *results.Visit) {
	random := rand.New(rand.NewPCG(1, 2))
	arms := []string{}
	return func(v *results.Visit) {
		arm := v.Cell.Arm()
		if !slices.Contains(arms, arm) {
			arms = append(arms, arm)
		}
		k := slices.Index(arms, arm)
		noise := func(sd float64) float64 { return 1 + sd*random.NormFloat64() }
		cost(v, time.Duration(1e6*(1+0.1*float64(k%3))*noise(0.02)), time.Duration(1e5*noise(0.3)),
			uint64(1000*(1+k%4)), uint64(1000*(1+0.015*float64(k%5))*noise(0.001)))
		if k == 2 {
			v.Verdict = []record.Reason{{Name: record.Saturated, Detail: "made up"}}
		}
	}
}

// A verdict is what one of the outputs says of a cell that is judged.
type verdictOf map[string]string // by comparison and unit

// quickly runs the command in this process.
func quickly(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = dispatch(t.Context(), nil, args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// fromJSON are the verdicts of loadgen compare --format json.
func fromJSON(t *testing.T, dir string, args ...string) (verdictOf, *gate.Report) {
	t.Helper()
	_, stdout, stderr := quickly(t, append([]string{"compare", dir, "--format", "json"}, args...)...)
	var r gate.Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout, stderr)
	}
	all := verdictOf{}
	for _, table := range r.Tables {
		for _, c := range table.Cells {
			if !c.Exploratory {
				all[c.Name+" "+c.Unit] = string(c.Verdict)
			}
		}
	}
	return all, &r
}

// fromShow are the verdicts of loadgen show --format json, and the sentences that it has for programs.
func fromShow(t *testing.T, dir string) (all verdictOf, said []string) {
	t.Helper()
	_, stdout, stderr := quickly(t, "show", dir, "--format", "json")
	var d report.Document
	if err := json.Unmarshal([]byte(stdout), &d); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout, stderr)
	}
	all = verdictOf{}
	counts := map[comparison.Verdict]int{}
	for _, c := range d.Comparisons {
		said = append(said, c.Text)
		for _, cell := range c.Cells {
			counts[cell.Verdict]++
			if !cell.Exploratory {
				all[cell.Name+" "+cell.Unit] = string(cell.Verdict)
			}
		}
	}
	if fmt.Sprint(counts) != fmt.Sprint(d.Counts) {
		t.Errorf("counts are %v, want %v", d.Counts, counts)
	}
	return all, said
}

// fromTable are those of the text of loadgen compare, of the cells of r. A reader's word counts as the verdict of JSON
// that it stands for.
func fromTable(t *testing.T, dir string, r *gate.Report) verdictOf {
	t.Helper()
	_, stdout, _ := quickly(t, "compare", dir, "--all")
	title, load := regexp.MustCompile(`^(\S+ vs \S+): `), regexp.MustCompile(`^(\S.*, )?(?:([0-9,]+)/s|closed loop)$`)
	row := regexp.MustCompile(`^  (\S+(?: [mun]?s)?) .*  [-+x=?!] ([a-z]+(?:,? [a-z]+)*)`)
	units := strings.NewReplacer("CPU ", "cpu-sec/op ", "max ", "max-latency-sec ", "p99 ", "p99-latency-sec ")
	all, pair, name := verdictOf{}, "", ""
	for line := range strings.Lines(stdout) {
		line = strings.TrimSuffix(line, "\n")
		if m := title.FindStringSubmatch(line); m != nil {
			pair = m[1]
		} else if m := load.FindStringSubmatch(line); m != nil {
			level := "loop=closed"
			if m[2] != "" {
				level = "qps=" + strings.ReplaceAll(m[2], ",", "")
			}
			name = pair + "/" + strings.ReplaceAll(m[1], ", ", "/") + level
		} else if m := row.FindStringSubmatch(line); m != nil {
			unit, _, _ := strings.Cut(units.Replace(m[1]+" "), " ")
			all[name+" "+unit] = m[2]
		}
	}
	judged := verdictOf{}
	for _, table := range r.Tables {
		for _, c := range table.Cells {
			word := all[c.Name+" "+c.Unit]
			if word == format.Verdict(c.Verdict).Text || c.Doubt != "" && word == format.InDoubt.Text {
				word = string(c.Verdict)
			}
			if word != "not judged" && !c.Exploratory {
				judged[c.Name+" "+c.Unit] = word
			}
		}
	}
	return judged
}

// inWords returns the words that a reader is told a verdict in, given the verdict or the words.
func inWords(verdict string) string {
	for _, v := range comparison.Verdicts() {
		if string(v) == verdict {
			return format.Verdict(v).Text
		}
	}
	return verdict
}

// place is what a comparison is called in text and on the page, and in JSON.
func place(s *scenarios.Scenario, c *scenarios.Comparison) (sentence, name string) {
	beside := c.Beside(s)
	sentence = strings.Join(append([]string{fmt.Sprintf("%[1]s=%[2]s vs %[1]s=%[3]s at %[4]s", c.Dimension, c.A, c.B,
		report.Load(c.CellA.Level))}, beside...), ", ")
	return sentence, strings.Join(slices.Concat([]string{c.Pair.String()}, beside, []string{c.CellA.Level.Name()}),
		"/")
}

// fromPage are those of the tables of the page of a run, and its text. The words of the page are those of the
// verdicts.
func fromPage(t *testing.T, s *scenarios.Scenario, dir string) (all verdictOf, page string) {
	t.Helper()
	_, page, stderr := quickly(t, "report", dir, "-o", "-")
	if !strings.Contains(page, "<h1") {
		t.Fatalf("the page has no answer\n%s", stderr)
	}
	all = verdictOf{}
	row := regexp.MustCompile(`(?m)^<tr><th title="(\S+) at ([^"]*)">.*<td data-verdict="([^"]*)">([^<]*)</td>`)
	for i, pair := range s.Compare {
		_, contest, _ := strings.Cut(page, fmt.Sprintf(`<details id="contest-%d">`, i))
		contest, _, _ = strings.Cut(contest, "</details>")
		cells := map[string][][]string{}
		for _, m := range row.FindAllStringSubmatch(contest, -1) {
			cells[m[2]] = append(cells[m[2]], m)
			w := format.Verdict(comparison.Verdict(m[3]))
			if got := strings.TrimSuffix(m[4], " *"); got != w.Symbol+" "+w.Text && got != "! in doubt" {
				t.Errorf("the page calls %s %q, want %q", m[3], got, w.Text)
			}
		}
		for _, c := range s.Comparisons() {
			if c.Pair != pair {
				continue
			}
			_, name := place(s, &c)
			for _, m := range cells[strings.Join(append([]string{report.Load(c.CellA.Level)}, c.Beside(s)...), ", ")] {
				if m[3] != string(comparison.Exploratory) {
					all[name+" "+tidyUnits([]string{m[1]})[0]] = m[3]
				}
			}
		}
	}
	return all, html.UnescapeString(page)
}

// words are those that sentences have for the units that are judged.
var unitWords = map[string]string{"B/op": "bytes", "allocs/op": "allocations", "cpu-sec/op": "CPU",
	"p99-latency-sec": "p99 latency"}

// sentences are those of loadgen show about comparisons.
func sentences(t *testing.T, dir string) (all []string) {
	t.Helper()
	_, stdout, stderr := quickly(t, "show", dir, "--all")
	_, list, ok := strings.Cut(stdout, "\nComparisons, paired by round, with 95% intervals\n\n")
	if !ok {
		t.Fatalf("there are no comparisons\n%s%s", stdout, stderr)
	}
	list, _, _ = strings.Cut(list, "\n\n")
	for _, s := range strings.Split(unwrapped(list), "\n- ") {
		all = append(all, strings.TrimPrefix(s, "- "))
	}
	return all
}

// fromSentences are the verdicts of sentences.
func fromSentences(t *testing.T, s *scenarios.Scenario, said []string) verdictOf {
	t.Helper()
	all := verdictOf{}
	for _, c := range s.Comparisons() {
		prefix, name := place(s, &c)
		i := slices.IndexFunc(said, func(s string) bool { return strings.HasPrefix(s, prefix+": ") })
		if i < 0 {
			t.Errorf("no sentence about %s in\n%s", prefix, strings.Join(said, "\n"))
			continue
		}
		for clause := range strings.SplitSeq(strings.TrimPrefix(said[i], prefix+": "), "; ") {
			kind, _, _ := strings.Cut(clause, ": ")
			for unit, word := range unitWords {
				switch said := regexp.MustCompile(`(?:^|[ ,])` + word + ` \(`).MatchString(clause); {
				case kind == word+" cannot be compared":
					all[name+" "+unit] = format.Verdict(comparison.Inconclusive).Text
				case said && kind != "exploratory":
					all[name+" "+unit] = kind
				}
			}
		}
	}
	return all
}

// own is a scenario of a user's own target, which says nothing of what is compared.
const ownScenario = "name: own\ntarget: look-up\nqps: [1000]\nduration: 1s\nspans: [none, sdk, pooled]\n"

// runsToJudge are scenarios: all that are embedded, and one of a user's own.
func runsToJudge(t *testing.T, settings ...scenarios.Setting) (all []*scenarios.Scenario) {
	t.Helper()
	for _, name := range scenarios.Names() {
		some := settings
		if name == "span-reuse-full" || name == "quantile-live" { // which have many cells
			some = append(slices.Clone(settings), scenarios.Setting{Key: "qps", Value: "10k", Where: "--qps"})
		}
		s, err := scenarios.Load(name, some...)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	s, err := scenarios.Decode("own.yaml", []byte(ownScenario), settings...)
	if err != nil {
		t.Fatal(err)
	}
	return append(all, s)
}

// Text, page, JSON and gate say the same of every cell, of every scenario.
func TestAllOutputsShowTheSameVerdicts(t *testing.T) {
	t.Parallel()
	met := map[string]bool{}
	for _, s := range runsToJudge(t, scenarios.Setting{Key: "rounds", Value: "8", Where: "--rounds"},
		scenarios.Setting{Key: "seed", Value: "1", Where: "--seed"}) {
		t.Run(s.Name, func(t *testing.T) {
			dir := writtenRun(t, s, varied(s))
			want, r := fromJSON(t, dir)
			if n := len(s.Comparisons()) * len(comparison.PrimaryUnits()); len(want) != n {
				t.Errorf("%d cells are judged, want %d", len(want), n)
			}
			said := sentences(t, dir)
			page, text := fromPage(t, s, dir)
			shown, texts := fromShow(t, dir)
			for what, got := range map[string]verdictOf{"compare": fromTable(t, dir, r), "report": page,
				"show": fromSentences(t, s, said), "show --format json": shown} {
				for cell, verdict := range want {
					met[verdict] = true
					if inWords(got[cell]) != inWords(verdict) {
						t.Errorf("%s says that %s is %q, in JSON it is %q", what, cell, got[cell], verdict)
					}
				}
				if len(got) != len(want) {
					t.Errorf("%s has %d verdicts, JSON %d", what, len(got), len(want))
				}
			}
			for _, sentence := range said {
				if !strings.Contains(text, sentence) {
					t.Errorf("the page does not say %q", sentence)
				}
			}
			if !slices.Equal(texts, said) {
				t.Errorf("show says %q, and in JSON %q", said, texts)
			}
		})
	}
	for _, v := range []comparison.Verdict{comparison.Improved, comparison.Regressed, comparison.Equivalent,
		comparison.Inconclusive} {
		if !met[string(v)] {
			t.Errorf("no cell was %s", v)
		}
	}
}

// With the default scenario, and with as few rounds as give an interval, a change of -80%
// in all rounds is an improvement, wherever one looks.
func TestALargeChangeWithoutSpreadIsAnImprovement(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string][]scenarios.Setting{
		"as it is": nil, "6 rounds": {{Key: "rounds", Value: "6", Where: "--rounds"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := scenarios.Load("span-reuse", append(settings,
				scenarios.Setting{Key: "seed", Value: "1", Where: "--seed"})...)
			if err != nil {
				t.Fatal(err)
			}
			random := rand.New(rand.NewPCG(3, 4))
			dir := writtenRun(t, s, func(v *results.Visit) {
				allocs := uint64(15)
				if v.Cell.Value("spans") == "pooled" {
					allocs = 3
				}
				cost(v, time.Duration(1e6*(1+0.3*random.NormFloat64())),
					time.Duration(1e5*(1+0.1*random.NormFloat64())), 1000, allocs)
			})
			said := sentences(t, dir)
			all, r := fromJSON(t, dir)
			page, text := fromPage(t, s, dir)
			for what, got := range map[string]verdictOf{"JSON": all, "compare": fromTable(t, dir, r), "report": page,
				"show": fromSentences(t, s, said)} {
				for _, l := range s.Levels() {
					if cell := "pooled vs sdk/" + l.Name() + " allocs/op"; inWords(got[cell]) != "better" {
						t.Errorf("%s: %s is %q", what, cell, got[cell])
					}
				}
			}
			want := "better: 80% fewer allocations (15.0 -> 3.00 allocs/op, [-80%, -80%])"
			if !strings.Contains(text, want) {
				t.Errorf("the page does not say %q", want)
			}
		})
	}
}

// What nobody asked for is never called better or worse, whatever it does, and fails no
// gate; what is asked for is.
func TestExploratoryUnitsHaveNoVerdict(t *testing.T) {
	s, err := scenarios.Decode("x.yaml", []byte("qps: 1000\nduration: 1s\nspans: [none, sdk]\nseed: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	dir := writtenRun(t, s, func(v *results.Visit) {
		cost(v, time.Millisecond, time.Millisecond, 1000, 10)
		if v.Cell.Value("spans") == "sdk" {
			v.Cost.PeakRSS = 200 << 20
		} else {
			v.Cost.PeakRSS = 100 << 20
		}
	})
	code, stdout, stderr := quickly(t, "compare", dir)
	doubled := regexp.MustCompile(`(?m)^  peak RSS (MiB|KiB|B) +\S+ +\S+ +x2\.0 +\[x2\.0, x2\.0\] .*not judged( .*)?$`)
	if _, all, _ := quickly(t, "compare", dir, "--all"); code != exitOK || !doubled.MatchString(all) ||
		strings.Contains(stdout, "RSS") {
		t.Errorf("exit %d\n%s%s%s", code, stdout, stderr, all)
	}
	code, stdout, stderr = quickly(t, "compare", dir, "--units", "peak-RSS-bytes,p99-latency-ns")
	if code != exitWorse || !regexp.MustCompile(`(?m)^  peak RSS \S+ .* x worse$`).MatchString(stdout) ||
		!strings.Contains(stdout, "1 worse.") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	if code, page, stderr := quickly(t, "report", dir, "--units", "peak-RSS-bytes", "-o", "-"); code != exitOK ||
		!strings.Contains(page, "worse: 2.00 times the peak-RSS-bytes") {
		t.Errorf("exit %d\n%s\n%s", code, page[:min(len(page), 3000)], stderr)
	}
	for _, command := range []string{"compare", "report"} {
		if code, _, stderr := quickly(t, command, dir, "--units", "nothing"); code != exitUnusable ||
			!strings.Contains(stderr, "--units: nothing was measured in nothing") {
			t.Errorf("%s: exit %d\n%s", command, code, stderr)
		}
	}
}

// One target with one arm is drawn, and there is nothing to compare.
func TestARunOfOneArmHasAPageAndNothingToCompare(t *testing.T) {
	s, err := scenarios.Decode("own.yaml", []byte(ownScenario),
		scenarios.Setting{Key: "spans", Value: "none", Where: "--spans"})
	if err != nil {
		t.Fatal(err)
	}
	dir := writtenRun(t, s, varied(s))
	if code, stdout, stderr := quickly(t, "report", dir, "-o", "-"); code != exitOK ||
		!strings.Contains(stdout, "Measures look-up under load.") ||
		!strings.Contains(stdout, `<span title="Latency p50">`) || strings.Contains(stdout, "Round by round") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
	if code, stdout, stderr := quickly(t, "compare", dir); code != exitUnusable || stdout != "" ||
		!strings.Contains(stderr, "the scenario of the run compares nothing") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
}

// The gate file of a project holds for every output: what it chooses is judged, and what
// it expects is expected.
func TestTheGateFileHoldsForTextAndPageToo(t *testing.T) {
	s, err := scenarios.Decode("x.yaml", []byte("qps: 1000\nduration: 1s\nspans: [none, sdk]\nseed: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	dir := writtenRun(t, s, func(v *results.Visit) {
		bytes := uint64(1000)
		if v.Cell.Value("spans") == "sdk" {
			bytes = 2000
		}
		cost(v, time.Millisecond, time.Millisecond, bytes, 10)
	})
	rules := "only: [B/op, max-latency-ns]\nexpected: [{cell: 'sdk vs none/*', unit: B/op, reason: it was agreed, " +
		"until: 9999-12-31}]\n"
	t.Chdir(files(t, map[string]string{gate.DefaultFile: rules}))
	want, r := fromJSON(t, dir)
	if want["sdk vs none/qps=1000 B/op"] != "expected" ||
		want["sdk vs none/qps=1000 max-latency-sec"] != "equivalent" || len(want) != 2 || r.Exit != exitOK {
		t.Errorf("%v, %s", want, r.Summary)
	}
	page, text := fromPage(t, s, dir)
	for what, got := range map[string]verdictOf{"compare": fromTable(t, dir, r), "report": page} {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s says %v, JSON %v", what, got, want)
		}
	}
	for _, part := range []string{"worse as expected: 2.00 times the bytes (1,000 -> 2,000 B/op, ",
		"same: max-latency-ns (1,", "); exploratory: "} {
		if said := sentences(t, dir); len(said) != 1 || !strings.Contains(text, said[0]) ||
			!strings.Contains(said[0], part) {
			t.Errorf("%q is not in %q, or that not in the page", part, said)
		}
	}
	if err := os.WriteFile(gate.DefaultFile, []byte("only: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"show", dir}, {"report", dir}, {"compare", dir},
		{"run", "--out", filepath.Join(t.TempDir(), "out")}} {
		if code, _, stderr := quickly(t, args...); code != exitUnusable ||
			!strings.Contains(stderr, gate.DefaultFile+":1:7: ") {
			t.Errorf("%v with a broken gate file: exit %d\n%s", args, code, stderr)
		}
	}
}
