package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A quantity is what a comparison speaks of.
type quantity struct {
	unit       string
	per        float64 // of a printed unit
	printed    string
	less, more string // "fewer bytes", "more bytes"
	times      string // "the bytes"
	interval   bool   // worth printing: it varies from round to round
}

const latencyUnit = "p99-latency-ns"

var quantities = []quantity{
	{"B/op", 1, "B/op", "fewer bytes", "more bytes", "the bytes", false},
	{"allocs/op", 1, "allocs/op", "fewer allocations", "more allocations", "the allocations", false},
	{"cpu-ns/op", 1e3, "us/op", "less CPU", "more CPU", "the CPU", true},
	{"p50-service-ns", 1e3, "us", "less service time at p50", "more service time at p50", "the service time at p50", true},
	{latencyUnit, 1e3, "us", "lower p99 latency", "higher p99 latency", "the p99 latency", true},
}

// comparisons are a sentence for every comparison of the scenario at every rate.
func comparisons(run *results.Run, all []*view) (sentences []string) {
	for _, c := range run.Scenario.Comparisons() {
		what := fmt.Sprintf("%[1]s=%[2]s vs %[1]s=%[3]s at %[4]s", c.Dimension, c.A, c.B, load(c.CellA.Level))
		what = strings.Join(append([]string{what}, c.Beside(run.Scenario)...), ", ")
		base, other := find(all, c.CellB), find(all, c.CellA)
		sentences = append(sentences, what+": "+compare(base, other)+doubt(base, other)+".")
	}
	return sentences
}

