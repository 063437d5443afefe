package page

import (
	"fmt"
	"math"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
)

// enough is how many samples must lie beyond a quantile for a finite 95% interval. With n(1-q) = 3.69, the chance that
// no sample lies beyond is 0.025.
const enough = 3.69

// A curve is a series over percentiles.
type curve struct {
	name   string
	series int
	hist   *quantile.HDR
	n      uint64 // number of calls, including those that failed or did not end, which hist lacks
}

// A sample is a point of a curve, with its interval for independent samples.
type sample struct {
	q              float64
	mid, low, high time.Duration
}

// at returns the curve at q. It returns false if there are too few calls, or if the value is infinite.
func (c *curve) at(q float64) (sample, bool) {
	if c.n == 0 || float64(c.n)*(1-q) < enough*(1-1e-9) {
		return sample{}, false
	}
	rank := quantile.Rank(q, c.n)
	value := func(rank uint64) time.Duration {
		return c.hist.Quantile(float64(min(max(rank, 1), c.hist.Count())) / float64(c.hist.Count()))
	}
	if rank > c.hist.Count() {
		return sample{}, false
	}
	// The rank of the q-quantile is binomial; see David and Nagaraja, Order Statistics, 7.1.
	half := 1.96 * math.Sqrt(float64(c.n)*q*(1-q))
	low := uint64(max(math.Floor(float64(rank)-half), 1))
	return sample{q, value(rank), value(low), value(rank + uint64(math.Ceil(half)))}, true
}

// samples returns the curve from q=0 to its end, in even steps on the axis.
func (c *curve) samples() (list []sample) {
	if c.n == 0 {
		return nil
	}
	end := math.Log10(float64(c.n) / enough)
	const step = 0.05 // decades
	for x := 0.0; x < end+step; x += step {
		s, ok := c.at(1 - math.Pow(10, -min(x, end)))
		if !ok {
			break
		}
		list = append(list, s)
	}
	return list
}

// percentileTicks are the ticks of the axis of percentiles, at log10 of 1/(1-q).
var percentileTicks = []tick{{0, "0%"}, {px(math.Log10(2)), "50%"}, {1, "90%"}, {2, "99%"}, {3, "99.9%"},
	{4, "99.99%"}, {5, "99.999%"}, {6, "99.9999%"}}

// curves draws curves into a chart, optionally with bands.
func (c *chart) curves(list []curve, wide, bands bool) {
	decades, values := 0.5, []float64(nil)
	drawn := make([][]sample, len(list))
	for i := range list {
		drawn[i] = list[i].samples()
		for _, s := range drawn[i] {
			decades = max(decades, -math.Log10(1-s.q))
			values = append(values, float64(s.mid))
			if bands {
				values = append(values, float64(s.low), float64(s.high))
			}
		}
	}
	u := timeUnit(values)
	for i := range values {
		values[i] /= u.ns
	}
	height := px(lowHeight)
	if wide {
		height = wideHeight
	}
	y := logScale(values, float64(height-axisMargin), topMargin)
	ticks := y.ticks(plain, down)
	c.frame(wide, tickLabels(ticks))
	x := &scale{lo: 0, hi: decades, from: float64(c.Left), to: float64(c.Right)}
	c.Y = axis{"latency, " + u.name, ticks, y, u.ns}
	c.X = axis{Title: "percentile", Scale: x, Per: 1}
	for _, t := range percentileTicks {
		if float64(t.At) > decades+1e-9 {
			break
		}
		at := x.at(float64(t.At))
		if n := len(c.X.Ticks); n > 0 &&
			float64(at-c.X.Ticks[n-1].At) < (across(t.Label)+across(c.X.Ticks[n-1].Label))/2 {
			continue
		}
		c.X.Ticks = append(c.X.Ticks, tick{at, t.Label})
	}
	for i, samples := range drawn {
		if len(samples) == 0 {
			continue
		}
		line, low, high := make([]point, 0, len(samples)), make([]point, 0, len(samples)), make([]point, 0,
			len(samples))
		for _, s := range samples {
			at := x.at(-math.Log10(1 - s.q))
			line = append(line, point{at, y.at(float64(s.mid) / u.ns)})
			low = append(low, point{at, y.at(float64(s.low) / u.ns)})
			high = append(high, point{at, y.at(float64(s.high) / u.ns)})
		}
		name := class(list[i].series)
		if bands {
			for k := len(high) - 1; k >= 0; k-- {
				low = append(low, high[k])
			}
			c.Shapes = append(c.Shapes, shape{Kind: "band", Class: name, Points: points(low)})
		}
		c.Shapes = append(c.Shapes, shape{Kind: "line", Class: name, Points: points(line), Label: list[i].name})
		c.Legend = append(c.Legend, key{name, list[i].name})
	}
	if len(c.Legend) == 0 {
		c.Missing = fmt.Sprintf("No arm has the %d calls that a curve needs.", int(math.Ceil(enough)))
	}
	c.Table = curvesTable(list)
}

