package buckets

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// schema is the version of the JSON documents of this package.
const schema = 1

// Advice is the answer: which bounds to use, and how large the errors are with them and with others.
type Advice struct {
	Schema int    `json:"schema"`
	Kind   string `json:"kind"` // buckets
	Data   Data   `json:"data"`
	// Bounds are the chosen bounds, in seconds, as exposed by a service.
	Bounds []float64 `json:"bounds_s"`
	Drift  float64   `json:"drift"`
	// Schemes are compared: those that were there before, the chosen one, and a native histogram.
	Schemes    []Measured  `json:"schemes"`
	Numbers    []Number    `json:"numbers"`
	Objectives []Objective `json:"objectives"`
	Fits       []Fit       `json:"fits"`
	Notes      []string    `json:"notes"`

	bounds  []time.Duration
	sample  *Sample
	schemes []Scheme // those of Schemes
}

// Data describes a sample.
type Data struct {
	Name      string  `json:"name"`
	About     string  `json:"about"`
	Values    int     `json:"values"`
	Quantiles []Exact `json:"quantiles"`
}

// An Exact is a quantile of the data.
type Exact struct {
	Q     float64       `json:"q"`
	Value time.Duration `json:"value_ns"`
}

// A QuantileError is by how much an estimate of a quantile differs from the data's, as a share of it.
type QuantileError struct {
	Q     float64 `json:"q"`
	Error float64 `json:"error"`
}

// Measured is how large the errors of a scheme are.
type Measured struct {
	Name    string          `json:"name"`
	Bounds  []float64       `json:"bounds_s"` // null for a native histogram
	Buckets int             `json:"buckets"`  // that the data fall into; of a classic histogram all bounds
	Errors  []QuantileError `json:"quantiles"`
	Largest QuantileError   `json:"largest"` // of all quantiles, without sign, while latencies drift
	// Beyond is the share of the values beyond the last bound, whose quantiles are that bound.
	Beyond float64 `json:"beyond"`
}

// A Number is how large the errors are, without sign, with the best bounds of that number.
type Number struct {
	Bounds  int     `json:"bounds"`
	Error   float64 `json:"error"`         // of the quantile that is read worst
	Largest float64 `json:"largest_error"` // the same, while latencies drift
}

// An Objective is an objective whose threshold is a bound, so that the share within it is exact.
type Objective struct {
	SLO    string  `json:"slo"`
	Within float64 `json:"within"` // the share of the values that are at most the threshold
}

// chosenName is the name of the chosen bounds among the schemes.
const chosenName = "chosen"

func newAdvice(x *Sample, o *Options, bounds []time.Duration) *Advice {
	a := &Advice{Schema: schema, Kind: "buckets", Data: dataOf(x, o.Quantiles), Bounds: inSeconds(bounds),
		Drift: o.Drift, Numbers: []Number{}, Objectives: []Objective{}, Fits: []Fit{}, Notes: []string{},
		bounds: bounds, sample: x}
	schemes := o.Before
	if x.counted != nil && !x.counted.Native {
		a.Notes = append(a.Notes, fmt.Sprintf("where the latencies lie in the buckets of %s is not known: they were "+
			"%s, and the errors are no better than that", x.counted.Metric, how(x.counted, x.fitted)))
		if x.fitted != nil { // values that were spread evenly are what histogram_quantile guesses
			schemes = append([]Scheme{{Name: "now", Bounds: boundsOf(x.counted)}}, schemes...)
		}
	}
	a.schemes = slices.Concat(schemes, []Scheme{{Name: chosenName, Bounds: bounds}, native})
	for _, s := range a.schemes {
		a.Schemes = append(a.Schemes, measure(x, o, s))
	}
	for _, s := range o.SLOs {
		a.Objectives = append(a.Objectives, Objective{s.String(), to(1e-9, x.Share(time.Duration(s.Limit())))})
	}
	a.Fits = append(a.Fits, fitsOf(x, o.Quantiles)...)
	return a
}

func dataOf(x *Sample, quantiles []float64) Data {
	d := Data{Name: format.Printable(x.Name, ""), About: x.About, Values: x.N()}
	for _, q := range quantiles {
		d.Quantiles = append(d.Quantiles, Exact{q, x.Quantile(q)})
	}
	return d
}

// driftSteps is at how many drifts the largest error is looked for. They are others than those that bounds are chosen
// for.
const driftSteps = 21

// measure returns the errors of a scheme.
func measure(x *Sample, o *Options, s Scheme) Measured {
	m := Measured{Name: s.Name, Buckets: len(s.Bounds)}
	for _, q := range o.Quantiles {
		m.Errors = append(m.Errors, QuantileError{q, to(1e-7, off(s.estimate(x, q, 1), float64(x.Quantile(q))))})
		for i := range driftSteps {
			scale := math.Pow(o.Drift, 2*float64(i)/(driftSteps-1)-1)
			e := to(1e-7, math.Abs(off(s.estimate(x, q, scale), scale*float64(x.Quantile(q)))))
			if e > m.Largest.Error || m.Largest.Q == 0 {
				m.Largest = QuantileError{q, e}
			}
		}
	}
	if s.Bounds == nil {
		m.Buckets = s.used(x)
		return m
	}
	m.Bounds = inSeconds(s.Bounds)
	m.Beyond = to(1e-9, 1-x.Share(s.Bounds[len(s.Bounds)-1]))
	return m
}

// used returns how many buckets a native histogram of x would have.
func (s *Scheme) used(x *Sample) (n int) {
	factor := math.Exp2(math.Exp2(-float64(s.Schema)))
	for i := 0; i < len(x.values); n++ {
		value := float64(x.values[i]) / 1e9
		index := math.Ceil(math.Log(value) / math.Log(factor))
		next := int(x.within(math.Pow(factor, index) * 1e9))
		i = max(next, i+1)
	}
	return n
}

// inSeconds returns bounds in seconds. One division of whole numbers rounds once, so that 1.2 s is 1.2.
func inSeconds(bounds []time.Duration) (seconds []float64) {
	for _, b := range bounds {
		seconds = append(seconds, float64(b)/float64(time.Second))
	}
	return seconds
}

// scheme returns what was measured of the scheme with a name, or nil.
func (a *Advice) scheme(name string) *Measured {
	for i := range a.Schemes {
		if a.Schemes[i].Name == name {
			return &a.Schemes[i]
		}
	}
	return nil
}
