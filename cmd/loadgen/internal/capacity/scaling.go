package capacity

import (
	"cmp"
	"slices"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/fleet"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
	"github.com/loadgen-go/loadgen/internal/rng"
)

// ScalingRounds is how often each arm is measured at each number of workers.
const ScalingRounds = 3

// A Throughput is what a closed loop of so many workers came to.
type Throughput struct {
	Arm      string  `json:"arm"`
	Workers  int     `json:"workers"`
	Round    int     `json:"round"`    // from 1
	Achieved float64 `json:"achieved"` // calls a second that ended
}

// Unscaled are the throughputs that are still to be measured, in their order, which the seed
// decides: in each round every arm at every number of workers, shuffled, so that a machine
// that drifts is not taken for a law. Those in f.Throughputs are the first of that order.
func (f *File) Unscaled() (all []Throughput) {
	order := rng.New(f.Scenario.Seed, rng.Scaling)
	for round := range ScalingRounds {
		begin := len(all)
		for _, arm := range f.Search.Options().Arms {
			for _, n := range f.Workers {
				all = append(all, Throughput{Arm: arm, Workers: n, Round: round + 1})
			}
		}
		turns := all[begin:]
		order.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
	}
	return all[min(len(f.Throughputs), len(all)):]
}

// Scale sets f.Scaling to the laws of the throughputs so far, of which each visit is a point. It takes about 60 ms an
// arm.
func (f *File) Scale() {
	f.Scaling = nil
	for _, arm := range f.Search.Options().Arms {
		var points []usl.Point
		for _, t := range f.Throughputs {
			if t.Arm == arm {
				points = append(points, usl.Point{N: float64(t.Workers), X: t.Achieved})
			}
		}
		if points == nil {
			continue
		}
		slices.SortStableFunc(points, func(a, b usl.Point) int { return cmp.Compare(a.N, b.N) })
		c := fleet.Fitted(arm, "workers", points)
		c.Law = nil // which is drawn by a plan
		f.Scaling = append(f.Scaling, c)
	}
}
