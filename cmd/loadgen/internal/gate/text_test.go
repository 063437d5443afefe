package gate

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/internal/property"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// screen returns a screen of a width, and of a colour of terminal.Colours.
func screen(width int, colour string) *terminal.Screen {
	return terminal.New(io.Discard, terminal.Options{Colour: colour}, func(name string) string {
		if name == "COLUMNS" {
			return fmt.Sprint(width)
		}
		return ""
	})
}

// measured returns a cell with numbers of a unit, whose shift is a share.
func measured(group, unit string, base, shift, low, high float64, v comparison.Verdict) *Cell {
	head, p := base*(1+shift), 0.001
	return &Cell{Name: "pooled vs sdk/" + group, group: group, Unit: unit, Base: Side{&base, 6}, Head: Side{&head, 6},
		Shift: &shift, Low: &low, High: &high, Adjusted: &p, Margin: "10%", Verdict: v}
}

// ofARun returns the report of a run with three rates, whose p99 at two of them is in doubt.
func ofARun(t *testing.T) *Report {
	t.Helper()
	r := &Report{Schema: Schema, source: ownRun, arms: true, run: "results/span-reuse"}
	var cells []*Cell
	for i, load := range []string{"1,000/s", "10,000/s", "50,000/s"} {
		from := len(cells)
		cells = append(cells, measured(load, "B/op", 1915, -0.79, -0.791, -0.783, comparison.Improved),
			measured(load, "allocs/op", 15.1, -0.8, -0.801, -0.799, comparison.Improved),
			measured(load, "cpu-sec/op", 16.2e-6, -0.22, -0.23, -0.2, comparison.Improved),
			measured(load, "p50-service-sec", 4.24e-6, -0.27, -0.28, -0.25, comparison.Improved))
		p99 := measured(load, "p99-latency-sec", 631e-6, -0.82, -0.9, -0.69, comparison.Improved)
		p99.Doubt = "69% of sdk's p99 is generator lag"
		if load == "1,000/s" {
			p99 = measured(load, "p99-latency-sec", 214e-6, -0.048, -0.35, 0.22, comparison.Inconclusive)
			p99.Why = varies
		}
		unasked := measured(load, "gc-cycles", 9, 2, 1, 3, comparison.Exploratory)
		unasked.Exploratory, unasked.Marked, unasked.Adjusted = true, true, nil
		cells = append(cells, p99, unasked)
		for _, c := range cells[from:] {
			c.rate = float64(i)
		}
	}
	r.Tables = []*Table{{Base: "spans=sdk", Head: "spans=pooled", base: "sdk", head: "pooled", Paired: true,
		Why: "the run tells the rounds", Config: []Pair{{"scenario", "span-reuse"}}, Cells: cells}}
	r.Notes, r.minor = []string{exploratory}, []string{exploratory}
	if err := r.count(); err != nil {
		t.Fatal(err)
	}
	return r
}

// onABusyMachine returns the report of a run most of whose visits are not valid.
func onABusyMachine(t *testing.T) *Report {
	r := ofARun(t)
	r.visits = visits{all: 36, notValid: 30, misled: 30,
		reasons: map[string]int{"noisy-machine": 30, "generator-limited": 9}}
	r.Warnings = append(r.Warnings, "the run is partial: it has 36 of 108 visits")
	return r
}

