package gate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// tenOf is text of ten lines of each benchmark, of packages if names have one.
func tenOf(names ...string) (text string) {
	for _, name := range names {
		if pkg, bare, ok := strings.Cut(name, "."); ok {
			name, text = bare, text+"pkg: "+pkg+"\n"
		}
		text += strings.Repeat(fmt.Sprintf("Benchmark%s-8 100 5 B/op 1 allocs/op\n", name), 10)
	}
	return text
}

func TestWhatTheGateFileListsAsRemovedMayBeGone(t *testing.T) {
	const agreed = "reason: it is gone, until: 2030-01-31"
	for name, c := range map[string]struct {
		base, head, removed string
		now                 string
		err, note, warning  string
	}{
		"without an entry": {base: tenOf("A", "B"), head: tenOf("A"),
			err: "head has nothing to compare with B-8 in B/op, " +
				"B-8 in allocs/op of base: measure it, list it under removed in the gate file"},
		"with one": {base: tenOf("A", "B"), head: tenOf("A"), removed: "{cell: B-8, " + agreed + "}",
			note: "removed, as gate.yaml:2:10 has it: B-8 in B/op, B-8 in allocs/op: it is gone (until 2030-01-31)"},
		"with a pattern": {base: tenOf("A", "B/x", "B/y"), head: tenOf("A"), removed: "{cell: 'B/*', " + agreed + "}",
			note: "B/x-8 in B/op, B/x-8 in allocs/op, B/y-8 in B/op and 1 more: it is gone"},
		"in one unit": {base: tenOf("A", "B"), head: tenOf("A"),
			removed: "{cell: B-8, unit: allocs/op, " + agreed + "}",
			err:     "nothing to compare with B-8 in B/op of base"},
		"with one per unit": {base: tenOf("A", "B"), head: tenOf("A"),
			removed: "{cell: B-8, unit: allocs/op, " + agreed + "}\n- {cell: B-8, unit: B/op, " + agreed + "}",
			note:    "gate.yaml:3:10 has it: B-8 in B/op: it is gone"},
		"on its last day": {base: tenOf("A", "B"), head: tenOf("A"), removed: "{cell: B-8, " + agreed + "}",
			now: "2030-01-31 23:59", note: "it is gone"},
		"a day later": {base: tenOf("A", "B"), head: tenOf("A"), removed: "{cell: B-8, " + agreed + "}",
			now: "2030-02-01 00:00",
			err: "B-8 in B/op (its removal was agreed to until 2030-01-31, which is past: it is gone)"},
		"of nothing": {base: tenOf("A"), head: tenOf("A"), removed: "{cell: B-8, " + agreed + "}",
			warning: "gate.yaml:2:10: the removed B-8 matches nothing of the base: correct the entry, or remove it"},
		"of what is new": {base: tenOf("A"), head: tenOf("A", "B"), removed: "{cell: B-8, " + agreed + "}",
			warning: "the removed B-8 matches nothing of the base"},
		"of what is there": {base: tenOf("A", "B"), head: tenOf("A", "B"), removed: "{cell: B-8, " + agreed + "}",
			warning: "gate.yaml:2:10: the removed B-8 is still there: B-8 in B/op, B-8 in allocs/op: correct the " +
				"entry"},
		"of a package": {base: tenOf("p.A", "p.B", "q.B"), head: tenOf("p.A", "q.B"),
			removed: "{cell: p.B-8, " + agreed + "}",
			note:    `B-8 in B/op (pkg: "p"), B-8 in allocs/op (pkg: "p"): it is gone`},
		"of several packages": {base: tenOf("p.A", "p.B", "q.B"), head: tenOf("p.A"),
			removed: "{cell: B-8, " + agreed + "}",
			err:     "gate.yaml:2:10: several packages have the removed B-8: want one of p.B-8, q.B-8"},
		"of all": {base: tenOf("A"), head: tenOf("B"), removed: "{cell: A-8, " + agreed + "}",
			err: "nothing is left to compare: removed, as gate.yaml:2:10 has it: A-8 in B/op"},
	} {
		t.Run(name, func(t *testing.T) {
			o := &Options{Inputs: []string{"base=" + write(t, "a", c.base), "head=" + write(t, "b", c.head)}}
			if c.removed != "" {
				var err error
				if o.File, err = ParseFile("gate.yaml", []byte("removed:\n- "+c.removed+"\n")); err != nil {
					t.Fatal(err)
				}
			}
			if c.now != "" {
				var err error
				if o.Now, err = time.ParseInLocation("2006-01-02 15:04", c.now, time.Local); err != nil {
					t.Fatal(err)
				}
			}
			r, err := Compare(o)
			if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Fatalf("error %v, want %q", err, c.err)
			}
			if err != nil {
				return
			}
			in := func(all []string, want string) bool {
				return want == "" && len(all) == 0 ||
					want != "" && slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, want) })
			}
			if r.Exit != 0 || !in(r.Notes, c.note) || !in(slices.DeleteFunc(r.Warnings, func(s string) bool {
				return strings.Contains(s, "alone has")
			}), c.warning) {
				t.Errorf("exit %d, want note %q and warning %q of\n%s", r.Exit, c.note, c.warning,
					r.Text(screen(80, "never"), true))
			}
		})
	}
}

