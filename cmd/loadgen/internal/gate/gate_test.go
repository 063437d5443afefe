package gate

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// side is text of a few benchmarks that come out in each of the ways there are.
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

func TestAReportInEachFormat(t *testing.T) {
	for _, format := range Formats {
		got, err := report(t).Format(format)
		if err != nil {
			t.Fatal(err)
		}
		golden.Check(t, "report."+format, got)
	}
	if _, err := report(t).Format("pdf"); err == nil {
		t.Error("a format that is none is written")
	}
}

func TestTextFits80ColumnsAndEndsWithTheSummary(t *testing.T) {
	r := report(t)
	text := Text(r)
	for line := range strings.Lines(text) {
		if n := len([]rune(line)) - 1; n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if !strings.HasSuffix(text, "\n\n"+r.Summary+"\n") {
		t.Errorf("the summary does not stand alone:\n%s", text)
	}
	for i := range r.Tables[0].Cells {
		r.Tables[0].Cells[i].Name += "\x1b[2J"
	}
	if strings.Contains(Text(r), "\x1b") {
		t.Error("a name reaches the terminal as a command")
	}
}

// Names come from files of others.
func TestWhatFilesSayIsEscaped(t *testing.T) {
	r := report(t)
	page, err := HTML(r)
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"html": page, "markdown": Markdown(r)} {
		if strings.Contains(text, "<b>") {
			t.Errorf("%s: a name is read as a tag:\n%s", what, text)
		}
	}
	for line := range strings.Lines(Markdown(r)) {
		cells := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if strings.HasPrefix(line, "|") && cells != 10 {
			t.Errorf("%d bars in %s", cells, line)
		}
	}
	if strings.Contains(page, "http") || strings.Contains(page, "src=") {
		t.Error("the page loads something")
	}
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		if _, err := d.Token(); err != nil {
			if err.Error() != "EOF" {
				t.Error(err)
			}
			break
		}
	}
}

// Markdown shows what is not as it was, and folds the rest.
func TestMarkdownFoldsWhatIsEquivalent(t *testing.T) {
	text := Markdown(report(t))
	before, after, ok := strings.Cut(text, "<details>")
	if !ok || !strings.HasPrefix(text,
		"**1 regressed, 1 improved, 2 equivalent, 1 inconclusive, 1 not judged; exit 1**\n") ||
		strings.Contains(before, "| equivalent |") || !strings.Contains(before, "**regressed**") ||
		strings.Count(after, "| equivalent |") != 2 {
		t.Errorf("it is\n%s", text)
	}
}

