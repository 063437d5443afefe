package cli

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/benchtest"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// The pages that the tests of this file read.
const (
	topPage        = "README.md"
	commandPage    = "cmd/loadgen/README.md"
	comparisonPage = "results/comparison/README.md"
	estimatorsPage = "quantile/README.md"
	scenariosPage  = "scenarios/README.md"
	observablePage = "observable/README.md"
	benchPage      = "bench/README.md"
)

// words returns the words that a shell makes of a line.
func words(line string) (all []string) {
	for _, m := range regexp.MustCompile(`"([^"]*)"|'([^']*)'|\S+`).FindAllStringSubmatch(line, -1) {
		word := m[0]
		if strings.ContainsAny(word[:1], `"'`) {
			word = m[1] + m[2]
		}
		all = append(all, word)
	}
	return all
}

// spaced returns a line with one blank between words.
func spaced(line string) string { return strings.Join(strings.Fields(line), " ") }

// The samples were measured once. What a run of the same scenario ends with has the same lines.
func TestTheSamplesOfRunsLookLikeRuns(t *testing.T) {
	const own = "name: look-up\nspans: none\nquantile: none\nqps: [1k, 10k]\nduration: 1s\nrounds: 6\nseed: 1\n"
	reuse, err := scenarios.Load("span-reuse", scenarios.Setting{Key: "seed", Value: "1"})
	if err != nil {
		t.Fatal(err)
	}
	lookUp, err := scenarios.Decode("look-up.yaml", []byte(own))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		page, marker string
		s            *scenarios.Scenario
		most         int // lines
	}{
		{topPage, "sample: run", reuse, 26},
		{commandPage, "sample: whole run", lookUp, 16},
	} {
		t.Run(row.page, func(t *testing.T) {
			sample := readPage(t, row.page).block(t, row.marker, "text")
			_, shown, stderr := quickly(t, "show", writtenRun(t, row.s, varied(row.s)))
			if got, want := begins(sample), begins(shown); !slices.Equal(got, want) {
				t.Errorf("the lines of the sample begin with\n%q, those of a run with\n%q\n%s", got, want, stderr)
			}
			lines := strings.Split(strings.TrimRight(sample, "\n"), "\n")
			for _, line := range lines {
				if w := format.Width(line); w > 80 {
					t.Errorf("%d columns: %s", w, line)
				}
			}
			if len(lines) > row.most {
				t.Errorf("%d lines, want at most %d", len(lines), row.most)
			}
		})
	}
}

// The sample of OpenTelemetry's benchmark was measured once. A run has the same rows and columns.
func TestTheSampleOfTheSpecificationHasTheRowsOfARun(t *testing.T) {
	s, err := scenarios.Load("otel-spec", scenarios.Setting{Key: "seed", Value: "1"})
	if err != nil {
		t.Fatal(err)
	}
	_, shown, stderr := quickly(t, "show", writtenRun(t, s, func(v *results.Visit) {
		varied(s)(v)
		v.Sending = &results.Sending{Elapsed: time.Second, Processors: 2, PeakCPU: 0.5}
		if v.Cell.Closed() {
			v.Record.Loop = record.ClosedLoop
		}
	}))
	// words returns the words of a text that are no numbers.
	words := func(text string) []string {
		return slices.DeleteFunc(strings.Fields(text), func(word string) bool {
			return strings.ContainsAny(word[:1], "0123456789[") || strings.HasSuffix(word, "]")
		})
	}
	got := words(readPage(t, scenariosPage).block(t, "sample: otel-spec", "text"))
	paragraphs := strings.Split(shown, "\n\n")
	if want := words(strings.Join(paragraphs[1:min(3, len(paragraphs))], "\n\n")); !slices.Equal(got, want) {
		t.Errorf("the sample has the words\n%q, a run\n%q\n%s", got, want, stderr)
	}
}

// begins returns the first words of the lines of a run before its answer, and the labels after it.
func begins(text string) (words []string) {
	paragraphs := strings.Split(strings.TrimSpace(text), "\n\n")
	for _, p := range paragraphs[:len(paragraphs)-1] {
		for line := range strings.Lines(p) {
			// The made-up calls have no service time.
			if word, _, _ := strings.Cut(strings.TrimSpace(line), " "); word != "Service" {
				words = append(words, word)
			}
		}
	}
	for line := range strings.Lines(paragraphs[len(paragraphs)-1]) {
		if label, _, ok := strings.Cut(line, ":"); ok && slices.Contains([]string{"In doubt", "Next", "More"}, label) {
			words = append(words, label)
		}
	}
	return words
}