func TestARemovalThatIsWrongSaysWhere(t *testing.T) {
	for text, want := range map[string]string{
		"removed: [{cell: A, until: 2030-01-01}]": "f:1:18: removal 1: it has no reason: want " +
			"cell, reason and until",
		"removed: [{cell: A, reason: x}]":                 "f:1:18: removal 1: it has no until",
		"removed: [{cell: A, reason: x, until: 2030-13}]": `f:1:18: removal 1: until "2030-13" is not a day`,
		"removed: [{name: A}]":                            `f:1:12: unknown field "name"`,
		"removed: {cell: A}":                              "f:1:10: ",
	} {
		t.Run(text, func(t *testing.T) {
			if f, err := ParseFile("f", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v, %v; want an error with %q", f, err, want)
			}
		})
	}
}

// twoArms returns a run of two cells, of which the visits of one are taken out.
func twoArms(t *testing.T, status results.Status, without int) *results.Run {
	t.Helper()
	s, err := scenarios.Decode("a.yaml", []byte("qps: 1000\nduration: 1s\nspans: [none, sdk]\nrounds: 12\n"))
	if err != nil {
		t.Fatal(err)
	}
	run := failing(t, 0)
	run.Scenario, run.Status = s, status
	for _, v := range run.Visits {
		other := *v
		other.Cell = s.Cells()[1]
		run.Visits = append(run.Visits, &other)
	}
	run.Visits = slices.DeleteFunc(run.Visits, func(v *results.Visit) bool {
		return slices.Index(s.Cells(), v.Cell) == without
	})
	return run
}

func TestACellThatTheHeadHasLostFails(t *testing.T) {
	const (
		none = -1
		lost = "base alone has Load/scenario=a/target=map/spans=sdk/qps=1000-2"
		gone = "{cell: '*spans=sdk*', reason: it is gone, until: "
	)
	for name, c := range map[string]struct {
		base, head int // the cell that is missing
		status     results.Status
		removed    string
		err, text  string
	}{
		"none":                {none, none, results.Complete, "", "", ""},
		"one":                 {none, 1, results.Complete, "", lost + ": head has no measurement of it", ""},
		"one, interrupted":    {none, 1, results.Partial, "", "", "no round measured both"},
		"one that is removed": {none, 1, results.Complete, gone + "9999-12-31}", "", "it is gone"},
		"one that was removed": {none, 1, results.Complete, gone + "2001-12-31}",
			lost + " (its removal was agreed to until", ""},
		"none, one is removed":  {none, none, results.Complete, gone + "9999-12-31}", "", "is still there"},
		"none of the base":      {1, none, results.Complete, "", "", "head alone has"},
		"the same of both":      {1, 1, results.Complete, "", "", "no round measured both"},
		"another one of either": {0, 1, results.Complete, "", "base alone has Load", ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := &Options{Now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.Local)}
			if c.removed != "" {
				var err error
				if o.File, err = ParseFile("gate.yaml", []byte("removed: ["+c.removed+"]\n")); err != nil {
					t.Fatal(err)
				}
			}
			r, err := CompareRuns(o, twoArms(t, c.status, c.base), twoArms(t, c.status, c.head))
			if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Fatalf("error %v, want %q", err, c.err)
			}
			if err != nil {
				return
			}
			text := strings.Join(strings.Fields(r.Text(screen(80, "never"), true)), " ")
			if r.Exit != 0 || !strings.Contains(text, c.text) || c.removed != "" &&
				strings.Contains(text, "in no round") {
				t.Errorf("exit %d, want 0 and %q in\n%s", r.Exit, c.text, r.Text(screen(80, "never"), true))
			}
		})
	}
}
