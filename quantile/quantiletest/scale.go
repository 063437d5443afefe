package quantiletest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// This file holds the rules of counts: of few values, where every rank shows, and of many.

// checkRanks checks estimators of few values, of which a quantile that is one rank off is
// seen: n and q at which q*n is whole, just below it and just above.
func checkRanks(claims Claims, fresh func() quantile.Estimator) error {
	var errs []error
	for _, n := range []int{1, 2, 3, 9, 10, 20, 99, 100, 101, 255, 256, 257, 1000} {
		data := ramp(n)
		for _, d := range [][]time.Duration{data, shuffled(data), reversed(data)} {
			if err := claims.ofFew(n).judgeAt(fill(fresh(), d), exact(d), stepsOf(n)); err != nil {
				errs = append(errs, fmt.Errorf("%d values: %w", n, err))
				break
			}
		}
	}
	return errors.Join(errs...)
}

// ofFew is what is claimed of n values that are far apart: one that claims an error in ranks may
// interpolate between two of them, and lie up to one rank from either.
func (c Claims) ofFew(n int) Claims {
	few := c
	few.RankAt = func(q float64) float64 {
		most := c.rankAt(q)
		if most > 0 {
			most += 1 / float64(n)
		}
		return most
	}
	return few
}

// stepsOf are quantiles at and beside the steps of n values.
func stepsOf(n int) (qs []float64) {
	for _, rank := range []int{1, n / 4, n / 2, n - 1, n} {
		for _, off := range []float64{-0.25, 0, 0.25} {
			if q := (float64(rank) + off) / float64(n); q >= 0 && q <= 1 {
				qs = append(qs, q)
			}
		}
	}
	return qs
}

// ramp is n values that are far apart.
func ramp(n int) (data []time.Duration) {
	for i := range n {
		data = append(data, time.Duration(i+1)*time.Millisecond)
	}
	return data
}

func shuffled(data []time.Duration) []time.Duration {
	data = slices.Clone(data)
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(data), func(i, j int) { data[i], data[j] = data[j], data[i] })
	return data
}

func reversed(data []time.Duration) []time.Duration {
	data = slices.Clone(data)
	slices.Reverse(data)
	return data
}

// many is how many values the rule of many adds: more than 16 bits count, several times.
const many = 200_000

// checkMany checks an estimator of many values, whose second half is ten times the first: one that
// stops taking values, or whose counters wrap, answers as of another share of them.
func checkMany(claims Claims, fresh func() quantile.Estimator) error {
	data := Lognormal(many)
	for i := many / 2; i < many; i++ {
		data[i] *= 10
	}
	e := fill(fresh(), data)
	err := claims.judge(e, data)
	if c, ok := e.(counter); ok && c.Count() != many {
		err = errors.Join(err, fmt.Errorf("Count() = %d of %d", c.Count(), many))
	}
	return err
}

// manyShards is how many small shards the rule of shards merges.
const manyShards = 1000

// checkManyShards merges shards into one estimator, large and of a few values by turns, each of
// which brings longer values than those before.
func checkManyShards(claims Claims, fresh func() quantile.Estimator) error {
	var (
		all  []time.Duration
		into = fresh()
	)
	merge := func(data []time.Duration) error {
		all = append(all, data...)
		return into.Merge(fill(fresh(), data))
	}
	if err := merge(Lognormal(n)); err != nil {
		return err
	}
	for i := range manyShards {
		size := 1 + i%20 // most are of fewer values than an estimator may call worth it
		data := Lognormal(size)
		for k := range data {
			data[k] += time.Duration(i) * time.Millisecond
		}
		if err := merge(data); err != nil {
			return fmt.Errorf("shard %d: %w", i+1, err)
		}
	}
	return errors.Join(claims.judge(into, all), counts(into, all))
}

const (
	// doublings are how often the rule of doubling merges an estimator with a copy of itself:
	// far past what 32 bits count.
	doublings = 40
	// surelyDoubled is how often it does so with one that does not tell its size: past what
	// 16 bits count.
	surelyDoubled = 13
	mostDoubled   = 4 << 20 // bytes: one that keeps every value is not doubled past it
)

// checkDoubling doubles what an estimator holds by merging, past what 32 bits count and further, as
// long as it is merged at all and does not grow. Each quantile of many copies is that of one.
func checkDoubling(claims Claims, fresh func() quantile.Estimator) error {
	data := ramp(16)
	truth, e := exact(data), fill(fresh(), data)
	count := uint64(len(data))
	for i := range doublings {
		if s, ok := e.(quantile.Sizer); i >= surelyDoubled &&
			(!ok || s.StateBytes() <= 0 || s.StateBytes() > mostDoubled) {
			return nil
		}
		copied := fresh()
		err := copied.Merge(e)
		if err == nil {
			err = e.Merge(copied)
		}
		switch {
		case errors.Is(err, quantile.ErrMerge): // it holds enough, or its own values already
			return doubled(claims, e, truth, count, i)
		case err != nil:
			return err
		}
		count *= 2
		if err := doubled(claims, e, truth, count, i+1); err != nil {
			return err
		}
	}
	return nil
}

// doubled judges an estimator of that many values, which are those of truth many times over.
func doubled(claims Claims, e quantile.Estimator, truth *quantile.Exact, count uint64, times int) error {
	var errs []error
	if c, ok := e.(counter); ok && c.Count() != count {
		errs = append(errs, fmt.Errorf("Count() = %d, want %d", c.Count(), count))
	}
	errs = append(errs, claims.ofFew(int(truth.Count())).judgeAt(e, truth, []float64{0.1, 0.49, 0.7, 0.99}))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("doubled %d times: %w", times, err)
	}
	return nil
}