// tickLabels returns the labels of ticks.
func tickLabels(ticks []tick) (labels []string) {
	for _, t := range ticks {
		labels = append(labels, t.Label)
	}
	return labels
}

// tablePercentiles are the percentiles in tables.
var tablePercentiles = []float64{0.5, 0.9, 0.99, 0.999, 0.9999}

// curvesTable returns the table of curves.
func curvesTable(list []curve) (t table) {
	t.Header = []string{"", "n"}
	for _, q := range tablePercentiles {
		t.Header = append(t.Header, record.PercentileName(q)+", us", "95% interval")
	}
	t.Header = append(t.Header, "max, us")
	for _, c := range list {
		row := []string{c.name, format.Count(c.n)}
		for _, q := range tablePercentiles {
			s, ok := c.at(q)
			switch {
			case ok:
				row = append(row, format.Micros(s.mid),
					format.Interval(float64(s.low), float64(s.high), format.Micros[float64]))
			case float64(c.n)*(1-q) >= enough:
				row = append(row, format.Infinite, "")
			default:
				row = append(row, "too few calls", "")
			}
		}
		longest := format.None
		if c.hist.Count() > 0 {
			longest = format.Micros(c.hist.Max())
		}
		t.Rows = append(t.Rows, append(row, longest))
	}
	return t
}

// independent is the part of a caption that explains bands and the ends of curves.
const independent = "Bands are 95% intervals, which assume independent samples. A curve ends where n(1−q) < 3.69, " +
	"since no interval beyond is finite."

// ofWhich returns the part of a title that says which calls are left out, or "".
func ofWhich(cells []*cell) string {
	for _, v := range cells {
		for _, visit := range v.visits {
			if visit.Record.FailedApart {
				return ", of calls that did not fail (failed: apart)"
			}
		}
	}
	return ""
}

// percentiles returns a chart with the curves of all arms of a level.
func percentiles(id string, level []*cell) *chart {
	c := &chart{ID: id, Title: "Latency by percentile",
		Caption: "From due to ended" + ofWhich(level) + "; all rounds together. " + independent}
	var list []curve
	for _, v := range level {
		n := uint64(0)
		for _, visit := range v.visits {
			n += visit.Record.Done + visit.Record.Unserved()
		}
		if n > 0 {
			list = append(list, curve{v.name, v.series,
				v.merged(func(v *results.Visit) *quantile.HDR { return v.Record.Latency }), n})
		}
	}
	c.curves(list, true, true)
	return c
}

// parts returns a chart with the parts of a cell's latency.
func parts(id string, v *cell) *chart {
	c := &chart{ID: id, Title: "Latency = lag + service: " + v.name,
		Caption: "The sum holds for each call, but percentiles do not add up."}
	var list []curve
	for i, p := range []struct {
		name      string
		histogram func(*record.Record) *quantile.HDR
	}{
		{"latency", func(r *record.Record) *quantile.HDR { return r.Latency }},
		{"service", func(r *record.Record) *quantile.HDR { return r.Service }},
		{"queue lag", func(r *record.Record) *quantile.HDR { return r.Queue }},
		{"generator lag", func(r *record.Record) *quantile.HDR { return r.Generator }},
	} {
		h := v.merged(func(v *results.Visit) *quantile.HDR { return p.histogram(v.Record) })
		list = append(list, curve{p.name, i, h, h.Count()})
	}
	c.curves(list, false, false)
	c.Y.Title = "time" + c.Y.Title[len("latency"):]
	return c
}