// The figures of a benchmark were measured once. It still reports the same units in the same order.
func TestTheSampleOfABenchmarkHasTheUnitsOfOne(t *testing.T) {
	p := readPage(t, benchPage)
	if !slices.ContainsFunc(p.blocks, func(b docBlock) bool { return b.marker == "benchmark" }) {
		t.Fatalf("%s shows no benchmark", benchPage)
	}
	benchtime := flag.Lookup("test.benchtime").Value
	defer benchtime.Set(benchtime.String())
	if err := benchtime.Set("5000x"); err != nil {
		t.Fatal(err)
	}
	r := testing.Benchmark(func(b *testing.B) {
		benchtest.Drive(b, schedule.At(50_000), func(context.Context) error { return nil })
	})
	// units returns the units of a result, which follow its number of calls.
	units := func(result string) (all []string) {
		for i, word := range strings.Fields(result) {
			if i > 0 && i%2 == 0 {
				all = append(all, word)
			}
		}
		return all
	}
	want, found := units(r.String()+" "+r.MemString()), 0
	for line := range strings.Lines(p.block(t, "benchmark", "text")) {
		name, result, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(name, "BenchmarkDispatch/") {
			continue
		}
		found++
		if got := units(result); !slices.Equal(got, want) {
			t.Errorf("%s shows %v of %s, and a benchmark reports %v", benchPage, got, name, want)
		}
	}
	if found == 0 || len(want) < 5 {
		t.Errorf("%d results shown, of %v", found, want)
	}
}

// Other tests hold these figures true: of SamplesFor, of observable/spans and of exit codes.
func TestFiguresOfPagesAreThoseThatAreTested(t *testing.T) {
	for path, figures := range map[string][]string{
		topPage: {"0 fine, 1 regressed or objective missed, 2 bad input or could not measure, 3 inconclusive or not " +
			"valid " +
			"under `--strict`, 130 interrupted"},
		commandPage:    {"p99 needs 368 calls a visit, p99.9 needs 3,688"},
		observablePage: {"128 B and 2 allocations", "1,650 B and 14"},
	} {
		text := spaced(readPage(t, path).text)
		for _, figure := range figures {
			if !strings.Contains(text, figure) {
				t.Errorf("%s no longer says %q", path, figure)
			}
		}
	}
}

// Each page names everything of the kind that it describes.
func TestPagesAreComplete(t *testing.T) {
	var commands []string
	for _, c := range newRoot(nil).Commands() {
		if !c.Hidden && c.Name() != "help" && c.Name() != "completion" {
			commands = append(commands, c.Name())
		}
	}
	var paces []string
	for _, p := range pace.All() {
		paces = append(paces, p.String())
	}
	for _, c := range []struct {
		what, path string
		names      []string
	}{
		{"commands", commandPage, commands},
		{"reasons for doubt", commandPage, []string{record.Saturated, record.GeneratorLimited, record.TooFewSamples,
			record.ArrivalsOff, record.NotStationary, results.SpansLost, record.NoisyMachine, results.Throttled,
			results.NotWarm}},
		{"arms of spans", commandPage, scenarios.KnownArms(scenarios.Spans)},
		{"arms", scenariosPage, slices.Concat(scenarios.KnownArms(scenarios.Spans),
			scenarios.KnownArms(scenarios.Sampling), scenarios.KnownArms("processors"),
			scenarios.KnownArms("attributes"), scenarios.KnownArms("metrics"))},
		{"loads", benchPage, schedule.Shapes()},
		{"arrivals", benchPage, schedule.Processes()},
		{"paces", benchPage, paces},
		{"policies of overload", benchPage, bench.Overloads()},
		{"estimators", estimatorsPage, scenarios.KnownArms(scenarios.Quantile)[1:]},
		{"words", topPage, []string{"| arm |", "| cell |", "| visit |", "| round |", "| lag |", "| gate |"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			if len(c.names) < 3 {
				t.Errorf("%d names found", len(c.names))
			}
			text := readPage(t, c.path).text
			for _, name := range c.names {
				if !strings.HasPrefix(name, "| ") {
					name = "`" + name + "`"
				}
				if !strings.Contains(text, name) {
					t.Errorf("%s does not name %s", c.path, name)
				}
			}
		})
	}
}

// The table of fields has every field of a scenario, in the order of a file, with the values that it lists and its
// default. A star marks lists.
func TestTheTableOfFieldsIsThatOfTheProgram(t *testing.T) {
	const header = "\n| field | values | default | meaning |\n| --- | --- | --- | --- |\n"
	_, table, ok := strings.Cut(readPage(t, scenariosPage).prose, header)
	table, _, ok2 := strings.Cut(table, "\n\n")
	rows := strings.Split(table, "\n")
	if !ok || !ok2 || len(rows) != len(scenarios.Fields()) {
		t.Fatalf("%d rows, want a table with %d fields", len(rows), len(scenarios.Fields()))
	}
	for i, f := range scenarios.Fields() {
		t.Run(f.Key, func(t *testing.T) {
			name, value := "`"+f.Key+"`", cmp.Or(f.Default, "-")
			if f.List {
				name += " *"
			}
			cells := strings.Split(strings.Trim(rows[i], "| "), " | ")
			if len(cells) != 4 || cells[0] != name || strings.Trim(cells[2], "`") != value {
				t.Fatalf("row %q: want the field %s with the default %q", rows[i], name, value)
			}
			if strings.Contains(cells[1], "](") {
				return // another section lists the values
			}
			for _, known := range f.Values() {
				if !strings.Contains(cells[1], "`"+known+"`") {
					t.Errorf("row %q does not list %s", rows[i], known)
				}
			}
		})
	}
}

