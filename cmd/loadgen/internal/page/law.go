package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/fleet"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
)

// A lawChart shows how the throughput of an arm grows with its concurrency: the measured points, the law that was
// fitted to them, and its peak. The law is dashed where it is extrapolated.
type lawChart struct {
	Arm, About, Colour, Note string
	Plot                     *plot // nil if no point can be drawn
	Table                    table
}

// lawCharts returns a chart for each arm whose concurrency was varied.
func lawCharts(p *fleet.Plan, looks map[string]look) (charts []lawChart) {
	for i := range p.Curves {
		if c := &p.Curves[i]; c.Of != "" {
			charts = append(charts, newLawChart(c, looks[bare(c.Arm)]))
		}
	}
	return charts
}

// newLawChart returns the chart of a curve.
func newLawChart(of *fleet.Curve, l look) lawChart {
	c := lawChart{Arm: bare(of.Arm), Colour: l.Colour(), About: "a dot for each visit"}
	c.Table = table{Header: []string{of.Of, "median, calls/s", "law, calls/s", "off"}}
	for _, m := range usl.Medians(of.Points) {
		r := fields(format.Number(m.X), format.None, format.None)
		if of.Fit != nil {
			law := of.Fit.Throughput(m.N)
			r[1].Text, r[2].Text = format.Number(law), format.Change(m.X/law-1)
		}
		c.Table.Rows = append(c.Table.Rows, line{Name: format.Number(m.N), Fields: r})
	}
	if of.Refused != "" {
		c.Note = "No fit: " + strings.ReplaceAll(of.Refused, "\n", "; ") + "."
	}
	xs, ys := []float64{0}, []float64{0}
	for _, m := range of.Points {
		if drawable(m.N) && drawable(m.X) {
			xs, ys = append(xs, 1.02*m.N), append(ys, 1.05*m.X)
		}
	}
	for _, m := range of.Law {
		xs, ys = append(xs, m.N), append(ys, 1.05*m.X)
	}
	if len(xs) == 1 {
		return c
	}
	c.draw(of, l, linearScale(xs, 0, extent), linearScale(ys, extent, 0))
	return c
}

// draw draws a curve.
func (c *lawChart) draw(of *fleet.Curve, l look, x, y *scale) {
	p := &plot{Height: 240, Wide: true,
		Label: "Throughput of " + c.Arm + " by " + of.Of + ". The table has the values."}
	c.Plot = p
	if of.Fit != nil {
		within, beyond := lines(of.Law, x, y)
		if len(within) > 1 {
			p.add("ln hi law "+l.Colour(), d(within...))
		}
		if len(beyond) > 1 {
			p.add("ln beyond d2 "+l.Colour(), d(beyond...))
			c.About += "; the law, dashed where it is extrapolated and nothing was measured"
		}
		c.peak(of, l, x, y)
	}
	for _, m := range of.Points {
		if drawable(m.N) && drawable(m.X) {
			p.add("dot small "+l.Colour(), spot(point{x.at(m.N), y.at(m.X)}))
		}
	}
	p.axes(x.ticks(plain, 6), y.ticks(plain, 5), of.Of)
}

// lines returns a law amid the points and beyond them.
func lines(law []usl.CurvePoint, x, y *scale) (within, beyond []point) {
	for _, m := range law {
		at := point{x.at(m.N), y.at(m.X)}
		switch {
		case !m.Extrapolated:
			within = append(within, at)
		case len(within) > 0:
			beyond = append(beyond, at)
		}
	}
	if n := len(within); n > 0 {
		beyond = slices.Insert(beyond, 0, within[n-1])
	}
	return within, beyond
}

// peak draws the peak of a law, with its intervals.
func (c *lawChart) peak(of *fleet.Curve, l look, x, y *scale) {
	top, n, most := of.Fit.Greatest, of.Fit.PeakInterval, of.Fit.GreatestInterval
	if n == nil {
		c.Note = "The points show no peak, so the law is not drawn beyond them."
		return
	}
	at := point{x.at(top.N), y.at(top.X)}
	c.Plot.add("lead "+l.Colour(), d(point{x.at(n.Low), at.y}, point{x.at(n.High), at.y}))
	c.Plot.add("lead "+l.Colour(), d(point{at.x, y.at(most.High)}, point{at.x, y.at(most.Low)}))
	c.Plot.add("dot "+l.Colour(), spot(at))
	c.Plot.add("dot core", spot(at))
	c.Note = fmt.Sprintf("The hollow dot is the peak, %s at %s %s, with a cross for its 95%% intervals.",
		format.Rate(top.X), format.Digits(top.N, 3), of.Of)
}
