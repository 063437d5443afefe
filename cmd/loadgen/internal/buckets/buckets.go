// Package buckets chooses the bounds of a histogram of Prometheus for the latencies at hand.
//
// A quantile that histogram_quantile reads back is exact at a bound and interpolated between two of them, so its error
// depends on the ends of one bucket alone. The error of several quantiles, while latencies drift, is then a sum over
// buckets, and dynamic programming finds the bounds with the least sum among all round numbers. (Jagadish et al., VLDB
// 1998, have the same idea for summaries of data.) The bounds come from the data. Distributions are fitted to them as
// well, but only to tell how well they fit: one that is wrong in the tail would mislead.
package buckets

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/scrape"
	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/quantile"
)

// A Sample is latencies whose quantiles are known.
type Sample struct {
	Name, About string
	values      []time.Duration   // in ascending order
	counted     *scrape.Histogram // what the values were spread from, or nil if they were measured one by one
	fitted      *Fit              // the distribution that they were spread as, or nil if they were spread evenly
}

// NewSample returns a sample of values, which it keeps and sorts.
func NewSample(name, about string, values []time.Duration) *Sample {
	slices.Sort(values)
	return &Sample{Name: name, About: about, values: values}
}

// N returns the number of values.
func (x *Sample) N() int { return len(x.values) }

// Quantile returns the exact quantile q.
func (x *Sample) Quantile(q float64) time.Duration {
	return x.values[quantile.Rank(q, uint64(len(x.values)))-1]
}

// within returns how many values are at most ns.
func (x *Sample) within(ns float64) float64 {
	return float64(sort.Search(len(x.values), func(i int) bool { return float64(x.values[i]) > ns }))
}

// Share returns the share of the values that are at most d.
func (x *Sample) Share(d time.Duration) float64 { return x.within(float64(d)) / float64(len(x.values)) }

// mostBuckets is the largest number of bounds that can be asked for. Each is a time series per set of labels.
const mostBuckets = 100

// Options say which bounds are wanted.
type Options struct {
	Quantiles []float64    // quantiles whose errors are to be small
	SLOs      []record.SLO // objectives whose thresholds must be bounds
	Buckets   int          // number of bounds
	Drift     float64      // latencies may become this many times shorter or longer
	Before    []Scheme     // what the chosen bounds are compared with
}

// Check returns everything that is wrong with the options. It adds the quantiles of the objectives to Quantiles, and
// sorts them.
func (o *Options) Check() error {
	var errs []error
	if o.Buckets < 1 || o.Buckets > mostBuckets {
		errs = append(errs, fmt.Errorf("--buckets: %d bounds: want 1 to %d", o.Buckets, mostBuckets))
	}
	if !(o.Drift >= 1 && o.Drift <= 100) {
		errs = append(errs, fmt.Errorf("--drift: a factor of %v: want 1, for latencies that stay as they are, to 100",
			o.Drift))
	}
	for _, s := range o.SLOs {
		if s.IsShare() || s.Metric() == "mean" {
			errs = append(errs, fmt.Errorf("--slo: %s has no threshold of latency: want one such as p99 < 250ms", s))
		} else if q := s.Quantile(); q > 0 {
			o.Quantiles = append(o.Quantiles, q)
		}
	}
	slices.Sort(o.Quantiles)
	o.Quantiles = slices.Compact(o.Quantiles)
	if n := len(o.exactly()); n > o.Buckets {
		errs = append(errs, fmt.Errorf("--slo: %s, and %s in all: want more --buckets", format.Plural(n, "threshold"),
			format.Plural(o.Buckets, "bound")))
	}
	if len(o.Quantiles) == 0 {
		errs = append(errs, errors.New("--quantiles: there are none: want a list such as p50,p95,p99"))
	}
	return errors.Join(errs...)
}

// exactly returns the thresholds of the objectives in ascending order.
func (o *Options) exactly() (thresholds []time.Duration) {
	for _, s := range o.SLOs {
		thresholds = append(thresholds, time.Duration(s.Limit()))
	}
	slices.Sort(thresholds)
	return slices.Compact(thresholds)
}