// The README names every package that others can import, and no other.
func TestTheREADMENamesEveryPackage(t *testing.T) {
	_, table, ok := strings.Cut(readPage(t, topPage).prose, "\n## Packages\n")
	table, _, ok2 := strings.Cut(table, "\n## ")
	if !ok || !ok2 {
		t.Fatal("no section Packages")
	}
	var named, want []string
	for line := range strings.Lines(table) {
		if row, ok := strings.CutPrefix(line, "| "); ok {
			first, _, _ := strings.Cut(row, " |")
			for _, m := range inlineCode.FindAllStringSubmatch(first, -1) {
				named = append(named, m[1])
			}
		}
	}
	for _, line := range goList(t, "-f", "{{.ImportPath}} {{.Name}}", module+"...") {
		pkg := strings.TrimPrefix(line[0], module)
		if line[1] != "main" && !strings.Contains(pkg, "internal") {
			want = append(want, pkg)
		}
	}
	slices.Sort(named)
	slices.Sort(want)
	if !slices.Equal(named, want) {
		t.Errorf("named %q\nthere are %q", named, want)
	}
}

// CI runs the command for the tests that the README gives.
func TestCIRunsTheTestCommandOfTheREADME(t *testing.T) {
	script, err := os.ReadFile(filepath.Join(topDir, ".ci", "run"))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range readPage(t, topPage).blocks {
		for line := range strings.Lines(b.text) {
			command, comment, _ := strings.Cut(line, "#")
			if b.language != "sh" || strings.TrimSpace(comment) != "the tests" {
				continue
			}
			if !bytes.Contains(script, []byte("\n"+strings.TrimSpace(command)+"\n")) {
				t.Errorf(".ci/run does not run %s", command)
			}
			return
		}
	}
	t.Error("the README has no command with the comment # the tests")
}

// An arrow of CONTRIBUTING.md points from a package to one that depends on it.
func TestTheArrowsOfTheLayoutAreImports(t *testing.T) {
	depends := map[string][]string{}
	for _, line := range goList(t, "-f", "{{.ImportPath}} {{join .Deps \" \"}}", module+"...") {
		depends[line[0]] = line[1:]
	}
	arrows := 0
	for line := range strings.Lines(readPage(t, "CONTRIBUTING.md").block(t, "layout", "text")) {
		chain := strings.Split(strings.TrimSpace(line), " -> ")
		for i, left := range chain[:len(chain)-1] {
			for from := range strings.SplitSeq(left, ", ") {
				for to := range strings.SplitSeq(chain[i+1], ", ") {
					arrows++
					if !slices.Contains(depends[module+to], module+from) {
						t.Errorf("%s does not import %s", to, from)
					}
				}
			}
		}
	}
	if arrows < 10 {
		t.Errorf("%d arrows found", arrows)
	}
}

// The page of the command says that the variables of OpenTelemetry do not act on the arms of spans.
func TestTheEnvironmentDoesNotActOnSpansAsThePageSays(t *testing.T) {
	file := scenario(t,
		"qps: [2k]\nspans: [sdk, pooled]\nattributes: [6]\nquantile: [hdr]\nduration: 200ms\nrounds: 1\n")
	// bytesPerSpan runs the scenario, and returns the encoded bytes of a span in each arm.
	bytesPerSpan := func(t *testing.T) map[string]float64 {
		out := filepath.Join(t.TempDir(), "out")
		if code, _, stderr := execute(t, "run", file, "--seed", "3", "--out", out); code != 0 {
			t.Fatalf("exit %d\n%s", code, stderr)
		}
		run, err := results.Read(out)
		if err != nil {
			t.Fatal(err)
		}
		sizes := map[string]float64{}
		for _, v := range run.Visits {
			if v.Spans == nil || v.Spans.Exported == 0 || v.Spans.Exported != v.Spans.Made {
				t.Fatalf("spans=%s: spans are %+v, want all exported", v.Cell.Value(scenarios.Spans), v.Spans)
			}
			sizes[v.Cell.Value(scenarios.Spans)] = float64(v.Spans.Bytes) / float64(v.Spans.Exported)
		}
		return sizes
	}
	usual := bytesPerSpan(t)
	for _, c := range []struct{ variable, value string }{
		{"OTEL_TRACES_SAMPLER", "always_off"},
		{"OTEL_TRACES_EXPORTER", "none"},
		{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1"},
		{"OTEL_RESOURCE_ATTRIBUTES", "padding=" + strings.Repeat("x", 20_000)},
	} {
		t.Run(c.variable, func(t *testing.T) {
			t.Setenv(c.variable, c.value)
			for arm, size := range bytesPerSpan(t) {
				// Requests have headers, and how many there are depends on the clock.
				if math.Abs(size/usual[arm]-1) > 0.1 {
					t.Errorf("spans=%s: %v bytes a span, %v without the variable", arm, size, usual[arm])
				}
			}
		})
	}
}
