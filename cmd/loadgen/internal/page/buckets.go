package page

import (
	"math"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/buckets"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/quantile"
)

// A bucketView is the chart of how bounds of a histogram sit on the latencies, and what is off.
type bucketView struct {
	Note          string // why there are no bounds, or ""
	Answer, About string
	Command       string // that prints the bounds as code
	Plot          *plot
	Table         table
}

// newBucketView returns the chart of an answer of loadgen buckets, or why there is none.
func newBucketView(e *Extras, place report.Place) *bucketView {
	a := e.Buckets
	switch {
	case a == nil && e.NoBuckets == nil:
		return nil
	case a == nil:
		return &bucketView{Note: "No bounds were chosen: " + e.NoBuckets.Error() + "."}
	}
	v := &bucketView{Answer: a.Answer(), About: a.Data.About + ".", Plot: bucketPlot(a),
		Command: place.Program + " buckets " + place.Run + " --as go"}
	v.Table = bucketTable(a)
	return v
}

// The looks of what is drawn.
const (
	exactLine  = "ln hi c0"
	beforeLine = "ln d2 c2"
	chosenLine = "ln c4"
)

// bucketTable returns the percentiles and by how much each histogram is off. It is the legend of the chart, too.
func bucketTable(a *buckets.Advice) table {
	header, rows := a.Compared()
	t := table{Class: "legend", Header: header}
	t.Header[0] = ""
	truth := fields(slices.Repeat([]string{format.None}, len(header)-1)...)
	for i, q := range a.Data.Quantiles {
		truth[1+i].Text = format.Time(float64(q.Value))
	}
	t.Rows = append(t.Rows, line{Name: "exact", Key: exactLine, Class: "hi", Fields: truth})
	_, curves := a.Curves(nil)
	for _, row := range rows {
		l := line{Name: row[0], Fields: fields(row[1:]...)}
		for i, c := range curves {
			if c.Name == row[0] {
				l.Key = lineOf(i, curves)
			}
		}
		t.Rows = append(t.Rows, l)
	}
	return t
}

// lineOf returns the look of a curve. The last one is that of the chosen bounds.
func lineOf(i int, curves []buckets.Curve) string {
	if i == len(curves)-1 {
		return chosenLine
	}
	return beforeLine
}

// bucketPlot draws the latencies by percentile, and what histogram_quantile reads instead, before and after. The dots
// are bounds, at which nothing is off.
func bucketPlot(a *buckets.Advice) *plot {
	const steps, most = 40, 6 * 40 // steps a decade
	var xs, quantiles []float64
	for i := 1; i <= most; i++ {
		x := float64(i) / steps
		q := 1 - math.Pow(10, -x)
		if quantile.SamplesFor(q) > uint64(a.Data.Values) {
			break
		}
		xs, quantiles = append(xs, x), append(quantiles, q)
	}
	exact, curves := a.Curves(quantiles)
	values := slices.Clone(exact)
	for _, c := range curves {
		values = append(values, c.Values...)
	}
	x := &scale{lo: 0, hi: max(1, xs[len(xs)-1]), from: 0, to: extent}
	y := logScale(values, extent, 0)
	p := &plot{Height: 270,
		Label: "Latency by percentile, exact and as read from buckets. The table below has the errors."}
	var ends []end
	draw := func(name, class string, values []float64) (colour string) {
		var points []point
		for i, v := range values {
			points = append(points, point{x.at(xs[i]), y.at(v)})
		}
		p.add(class, d(points...))
		colour = class[strings.LastIndex(class, " ")+1:]
		ends = append(ends, end{at: points[len(points)-1], class: colour, name: name})
		return colour
	}
	draw("exact", exactLine, exact)
	for i, c := range curves {
		colour := draw(c.Name, lineOf(i, curves), c.Values)
		for _, b := range c.Bounds {
			if at := xOf(b.Share); at <= x.hi {
				p.add("dot small "+colour, spot(point{x.at(at), y.at(float64(b.Bound))}))
			}
		}
	}
	p.ends(ends)
	p.axes(percentileTicks(x), y.ticks(roundTime, 7), "percentile")
	return p
}
