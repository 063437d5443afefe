package report

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/results"
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

var quantities = []quantity{
	{"B/op", 1, "B/op", "fewer bytes", "more bytes", "the bytes", false},
	{"allocs/op", 1, "allocs/op", "fewer allocations", "more allocations", "the allocations", false},
	{"cpu-ns/op", 1e3, "us/op", "less CPU", "more CPU", "the CPU", true},
	{"p50-service-ns", 1e3, "us", "less service time at p50", "more service time at p50", "the service time at p50", true},
	{"p99-latency-ns", 1e3, "us", "lower p99 latency", "higher p99 latency", "the p99 latency", true},
}

// comparisons are a sentence for every comparison of the scenario at every rate.
func comparisons(run *results.Run, all []*view) (sentences []string) {
	s := run.Scenario
	for _, pair := range s.Compare {
		for _, qps := range s.QPS {
			for _, spans := range s.Spans {
				a, b := scenarios.Cell{Spans: pair.A, QPS: qps}, scenarios.Cell{Spans: pair.B, QPS: qps}
				what := fmt.Sprintf("spans=%s vs spans=%s at %s", pair.A, pair.B, rate(qps))
				if s.Live {
					a, b = scenarios.Cell{Spans: spans, Quantile: pair.A, QPS: qps}, scenarios.Cell{Spans: spans, Quantile: pair.B, QPS: qps}
					what = fmt.Sprintf("quantile=%s vs quantile=%s at %s", pair.A, pair.B, rate(qps))
					if len(s.Spans) > 1 {
						what += ", spans=" + spans
					}
				}
				base, other := find(all, b), find(all, a)
				sentences = append(sentences, what+": "+compare(base, other)+doubt(base, other)+".")
				if !s.Live {
					break // spans are what is compared
				}
			}
		}
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
	return fmt.Sprintf("; %d of its %d visits are in doubt (%s)", n, len(visits), strings.Join(sortedByCount(reasons), ", "))
}

func find(all []*view, c scenarios.Cell) *view {
	return all[slices.IndexFunc(all, func(v *view) bool { return v.cell == c })]
}

// compare says what is less and more in other than in base, and then of what no
// difference was shown.
func compare(base, other *view) string {
	var differs, same []string
	for _, q := range quantities {
		text, shown, err := q.compare(base, other)
		var few *results.TooFewRoundsError
		switch {
		case errors.As(err, &few):
			return fmt.Sprintf("cannot be judged: %v", err)
		case err != nil:
			same = append(same, fmt.Sprintf("%s %v", q.unit, err))
		case shown:
			differs = append(differs, text)
		default:
			same = append(same, text)
		}
	}
	if len(same) > 0 {
		differs = append(differs, "no difference shown in "+strings.Join(same, ", "))
	}
	return strings.Join(differs, ", ")
}

// compare says how the quantity differs; shown is false if the interval allows
// no difference.
func (q *quantity) compare(base, other *view) (sentence string, shown bool, err error) {
	a, b, err := pairs(base, other, q.unit)
	if err != nil {
		return "", false, err
	}
	shift, err := results.Compare(a, b)
	if err != nil {
		return "", false, err
	}
	values := fmt.Sprintf("%s -> %s %s", number(results.Median(a)/q.per), number(results.Median(b)/q.per), q.printed)
	if q.unit == "p99-latency-ns" && generators(base) && generators(other) {
		values += ", mostly the generator's own lag"
	}
	interval := fmt.Sprintf("[%s, %s]", signed(shift.Low), signed(shift.High))
	if shift.Low == 1 && shift.High == 1 {
		return fmt.Sprintf("%s (%s)", strings.TrimPrefix(q.times, "the "), values), false, nil
	}
	if !shift.Differs() {
		return fmt.Sprintf("%s (%s, %s %s)", strings.TrimPrefix(q.times, "the "), values, signed(shift.Ratio), interval), false, nil
	}
	text := fmt.Sprintf("%.0f%% %s", 100*(1-shift.Ratio), q.less)
	switch {
	case shift.Ratio >= 2:
		text = fmt.Sprintf("%s times %s", number(shift.Ratio), q.times)
	case shift.Ratio > 1:
		text = fmt.Sprintf("%.0f%% %s", 100*(shift.Ratio-1), q.more)
	}
	if q.interval {
		values += ", " + interval
	}
	return fmt.Sprintf("%s (%s)", text, values), true, nil
}

// pairs are the values of the rounds in which both cells were measured.
func pairs(base, other *view, unit string) (a, b []float64, err error) {
	of, with := base.values(unit), other.values(unit)
	if len(base.visits) > 0 && len(of) == 0 || len(other.visits) > 0 && len(with) == 0 {
		return nil, nil, errors.New("was not stated")
	}
	for _, visit := range base.visits {
		x, okX := of[visit.Round]
		y, okY := with[visit.Round]
		if okX && okY {
			a, b = append(a, x), append(b, y)
		}
	}
	return a, b, nil
}

// generators tells whether most of the p99 latency is generator lag.
func generators(v *view) bool {
	lag, okLag := v.median("p99-generator-lag-us")
	latency, okLatency := v.median("p99-latency-ns")
	return okLag && okLatency && 1e3*lag > latency/2
}

// signed writes a ratio as a change in per cent.
func signed(ratio float64) string {
	p := 100 * (ratio - 1)
	if math.Abs(p) < 10 {
		return fmt.Sprintf("%+.1f%%", p)
	}
	return fmt.Sprintf("%+.0f%%", p)
}
