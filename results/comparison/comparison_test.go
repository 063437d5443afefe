package comparison_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/perf/benchmath"
	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
)

func repeat(x float64, n int) (all []float64) {
	for range n {
		all = append(all, x)
	}
	return all
}

// around are n values about x that vary by 1% in a fixed way.
func around(x float64, n int) (all []float64) {
	for i := range n {
		all = append(all, x*(1+0.01*math.Sin(float64(3*i))))
	}
	return all
}

func rule(unit string, better comparison.Direction, m comparison.Margin) comparison.Rule {
	return comparison.Rule{Unit: unit, Better: better, Margin: m}
}

func judge(t *testing.T, cells ...comparison.Cell) []comparison.Result {
	t.Helper()
	all, err := comparison.Judge(cells)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestVerdicts(t *testing.T) {
	latency := rule("p99-latency-sec", comparison.Lower, comparison.ByShare(0.05))
	rate := rule("achieved-qps", comparison.Higher, comparison.ByShare(0.05))
	faults := rule("err-ppm", comparison.Lower, comparison.ByAmount(100))
	bytes := rule("B/op", comparison.Lower, comparison.Margin{Share: 0, Amount: 0})
	exact := bytes
	exact.Exact = true
	for name, c := range map[string]struct {
		rule       comparison.Rule
		base, head []float64
		paired     bool
		want       comparison.Verdict
		why        string
	}{
		"slower by more than the margin":       {latency, around(100, 12), around(120, 12), true, comparison.Regressed, ""},
		"slower, not in pairs":                 {latency, around(100, 12), around(120, 12), false, comparison.Regressed, ""},
		"faster by more than the margin":       {latency, around(100, 12), around(80, 12), true, comparison.Improved, ""},
		"slower by less":                       {latency, around(100, 12), around(103, 12), true, comparison.Equivalent, ""},
		"the same":                             {latency, around(100, 12), around(100, 12), true, comparison.Equivalent, ""},
		"all ties":                             {latency, repeat(100, 12), repeat(100, 12), false, comparison.Equivalent, ""},
		"more is better":                       {rate, around(100, 12), around(80, 12), true, comparison.Regressed, ""},
		"more is better, and is":               {rate, around(100, 12), around(120, 12), true, comparison.Improved, ""},
		"from none to 503 ppm":                 {faults, repeat(0, 12), repeat(503, 12), true, comparison.Regressed, ""},
		"from none to 503 ppm, not in pairs":   {faults, repeat(0, 12), repeat(503, 12), false, comparison.Regressed, ""},
		"from none to within the amount":       {faults, repeat(0, 12), repeat(50, 12), true, comparison.Equivalent, ""},
		"none on both sides":                   {latency, repeat(0, 12), repeat(0, 12), true, comparison.Equivalent, ""},
		"five rounds":                          {latency, around(100, 5), around(200, 5), true, comparison.Inconclusive, "5 rounds cannot show this: need 6"},
		"one round":                            {latency, around(100, 1), around(200, 1), false, comparison.Inconclusive, "one round cannot show this: need 4"},
		"one round of what is exact":           {exact, repeat(64, 1), repeat(65, 1), false, comparison.Regressed, ""},
		"exact and the same":                   {exact, repeat(64, 1), repeat(64, 3), false, comparison.Equivalent, ""},
		"exact and less":                       {exact, repeat(64, 6), repeat(0, 6), true, comparison.Improved, ""},
		"exact and more than nothing":          {exact, repeat(0, 1), repeat(16, 1), false, comparison.Regressed, ""},
		"said to be exact, but varies":         {exact, around(64, 12), around(64, 12), true, comparison.Equivalent, "though it is said to be exact"},
		"no direction is better":               {rule("offered-qps", comparison.Neither, comparison.ByShare(0.05)), around(100, 12), around(300, 12), true, comparison.NotJudged, ""},
		"differs, but by how much is not sure": {latency, repeat(100, 12), []float64{101, 104, 109, 103, 108, 102, 107, 104, 106, 103, 109, 105}, true, comparison.Inconclusive, "whether by more than the margin is not clear"},
		"varies too much":                      {latency, repeat(100, 12), []float64{80, 120, 130, 75, 90, 110, 95, 125, 70, 115, 99, 101}, true, comparison.Inconclusive, "varies too much"},
		"a share and an amount, one exceeded":  {rule("gc-pause-us", comparison.Lower, comparison.Margin{Share: 0.1, Amount: 100}), around(100, 12), around(150, 12), true, comparison.Equivalent, ""},
		"a share and an amount, both exceeded": {rule("gc-pause-us", comparison.Lower, comparison.Margin{Share: 0.1, Amount: 100}), around(1000, 12), around(1500, 12), true, comparison.Regressed, ""},
	} {
		got := judge(t, comparison.Cell{Name: name, Rule: c.rule, Base: c.base, Head: c.head, Paired: c.paired})[0]
		if got.Verdict != c.want || (c.why == "") != (got.Why == "") || !strings.Contains(got.Why, c.why) {
			t.Errorf("%s: %s (%s), want %s (%s): %+v", name, got.Verdict, got.Why, c.want, c.why, got)
		}
	}
}

// A clear difference among so many cells that chance may have made it is no verdict, and
// it is told how many rounds would do.
func TestAFamilyTooLargeForItsRoundsCannotRegress(t *testing.T) {
	r := rule("sec/op", comparison.Lower, comparison.ByShare(0.05))
	var cells []comparison.Cell
	for i := range 26 {
		head := around(100, 10)
		if i == 0 {
			head = around(200, 10)
		}
		cells = append(cells, comparison.Cell{Rule: r, Base: around(100, 10), Head: head, Paired: true})
	}
	if got := judge(t, cells...)[0]; got.Verdict != comparison.Inconclusive || got.Why != "10 rounds cannot show this among 26 cells: need 11" {
		t.Errorf("%s: %s", got.Verdict, got.Why)
	}
	if got := judge(t, cells[:25]...)[0]; got.Verdict != comparison.Regressed {
		t.Errorf("among 25 cells: %s: %s", got.Verdict, got.Why)
	}
}

func TestWhatCannotBeJudgedIsAnErrorThatSaysWhatWouldHelp(t *testing.T) {
	r := rule("lag-us", comparison.Lower, comparison.ByShare(0.05))
	for want, c := range map[string]comparison.Cell{
		"a: lag-us: 0 values of the base and 1 of the head":             {Name: "a", Rule: r, Head: repeat(1, 1)},
		"a: lag-us: 2 rounds of the base and 3 of the head":             {Name: "a", Rule: r, Base: repeat(1, 2), Head: repeat(1, 3), Paired: true},
		"a: lag-us: it has the value NaN":                               {Name: "a", Rule: r, Base: repeat(math.NaN(), 1), Head: repeat(1, 1)},
		"a: lag-us: it has the value +Inf":                              {Name: "a", Rule: r, Base: repeat(1, 1), Head: repeat(math.Inf(1), 1)},
		"want a margin that is an amount, such as --margin 'lag-us=+1'": {Name: "a", Rule: r, Base: repeat(0, 6), Head: repeat(5, 6)},
	} {
		all, err := comparison.Judge([]comparison.Cell{{Name: "fine", Rule: r, Base: repeat(1, 6), Head: repeat(1, 6)}, c})
		if err == nil || !strings.Contains(err.Error(), want) || all != nil {
			t.Errorf("%v, %v; want an error with %q", all, err, want)
		}
	}
	var none *comparison.NoAmountError
	zero := comparison.Cell{Name: "a", Rule: r, Base: repeat(0, 6), Head: repeat(5, 6)}
	_, err := comparison.Judge([]comparison.Cell{zero, zero, zero})
	if !errors.As(err, &none) || strings.Count(err.Error(), "\n") != 0 || !strings.Contains(err.Error(), "a and 2 more: ") {
		t.Errorf("of three cells with one fault: %v", err)
	}
}

// Swapped sides are mirrored, in another unit all is the same, and the verdict is that
// of the interval.
func TestAJudgementKeepsItsIdentities(t *testing.T) {
	positive := rapid.Float64Range(0.5, 2)
	mirror := map[comparison.Verdict]comparison.Verdict{comparison.Improved: comparison.Regressed, comparison.Regressed: comparison.Improved,
		comparison.Equivalent: comparison.Equivalent, comparison.Inconclusive: comparison.Inconclusive}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(6, 9).Draw(t, "n")
		c := comparison.Cell{Rule: rule("sec/op", comparison.Lower, comparison.ByShare(0.05)), Paired: rapid.Bool().Draw(t, "paired"),
			Base: rapid.SliceOfN(positive, n, n).Draw(t, "base"), Head: rapid.SliceOfN(positive, n, n).Draw(t, "head")}
		one := func(c comparison.Cell) comparison.Result {
			all, err := comparison.Judge([]comparison.Cell{c})
			if err != nil {
				t.Fatal(err)
			}
			return all[0]
		}
		got := one(c)
		if got.Low > got.Shift || got.Shift > got.High || !(got.P > 0 && got.P <= 1) || got.Adjusted != got.P {
			t.Fatalf("%+v", got)
		}
		near := func(x, y float64) bool { return math.Abs(x-y) < 1e-9 }
		swapped := c
		swapped.Base, swapped.Head = c.Head, c.Base
		if s := one(swapped); s.Verdict != mirror[got.Verdict] || !near(1+s.Shift, 1/(1+got.Shift)) || !near(1+s.Low, 1/(1+got.High)) || !near(s.P, got.P) {
			t.Fatalf("swapped: %+v, %+v", got, s)
		}
		scaled := c
		scaled.Base, scaled.Head = times(c.Base, 1024), times(c.Head, 1024)
		if s := one(scaled); s.Verdict != got.Verdict || !near(s.Shift, got.Shift) || s.P != got.P {
			t.Fatalf("in another unit: %+v, %+v", got, s)
		}
		if !c.Paired {
			want := benchmath.AssumeNothing.Compare(benchmath.NewSample(slices.Clone(c.Base), &benchmath.DefaultThresholds),
				benchmath.NewSample(slices.Clone(c.Head), &benchmath.DefaultThresholds)).P
			if got.P != min(want, 1) {
				t.Fatalf("p = %v, benchstat has %v", got.P, want)
			}
		}
	})
}

