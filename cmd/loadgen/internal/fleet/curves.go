package fleet

import (
	"cmp"
	"slices"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
)

// A Curve is what is drawn for an arm: the measured latency against throughput,
// and the law by which throughput grows with concurrency.
type Curve struct {
	Arm string `json:"arm"`
	// Latencies are the latencies of probes, in the order of their rates.
	Latencies []Latency `json:"latencies,omitempty"`

	// Of is what the concurrency of the law counts, such as workers or GOMAXPROCS. It is empty
	// if no concurrency was varied.
	Of       string           `json:"of,omitempty"`
	Points   []usl.Point      `json:"points,omitempty"` // one per visit, by concurrency
	Fit      *usl.Fit         `json:"fit,omitempty"`
	Law      []usl.CurvePoint `json:"law,omitempty"`
	Refused  string           `json:"refused,omitempty"` // why there is no fit
	Warnings []string         `json:"warnings,omitempty"`
}

// A Latency is the mean latency of the calls of a probe, from due to ended. By Little's law it is the number of calls
// in the system divided by the rate at which calls ended.
type Latency struct {
	Offered  float64 `json:"offered"`  // calls per second
	Achieved float64 `json:"achieved"` // calls per second
	Mean     float64 `json:"mean_latency_seconds"`
}

// seed is the seed of the bootstrap of a law, which makes the plan of a file reproducible.
const seed = 1

// steps is the number of steps of a drawn law.
const steps = 100

// curves returns the curves of the arms that have any.
func (f *file) curves(arms []Capacity) (curves []Curve) {
	for _, a := range arms {
		c := Curve{Arm: a.Arm}
		for _, p := range f.Probes {
			if e := &p.Evidence; e.Arm == a.Arm && e.Limited == "" && e.Achieved > 0 && p.InSystem > 0 {
				c.Latencies = append(c.Latencies, Latency{e.Rate, e.Achieved, p.InSystem / e.Achieved})
			}
		}
		slices.SortStableFunc(c.Latencies, func(a, b Latency) int { return cmp.Compare(a.Offered, b.Offered) })
		if i := slices.IndexFunc(f.Scaling, func(s scaling) bool { return s.Arm == a.Arm }); i >= 0 {
			c.fit(&f.Scaling[i])
		}
		if len(c.Latencies) > 0 || c.Of != "" {
			curves = append(curves, c)
		}
	}
	return curves
}

// Fitted returns the curve of throughputs that were measured at several degrees of concurrency, which of names.
func Fitted(arm, of string, points []usl.Point) Curve {
	c := Curve{Arm: arm}
	c.fit(&scaling{Arm: arm, Of: of, Points: points})
	return c
}

// fit sets the points and the law that fits them.
func (c *Curve) fit(s *scaling) {
	c.Of, c.Points = s.Of, s.Points
	if c.Of == "" {
		c.Of = "workers"
	}
	fit, err := usl.New(s.Points, seed)
	if err != nil {
		c.Refused = err.Error()
		return
	}
	c.Fit, c.Law, c.Warnings = fit, fit.Curve(steps), fit.Warnings()
}
