package quantiletest

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// This file holds the rules of Merge.

// shards are estimators of a part of the data each.
func shards(fresh func() quantile.Estimator, parts iter.Seq[[]time.Duration]) []quantile.Estimator {
	var all []quantile.Estimator
	for part := range parts {
		all = append(all, fill(fresh(), part))
	}
	return all
}

// merge makes one of all, by a balanced tree: the two that have waited longest, each
// time. What it uses up is all.
func merge(all []quantile.Estimator) (quantile.Estimator, error) {
	for len(all) > 1 {
		if err := all[0].Merge(all[1]); err != nil {
			return nil, err
		}
		all = append(all[2:], all[0])
	}
	return all[0], nil
}

func checkMerged(claims Claims, fresh func() quantile.Estimator) error {
	return each(func(s sample) error {
		e, err := merge(shards(fresh, slices.Chunk(s.data, n/64+1)))
		if err != nil {
			return err
		}
		return claims.Judge(e, s.truth)
	})
}

func checkMergedMonotone(_ Claims, fresh func() quantile.Estimator) error {
	return each(func(s sample) error {
		e, err := merge(shards(fresh, slices.Chunk(s.data, n/64+1)))
		if err != nil {
			return err
		}
		return inOrder(e)
	})
}

// orders are ways to merge shards into one.
var orders = []struct {
	name  string
	merge func(all []quantile.Estimator, empty quantile.Estimator) (quantile.Estimator, error)
}{
	{"each into the first", func(all []quantile.Estimator, _ quantile.Estimator) (quantile.Estimator, error) {
		return into(all[0], all[1:])
	}},
	{"all so far into the next", func(all []quantile.Estimator, _ quantile.Estimator) (sum quantile.Estimator,
		err error) {
		for i := 1; i < len(all) && err == nil; i++ {
			err = all[i].Merge(all[i-1])
		}
		return all[len(all)-1], err
	}},
	{"shuffled into an empty one", func(all []quantile.Estimator, empty quantile.Estimator) (quantile.Estimator,
		error) {
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		return into(empty, all)
	}},
}

func into(sum quantile.Estimator, all []quantile.Estimator) (quantile.Estimator, error) {
	for _, e := range all {
		if err := sum.Merge(e); err != nil {
			return nil, err
		}
	}
	return sum, nil
}

func checkOrders(claims Claims, fresh func() quantile.Estimator) error {
	return each(func(s sample) error {
		var errs []error
		for _, o := range orders {
			e, err := o.merge(shards(fresh, uneven(s.data)), fresh())
			if err == nil {
				err = claims.Judge(e, s.truth)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", o.name, err))
			}
		}
		return errors.Join(errs...)
	})
}

// uneven cuts data into 16 shards, each longer than the one before: the last is 31
// times as long as the first.
func uneven(data []time.Duration) iter.Seq[[]time.Duration] {
	const parts = 16
	return func(yield func([]time.Duration) bool) {
		for i := range parts {
			from, to := len(data)*i*i/(parts*parts), len(data)*(i+1)*(i+1)/(parts*parts)
			if !yield(data[from:to]) {
				return
			}
		}
	}
}

func checkMergeEmpty(claims Claims, fresh func() quantile.Estimator) error {
	data := Lognormal(n)
	e, into := fill(fresh(), data), fresh()
	if err := errors.Join(e.Merge(fresh()), into.Merge(e)); err != nil {
		return err
	}
	return errors.Join(claims.judge(e, data), claims.judge(into, data))
}

// another is an estimator of a kind nobody else has.
type another struct{ quantile.Exact }

func checkMergeRefused(_ Claims, fresh func() quantile.Estimator) error {
	e := fill(fresh(), Lognormal(n))
	before := answers(e)
	refused := []quantile.Estimator{nil, &another{}, e}
	if t := reflect.TypeOf(e); t.Kind() == reflect.Pointer {
		refused = append(refused, reflect.Zero(t).Interface().(quantile.Estimator))
	}
	for _, other := range refused {
		if err := e.Merge(other); !errors.Is(err, quantile.ErrMerge) {
			return fmt.Errorf("Merge(%T) = %v", other, err)
		}
	}
	if after := answers(e); !slices.Equal(before, after) {
		return fmt.Errorf("answers were %v, are %v", before, after)
	}
	return nil
}

func checkMergeKeepsOther(_ Claims, fresh func() quantile.Estimator) error {
	e, other := fill(fresh(), Lognormal(n)), fill(fresh(), pareto(n))
	before := answers(other)
	if err := e.Merge(other); err != nil {
		return err
	}
	fill(e, bimodal(n))
	if after := answers(other); !slices.Equal(before, after) {
		return fmt.Errorf("answers were %v, are %v", before, after)
	}
	return nil
}