func times(x []float64, k float64) (y []float64) {
	for _, v := range x {
		y = append(y, k*v)
	}
	return y
}

// The bars of the gate, on simulated rounds: noise of 3%, and a drift of the machine of
// 1% a run that both sides share but for the run between them.
func TestTheGateSeldomCriesWolfAndFindsWhatIsThere(t *testing.T) {
	const families, metrics = 200, 40
	r := rand.New(rand.NewPCG(1, 6))
	simulate := func(rounds int, change, margin float64) comparison.Cell {
		c := comparison.Cell{Rule: rule("sec/op", comparison.Lower, comparison.ByShare(margin)), Paired: true}
		drift := 0.0
		for range rounds {
			for side := range 2 {
				drift += 0.01 * r.NormFloat64()
				x := math.Exp(drift + 0.03*r.NormFloat64())
				if side == 0 {
					c.Base = append(c.Base, x)
				} else {
					c.Head = append(c.Head, x*(1+change))
				}
			}
		}
		return c
	}
	alarms := 0
	for range families {
		var cells []comparison.Cell
		for range metrics {
			cells = append(cells, simulate(12, 0, 0.02))
		}
		if slices.ContainsFunc(judge(t, cells...), func(r comparison.Result) bool { return r.Verdict == comparison.Regressed }) {
			alarms++
		}
	}
	if alarms > families*2/100 {
		t.Errorf("%d of %d families of %d the same metrics regressed, want 2%% at most", alarms, families, metrics)
	}
	found := 0
	const trials = 1000
	for range trials {
		if judge(t, simulate(10, 0.05, 0))[0].Verdict == comparison.Regressed {
			found++
		}
	}
	if found < trials*85/100 {
		t.Errorf("+5%% at noise of 3%% was found in %d of %d, want 85%%", found, trials)
	}
}