// Check returns an error for the quantiles that a sample cannot state: it has too few values, or they are 0, or beyond
// the last bound of the histogram that it was read from.
func (x *Sample) Check(quantiles []float64) error {
	n, beyond := float64(x.N()), 0.0
	if x.counted != nil {
		n = x.counted.Count()
		if last := x.counted.Buckets[len(x.counted.Buckets)-1]; math.IsInf(last.High, 1) {
			beyond = last.Count / n
		}
	}
	var errs []error
	for _, q := range quantiles {
		name := record.PercentileName(q)
		switch needs := quantile.SamplesFor(q); {
		case n < float64(needs):
			errs = append(errs, fmt.Errorf("%s needs %s values, %s has %s: want more of them, or lower --quantiles",
				name, format.Count(needs), x.Name, format.Count(n)))
		case q > 1-beyond:
			last := x.counted.Buckets[len(x.counted.Buckets)-1]
			errs = append(errs, fmt.Errorf("%s is beyond the last bound of %s, %s, and so is unknown: want a run, or "+
				"lower --quantiles", name, x.counted.Metric, format.Duration(time.Duration(last.Low))))
		case x.Quantile(q) <= 0:
			errs = append(errs, fmt.Errorf("%s of %s is 0, and an error is a share of it: want other --quantiles",
				name, x.Name))
		}
	}
	return errors.Join(errs...)
}

// Choose returns the bounds that minimise the error of the quantiles, and how large it is with them and with the other
// schemes. The options, and their quantiles of the sample, must have been checked.
func Choose(x *Sample, o *Options) *Advice {
	bounds := boundsFor(x, o)
	a := newAdvice(x, o, bounds)
	for _, n := range numbers {
		less := *o
		if less.Buckets = n; n >= len(o.exactly()) {
			m := measure(x, o, Scheme{Bounds: boundsFor(x, &less)})
			a.Numbers = append(a.Numbers, Number{m.Buckets, math.Abs(worstOf(m.Errors).Error), m.Largest.Error})
		}
	}
	if len(bounds) < o.Buckets {
		a.Notes = append(a.Notes, fmt.Sprintf("there are only %s near the latencies",
			format.Plural(len(bounds), "round number")))
	}
	return a
}

// numbers are the numbers of bounds whose errors are told, so that a reader can weigh them against time series.
var numbers = []int{4, 6, 8, 10, 12, 16, 20}

// boundsFor returns the bounds that minimise the error of the quantiles: as many as the options ask for, unless there
// are fewer candidates.
func boundsFor(x *Sample, o *Options) []time.Duration {
	candidates, forced := candidatesOf(x, o)
	k := min(o.Buckets, len(candidates))
	bounds := make([]time.Duration, k)
	for i, c := range choose(newCosts(x, candidates, targetsOf(x, o.Quantiles, o.Drift)), forced, k) {
		bounds[i] = candidates[c]
	}
	return bounds
}

// longest is the longest duration that a bound may have, in ns. Up to it, numbers with two digits do not overflow.
const longest = 9e18

// room is how far above the highest quantile bounds may lie.
const room = 1.3

// candidatesOf returns the bounds to choose from in ascending order, and which of them must be chosen: numbers with
// two digits near the latencies and what they may become, and the thresholds of objectives. They are whole
// nanoseconds, so that their decimals are exact.
func candidatesOf(x *Sample, o *Options) (candidates []time.Duration, forced []bool) {
	lowest := float64(x.Quantile(min(0.001, o.Quantiles[0]))) / o.Drift
	highest := min(float64(x.Quantile(max(0.9995, o.Quantiles[len(o.Quantiles)-1])))*o.Drift*room, longest)
	thresholds := o.exactly()
	candidates = slices.Clone(thresholds)
	add := func(c uint64) {
		if float64(c) >= lowest && float64(c) <= highest {
			candidates = append(candidates, time.Duration(c))
		}
	}
	for c := range uint64(9) {
		add(1 + c)
	}
	for power := uint64(1); float64(power) <= highest/10; power *= 10 {
		for digits := range uint64(90) {
			add((10 + digits) * power)
		}
	}
	slices.Sort(candidates)
	candidates = slices.Compact(candidates)
	forced = make([]bool, len(candidates))
	for _, t := range thresholds {
		i, _ := slices.BinarySearch(candidates, t)
		forced[i] = true
	}
	return candidates, forced
}

