package quantiles

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/hdrlog"
	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
)

// fromHistograms describes values that are the middles of buckets.
const fromHistograms = "middles of buckets in random order: ranks between equal values mean little"

// piles holds how many values are equal to each value.
type piles map[time.Duration]uint64

// mostCounted is the largest total count of histograms, which avoids overflows.
const mostCounted = 1 << 62

// add adds a histogram, whose values are in the unit of the reader.
func (p piles) add(h *hdrlog.Histogram, r *Reader) error {
	unit := max(r.Unit, time.Nanosecond)
	for _, b := range h.Buckets {
		value := float64(b.Middle()) * h.Ratio * float64(unit)
		switch {
		case h.Ratio != 1 && r.Unit == 0:
			return errors.New("a histogram of doubles, whose unit is not known: want --unit, such as --unit ms")
		case value >= math.MaxInt64:
			return fmt.Errorf("a value of %v is more than 292 years: want another --unit", float64(b.Middle())*h.Ratio)
		case h.Ratio != 1:
			p[time.Duration(math.Round(value))] += b.Count
		default:
			p[time.Duration(b.Middle())*unit] += b.Count
		}
	}
	return nil
}

// count returns the number of values.
func (p piles) count() (n uint64) {
	for _, count := range p {
		n += count
	}
	return n
}

// expand returns the values of p in ascending order, if there are at most most of them. Otherwise it
// returns every nth value, so that no quantile moves by more than n/2 ranks, and the
// smallest and the largest value.
func (p piles) expand(most int) (values []time.Duration, nth uint64) {
	nth = (p.count() + uint64(most) - 1) / uint64(most)
	next, below := nth/2+nth%2, uint64(0) // rank of the next value to take, and number of values below
	sorted := slices.Sorted(maps.Keys(p))
	for _, value := range sorted {
		for below += p[value]; next <= below; next += nth {
			values = append(values, value)
		}
	}
	if nth > 1 {
		values[0], values[len(values)-1] = sorted[0], sorted[len(sorted)-1]
	}
	return values, nth
}

// about describes the values that p was expanded to.
func (p piles) about(nth uint64) string {
	if nth <= 1 {
		return fromHistograms
	}
	return fmt.Sprintf("one value for each %d of %s by rank, %s", nth, format.Count(p.count()), fromHistograms)
}

// run reads the latencies of selected visits of a run, merged. Its histograms also have the exact
// extremes.
func (r *Reader) run(path string) (Data, error) {
	r.Runs++
	run, err := results.Read(path)
	if err != nil {
		return Data{}, err
	}
	return r.of(run, path)
}

// OfRun returns the latencies of the first arm of a run, as a Reader reads them from its path.
func OfRun(run *results.Run, path string) (Data, error) { return (&Reader{}).of(run, path) }

// of returns the latencies of selected visits of a run, merged.
func (r *Reader) of(run *results.Run, path string) (Data, error) {
	visits, what, err := selectVisits(run, r.Visit)
	if err != nil {
		return Data{}, fmt.Errorf("%s: %w", path, err)
	}
	merged := quantile.NewHDR()
	for _, v := range visits {
		if err := merged.Merge(v.Record.Latency); err != nil {
			return Data{}, fmt.Errorf("%s: %w", path, err)
		}
	}
	values, kept, err := latencies(merged, r.mostValues())
	if err != nil {
		return Data{}, fmt.Errorf("%s: %w", path, err)
	}
	data := of(run.Scenario.Name, fmt.Sprintf("%s, %s, %s", path, what, kept), r.shuffled(values))
	data.Part = what
	return data, nil
}

// latencies returns the values of h with its exact extremes, in ascending order, and a description of
// them.
func latencies(h *quantile.HDR, most int) (values []time.Duration, about string, err error) {
	counted, err := hdrlog.Of(h)
	if err != nil {
		return nil, "", err
	}
	p := piles{}
	if err := p.add(counted, &Reader{}); err != nil {
		return nil, "", err
	}
	values, nth := p.expand(most)
	for i, v := range values {
		values[i] = min(max(v, h.Min()), h.Max())
	}
	values[0], values[len(values)-1] = h.Min(), h.Max()
	return values, p.about(nth), nil
}

// selectVisits returns the visits of a run that want selects: one visit by its number in run.json, from
// 1, or all visits of an arm (spans=sdk) or of a cell (spans=sdk/qps=10000). "" selects the first
// arm of the scenario. what describes the visits.
func selectVisits(run *results.Run, want string) (visits []*results.Visit, what string, err error) {
	var arms []string
	for _, c := range run.Scenario.Cells() {
		ofArm := func(v *results.Visit) bool { return measured(v) && v.Cell.Arm() == c.Arm() }
		if slices.ContainsFunc(run.Visits, ofArm) && !slices.Contains(arms, c.Arm()) {
			arms = append(arms, c.Arm())
		}
	}
	if len(arms) == 0 {
		return nil, "", errors.New("no call of it was measured: want a run with latencies")
	}
	if n, err := strconv.Atoi(want); err == nil {
		if n < 1 || n > len(run.Visits) || !measured(run.Visits[n-1]) {
			return nil, "", fmt.Errorf("--visit: visit %d is not one that was measured: want 1 to %d", n,
				len(run.Visits))
		}
		v := run.Visits[n-1]
		return []*results.Visit{v}, fmt.Sprintf("visit %d, %v in round %d", n, v.Cell, v.Round), nil
	}
	if want == "" {
		want = arms[0]
	}
	for _, v := range run.Visits {
		names := []string{v.Cell.Arm(), v.Cell.String(), results.CellName(v.Cell)}
		if measured(v) && slices.Contains(names, want) {
			visits = append(visits, v)
		}
	}
	if len(visits) == 0 {
		return nil, "", fmt.Errorf("--visit: no visit of %q was measured%s: want a number, or one of %s, or one with "+
			"its rate, such as %v",
			want, spelling.Meant(want, arms), strings.Join(arms, ", "), run.Visits[0].Cell)
	}
	what = format.Plural(len(visits), "visit") + " of " + want
	if len(arms) > 1 {
		what += fmt.Sprintf(" (of %s)", format.Plural(len(arms), "arm"))
	}
	return visits, what, nil
}

// measured reports whether a visit has latencies.
func measured(v *results.Visit) bool { return v.Usable() && v.Record.Latency.Count() > 0 }