func TestMarginsAreParsedInAnyUnit(t *testing.T) {
	nan := math.NaN()
	for text, want := range map[string]struct {
		unit string
		m    comparison.Margin
	}{
		"p99-latency-ns=5%":       {"p99-latency-sec", comparison.Margin{Share: 0.05, Amount: nan}},
		"ns/op=+100":              {"sec/op", comparison.Margin{Share: nan, Amount: 100e-9}},
		"err-ppm=+100":            {"err-ppm", comparison.Margin{Share: nan, Amount: 100}},
		"B/op=0":                  {"B/op", comparison.Margin{}},
		"gc-pause-us=10%,+500":    {"gc-pause-us", comparison.Margin{Share: 0.1, Amount: 500}},
		"p99.9-latency-sec=0.05%": {"p99.9-latency-sec", comparison.Margin{Share: 0.0005, Amount: nan}},
	} {
		unit, m, err := comparison.ParseMargin(text)
		same := func(a, b float64) bool { return math.Abs(a-b) < 1e-15 || math.IsNaN(a) && math.IsNaN(b) }
		if err != nil || unit != want.unit || !same(m.Share, want.m.Share) || !same(m.Amount, want.m.Amount) {
			t.Errorf("%s: %s %+v, %v; want %s %+v", text, unit, m, err, want.unit, want.m)
		}
		if _, again, err := comparison.ParseMargin(unit + "=" + m.String()); err != nil || !same(again.Share, m.Share) || !same(again.Amount, m.Amount) {
			t.Errorf("%s prints as %q, which is %+v, %v", text, m.String(), again, err)
		}
	}
	for _, text := range []string{"", "ns/op", "=5%", "ns/op=", "ns/op=5", "ns/op=-5%", "ns/op=+5%", "ns/op=NaN%", "ns/op=1%,2%", "ns/op=+Inf", "ns/op=5%,"} {
		if unit, m, err := comparison.ParseMargin(text); err == nil {
			t.Errorf("%q is %s %+v, want an error", text, unit, m)
		}
	}
}

// What nobody has said more of is judged as its name says, ours as package results does.
func TestEveryUnitOfARunHasARule(t *testing.T) {
	for unit, want := range map[string]comparison.Direction{"sec/op": comparison.Lower, "B/s": comparison.Higher, "B/op": comparison.Lower,
		"allocs/op": comparison.Lower, "p99-latency-sec": comparison.Lower, "achieved-qps": comparison.Higher, "offered-qps": comparison.Neither,
		"insert-sec/op": comparison.Lower, "widgets": comparison.Neither, "widgets/s": comparison.Higher} {
		if got := comparison.DefaultRule(unit); got.Better != want || got.Unit != unit || got.Margin.String() == "" {
			t.Errorf("%s: %+v, want %v", unit, got, want)
		}
	}
	for _, u := range results.Units {
		zero := strings.HasSuffix(u.Name, "-us") || strings.HasSuffix(u.Name, "-ppm") || u.Name == "gc-cycles"
		if u.Better != "" && zero && math.IsNaN(comparison.DefaultRule(u.Name).Margin.Amount) {
			t.Errorf("%s may be 0, and its margin is %s", u.Name, comparison.DefaultRule(u.Name).Margin)
		}
	}
}