// many returns a report of hundreds of benchmarks, of which two regressed and as many are better.
func many(t *testing.T) *Report {
	t.Helper()
	r := &Report{Schema: Schema}
	for p := range 20 {
		table := &Table{Base: "old", Head: "new", Why: "they come from several files",
			Config: []Pair{{"pkg", fmt.Sprintf("example.com/p%d", p)}}}
		for k := range 15 {
			name := fmt.Sprintf("Thing%d-8", k)
			ns := measured(name, "sec/op", 1e-6, 0.01, -0.01, 0.02, comparison.Equivalent)
			switch {
			case p == 7 && k < 2:
				ns = measured(name, "sec/op", 1e-6, 0.3, 0.29, 0.31, comparison.Regressed)
			case p == 9 && k < 2:
				ns = measured(name, "sec/op", 1e-6, -0.2, -0.21, -0.19, comparison.Improved)
			}
			table.Cells = append(table.Cells, ns, measured(name, "B/op", 64, 0, 0, 0, comparison.Equivalent))
		}
		r.Tables = append(r.Tables, table)
	}
	if err := r.count(); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheTextOfAReport(t *testing.T) {
	for file, row := range map[string]struct {
		report func(*testing.T) *Report
		width  int
		colour string
		all    bool
	}{
		"report-80.txt":     {report, 80, "never", false},
		"report-120.txt":    {report, 120, "never", false},
		"report-colour.txt": {report, 80, "always", false},
		"report-all.txt":    {report, 80, "never", true},
		"run-80.txt":        {ofARun, 80, "never", false},
		"run-120.txt":       {ofARun, 120, "never", false},
		"run-all.txt":       {ofARun, 80, "never", true},
		"busy-80.txt":       {onABusyMachine, 80, "never", false},
		"many-80.txt":       {many, 80, "never", false},
	} {
		t.Run(file, func(t *testing.T) {
			got := row.report(t).Text(screen(row.width, row.colour), row.all)
			golden.Check(t, file, got)
			if n := strings.Count(got, "\n"); n > mostLines+2 && !row.all {
				t.Errorf("%d lines", n)
			}
		})
	}
}

func TestAReportInTheOtherFormats(t *testing.T) {
	for _, as := range Formats()[1:] {
		t.Run(as, func(t *testing.T) {
			got, err := report(t).Format(as, screen(80, "never"), false)
			if err != nil {
				t.Fatal(err)
			}
			golden.Check(t, "report."+as, got)
		})
	}
	if _, err := report(t).Format("pdf", nil, false); err == nil {
		t.Error("an unknown format is accepted")
	}
}

// A reader must not miss what is worse because there is so much of it.
func TestWhatIsWorseIsNeverFolded(t *testing.T) {
	r := many(t)
	worse := 0
	for _, table := range r.Tables {
		for i, c := range table.Cells {
			if i%2 == 0 {
				c.Verdict = []comparison.Verdict{comparison.Regressed, comparison.Worse, comparison.Expected}[i%3]
				c.Why, worse = "", worse+1
			}
		}
	}
	r.Counts = nil
	if err := r.count(); err != nil {
		t.Fatal(err)
	}
	text := r.Text(screen(80, "never"), false)
	if got := strings.Count(text, "✗ "); got != worse {
		t.Errorf("%d of %d are shown:\n%s", got, worse, text)
	}
}

// The exit code follows the numbers, and so the text says what they say.
func TestADoubtDoesNotHideTheVerdict(t *testing.T) {
	for name, row := range map[string]struct {
		arms bool
		want string
	}{
		"of two revisions": {false, "regressed by its numbers"},
		"of two arms":      {true, "worse by its numbers"},
	} {
		t.Run(name, func(t *testing.T) {
			c := measured("1,000/s", "p99-latency-sec", 1e-3, 0.5, 0.4, 0.6, comparison.Regressed)
			c.Doubt = "69% of head's p99 is generator lag"
			r := &Report{arms: row.arms, Tables: []*Table{{Base: "base", Head: "head", Cells: []*Cell{c}}}}
			if err := r.count(); err != nil {
				t.Fatal(err)
			}
			text := unwrapped(r.Text(screen(80, "never"), false))
			for _, want := range []string{"! in doubt  " + row.want, "In doubt, but " + row.want + ": ",
				"In doubt: 69% of head's p99 is generator lag (1,000/s).", "exit 1"} {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in\n%s", want, text)
				}
			}
		})
	}
}

