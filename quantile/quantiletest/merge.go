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

// This file contains the rules of Merge.

// shards returns an estimator for each part of the data.
func shards(fresh func() quantile.Estimator, parts iter.Seq[[]time.Duration]) []quantile.Estimator {
	var shards []quantile.Estimator
	for part := range parts {
		shards = append(shards, fill(fresh(), part))
	}
	return shards
}

// merge merges all estimators into one, in a balanced tree: each time, it merges the two that were merged
// longest ago. It changes the slice.
func merge(estimators []quantile.Estimator) (quantile.Estimator, error) {
	for len(estimators) > 1 {
		if err := estimators[0].Merge(estimators[1]); err != nil {
			return nil, err
		}
		estimators = append(estimators[2:], estimators[0])
	}
	return estimators[0], nil
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

// orders are ways to merge shards into one estimator.
var orders = []struct {
	name  string
	merge func(shards []quantile.Estimator, empty quantile.Estimator) (quantile.Estimator, error)
}{
	{"each into the first", func(shards []quantile.Estimator, _ quantile.Estimator) (quantile.Estimator, error) {
		return into(shards[0], shards[1:])
	}},
	{"all previous into the next", func(shards []quantile.Estimator, _ quantile.Estimator) (sum quantile.Estimator,
		err error) {
		for i := 1; i < len(shards) && err == nil; i++ {
			err = shards[i].Merge(shards[i-1])
		}
		return shards[len(shards)-1], err
	}},
	{"shuffled into an empty one", func(shards []quantile.Estimator, empty quantile.Estimator) (quantile.Estimator,
		error) {
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(shards), func(i, j int) {
			shards[i], shards[j] = shards[j], shards[i]
		})
		return into(empty, shards)
	}},
}

func into(sum quantile.Estimator, others []quantile.Estimator) (quantile.Estimator, error) {
	for _, e := range others {
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

// uneven divides data into 16 shards of growing length. The last is 31 times as long as the first.
func uneven(data []time.Duration) iter.Seq[[]time.Duration] {
	const parts = 16
	return func(yield func([]time.Duration) bool) {
		for i := range parts {
			from, upto := len(data)*i*i/(parts*parts), len(data)*(i+1)*(i+1)/(parts*parts)
			if !yield(data[from:upto]) {
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

// another is an estimator of a type that no tested estimator has.
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
		return fmt.Errorf("the estimates were %v, and are now %v", before, after)
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
		return fmt.Errorf("the estimates were %v, and are now %v", before, after)
	}
	return nil
}
