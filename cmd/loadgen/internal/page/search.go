package page

import (
	"fmt"
	"math"
	"slices"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/fleet"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// A searchChart shows what a search decided on: the objective's own quantity in each probe, against the objective's
// line.
type searchChart struct {
	Arm, About, Colour string
	Plot               *plot
}

// drawable reports whether x can be a coordinate of a scale, since a file may hold any number.
func drawable(x float64) bool { return x >= 1e-6 && x <= 1e18 }

// search sets the charts and the table of the probes. All charts have the same axes.
func (d *planPage) search(p *fleet.Plan, looks map[string]look) {
	var searches []fleet.Search
	var xs, ys []float64
	for _, s := range p.Searches {
		d.Probes = addProbes(d.Probes, s)
		known := false
		for _, v := range s.Probes {
			if drawable(v.Rate) && v.Known && v.Value >= 0 {
				known = true
				xs = append(xs, v.Rate)
				if drawable(v.Value) {
					ys = append(ys, v.Value)
				}
			}
		}
		if known && drawable(s.Limit) {
			searches = append(searches, s)
			ys = append(ys, s.Limit, 2*s.Limit)
			d.Objective = s.SLO
		}
	}
	if len(searches) == 0 {
		d.Missing = "There is no search to draw: no probe has the quantity of its objective. Results of loadgen " +
			"capacity have it, but --capacity has not."
		return
	}
	for _, a := range p.Arms {
		xs = append(xs, a.Low, a.High)
	}
	x, y := logScale(xs, 30, extent-30), logScale(ys, extent-40, 40)
	for _, s := range searches {
		i := slices.IndexFunc(p.Arms, func(a fleet.ArmPlan) bool { return a.Arm == s.Arm })
		var capacity *fleet.ArmPlan
		if i >= 0 {
			capacity = &p.Arms[i]
		}
		d.Searches = append(d.Searches, newSearchChart(&s, capacity, looks[bare(s.Arm)], x, y))
	}
}

// newSearchChart returns the chart of a search. Capacity is nil if the plan leaves out the arm.
func newSearchChart(s *fleet.Search, capacity *fleet.ArmPlan, l look, x, y *scale) searchChart {
	c := searchChart{Arm: bare(s.Arm), Colour: l.Colour(), About: "no capacity: " + s.Why}
	p := &plot{Height: 240, Wide: true, Label: fmt.Sprintf("%s of each probe of %s by rate, against the objective",
		s.SLO, c.Arm)}
	c.Plot = p
	if capacity != nil {
		c.About = capacityLine(p, &capacity.Capacity, l, x)
	}
	limit := y.at(s.Limit)
	p.add("limit", "M0 "+limit.String()+"H1000")
	p.write("objective", place("top", limit), "objective "+s.SLO)
	for _, v := range s.Probes {
		if !v.Known || !drawable(v.Rate) || math.IsNaN(v.Value) {
			continue
		}
		at := point{x.at(v.Rate), y.at(min(v.Value, y.hi))}
		switch {
		case v.Limited != "":
			p.Texts = append(p.Texts, label{Class: "mark", Style: both(at), Text: "×", Full: v.Limited})
		case v.Held:
			p.add("dot "+l.Colour(), spot(at))
		default:
			p.add("dot "+l.Colour(), spot(at))
			p.add("dot core", spot(at))
		}
	}
	write := roundTime
	if s.Share {
		write = format.Given
	}
	p.axes(x.ticks(plain, 7), y.ticks(write, 7), "calls/s")
	return c
}

// capacityLine draws the capacity of an arm as a vertical line in a band for its interval, and returns it in words.
func capacityLine(p *plot, a *fleet.Capacity, l look, x *scale) string {
	if low, high := x.at(a.Low), x.at(a.High); high > low {
		p.add("band "+l.Colour(), "M"+low.String()+" 0H"+high.String()+"V1000H"+low.String()+"Z")
	}
	at := x.at(a.Holds).String()
	p.add("ln hi "+l.Colour(), "M"+at+" 0V1000")
	if a.Bound {
		return fmt.Sprintf("holds at %s or more; the plan is for %s", format.Rate(a.Holds), format.Rate(a.Told))
	}
	return fmt.Sprintf("capacity %s, 95%% interval %s to %s shaded; the plan is for %s", format.Rate(a.Holds),
		format.PerSecond(a.Low), format.PerSecond(a.High), format.Rate(a.Told))
}

// addProbes adds the probes of a search to a table.
func addProbes(t table, s fleet.Search) table {
	t.Header = []string{"", "offered /s", "achieved /s", "objective", "measured", "result", "mean latency"}
	for _, v := range s.Probes {
		measured, result := format.None, "missed"
		if v.Known {
			measured = format.Time(v.Value)
			if s.Share {
				measured = format.Percent(v.Value)
			}
		}
		if v.Held {
			result = "held"
		}
		mean := format.None
		if v.Mean > 0 {
			mean = format.Time(v.Mean * 1e9)
		}
		r := line{Name: bare(s.Arm), Fields: fields(format.PerSecond(v.Rate), format.PerSecond(v.Achieved), s.SLO,
			measured, result, mean)}
		if v.Limited != "" {
			r.Fields[4] = field{Text: "× " + v.Limited, Class: "why"}
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}
