package capacity

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/internal/property"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
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

// searched returns the file of a search with arms. Outcomes has the probes of the arms: + held, - missed, ? says
// nothing, each at a rate that is higher by 1,000/s.
func searched(t testing.TB, arms []Arm, outcomes ...string) *File {
	t.Helper()
	s, err := scenarios.Decode("span-reuse.yaml", []byte("name: span-reuse\nqps: 1000\nduration: 1s\nslo: p99 < 1ms\n"+
		"seed: 7\n"))
	if err != nil {
		t.Fatal(err)
	}
	f := &File{Status: results.Complete, Scenario: s, Environment: results.Environment{NumCPU: 8},
		Answer: Answer{Arms: arms}}
	var names []string
	for i := range arms {
		names = append(names, arms[i].Arm)
		arms[i].Probes = len(outcomes[i])
		for k, outcome := range outcomes[i] {
			e := Evidence{Ask: Ask{Arm: arms[i].Arm, Rate: 1000 * float64(k+1)}, Took: 2 * time.Second,
				Met: outcome == '+'}
			if outcome == '?' {
				e.Limited = "noisy-machine: other processes used 62% of the CPU"
				arms[i].Silent = Remark{arms[i].Silent.Probes + 1, e.Limited}
			}
			f.Probes = append(f.Probes, &Probe{Evidence: e})
		}
	}
	f.Search, err = New(Options{Arms: names, Start: 1000, Least: 1, Most: 1e6, Precision: 0.05, Probe: time.Second,
		Calls: 1000, Budget: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// answered returns an arm with an answer.
func answered(name string, told float64, resource string, share *Share) Arm {
	return Arm{Arm: "spans=" + name, Verdict: Found, Told: told, Visits: 6, Capacity: told * 1.02, Low: told * 0.99,
		High: told * 1.05, Fitted: true, Precise: true, Resource: resource, Taken: share,
		Below: Tally{Held: 14, Visits: 14}, Within: Tally{Held: 7, Visits: 15}}
}

// found returns a search that answers for three arms.
func found(t testing.TB) *File {
	return searched(t, []Arm{answered("none", 41200, "CPU: 1.97 of 2 cores", nil),
		answered("pooled", 37900, "CPU: 1.97 of 2 cores", &Share{0.08, 0.06, 0.1}),
		answered("sdk", 29300, "GC: 40% of the CPU time", &Share{0.29, 0.27, 0.31})},
		"+++++++++-+-----", "+++++++-++----", strings.Repeat("+", 30)+strings.Repeat("-", 20))
}

// silenced returns a search on a busy machine.
func silenced(t testing.TB) *File {
	return searched(t, []Arm{{Arm: "spans=sdk", Verdict: GeneratorLimited},
		{Arm: "spans=pooled", Verdict: GeneratorLimited, Told: 2000, Visits: 6, Below: Tally{6, 6}}},
		"????????????????????", "++???????????????")
}

func TestTheTextOfASearch(t *testing.T) {
	partial := func(t testing.TB) *File {
		f := searched(t, []Arm{{Arm: "spans=none", Verdict: Undecided}}, "+")
		f.Status = results.Partial
		return f
	}
	required := func(t testing.TB) *File {
		f := found(t)
		f.Require, f.Answer.Arms[2].Refused = 35_000, true
		return f
	}
	for file, row := range map[string]struct {
		file   func(testing.TB) *File
		width  int
		colour string
		r      Reading
	}{
		"found-80.txt":     {found, 80, "never", Reading{}},
		"found-120.txt":    {found, 120, "never", Reading{}},
		"found-all.txt":    {found, 80, "never", Reading{Detail: terminal.Detail{All: true}}},
		"found-quiet.txt":  {found, 80, "never", Reading{Detail: terminal.Detail{Quiet: true}}},
		"found-colour.txt": {found, 80, "always", Reading{}},
		"silent-80.txt":    {silenced, 80, "never", Reading{Exit: 3}},
		"silent-120.txt":   {silenced, 120, "never", Reading{Exit: 3}},
		"required-80.txt":  {required, 80, "never", Reading{Exit: 1}},
		"partial-80.txt":   {partial, 80, "never", Reading{Exit: 130}},
	} {
		t.Run(file, func(t *testing.T) {
			row.r.Dir = "results/capacity-span-reuse"
			got := row.file(t).Text(screen(row.width, row.colour), row.r)
			golden.Check(t, file, got)
			if n := strings.Count(got, "\n"); n > 26 && !row.r.All {
				t.Errorf("%d lines", n)
			}
		})
	}
}

func TestSharesOfCapacityAreSaidInWords(t *testing.T) {
	for name, row := range map[string]struct {
		shares []Share
		want   string
	}{
		"two that take": {[]Share{{0.08, 0.06, 0.1}, {0.29, 0.27, 0.31}},
			"a takes 8.0% of the capacity of none, b 29%."},
		"one that gives":  {[]Share{{-0.1, -0.12, -0.08}}, "a carries 10% more than none."},
		"one that cannot": {[]Share{{0.01, -0.01, 0.03}}, "a has the capacity of none, as far as this can tell."},
		"one that cannot, and one that takes": {[]Share{{0.01, -0.01, 0.03}, {0.29, 0.27, 0.31}},
			"a has the capacity of none, as far as this can tell, b takes 29% of the capacity of none."},
	} {
		t.Run(name, func(t *testing.T) {
			arms, outcomes := []Arm{answered("none", 1000, "", nil)}, []string{"+"}
			for i := range row.shares {
				arms = append(arms, answered([]string{"a", "b"}[i], 900, "", &row.shares[i]))
				outcomes = append(outcomes, "+")
			}
			got := searched(t, arms, outcomes...).answerText()
			if !strings.HasPrefix(got, row.want+" none holds at ") {
				t.Errorf("got %q, want %q first", got, row.want)
			}
		})
	}
}

func TestNoLineOfASearchIsWiderThanTheScreen(t *testing.T) {
	verdicts := []Verdict{Found, HoldsThroughout, FailsThroughout, FailsNow, GeneratorLimited, Undecided}
	property.Check(t, func(rt *rapid.T) {
		var arms []Arm
		var outcomes []string
		for i := range rapid.IntRange(1, 8).Draw(rt, "arms") {
			a := answered(property.Names().Draw(rt, "name"),
				rapid.Float64Range(0.001, 1e8).Draw(rt, "rate"), "CPU: all", &Share{0.1, 0.05, 0.2})
			a.Arm += fmt.Sprint(i)
			a.Verdict = rapid.SampledFrom(verdicts).Draw(rt, "verdict")
			a.Fitted, a.Precise = rapid.Bool().Draw(rt, "fitted"), rapid.Bool().Draw(rt, "precise")
			arms = append(arms, a)
			outcomes = append(outcomes, rapid.StringMatching(`[+?-]{0,90}`).Draw(rt, "outcomes"))
		}
		f := searched(t, arms, outcomes...)
		width := rapid.IntRange(60, 140).Draw(rt, "width")
		text := f.Text(screen(width, "always"), Reading{Dir: "results/x",
			Detail: terminal.Detail{All: rapid.Bool().Draw(rt, "all")}})
		for line := range strings.Lines(text) {
			words := strings.Fields(format.Unstyled(line)) // prose breaks no word, which then has a line of its own
			if n := format.Width(strings.TrimSuffix(line, "\n")); n > width && len(words) > 1 {
				rt.Fatalf("%d of %d columns: %s", n, width, line)
			}
		}
	})
}
