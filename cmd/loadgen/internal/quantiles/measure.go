package quantiles

import (
	"context"
	"encoding"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
)

// Visits is how often Measure calls next: once for every estimator, data set and
// round.
func (p *Plan) Visits() int { return len(p.arms()) * len(p.Data) * p.Rounds }

// arms are those to measure: the anchor among them.
func (p *Plan) arms() []Arm {
	named := func(a Arm) bool { return a.Name == p.Anchor.Name }
	if p.Anchor.Name == "" || slices.ContainsFunc(p.Arms, named) {
		return p.Arms
	}
	return append(slices.Clip(p.Arms), p.Anchor)
}

// Measure carries out a plan. Data sets follow one another, so that one alone is in
// memory; on each, every round visits all estimators in an order of its own. Next is
// called with what begins. An interruption by ctx, a plan that is not valid, and an
// estimator that cannot be made or encoded are errors.
//
// An interruption ends it at once, whatever an estimator is busy with; what was under way
// then ends with its visit, unseen.
func Measure(ctx context.Context, p *Plan, next func(what string)) (*Report, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	begins, done := make(chan string), make(chan error, 1)
	var r *Report
	go func() {
		// The clock is that of a thread.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		measured, err := p.report(ctx, func(what string) {
			select {
			case begins <- what:
			case <-ctx.Done():
			}
		})
		r = measured
		done <- err
	}()
	for {
		select {
		case what := <-begins:
			next(what)
		case err := <-done:
			return r, err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// report measures all data sets.
func (p *Plan) report(ctx context.Context, next func(string)) (*Report, error) {
	r := &Report{Schema: Schema, Clock: p.Clock.Name, Rounds: p.Rounds, Seed: p.Seed, Shards: p.Shards,
		Anchor: p.Anchor.Name, Quantiles: p.Quantiles, Limits: p.Limits}
	for i, d := range p.Data {
		random := rand.New(rand.NewPCG(p.Seed, uint64(i)))
		set, err := p.measure(ctx, d, random, next)
		if err != nil {
			return nil, err
		}
		r.Sets = append(r.Sets, *set)
	}
	r.Recommendation = recommend(r)
	return r, nil
}

// measure is all rounds on one data set. The order of each, and the seeds of the
// estimators, come from random.
func (p *Plan) measure(ctx context.Context, d Data, random *rand.Rand, next func(string)) (*Set, error) {
	values := d.Make()
	truth := quantile.NewExact(len(values))
	for _, v := range values {
		truth.Add(v)
	}
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
	for range p.Rounds {
		for _, i := range random.Perm(len(arms)) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			next(arms[i].Name + " on " + d.Name)
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

// A sample is what one visit measured, in nanoseconds.
type sample struct {
	insert, firstRead, query, merge float64
	mergeErr                        error
	state, serialized               int
	answers                         []time.Duration // to the points of the set
	rms                             []float64       // what a sampler's rank errors are, at these points
}

// A maker makes empty estimators of an arm, each with a seed of its own.
type maker func() (quantile.Estimator, error)

func (a *Arm) from(random *rand.Rand) maker {
	return func() (quantile.Estimator, error) {
		return a.New(max(random.Uint64(), 1)) // 0 stands for no seed
	}
}

const (
	insertions = 50_000 // are timed at once, if so few estimators do for it:
	mostAtOnce = 25
	// Cached quantiles are asked for again and again until it took so long, or so often.
	queryFor  = 100 * time.Microsecond
	mostReads = 1024
)

// fiveQuantiles are those that reading is timed with.
var fiveQuantiles = [...]float64{0.5, 0.9, 0.99, 0.999, 0.9999}

// visit measures an arm once. The garbage collector runs before each timing.
func (p *Plan) visit(arm maker, values []time.Duration, points []Point) (*sample, error) {
	all, err := fresh(arm, min(max(insertions/len(values), 1), mostAtOnce))
	if err != nil {
		return nil, err
	}
	var s sample
	perOne := float64(len(all))
	s.insert = p.timed(func() {
		for _, e := range all {
			insert(e, values)
		}
	}) / perOne / float64(len(values))
	last := all[len(all)-1]
	s.state = stateBytes(last)
	s.firstRead = p.timed(func() {
		for _, e := range all {
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

// insert adds all values through the interface, the same call for every estimator. It
// is not inlined, so that the compiler cannot learn which estimator it is.
//
//go:noinline
func insert(e quantile.Estimator, values []time.Duration) {
	for _, v := range values {
		e.Add(v)
	}
}

// timed is how long f took, in nanoseconds, on a heap that was just swept.
func (p *Plan) timed(f func()) float64 {
	runtime.GC()
	start := p.Clock.Now()
	f()
	return float64(max(p.Clock.Now()-start, 0))
}

// query is how long five quantiles take that were asked for before.
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

// merge is how long it takes to merge one shard into an estimator, and why it is
// refused if it is. Values are dealt out to the shards one by one.
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

func fresh(arm maker, n int) ([]quantile.Estimator, error) {
	all := make([]quantile.Estimator, n)
	for i := range all {
		e, err := arm()
		if err != nil {
			return nil, err
		}
		all[i] = e
	}
	return all, nil
}

// stateBytes is 0 of an estimator that does not tell.
func stateBytes(e quantile.Estimator) int {
	if s, ok := e.(quantile.Sizer); ok {
		return s.StateBytes()
	}
	return 0
}

// newCell sums up the samples of all rounds.
func newCell(name string, all []sample, points []Point, truth *quantile.Exact) Cell {
	c := Cell{Estimator: name}
	c.Insert = newTiming(all, func(s *sample) float64 { return s.insert })
	c.FirstRead = newTiming(all, func(s *sample) float64 { return s.firstRead })
	c.Query = newTiming(all, func(s *sample) float64 { return s.query })
	c.Merge = newTiming(all, func(s *sample) float64 { return s.merge })
	for _, s := range all {
		c.StateBytes, c.Serialized = max(c.StateBytes, s.state), max(c.Serialized, s.serialized)
		if s.mergeErr != nil {
			c.Merge, c.MergeError = Timing{}, s.mergeErr.Error()
		}
	}
	if all[0].rms != nil {
		c.Draws = len(all)
	}
	for i := range points {
		estimates, rms := make([]time.Duration, len(all)), make([]float64, len(all))
		for round, s := range all {
			estimates[round] = s.answers[i]
			if s.rms != nil {
				rms[round] = s.rms[i]
			}
		}
		c.Answers = append(c.Answers, points[i].worst(truth, estimates, rms))
	}
	return c
}

func newTiming(all []sample, of func(*sample) float64) Timing {
	var rounds []float64
	for i := range all {
		rounds = append(rounds, of(&all[i]))
	}
	return timing(rounds)
}

func timing(rounds []float64) Timing {
	return Timing{results.Median(rounds), slices.Min(rounds), slices.Max(rounds), rounds}
}

// ratio is how many times as long as the anchor an arm takes to insert a value, within
// each round: what slows down the machine for longer than that slows both. There is
// none if the clock was too coarse.
func ratio(all, anchor []sample) Timing {
	var by []float64
	for i := range all {
		if anchor[i].insert > 0 {
			by = append(by, all[i].insert/anchor[i].insert)
		}
	}
	if len(by) == 0 {
		return Timing{}
	}
	return timing(by)
}