// Of runs, the text says how many visits are not valid; most of them are, or a few.
func TestVisitsThatAreNotValidAreCounted(t *testing.T) {
	for name, row := range map[string]struct {
		bad          int
		doubt, start string
	}{
		"none": {0, "", "Nothing is worse."},
		"some": {2, "2 of 12 visits not valid (noisy-machine)", "Nothing is worse."},
		"most": {7, "", "NOT VALID: 7 of 12 visits not valid (noisy-machine). B/op and allocs/op may still be read, " +
			"times may not. Of "},
	} {
		t.Run(name, func(t *testing.T) {
			run := &results.Run{}
			for i := range 12 {
				v := &results.Visit{Record: &record.Record{}}
				if i < row.bad {
					v.Verdict = []record.Reason{{Name: record.NoisyMachine}, {Name: record.NoisyMachine}}
				}
				run.Visits = append(run.Visits, v)
			}
			run.Visits = append(run.Visits, &results.Visit{Error: "not measured"})
			r := ofARun(t)
			r.visits.add(run)
			if doubt, answer := r.doubt(), r.Answer(); row.doubt != "" && !strings.Contains(doubt, row.doubt) ||
				row.doubt == "" && strings.Contains(doubt, "not valid") || !strings.HasPrefix(answer, row.start) {
				t.Errorf("doubt %q, answer %q", doubt, answer)
			}
		})
	}
}

// Of a service neither bytes nor allocations are measured.
func TestWhatMayBeReadOfAServiceIsMeasured(t *testing.T) {
	r := ofARun(t)
	r.visits.add(&results.Run{Visits: []*results.Visit{{Record: &record.Record{},
		Connections: &httptarget.Connections{},
		Verdict:     []record.Reason{{Name: record.NoisyMachine}}}}})
	if got := r.NotValid(); !strings.HasSuffix(got, ". The numbers of calls and of errors may still be read, times "+
		"may not.") {
		t.Error(got)
	}
}

// unwrapped returns a text without the breaks of long lines.
func unwrapped(text string) string { return strings.ReplaceAll(text, "\n  ", " ") }

func TestNoLineIsWiderThanTheScreen(t *testing.T) {
	verdicts := comparison.Verdicts()
	property.Check(t, func(t *rapid.T) {
		name := rapid.Map(property.Names(), func(s string) string { return s + "\x1b[2J" })
		r := &Report{arms: rapid.Bool().Draw(t, "arms")}
		for range rapid.IntRange(1, 3).Draw(t, "tables") {
			table := &Table{Base: name.Draw(t, "base"), Head: name.Draw(t, "head"), Why: "a reason"}
			for range rapid.IntRange(1, 12).Draw(t, "cells") {
				c := measured(name.Draw(t, "name"), rapid.SampledFrom([]string{"sec/op", "B/op", "x",
					"p99-latency-sec", strings.Repeat("unit-", 20)}).Draw(t, "unit"), rapid.Float64Range(1e-9,
					1e12).Draw(t, "base"), 0.1, 0.05, rapid.Float64Range(0.1, 1e6).Draw(t, "high"),
					rapid.SampledFrom(verdicts).Draw(t, "verdict"))
				c.Name = c.group
				table.Cells = append(table.Cells, c)
			}
			table.Cells = append(table.Cells, measured("a", "B/op", 1, 0, 0, 0, comparison.Equivalent))
			r.Tables = append(r.Tables, table)
		}
		if err := r.count(); err != nil {
			t.Fatal(err)
		}
		width := rapid.IntRange(60, 140).Draw(t, "width")
		colour := rapid.SampledFrom([]string{"never", "always"}).Draw(t, "colour")
		text := r.Text(screen(width, colour), rapid.Bool().Draw(t, "all"))
		for line := range strings.Lines(text) {
			words := strings.Fields(format.Unstyled(line)) // prose breaks no word, which then has a line of its own
			if n := format.Width(strings.TrimSuffix(line, "\n")); n > width && len(words) > 1 {
				t.Fatalf("%d of %d columns: %s", n, width, line)
			}
		}
		if strings.Contains(text, "\x1b[2J") || colour == "never" && strings.Contains(text, "\x1b") {
			t.Fatal("a name reaches the terminal as a command")
		}
	})
}