// A drift is a factor that all latencies are multiplied by, and how much its errors count.
type drift struct{ scale, weight float64 }

// driftsOf returns the drifts that bounds are chosen for, from 1/factor to factor. Latencies as they are count most,
// and the ends half as much as the rest. With fewer steps, bounds would be good at these and bad between them.
func driftsOf(factor float64) (drifts []drift) {
	const steps, now = 6, 8 // steps to either side, and the weight of latencies as they are
	drifts = []drift{{1, now}}
	for i := 1; i <= steps && factor > 1; i++ {
		far := float64(i) / steps
		for _, scale := range []float64{math.Pow(factor, far), math.Pow(factor, -far)} {
			drifts = append(drifts, drift{scale, 1 - far/2})
		}
	}
	return drifts
}

// A target is a quantile under a drift, which the bounds should read back.
type target struct {
	rank   float64 // as histogram_quantile has it
	truth  float64 // ns
	scale  float64
	weight float64
}

// cost returns what an estimate of the target costs. Squares make one large error cost more than several small ones.
func (t *target) cost(estimate float64) float64 {
	e := off(estimate, t.truth)
	return t.weight * e * e
}

// targetsOf returns the targets of quantiles under all drifts, those of one drift after those of another.
func targetsOf(x *Sample, quantiles []float64, factor float64) (targets []target) {
	for _, d := range driftsOf(factor) {
		for _, q := range quantiles {
			targets = append(targets, target{q * float64(x.N()), d.scale * float64(x.Quantile(q)), d.scale, d.weight})
		}
	}
	return targets
}

// ParseBounds parses lists of bounds: names of well-known lists, such as default,otel-http, or one list of ascending
// durations, such as 5ms,10ms, or seconds, such as 0.005,0.01.
func ParseBounds(text string) (schemes []Scheme, err error) {
	given := Scheme{Name: "given"}
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if i := slices.Index(Known(), part); i >= 0 {
			schemes = append(schemes, known[i])
			continue
		}
		d, err := parseBound(part)
		if err != nil {
			return nil, fmt.Errorf("%q%s: %w", part, spelling.Meant(part, Known()), err)
		}
		if n := len(given.Bounds); n > 0 && d <= given.Bounds[n-1] {
			return nil, fmt.Errorf("%q follows %v: want ascending bounds", part, given.Bounds[n-1])
		}
		given.Bounds = append(given.Bounds, d)
	}
	if given.Bounds != nil {
		schemes = append(schemes, given)
	}
	return schemes, nil
}

// known are the bounds that many services have.
var known = []Scheme{
	{Name: "default", Bounds: seconds(.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10)}, // of client_golang
	{Name: "otel-http", Bounds: seconds(.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10)},
	{Name: "decades", Bounds: seconds(.001, .005, .01, .025, .05, .1, .2, .5, 1, 2)}, // by hand, as articles have them
}

// Known returns the names of well-known lists of bounds.
func Known() (names []string) {
	for _, s := range known {
		names = append(names, s.Name)
	}
	return names
}

func seconds(list ...float64) (bounds []time.Duration) {
	for _, s := range list {
		bounds = append(bounds, time.Duration(math.Round(s*1e9)))
	}
	return bounds
}

// parseBound parses a bound, which is a duration or a number of seconds. It is at least 1 ns.
func parseBound(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		if d, err = time.ParseDuration(text + "s"); err != nil {
			return 0, fmt.Errorf("want %s, durations such as 5ms,10ms, or seconds such as 0.005,0.01",
				strings.Join(Known(), ", "))
		}
	}
	if d <= 0 {
		return 0, errors.New("want bounds above 0")
	}
	return d, nil
}
