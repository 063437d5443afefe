package quantiletest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// This file contains the rules of counts: for few values, where every rank is visible, and for many.

// checkRanks checks estimators of few values, where an error of one rank is visible. It uses quantiles for
// which q*n is an integer, or just below or above one.
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

// ofFew returns the claims for n values that are far apart. An estimator that claims a rank error may
// interpolate between two values, and so be up to one rank away from either.
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

// stepsOf returns quantiles at and beside the steps between n values.
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

// ramp returns n values that are far apart.
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

// many is how many values checkMany adds: several times as many as 16 bits can count.
const many = 200_000

// checkMany checks an estimator of many values, where the second half is ten times as large as the first. The
// estimates are wrong if the estimator stops counting or if its counters overflow.
func checkMany(claims Claims, fresh func() quantile.Estimator) error {
	data := Lognormal(many)
	for i := many / 2; i < many; i++ {
		data[i] *= 10
	}
	e := fill(fresh(), data)
	err := claims.judge(e, data)
	if c, ok := e.(counter); ok && c.Count() != many {
		err = errors.Join(err, fmt.Errorf("Count() = %d, want %d", c.Count(), many))
	}
	return err
}

// manyShards is how many small shards checkManyShards merges.
const manyShards = 1000

// checkManyShards merges shards with few values into one estimator. Each brings longer values than the ones
// before.
func checkManyShards(claims Claims, fresh func() quantile.Estimator) error {
	var (
		added []time.Duration
		into  = fresh()
	)
	merge := func(data []time.Duration) error {
		added = append(added, data...)
		return into.Merge(fill(fresh(), data))
	}
	if err := merge(Lognormal(n)); err != nil {
		return err
	}
	for i := range manyShards {
		size := 1 + i%20 // most shards have fewer values than the minimum of an optimised merge
		data := Lognormal(size)
		for k := range data {
			data[k] += time.Duration(i) * time.Millisecond
		}
		if err := merge(data); err != nil {
			return fmt.Errorf("shard %d: %w", i+1, err)
		}
	}
	return errors.Join(claims.judge(into, added), counts(into, added))
}

const (
	// doublings is how often checkDoubling merges an estimator with a copy of itself: far beyond what
	// 32 bits can count.
	doublings = 40
	// surelyDoubled is how often it does so if the estimator does not report its size: beyond what 16
	// bits can count.
	surelyDoubled = 13
	// mostDoubled is the size in bytes above which an estimator is not doubled any more, since it keeps
	// all values.
	mostDoubled = 4 << 20
)

// checkDoubling doubles the contents of an estimator by merging, beyond what 32 bits can count, as long as it
// can be merged and does not grow. Each quantile of many copies is the quantile of one.
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
		case errors.Is(err, quantile.ErrMerge): // it is full, or refuses values that it holds already
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

// doubled judges an estimator of count values, which are many copies of the values in truth.
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
