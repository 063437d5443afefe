package quantiles

import (
	"context"
	"encoding"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
)

// visits returns the number of visits: one for every estimator, data set and round.
func (p *Plan) visits() int { return len(p.arms()) * len(p.Data) * p.Rounds }

// arms returns the arms to measure, including the anchor.
func (p *Plan) arms() []Arm {
	named := func(a Arm) bool { return a.Name == p.Anchor.Name }
	if p.Anchor.Name == "" || slices.ContainsFunc(p.Arms, named) {
		return p.Arms
	}
	return append(slices.Clip(p.Arms), p.Anchor)
}

// Measure measures a plan. It measures one data set after the other, so that only one is in
// memory. On each, every round visits all estimators in random order. Measure shows
// on shown what it does. It returns an error if ctx ends, if the plan is not valid, or if an estimator cannot be
// created or encoded.
//
// If ctx ends, Measure returns immediately, even if an estimator is busy. The current visit then continues to its end
// in the background.
func Measure(ctx context.Context, p *Plan, shown *terminal.Progress) (*Report, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	shown.Begin(terminal.Stage{Steps: p.visits(), Noun: "visit"})
	defer shown.End()
	done := make(chan error, 1)
	var r *Report
	go func() {
		// The clock belongs to a thread.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		measured, err := p.report(ctx, shown)
		r = measured
		done <- err
	}()
	select {
	case err := <-done:
		return r, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A watcher is told what is being done, as a terminal.Progress is.
type watcher interface {
	Next(title, what string, takes time.Duration)
	Doing(what string) (done func())
}

var _ watcher = (*terminal.Progress)(nil)

// report measures all data sets.
func (p *Plan) report(ctx context.Context, shown watcher) (*Report, error) {
	r := &Report{Schema: Schema, Kind: "quantiles", Clock: p.Clock.Name, Rounds: p.Rounds, Seed: p.Seed,
		Shards: p.Shards,
		Anchor: p.Anchor.Name, Quantiles: p.Quantiles, Limits: p.Limits}
	for i, d := range p.Data {
		random := rand.New(rand.NewPCG(p.Seed, uint64(i)))
		set, err := p.measure(ctx, d, random, shown)
		if err != nil {
			return nil, err
		}
		r.Sets = append(r.Sets, *set)
	}
	r.Recommendation = recommend(r)
	return r, nil
}

// measure measures all rounds on one data set. random determines the order of each round and the seeds of the
// estimators.
func (p *Plan) measure(ctx context.Context, d Data, random *rand.Rand, shown watcher) (*Set, error) {
	values, truth := makeValues(d, shown)
	set := &Set{Name: d.Name, About: d.About, N: len(values)}
	for _, q := range p.Quantiles {
		if enough(len(values), q) {
			set.Points = append(set.Points, newPoint(q, truth.Sorted()))
		} else {
			set.Refused = append(set.Refused, Refusal{q, quantile.SamplesFor(q)})
		}
	}
	arms := p.arms()
	samples := make([][]sample, len(arms)) // by arm and round
	for round := range p.Rounds {
		for _, i := range random.Perm(len(arms)) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			shown.Next(fmt.Sprintf("round %d of %d", round+1, p.Rounds), arms[i].Name+" on "+d.Name, 0)
			s, err := p.visit(arms[i].from(random), values, set.Points)
			if err != nil {
				return nil, fmt.Errorf("%s on %s: %w", arms[i].Name, d.Name, err)
			}
			samples[i] = append(samples[i], *s)
		}
	}
	anchor := slices.IndexFunc(arms, func(a Arm) bool { return a.Name == p.Anchor.Name })
	for i, a := range p.Arms {
		c := newCell(a.Name, samples[i], set.Points, truth)
		c.measureOnly = a.MeasureOnly
		if anchor >= 0 {
			c.TimesAnchor = ratio(samples[i], samples[anchor])
		}
		set.Cells = append(set.Cells, c)
	}
	return set, nil
}

// makeValues returns the values of a data set, and the estimator that has them all.
func makeValues(d Data, shown watcher) (values []time.Duration, truth *quantile.Exact) {
	defer shown.Doing("making and sorting the values of " + d.Name)()
	values = d.Make()
	truth = quantile.NewExact(len(values))
	for _, v := range values {
		truth.Add(v)
	}
	truth.Sorted()
	return values, truth
}

// A sample holds the measurements of one visit, in nanoseconds.
type sample struct {
	insert, firstRead, query, merge float64
	mergeErr                        error
	state, serialized               int
	answers                         []time.Duration // at the points of the set
	rms                             []float64       // rank errors of a sampler at these points
}

// A maker creates empty estimators of an arm, each with its own seed.
type maker func() (quantile.Estimator, error)

// from returns a maker of estimators whose seeds come from random.
func (a *Arm) from(random *rand.Rand) maker {
	return func() (quantile.Estimator, error) {
		return a.New(max(random.Uint64(), 1)) // 0 means no seed
	}
}

const (
	insertions = 50_000 // insertions to time at once, with at most so many estimators:
	mostAtOnce = 25
	// Cached quantiles are queried repeatedly until the time or the number of queries is reached.
	queryFor  = 100 * time.Microsecond
	mostReads = 1024
)

// fiveQuantiles are the quantiles of timed queries.
var fiveQuantiles = [...]float64{0.5, 0.9, 0.99, 0.999, 0.9999}

// visit measures an arm once. The garbage collector runs before each timing.
func (p *Plan) visit(arm maker, values []time.Duration, points []Point) (*sample, error) {
	estimators, err := fresh(arm, min(max(insertions/len(values), 1), mostAtOnce))
	if err != nil {
		return nil, err
	}
	var s sample
	perOne := float64(len(estimators))
	s.insert = p.timed(func() {
		for _, e := range estimators {
			insert(e, values)
		}
	}) / perOne / float64(len(values))
	last := estimators[len(estimators)-1]
	s.state = stateBytes(last)
	s.firstRead = p.timed(func() {
		for _, e := range estimators {
			e.Quantile(fiveQuantiles[0])
		}
	}) / perOne
	s.query = p.query(last)
	for i := range points {
		s.answers = append(s.answers, last.Quantile(points[i].Q))
	}
	if d, ok := last.(sampler); ok {
		for i := range points {
			s.rms = append(s.rms, d.RankError(points[i].Q))
		}
	}
	s.state = max(s.state, stateBytes(last))
	if m, ok := last.(encoding.BinaryMarshaler); ok {
		data, err := m.MarshalBinary()
		if err != nil {
			return nil, err
		}
		s.serialized = len(data)
	}
	s.merge, s.mergeErr, err = p.merge(arm, values)
	return &s, err
}

// insert adds all values through the interface, which is the same call for every estimator. It
// is not inlined, so that the compiler cannot know the estimator.
//
//go:noinline
func insert(e quantile.Estimator, values []time.Duration) {
	for _, v := range values {
		e.Add(v)
	}
}

// timed returns how long f took, in nanoseconds, after a garbage collection.
func (p *Plan) timed(f func()) float64 {
	runtime.GC()
	start := p.Clock.Now()
	f()
	return float64(max(p.Clock.Now()-start, 0))
}

// query returns how long five quantiles take that were queried before.
func (p *Plan) query(e quantile.Estimator) float64 {
	read := func() {
		for _, q := range fiveQuantiles {
			e.Quantile(q)
		}
	}
	read()
	for times := 1; ; times *= 2 {
		took := p.timed(func() {
			for range times {
				read()
			}
		})
		if took >= float64(queryFor) || times >= mostReads {
			return took / float64(times)
		}
	}
}

// merge returns how long it takes to merge one shard into an estimator, and the reason if the estimator refuses it.
// Values are dealt to the shards in turn.
func (p *Plan) merge(arm maker, values []time.Duration) (took float64, refused, err error) {
	shards, err := fresh(arm, min(p.Shards, len(values))+1)
	if err != nil {
		return 0, nil, err
	}
	into, shards := shards[0], shards[1:]
	for i, s := range shards {
		for j := i; j < len(values); j += len(shards) {
			s.Add(values[j])
		}
	}
	took = p.timed(func() {
		for _, s := range shards {
			if refused = into.Merge(s); refused != nil {
				return
			}
		}
	})
	return took / float64(len(shards)), refused, nil
}

// fresh returns n empty estimators.
func fresh(arm maker, n int) ([]quantile.Estimator, error) {
	list := make([]quantile.Estimator, n)
	for i := range list {
		e, err := arm()
		if err != nil {
			return nil, err
		}
		list[i] = e
	}
	return list, nil
}

// stateBytes returns the size of an estimator, or 0 if it does not report its size.
func stateBytes(e quantile.Estimator) int {
	if s, ok := e.(quantile.Sizer); ok {
		return s.StateBytes()
	}
	return 0
}

// newCell summarizes the samples of all rounds.
func newCell(name string, samples []sample, points []Point, truth *quantile.Exact) Cell {
	c := Cell{Estimator: name}
	c.Insert = newTiming(samples, func(s *sample) float64 { return s.insert })
	c.FirstRead = newTiming(samples, func(s *sample) float64 { return s.firstRead })
	c.Query = newTiming(samples, func(s *sample) float64 { return s.query })
	c.Merge = newTiming(samples, func(s *sample) float64 { return s.merge })
	for _, s := range samples {
		c.StateBytes, c.Serialized = max(c.StateBytes, s.state), max(c.Serialized, s.serialized)
		if s.mergeErr != nil {
			c.Merge, c.MergeError = Timing{}, s.mergeErr.Error()
		}
	}
	if samples[0].rms != nil {
		c.Draws = len(samples)
	}
	for i := range points {
		estimates, rms := make([]time.Duration, len(samples)), make([]float64, len(samples))
		for round, s := range samples {
			estimates[round] = s.answers[i]
			if s.rms != nil {
				rms[round] = s.rms[i]
			}
		}
		c.Answers = append(c.Answers, points[i].worst(truth, estimates, rms))
	}
	return c
}

// newTiming returns the timing of one figure of samples.
func newTiming(samples []sample, figure func(*sample) float64) Timing {
	var rounds []float64
	for i := range samples {
		rounds = append(rounds, figure(&samples[i]))
	}
	return timing(rounds)
}

// timing returns the timing of the values of all rounds.
func timing(rounds []float64) Timing {
	return Timing{results.Median(rounds), slices.Min(rounds), slices.Max(rounds), rounds}
}

// ratio returns the insertion time of an arm divided by the insertion time of the anchor, within
// each round, in which a slowdown of the machine affects both. It is empty
// if the clock was too coarse.
func ratio(samples, anchor []sample) Timing {
	var by []float64
	for i := range samples {
		if anchor[i].insert > 0 {
			by = append(by, samples[i].insert/anchor[i].insert)
		}
	}
	if len(by) == 0 {
		return Timing{}
	}
	return timing(by)
}
