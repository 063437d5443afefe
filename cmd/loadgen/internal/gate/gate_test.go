package gate

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/results/comparison"
)

// side returns the text of a few benchmarks. Two sides together have every verdict of a cell with a direction.
func side(slower, faster, vague float64) string {
	text := "goos: linux\ncpu: a <b>&\"'|*\n"
	for i := range 10 {
		noise := 1 + 0.01*math.Sin(float64(3*i))
		wild := 1 + 0.4*math.Sin(float64(5*i))
		text += fmt.Sprintf("BenchmarkEncode/impl=<b>&\"'|*-8 100 %.1f ns/op 64 B/op\n", 1000*slower*noise)
		text += fmt.Sprintf("BenchmarkDecode-8 100 %.1f ns/op 0 B/op 5 widgets\n", 2e6*faster*noise)
		text += fmt.Sprintf("BenchmarkWild-8 100 %.1f ns/op\n", 5e3*vague*wild)
	}
	return text
}

// report returns a report that has cells of all kinds.
func report(t *testing.T) *Report {
	t.Helper()
	f, err := ParseFile("gate.yaml", []byte("expected: [{cell: Wild-8, unit: B/op, reason: none, until: 2030-01-01}]"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Compare(&Options{Inputs: []string{"old=" + write(t, "a", side(1, 1, 1)),
		"new=" + write(t, "b", side(1.3, 0.5, 1.1))}, File: f})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Names come from files that others wrote.
func TestWhatFilesSayIsEscaped(t *testing.T) {
	text := markdown(report(t))
	if strings.Contains(text, "<b>") {
		t.Errorf("a name is read as a tag:\n%s", text)
	}
	for line := range strings.Lines(text) {
		cells := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if strings.HasPrefix(line, "|") && cells != 10 {
			t.Errorf("%d bars in %s", cells, line)
		}
	}
}

// Markdown shows the cells that are not the same, and folds the others.
func TestMarkdownFoldsWhatIsTheSame(t *testing.T) {
	text := markdown(report(t))
	before, after, ok := strings.Cut(text, "<details>")
	if !ok || !strings.HasPrefix(text, "**Encode/impl=") || strings.Contains(before, "| = same |") ||
		!strings.Contains(before, "**✗ regressed**") || strings.Count(after, "| = same |") != 2 ||
		!strings.HasSuffix(after, "\n- exit 1\n") {
		t.Errorf("it is\n%s", text)
	}
}

func TestAGateFileThatIsWrongSaysWhere(t *testing.T) {
	const entry = "expected:\n- {cell: A, unit: B/op, reason: x, until: "
	for _, row := range []struct{ name, text, want string }{
		{"an empty file", "", "f:1:1: the file is empty"},
		{"an unknown field", "margin: {}", `f:1:1: unknown field "margin"`},
		{"a margin that may be a share or an amount", "margins: {ns/op: 5}",
			`f:1:18: margin of ns/op: "5" may be a share or an amount: want 5% or +5`},
		{"a margin that is no number", "margins:\n  a: x\n  b: 1%,2%", "f:2:6: margin of a: \"x\" is not a margin"},
		{"a margin given twice", "margins: {ns/op: 1%, sec/op: 0}", "f:1:30: margin of sec/op: it is given twice"},
		{"a key given twice", "margins: {a: 1%, a: 2%}", "f:1:18: "},
		{"a list instead of a mapping", "margins: [a]", "f:1:10: "},
		{"a list instead of a margin", "margins: {a: [1%]}", "f:1:14: "},
		{"a word instead of true or false", "strict: perhaps", `f:1:9: strict is "perhaps": want true or false`},
		{"a second document", "strict: true\n---\nonly: [a]", "f:3:1: a second document, after ---: want one"},
		{"a null", "margins:\n  ns/op: null", "f:2:10: margins.ns/op is empty: want a value, or leave it out"},
		{"no value", "margins:\n  ns/op:", "f:2:10: margins.ns/op is empty"},
		{"an empty text", "margins: {ns/op: ''}", "f:1:18: margins.ns/op is empty"},
		{"a null instead of true or false", "strict: ~", "f:1:9: strict is empty"},
		{"no list", "only:", "f:1:7: only is empty"},
		{"a null in a list", "exact: [B/op, ~]", "f:1:15: exact[1] is empty"},
		{"an empty text in a list", "config: ['']", "f:1:10: config[0] is empty"},
		{"a null in a mapping", "better:\n  x: ~", "f:2:6: better.x is empty"},
		{"a null in an expected regression", "expected: [{cell: ~}]", "f:1:19: expected[0].cell is empty"},
		{"an expected regression without fields", "expected:\n- {}", "f:2:3: expected[0] is empty"},
		{"a mapping instead of a list", "only: {a: b}", "f:1:7: "},
		{"an open bracket", "only: [a", "f:1:"},
		{"an expected regression without a reason", "expected: [{cell: A, unit: B/op, until: 2030-01-01}]",
			"f:1:19: expected regression 1: it has no reason: want cell, unit, reason and until"},
		{"a day that is a word", entry + "soon}", `f:2:10: expected regression 1: until "soon" is not a day`},
		{"a day that does not exist", entry + "2030-02-30}", `until "2030-02-30" is not a day`},
		{"an unknown field of an expected regression", entry + "2030-01-01, owner: Joe}",
			`f:2:55: unknown field "owner"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			f, err := ParseFile("f", []byte(row.text))
			if err == nil || !strings.Contains(err.Error(), row.want) || f != nil {
				t.Errorf("%+v, %v; want an error with %q", f, err, row.want)
			}
		})
	}
	_, err := ParseFile("f", []byte("margins: {a: x, b: y}\nexpected: [{cell: A}]"))
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("three errors are not reported together: %v", err)
	}
}

func TestAnExpectedRegressionEndsAfterItsLastDay(t *testing.T) {
	f, err := ParseFile("f", []byte("expected: [{cell: 'Encode/*', unit: ns/op, reason: agreed, until: 2030-01-31}]"))
	if err != nil {
		t.Fatal(err)
	}
	inputs := []string{write(t, "a", side(1, 1, 1)), write(t, "b", side(1.3, 1, 1))}
	for now, want := range map[string]comparison.Verdict{"2030-01-31 23:59": comparison.Expected,
		"2030-02-01 00:00": comparison.Regressed} {
		t.Run(now, func(t *testing.T) {
			instant, err := time.ParseInLocation("2006-01-02 15:04", now, time.Local)
			if err != nil {
				t.Fatal(err)
			}
			r, err := Compare(&Options{Inputs: inputs, File: f, Now: instant})
			if err != nil || r.Tables[0].Cells[0].Verdict != want ||
				!strings.Contains(r.Tables[0].Cells[0].Why, "agreed") {
				t.Errorf("%v, %+v; want %s", err, r.Tables[0].Cells[0], want)
			}
		})
	}
}

// Lines of one file are paired if their order, or the file, shows that they belong to one round.
func TestPairsAreOfOneRound(t *testing.T) {
	lines := func(arms string) string {
		text := ""
		for i, arm := range arms {
			text += fmt.Sprintf("BenchmarkA/arm=%c-8 100 %d B/op\n", arm, 100+i)
		}
		return text
	}
	rounds := func(arms ...string) string {
		text := "# loadgen 2  order=random\n"
		for i, round := range arms {
			for _, arm := range round {
				text += fmt.Sprintf("# round %d, visit 1\n%s", i+1, lines(string(arm)))
			}
		}
		return text
	}
	for name, c := range map[string]struct {
		text   string
		paired bool
		why    string
		rounds int
	}{
		"in turn":                   {lines("ababab"), true, "their lines alternate", 3},
		"in turn, order random":     {lines("abbaab"), true, "their lines alternate", 3},
		"one after the other":       {lines("aaabbb"), false, "their lines do not alternate", 3},
		"one of each":               {lines("ab"), false, "their lines do not alternate", 1},
		"one side has more":         {lines("ababa"), false, "one side has more lines than the other", 2},
		"rounds":                    {rounds("ab", "ba", "ab"), true, "the file numbers the rounds", 3},
		"a round that one misses":   {rounds("ab", "b", "ab", "ba"), true, "the file numbers the rounds", 3},
		"each misses a round":       {rounds("ab", "b", "a", "ba"), true, "the file numbers the rounds", 2},
		"two runs, one after other": {rounds("ab", "ba") + rounds("ab", "ba"), true, "their lines alternate", 4},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Compare(&Options{Inputs: []string{write(t, "f", c.text)}, Col: "/arm@(a b)"})
			if err != nil {
				t.Fatal(err)
			}
			got := r.Tables[0]
			if got.Paired != c.paired || got.Why != c.why ||
				min(got.Cells[0].Base.Rounds, got.Cells[0].Head.Rounds) != c.rounds {
				t.Errorf("paired %v (%s), %d rounds", got.Paired, got.Why, got.Cells[0].Base.Rounds)
			}
		})
	}
}

// The offered load varies with the seed of random arrivals, by the square root of the number of calls. Within one file
// it does not vary.
func TestTheSameLoadIsOfferedToBothSides(t *testing.T) {
	text := func(qps, calls int) string {
		return strings.Repeat(fmt.Sprintf("BenchmarkA-8 %d %d offered-qps 5 cpu-ns/op\n", calls, qps), 6)
	}
	for name, c := range map[string]struct {
		base, head string
		fine       bool
	}{
		"another seed":                {text(1000, 500), text(1040, 500), true},
		"another rate":                {text(1000, 500), text(1200, 500), false},
		"of many calls, another rate": {text(1000, 100_000), text(1040, 100_000), false},
		"in a closed loop": {"# loadgen 2\nloop: closed\n" + text(1000, 500),
			"# loadgen 2\nloop: closed\n" + text(1200, 500), true},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Compare(&Options{Inputs: []string{write(t, "a", c.base),
				write(t, "b", c.head)}}); (err == nil) != c.fine {
				t.Error(err)
			}
		})
	}
}

// A warning about too few rounds counts the cells that cannot regress, and no others.
func TestAGateThatFiresIsNotSaidToBeUnableTo(t *testing.T) {
	lines := func(n, ns int, names ...string) string {
		text := ""
		for _, name := range names {
			text += strings.Repeat(fmt.Sprintf("Benchmark%s-8 100 %d ns/op\n", name, ns), n)
		}
		return text
	}
	for name, c := range map[string]struct {
		base, head string
		regressed  int
		warning    string
	}{
		"3 against 10 rounds": {lines(3, 100, "A"), lines(10, 120, "A"), 1, ""},
		"3 against 3": {lines(3, 100, "A"), lines(3, 120, "A"), 0,
			"1 of 1 cells have too few rounds to show any difference, however large, among so many: need 4"},
		"3 against 10, among too many": {lines(3, 100, words...), lines(10, 120, words...), 0,
			"8 of 8 cells have too few rounds"},
		"one of them with fewer rounds": {lines(3, 100, "A") + lines(9, 100, "B"),
			lines(3, 120, "A") + lines(9, 120, "B"), 1, "1 of 2 cells have too few rounds"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Compare(&Options{Inputs: []string{write(t, "a", c.base), write(t, "b", c.head)}})
			if err != nil {
				t.Fatal(err)
			}
			warnings := strings.Join(r.Warnings, "\n")
			if r.Counts[comparison.Regressed] != c.regressed || !strings.Contains(warnings, c.warning) ||
				(warnings == "") != (c.warning == "") {
				t.Errorf("%s\n%s", r.Summary, warnings)
			}
		})
	}
}

var words = strings.Fields("A B C D E F G H")

// Under --strict, a difference that may or may not exceed the margin does not pass.
func TestWorseIsCountedAndUndecided(t *testing.T) {
	var head strings.Builder
	for _, ns := range []int{101, 104, 109, 103, 108, 102, 107, 104, 106, 103, 109, 105} {
		fmt.Fprintf(&head, "BenchmarkA-8 100 %d ns/op\n", ns)
	}
	for strict, exit := range map[bool]int{false: 0, true: 3} {
		t.Run(fmt.Sprintf("strict %v", strict), func(t *testing.T) {
			r, err := Compare(&Options{Strict: strict, Inputs: []string{write(t, "a",
				strings.Repeat("BenchmarkA-8 100 100 ns/op\n", 12)), write(t, "b", head.String())}})
			if err != nil || r.Exit != exit || r.Undecided() != 1 ||
				!strings.Contains(r.Summary, "0 improved, 1 worse, 0 equivalent") {
				t.Errorf("%v, %+v", err, r)
			}
		})
	}
}
