package page

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/fleet"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
)

//go:embed plan.html
var planText string

// planPage contains the definitions of page.
var planPage = template.Must(template.Must(page.Clone()).New("plan").Parse(planText))

// A planDocument holds what the template of a plan shows.
type planDocument struct {
	Question, Answer string
	Needed, Rest     []fleet.Part
	Latency          *chart
	Laws             []*chart
}

// WritePlan writes the page of a plan. The same plan yields the same bytes.
func WritePlan(w io.Writer, p *fleet.Plan) error {
	d := &planDocument{Needed: p.Parts(), Latency: planLatency(p), Laws: planLaws(p)}
	d.Question, d.Answer = p.Headline()
	if i := slices.IndexFunc(d.Needed, func(s fleet.Part) bool { return s.Title != "" }); i >= 0 {
		d.Needed, d.Rest = d.Needed[:i], d.Needed[i:]
	}
	var b bytes.Buffer
	if err := planPage.Execute(&b, d); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// curveOf returns the arm's curve, or nil if it has none.
func curveOf(p *fleet.Plan, arm string) *fleet.Curve {
	if i := slices.IndexFunc(p.Curves, func(c fleet.Curve) bool { return c.Arm == arm }); i >= 0 {
		return &p.Curves[i]
	}
	return nil
}

// drawable reports whether x can be a coordinate of a scale, since a file may hold any number.
func drawable(x float64) bool { return x >= 1e-6 && x <= 1e18 }

// planLatency returns a chart of latency against throughput, with the capacities of all arms.
func planLatency(p *fleet.Plan) *chart {
	c := &chart{ID: "latency", Wide: true, Title: "Mean latency by throughput, and the capacity of an instance",
		Table: table{Header: []string{"", "offered, calls/s", "achieved, calls/s", "mean latency, us"}}}
	drawn := make([][]fleet.Latency, len(p.Arms))
	xs, ys, lacking := []float64{0}, []float64(nil), []string(nil)
	for i, a := range p.Arms {
		xs = append(xs, 1.02*a.High)
		if curve := curveOf(p, a.Arm); curve != nil {
			for _, l := range curve.Latencies {
				c.Table.Rows = append(c.Table.Rows, []string{a.Arm, format.Number(l.Offered),
					format.Number(l.Achieved), format.Micros(l.Mean * 1e9)})
				if drawable(l.Achieved) && drawable(l.Mean*1e9) {
					drawn[i], xs, ys = append(drawn[i], l), append(xs, 1.02*l.Achieved), append(ys, l.Mean*1e9)
				}
			}
		}
		if len(drawn[i]) == 0 {
			lacking = append(lacking, a.Arm)
		}
	}
	if len(ys) == 0 {
		c.Missing = "There is no curve, since no probe has both its throughput and the number of calls in the " +
			"system. Results of loadgen capacity have both, but --capacity has neither."
		return c
	}
	c.Caption = "A point is the mean latency of a probe, from due to ended, by Little's law. A single probe has no " +
		"interval. Vertical lines are capacities, with a band for their 95% intervals."
	if len(lacking) > 0 {
		c.Caption += " No probe has the latency of " + strings.Join(lacking, ", ") + "."
	}
	u := timeUnit(ys)
	for i := range ys {
		ys[i] /= u.ns
	}
	y := logScale(ys, wideHeight-axisMargin, topMargin)
	ticks := y.ticks(plain, down)
	c.frame(true, tickLabels(ticks))
	x := linearScale(xs, float64(c.Left), float64(c.Right))
	c.X, c.Y = axis{"achieved, calls/s", x.ticks(plain, across), x, 1}, axis{"mean latency, " + u.name, ticks, y, u.ns}
	for i, a := range p.Arms {
		c.capacity(&a.Capacity, class(i), x)
		for _, l := range drawn[i] {
			at := point{x.at(l.Achieved), y.at(l.Mean * 1e9 / u.ns)}
			c.dot(class(i), at, fmt.Sprintf("%s at %s: %s %s", a.Arm, format.Rate(l.Achieved),
				format.Number(l.Mean*1e9/u.ns), u.name))
		}
		c.Legend = append(c.Legend, key{class(i), a.Arm})
	}
	return c
}

// capacity draws the capacity of an arm as a vertical line, in a band for its interval.
func (c *chart) capacity(a *fleet.Capacity, name string, x *scale) {
	what := fmt.Sprintf("capacity of %s: %s, 95%% interval %s to %s", a.Arm, format.Rate(a.Holds),
		format.PerSecond(a.Low), format.PerSecond(a.High))
	if a.Bound {
		what = fmt.Sprintf("capacity of %s: %s or more", a.Arm, format.Rate(a.Holds))
	}
	what += fmt.Sprintf("; the plan is for %s", format.Rate(a.Told))
	if low, high := x.at(a.Low), x.at(a.High); high > low {
		c.Shapes = append(c.Shapes, shape{Kind: "zone", Class: "band " + name, X: low, Y: c.Top, X2: high,
			Y2: c.Bottom, Label: what})
	}
	at := x.at(a.Holds)
	c.Shapes = append(c.Shapes, shape{Kind: "mark", Class: "line capacity " + name, X: at, Y: c.Top, X2: at,
		Y2: c.Bottom, Label: what})
}

// dot draws a dot.
func (c *chart) dot(name string, at point, what string) {
	c.Shapes = append(c.Shapes, shape{Kind: "dot", Class: name, X: at.x, Y: at.y, Label: what})
}

// line draws a line through points, if there are at least two.
func (c *chart) line(name string, list []point, what string) {
	if len(list) > 1 {
		c.Shapes = append(c.Shapes, shape{Kind: "line", Class: name, Points: points(list), Label: what})
	}
}

// planLaws returns a chart of throughput against concurrency for each arm.
func planLaws(p *fleet.Plan) (charts []*chart) {
	var measured []int
	for i, a := range p.Arms {
		if curve := curveOf(p, a.Arm); curve != nil && curve.Of != "" {
			measured = append(measured, i)
		}
	}
	for k, i := range measured {
		last := k == len(measured)-1 && k%2 == 0 // and alone in its line
		charts = append(charts, planLaw(fmt.Sprintf("law-%d", i), class(i), curveOf(p, p.Arms[i].Arm), last))
	}
	if len(charts) == 0 {
		return []*chart{{ID: "law", Title: "How an instance scales, by the Universal Scalability Law", Wide: true,
			Missing: "There is no curve, since the throughput of an instance was not measured at several numbers of " +
				"workers."}}
	}
	return charts
}

// planLaw returns a chart of the measured points of an arm, the law that was fitted to them, and its peak. The law is
// dashed where it is extrapolated.
func planLaw(id, name string, of *fleet.Curve, wide bool) *chart {
	c := &chart{ID: id, Wide: wide, Title: "How an instance scales, by the Universal Scalability Law: " + of.Arm,
		Table: table{Header: []string{of.Of, "median, calls/s", "law, calls/s", "off"}}}
	xs, ys := []float64{0}, []float64{0}
	for _, m := range usl.Medians(of.Points) {
		row := []string{format.Number(m.N), format.Number(m.X), format.None, format.None}
		if of.Fit != nil {
			law := of.Fit.Throughput(m.N)
			row[2], row[3] = format.Number(law), format.Change(m.X/law-1)
		}
		c.Table.Rows = append(c.Table.Rows, row)
	}
	for _, m := range of.Points {
		if drawable(m.N) && drawable(m.X) {
			xs, ys = append(xs, m.N), append(ys, 1.05*m.X)
		}
	}
	for _, l := range of.Law {
		xs, ys = append(xs, l.N), append(ys, 1.05*l.X)
	}
	if of.Refused != "" {
		c.Caption = "No fit: " + strings.ReplaceAll(of.Refused, "\n", "; ") + "."
	}
	if len(xs) == 1 {
		c.Missing = "No point can be drawn."
		return c
	}
	height := px(lowHeight)
	if wide {
		height = wideHeight
	}
	y := linearScale(ys, float64(height-axisMargin), topMargin)
	ticks := y.ticks(plain, down)
	c.frame(wide, tickLabels(ticks))
	x := linearScale(xs, float64(c.Left), float64(c.Right))
	c.X, c.Y = axis{of.Of, x.ticks(plain, across), x, 1}, axis{"calls/s", ticks, y, 1}
	for _, m := range of.Points {
		if drawable(m.N) && drawable(m.X) {
			c.dot(name, point{x.at(m.N), y.at(m.X)}, fmt.Sprintf("measured at %s %s: %s", format.Digits(m.N, 4), of.Of,
				format.Rate(m.X)))
		}
	}
	if of.Fit != nil {
		c.law(name, of.Law, x, y)
		c.peak(name, of, x, y)
	}
	return c
}

// law draws a law, dashed where it is extrapolated beyond the points.
func (c *chart) law(name string, law []usl.CurvePoint, x, y *scale) {
	var within, beyond []point
	for _, l := range law {
		at := point{x.at(l.N), y.at(l.X)}
		switch {
		case !l.Extrapolated:
			within = append(within, at)
		case len(within) > 0:
			beyond = append(beyond, at)
		}
	}
	if n := len(within); n > 0 {
		beyond = slices.Insert(beyond, 0, within[n-1])
	}
	c.line("law "+name, within, "the law")
	c.line("beyond "+name, beyond, "the law, extrapolated")
	c.Legend = []key{{"law " + name, "the law, amid the points"}}
	c.Caption = "A point is a visit. The law is fitted to the medians of the visits."
	if len(beyond) > 1 {
		c.Legend = append(c.Legend, key{"beyond " + name, "extrapolated"})
		c.Caption += " Where the law is dashed, it is extrapolated and nothing was measured."
	}
}

// peak draws the peak of a law, with its intervals.
func (c *chart) peak(name string, of *fleet.Curve, x, y *scale) {
	top, n, most := of.Fit.Greatest, of.Fit.PeakInterval, of.Fit.GreatestInterval
	if n == nil {
		c.Caption += " The points show no peak, so the law is not drawn beyond them."
		return
	}
	what := fmt.Sprintf("the peak, %s at %s %s", format.Rate(top.X), format.Digits(top.N, 3), of.Of)
	c.Caption += " The hollow circle is " + what + ", with a cross for its 95% intervals."
	at := point{x.at(top.N), y.at(top.X)}
	c.Shapes = append(c.Shapes,
		shape{Kind: "mark", Class: "line edge " + name, X: x.at(n.Low), Y: at.y, X2: x.at(n.High), Y2: at.y,
			Label: what},
		shape{Kind: "mark", Class: "line edge " + name, X: at.x, Y: y.at(most.High), X2: at.x, Y2: y.at(most.Low),
			Label: what},
		shape{Kind: "dot", Class: name, X: at.x, Y: at.y, Hollow: true, Label: what})
}
