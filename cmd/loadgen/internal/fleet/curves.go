package fleet

import (
	"cmp"
	"slices"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
)

// A Curve is what there is to draw of an arm: latency over throughput as it was measured,
// and the law of how throughput grows with concurrency.
type Curve struct {
	Arm string `json:"arm"`
	// Latencies are of throughput, by probe, in the order of their rates.
	Latencies []Latency `json:"latencies,omitempty"`

	// Of is what the concurrency of the law counts: workers, or GOMAXPROCS. It is empty
	// if none was varied.
	Of       string           `json:"of,omitempty"`
	Points   []usl.Point      `json:"points,omitempty"` // one a visit, by concurrency
	Fit      *usl.Fit         `json:"fit,omitempty"`
	Law      []usl.CurvePoint `json:"law,omitempty"`
	Refused  string           `json:"refused,omitempty"` // why there is no fit
	Warnings []string         `json:"warnings,omitempty"`
}

// A Latency is what calls took in a probe, in the mean from due to ended: by Little's law
// those in the system over those that ended in a second.
type Latency struct {
	Offered  float64 `json:"offered"`  // calls a second
	Achieved float64 `json:"achieved"` // calls a second
	Mean     float64 `json:"mean_latency_seconds"`
}

// seed of the bootstrap of a law, so that a plan of one file is always the same.
const seed = 1

// steps of a drawn law.
const steps = 100

// curves are of the arms that have any.
func (f *file) curves(arms []Capacity) (all []Curve) {
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
			all = append(all, c)
		}
	}
	return all
}

// Fitted is the curve of throughputs that were measured at several degrees of concurrency;
// of is what it counts.
func Fitted(arm, of string, points []usl.Point) Curve {
	c := Curve{Arm: arm}
	c.fit(&scaling{Arm: arm, Of: of, Points: points})
	return c
}

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