func TestAGateFileThatIsWrongSaysWhere(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "f:1:1: the file is empty",
		"margin: {}":                      `f:1:1: unknown field "margin"`,
		"margins: {ns/op: 5}":             `f:1:18: margin of ns/op: "5" may be a share or an amount: want 5% or +5`,
		"margins:\n  a: x\n  b: 1%,2%":    "f:2:6: margin of a: \"x\" is none",
		"margins: {ns/op: 1%, sec/op: 0}": "f:1:30: margin of sec/op: it is given twice",
		"margins: {a: 1%, a: 2%}":         "f:1:18: ",
		"margins: [a]":                    "f:1:10: ",
		"margins: {a: [1%]}":              "f:1:14: ",
		"strict: perhaps":                 `f:1:9: strict is "perhaps": want true or false`,
		"strict: true\n---\nonly: [a]":    "f:3:1: a second document, after ---: want one",
		"margins:\n  ns/op: null":         "f:2:10: margins.ns/op is empty: want a value, or leave it out",
		"margins:\n  ns/op:":              "f:2:10: margins.ns/op is empty",
		"margins: {ns/op: ''}":            "f:1:18: margins.ns/op is empty",
		"strict: ~":                       "f:1:9: strict is empty",
		"only:":                           "f:1:7: only is empty",
		"exact: [B/op, ~]":                "f:1:15: exact[1] is empty",
		"config: ['']":                    "f:1:10: config[0] is empty",
		"better:\n  x: ~":                 "f:2:6: better.x is empty",
		"expected: [{cell: ~}]":           "f:1:19: expected[0].cell is empty",
		"expected:\n- {}":                 "f:2:3: expected[0] is empty",
		"only: {a: b}":                    "f:1:7: ",
		"only: [a":                        "f:1:",
		"expected: [{cell: A, unit: B/op, until: 2030-01-01}]": "f:1:19: expected " +
			"regression 1: it has no reason: want cell, unit, reason and until",
		"expected:\n- {cell: A, unit: B/op, reason: x, until: soon}":                   `f:2:10: expected regression 1: until "soon" is no day`,
		"expected:\n- {cell: A, unit: B/op, reason: x, until: 2030-02-30}":             `until "2030-02-30" is no day`,
		"expected:\n- {cell: A, unit: B/op, reason: x, until: 2030-01-01, owner: Joe}": `f:2:55: unknown field "owner"`,
	} {
		t.Run(text, func(t *testing.T) {
			f, err := ParseFile("f", []byte(text))
			if err == nil || !strings.Contains(err.Error(), want) || f != nil {
				t.Errorf("%+v, %v; want an error with %q", f, err, want)
			}
		})
	}
	_, err := ParseFile("f", []byte("margins: {a: x, b: y}\nexpected: [{cell: A}]"))
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("of three things wrong: %v", err)
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
		at, err := time.ParseInLocation("2006-01-02 15:04", now, time.Local)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Compare(&Options{Inputs: inputs, File: f, Now: at})
		if err != nil || r.Tables[0].Cells[0].Verdict != want || !strings.Contains(r.Tables[0].Cells[0].Why, "agreed") {
			t.Errorf("%s: %v, %+v; want %s", now, err, r.Tables[0].Cells[0], want)
		}
	}
}

// Lines of one file are paired if their order, or the file, tells that they are of one
// round.
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
		"in turn":                   {lines("ababab"), true, "their lines take turns", 3},
		"in turn, order random":     {lines("abbaab"), true, "their lines take turns", 3},
		"one after the other":       {lines("aaabbb"), false, "their lines do not take turns", 3},
		"one of each":               {lines("ab"), false, "their lines do not take turns", 1},
		"one side has more":         {lines("ababa"), false, "one side has more lines than the other", 2},
		"rounds":                    {rounds("ab", "ba", "ab"), true, "the file tells the rounds", 3},
		"a round that one misses":   {rounds("ab", "b", "ab", "ba"), true, "the file tells the rounds", 3},
		"each misses a round":       {rounds("ab", "b", "a", "ba"), true, "the file tells the rounds", 2},
		"two runs, one after other": {rounds("ab", "ba") + rounds("ab", "ba"), true, "their lines take turns", 4},
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

// What was offered varies with the seed of random arrivals, by the root of how many calls
// there are; in one file it does not.
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

// What can regress is not said to have too few rounds; what cannot regress is.
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

// A difference of which it is not clear whether it is beyond the margin is no pass under --strict.
func TestWorseIsCountedAndUndecided(t *testing.T) {
	var head strings.Builder
	for _, ns := range []int{101, 104, 109, 103, 108, 102, 107, 104, 106, 103, 109, 105} {
		fmt.Fprintf(&head, "BenchmarkA-8 100 %d ns/op\n", ns)
	}
	for strict, exit := range map[bool]int{false: 0, true: 3} {
		r, err := Compare(&Options{Strict: strict, Inputs: []string{write(t, "a",
			strings.Repeat("BenchmarkA-8 100 100 ns/op\n", 12)), write(t, "b", head.String())}})
		if err != nil || r.Exit != exit || r.Undecided() != 1 ||
			!strings.Contains(r.Summary, "0 improved, 1 worse, 0 equivalent") {
			t.Errorf("strict %v: %v, %+v", strict, err, r)
		}
	}
}