// doubt says how many visits of a comparison are not valid, and why.
func doubt(base, other *view) string {
	n, reasons := 0, map[string]uint64{}
	visits := slices.Concat(base.visits, other.visits)
	for _, v := range visits {
		if len(v.Verdict) > 0 {
			n++
		}
		for _, r := range v.Verdict {
			reasons[r.Name]++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; in doubt: %d of %s (%s)", n, Plural(len(visits), "visit"), strings.Join(sortedByCount(reasons), ", "))
}

func find(all []*view, c scenarios.Cell) *view {
	return all[slices.IndexFunc(all, func(v *view) bool { return v.cell == c })]
}

// compare says what is less and more in other than in base, of what no difference
// was shown, and what cannot be compared.
func compare(base, other *view) string {
	if n := len(common(base, other)); n < comparison.MinPairs {
		return fmt.Sprintf("cannot be judged: %v", &comparison.TooFewRoundsError{Have: n, Need: comparison.MinPairs})
	}
	var differs, same, cannot []string
	for _, q := range quantities {
		text, shown, err := q.compare(base, other)
		switch {
		case err != nil:
			cannot = append(cannot, fmt.Sprintf("%s cannot be compared: %v", q.name(), err))
		case shown:
			differs = append(differs, text)
		default:
			same = append(same, text)
		}
	}
	if len(same) > 0 {
		differs = append(differs, "no difference shown in "+strings.Join(same, ", "))
	}
	if len(differs) > 0 {
		cannot = append([]string{strings.Join(differs, ", ")}, cannot...)
	}
	return strings.Join(cannot, "; ")
}

// common are the rounds in which both cells were measured.
func common(base, other *view) (rounds []int) {
	for _, a := range base.visits {
		if slices.ContainsFunc(other.visits, func(b *results.Visit) bool { return a.Round == b.Round }) {
			rounds = append(rounds, a.Round)
		}
	}
	return rounds
}

// name is what the quantity is called.
func (q *quantity) name() string { return strings.TrimPrefix(q.times, "the ") }

// compare says how the quantity differs; shown is false if the interval allows
// no difference.
func (q *quantity) compare(base, other *view) (sentence string, shown bool, err error) {
	a, b, err := q.pairs(base, other)
	if err != nil {
		return "", false, err
	}
	shift, err := comparison.Compare(positive(a), positive(b))
	if err != nil {
		return "", false, err
	}
	values := fmt.Sprintf("%s -> %s %s", Number(results.Median(a)/q.per), Number(results.Median(b)/q.per), q.printed)
	if q.unit == latencyUnit && generators(base) && generators(other) {
		values += ", mostly the generator's own lag"
	}
	interval := fmt.Sprintf("[%s, %s]", signed(shift.Low), signed(shift.High))
	if shift.Low == 1 && shift.High == 1 {
		return fmt.Sprintf("%s (%s)", q.name(), values), false, nil
	}
	if !shift.Differs() {
		return fmt.Sprintf("%s (%s, %s %s)", q.name(), values, signed(shift.Ratio), interval), false, nil
	}
	text := fmt.Sprintf("%s %s", share(1-shift.Ratio), q.less)
	switch {
	case shift.Ratio >= 2:
		text = fmt.Sprintf("%s times %s", Number(shift.Ratio), q.times)
	case shift.Ratio > 1:
		text = fmt.Sprintf("%s %s", share(shift.Ratio-1), q.more)
	}
	if q.interval {
		values += ", " + interval
	}
	return fmt.Sprintf("%s (%s)", text, values), true, nil
}

// positive is values with 1 for 0: where one of a pair is 0 the other is, too, and
// the ratio of nothing to nothing is 1.
func positive(values []float64) []float64 {
	all := slices.Clone(values)
	for i, x := range all {
		if x == 0 {
			all[i] = 1
		}
	}
	return all
}

// pairs are the values of the rounds in which both cells were measured. The error
// says why there are none to compare.
func (q *quantity) pairs(base, other *view) (a, b []float64, err error) {
	of, with := base.values(q.unit), other.values(q.unit)
	for _, v := range []*view{base, other} {
		if q.unit == latencyUnit && 2*v.doubted(bench.Saturated) >= len(v.visits) && len(v.visits) > 0 {
			return nil, nil, fmt.Errorf("%s did not keep up with the load (%s in %d of %s)",
				v.cell.Arm(), bench.Saturated, v.doubted(bench.Saturated), Plural(len(v.visits), "visit"))
		}
	}
	rounds := common(base, other)
	for _, round := range rounds {
		x, okX := of[round]
		y, okY := with[round]
		if okX && okY {
			a, b = append(a, x), append(b, y)
		}
	}
	if len(a) < comparison.MinPairs {
		why := ""
		if q.unit == latencyUnit {
			why = ": too few calls, or too many dropped"
		}
		return nil, nil, fmt.Errorf("it is known in %d of %s%s", len(a), Plural(len(rounds), "round"), why)
	}
	for i := range a {
		if (a[i] == 0) != (b[i] == 0) {
			return nil, nil, fmt.Errorf("it is 0 in round %d of one and %s in the other", rounds[i], Number((a[i]+b[i])/q.per))
		}
	}
	return a, b, nil
}

// generators tells whether most of the p99 latency is generator lag.
func generators(v *view) bool {
	lag, okLag := v.median("p99-generator-lag-us")
	latency, okLatency := v.median(latencyUnit)
	return okLag && okLatency && 1e3*lag > latency/2
}

// signed writes a ratio as a change in per cent.
func signed(ratio float64) string {
	p := 100 * (ratio - 1)
	switch text := digits(math.Abs(p)) + "%"; {
	case text == "0%":
		return text
	case p < 0:
		return "-" + text
	default:
		return "+" + text
	}
}

// share writes a difference that was shown.
func share(x float64) string {
	if s := digits(100 * x); s != "0" {
		return s + "%"
	}
	return "under 0.01%"
}

// digits writes a positive number, with more decimals the smaller it is.
func digits(x float64) string {
	switch {
	case x < 0.005:
		return "0"
	case x < 0.095:
		return fmt.Sprintf("%.2f", x)
	case x < 9.95:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}
