package cli

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/benchtest"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// readme returns the README, and a function that returns the text of its code blocks of a
// language that follow a marker.
func readme(t *testing.T) (text string, blocks func(marker, language string) []string) {
	t.Helper()
	return readPage(t, "README.md")
}

// benchPage is the page of the library.
const benchPage = "bench/README.md"

// readPage returns what readme returns, for any page of the repository.
func readPage(t *testing.T, path string) (text string, blocks func(marker, language string) []string) {
	t.Helper()
	data, err := os.ReadFile("../../../../" + path)
	if err != nil {
		t.Fatal(err)
	}
	text = string(data)
	return text, func(marker, language string) (found []string) {
		pattern := regexp.MustCompile("(?s)" + regexp.QuoteMeta(marker) + "\n```" + language + "\n(.*?)\n```")
		for _, m := range pattern.FindAllStringSubmatch(text, -1) {
			found = append(found, m[1])
		}
		if len(found) == 0 {
			t.Fatalf("%s has no block of %s after %q", path, language, marker)
		}
		return found
	}
}

// words are those that a shell makes of a line.
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

// What the README shows the command to print is what it prints.
func TestReadmeCommandsPrintWhatItShows(t *testing.T) {
	_, blocks := readme(t)
	for _, block := range blocks("", "console") {
		line, want, _ := strings.Cut(block, "\n")
		args, ok := strings.CutPrefix(line, "$ go run ./cmd/loadgen ")
		if !ok {
			t.Errorf("a block begins with %q: want a command of loadgen", line)
			continue
		}
		code, got, stderr := execute(t, words(args)...)
		if code != 0 || strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%s: exit %d\n%s\nprints\n%s\nthe README shows\n%s", line, code, stderr, got, want)
		}
	}
}

// The commands that are not run here are understood.
func TestReadmeCommandsAreUnderstood(t *testing.T) {
	_, blocks := readme(t)
	n := 0
	for _, block := range blocks("", "sh") {
		for line := range strings.Lines(block) {
			command, ok := strings.CutPrefix(line, "go run ./cmd/loadgen ")
			if !ok {
				continue
			}
			command, _, _ = strings.Cut(command, "#")
			args := words(strings.Replace(command, "run ", "plan ", 1))
			switch {
			case strings.TrimSpace(command) == "run":
				args = []string{"plan"}
			case args[0] == "selftest", args[0] == "capacity":
				args = append(args, "--help") // instead of minutes
			case args[0] == "quantiles":
				args = append(args, "--n", "1k", "--rounds", "1") // instead of many seconds
			case strings.Contains(command, "--compare ") && !strings.Contains(command, " vs "):
				args = append(words(command), "--help") // a plan knows no revision
			}
			for i, a := range args {
				if strings.HasPrefix(a, "scenarios/") {
					abs, err := filepath.Abs("../../../../" + a)
					if err != nil {
						t.Fatal(err)
					}
					args[i] = abs
				}
			}
			if code, _, stderr := execute(t, args...); code != 0 {
				t.Errorf("%s: exit %d\n%s", line, code, stderr)
			}
			n++
		}
	}
	if n < 4 {
		t.Errorf("%d commands found", n)
	}
}

// The sample was measured once; the tables of a run still look like it.
func TestReadmeSampleLooksLikeARun(t *testing.T) {
	_, blocks := readme(t)
	sample := blocks("<!-- sample -->", "text")[0]
	code, got, stderr := execute(t, "run", scenario(t, tiny), "--rounds", "1", "--seed", "1", "--out",
		filepath.Join(t.TempDir(), "out"))
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	// Headers of tables and headings: words before any number.
	headings := 0
	for line := range strings.Lines(got) {
		words := strings.Join(strings.Fields(line), " ")
		isHeading := strings.HasPrefix(words, "spans offered/s") || strings.HasPrefix(words, "quantile state") ||
			words == "Comparisons, paired by round, with 95% intervals" || words == "Warnings" ||
			strings.HasPrefix(words, "in us; medians")
		if !isHeading {
			continue
		}
		headings++
		if strings.HasPrefix(words, "in us") {
			words, _, _ = strings.Cut(words, "over")
		}
		if !slices.ContainsFunc(strings.Split(sample, "\n"), func(s string) bool {
			return strings.HasPrefix(strings.Join(strings.Fields(s), " "), words)
		}) {
			t.Errorf("a run prints %q, and the README does not", words)
		}
	}
	if headings < 5 {
		t.Errorf("%d headings in\n%s", headings, got)
	}
	for _, arm := range append(scenarios.KnownArms("spans"), defaultEstimators(t)...) {
		if !strings.Contains(sample, "\n"+arm+" ") {
			t.Errorf("the README shows no row of %s", arm)
		}
	}
}

