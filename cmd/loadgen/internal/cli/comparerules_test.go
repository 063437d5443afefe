package cli

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
)

// tenLines returns ten lines of a benchmark.
func tenLines(name, values string) string {
	return strings.Repeat("Benchmark"+name+"-8 100 "+values+"\n", 10)
}

func TestCompareGuessesNothingAndLosesNothing(t *testing.T) {
	two := func(ns string) string {
		return "pkg: ex/a\n" + tenLines("X", ns+" ns/op") + "pkg: ex/b\n" + tenLines("X", ns+" ns/op")
	}
	expected := func(cell string) string {
		return "expected: [{cell: '" + cell + "', unit: ns/op, reason: it does more, until: 9999-12-31}]\n"
	}
	t.Chdir(files(t, map[string]string{
		"x": tenLines("A", "100 ns/op") + "x=1 " + strings.ReplaceAll(tenLines("B", "500 ns/op"), "\nB",
			"\n.B"), "y": tenLines("A", "100 ns/op") + "x=1 " +
			strings.ReplaceAll(tenLines("B", "900 ns/op"), "\nB", "\n.B"),
		"errors10": tenLines("A", "10 errors/s 100 ns/op"), "errors20": tenLines("A", "20 errors/s 100 ns/op"),
		"better.yaml": "better: {errors/s: lower}\n", "high.yaml": "better: {errors/s: low}\n",
		"widgets5": tenLines("A", "5 widgets 100 ns/op"), "widgets50": tenLines("A", "50 widgets 100 ns/op"),
		"widgets.yaml": "only: [widgets, ns/op]\n", "slip": "Unit hits better=high\n" + tenLines("A", "5 hits"),
		"p100": two("100"), "p130": two("130"), "both.yaml": expected("X-8"), "one.yaml": expected("ex/a.X-8"),
		"all.yaml": expected("*.X-8"),
		"s1":       tenLines("A/size=1", "100 ns/op") + tenLines("A/size=2", "200 ns/op"), "s2": tenLines("A/size=1",
			"150 ns/op") + tenLines("A/size=2", "200 ns/op"),
		"base": tenLines("A", "100 ns/op"), "worse": tenLines("A", "200 ns/op"), "huge": tenLines("A", "1e308 ns/op"),
		"two.yaml": "---\nmargins: {ns/op: 1%}\n---\nstrict: true\n", "null.yaml": "margins:\n  ns/op: null\n",
		"calls": tenLines("A/x=f(1)", "1 ns/op") + tenLines("A/x=g(2)", "1 ns/op"),
	}))
	for _, c := range []comparing{
		{"x y", 1, []string{"B-8", "1 regressed, 0 improved, 1 equivalent"}},
		{"errors10 errors20", 0, []string{"--all shows 1 number without a verdict",
			"the better direction of errors/s is unknown",
			"--better errors/s=lower"}},
		{"errors10 errors20 --better errors/s=lower", 1, []string{"1 regressed"}},
		{"errors10 errors20 --better errors/s=higher", 0, []string{"1 improved"}},
		{"errors10 errors20 --gate better.yaml", 1, []string{"1 regressed"}},
		{"errors10 errors20 --gate high.yaml", 2,
			[]string{"high.yaml:1:20: better \"errors/s=low\" (did you mean lower?): want UNIT=lower or UNIT=higher"}},
		{"errors10 errors20 --better errors/s", 2, []string{"--better \"errors/s\": want UNIT=lower"}},
		{"widgets5 widgets50 --margin widgets=5% --exact widgets", 2,
			[]string{"the better direction of widgets is unknown: add --better widgets=lower"}},
		{"widgets5 widgets50 --gate widgets.yaml", 2,
			[]string{"widgets.yaml: the better direction of widgets is unknown"}},
		{"slip slip", 2, []string{"slip:1: unit hits has better=high: want lower or higher"}},
		{"p100 p130 --gate both.yaml", 2,
			[]string{"both.yaml:1:19: the expected regression X-8 matches several packages: want one of ex/a.X-8, " +
				"ex/b.X-8"}},
		{"p100 p130 --gate one.yaml", 1, []string{"1 regressed, 1 expected"}},
		{"p100 p130 --gate all.yaml", 0, []string{"0 regressed, 2 expected"}},
		{"s1 s2 --row .name", 0,
			[]string{"benchmarks that differ in .fullname are pooled in one row, which may hide a change of one of " +
				"them: A (A/size=1-8, A/size=2-8)"}},
		{"x=base x=base x#0=worse", 1, []string{"x#2 vs x#1", "x#0 vs x#1"}},
		{"huge huge", 0, []string{"1e+299"}},
		{"base worse --gate two.yaml", 2, []string{"two.yaml:4:1: a second document"}},
		{"base worse --gate null.yaml", 2, []string{"null.yaml:2:10: margins.ns/op is empty"}},
		{"base worse --ignore nosuchkey", 1, []string{"warning: --ignore nosuchkey: no line has such a key"}},
		{"base worse -o -", 1, []string{"worse vs base"}},
		{"base worse -o base", 2, []string{"--out: base is an input, which it would replace"}},
		{"calls", 2, []string{`--col '/x@("f(1)" "g(2)")'`}},
	} {
		t.Run(c.args, func(t *testing.T) {
			c.check(t, c.here)
		})
	}
	if err := os.Symlink("nowhere", "loadgen-gate.yaml"); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := dispatch(context.Background(), nil, []string{"compare", "base", "worse"}, nil, &stdout,
		&stderr); code != 2 || !strings.Contains(stderr.String(), "is a link to what is not there") {
		t.Errorf("a link that dangles: exit %d\n%s%s", code, &stdout, &stderr)
	}
}