// The code that the pages show is the code of examples that tests run.
func TestReadmeCodeIsThatOfTheExample(t *testing.T) {
	for path, least := range map[string]int{"README.md": 1, benchPage: 3} {
		t.Run(path, func(t *testing.T) {
			text, blocks := readPage(t, path)
			shown := 0
			for _, m := range regexp.MustCompile(`<!-- example: (\S+) -->`).FindAllStringSubmatch(text, -1) {
				example, err := os.ReadFile("../../../../" + m[1])
				if err != nil {
					t.Fatal(err)
				}
				// The body of a function is shown without its indentation.
				body := strings.ReplaceAll(string(example), "\n\t", "\n")
				for _, code := range blocks(m[0], "go") {
					shown++
					if !strings.Contains(string(example), "\n"+code+"\n") && !strings.Contains(body, code) {
						t.Errorf("%s does not contain\n%s", m[1], code)
					}
				}
			}
			if shown < least {
				t.Errorf("%d examples, want at least %d", shown, least)
			}
		})
	}
}

// Every file that the page of the library links to exists, and every name of a function that it
// mentions in a step is in one of the files of the step.
func TestBenchPageNamesFilesAndFunctionsThatExist(t *testing.T) {
	text, _ := readPage(t, benchPage)
	link := regexp.MustCompile(`\]\(([a-z/]+\.go)\)`)
	links := link.FindAllStringSubmatch(text, -1)
	for _, m := range links {
		if _, err := os.Stat("../../../../bench/" + m[1]); err != nil {
			t.Error(err)
		}
	}
	sources := ""
	for _, pattern := range []string{"*.go", "pace/*.go", "record/*.go"} {
		files, err := filepath.Glob("../../../../bench/" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sources += string(source)
		}
	}
	// Receivers are named in one to three letters, with a pointer or without.
	method := regexp.MustCompile("`([a-zA-Z]+)\\.([a-zA-Z]+)`")
	methods := 0
	for line := range strings.Lines(text) {
		if !link.MatchString(line) {
			continue
		}
		for _, m := range method.FindAllStringSubmatch(line, -1) {
			methods++
			declared := regexp.MustCompile(`func \([a-z]+ \*?` + m[1] + `\) ` + m[2] + `\(|type ` + m[1] +
				` interface {[^}]*\b` + m[2] + `\(`)
			if !declared.MatchString(sources) {
				t.Errorf("there is no method %s of %s", m[2], m[1])
			}
		}
	}
	if len(links) < 10 || methods < 15 {
		t.Errorf("%d links and %d methods found", len(links), methods)
	}
}

// The figures of a benchmark were measured once; it still reports those, in that order.
func TestReadmeBenchmarkHasTheFiguresOfOne(t *testing.T) {
	_, blocks := readPage(t, benchPage)
	benchtime := flag.Lookup("test.benchtime").Value
	defer benchtime.Set(benchtime.String())
	if err := benchtime.Set("5000x"); err != nil {
		t.Fatal(err)
	}
	r := testing.Benchmark(func(b *testing.B) {
		benchtest.Drive(b, schedule.At(50_000), func(context.Context) error { return nil })
	})
	// units are those of the figures of a result, which follow its number of calls.
	units := func(result string) (all []string) {
		for i, word := range strings.Fields(result) {
			if i > 0 && i%2 == 0 {
				all = append(all, word)
			}
		}
		return all
	}
	want, results := units(r.String()+" "+r.MemString()), 0
	for line := range strings.Lines(blocks("<!-- benchmark -->", "text")[0]) {
		name, result, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(name, "BenchmarkDispatch/") {
			continue
		}
		results++
		if got := units(result); !slices.Equal(got, want) {
			t.Errorf("the page shows %v of %s, and a benchmark reports %v", got, name, want)
		}
	}
	if results == 0 || len(want) < 5 {
		t.Errorf("%d results shown, of %v", results, want)
	}
}

// Words of the README that a test elsewhere holds true, so that they cannot drift.
func TestReadmeFiguresAreThoseThatAreTested(t *testing.T) {
	text, _ := readme(t)
	for _, figure := range []string{"p99 needs 368 calls a visit, p99.9 needs 3,688", "128 B and 2 allocations",
		"1,650 B and 14",
		"0 fine, 1 an objective was missed, 2 bad input or could not measure, 3 not valid under `--strict`, 130 " +
			"interrupted"} {
		if !strings.Contains(text, figure) {
			t.Errorf("the README no longer says %q: see the tests of SamplesFor, of observable/spans and of exit "+
				"codes", figure)
		}
	}
	for _, reason := range []string{record.Saturated, record.GeneratorLimited, record.TooFewSamples,
		record.ArrivalsOff,
		record.NotStationary, results.SpansLost, record.NoisyMachine, results.Throttled} {
		if !strings.Contains(text, "`"+reason+"`") {
			t.Errorf("the README does not explain %q", reason)
		}
	}
	if _, err := os.Stat("../../../../LICENSE"); err != nil {
		t.Error(err)
	}
}

// The page of the library lists every load, process, pace and overload policy.
func TestBenchPageListsEveryChoice(t *testing.T) {
	text, _ := readPage(t, benchPage)
	var paces []string
	for _, p := range pace.All() {
		paces = append(paces, p.String())
	}
	for kind, choices := range map[string][]string{"load": schedule.Shapes(), "process": schedule.Processes(),
		"pace": paces, "policy": bench.Overloads()} {
		t.Run(kind, func(t *testing.T) {
			for _, choice := range choices {
				if !strings.Contains(text, "\n| `"+choice+"` |") {
					t.Errorf("the page does not list the %s %q", kind, choice)
				}
			}
		})
	}
}
