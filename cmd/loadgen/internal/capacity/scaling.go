package capacity

import (
	"cmp"
	"slices"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/fleet"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
	"github.com/loadgen-go/loadgen/internal/rng"
)

// scalingRounds is how many times each arm is measured at each number of workers.
const scalingRounds = 3

// A Throughput is the throughput of a closed loop.
type Throughput struct {
	Arm      string  `json:"arm"`
	Workers  int     `json:"workers"`
	Round    int     `json:"round"`    // from 1
	Achieved float64 `json:"achieved"` // calls per second that ended
}

// Unscaled returns the throughputs that have not been measured yet, in the order in which to measure them. Each round
// has every arm at every number of workers, in random order that the seed determines, so that drift of the machine
// does not look like a law. f.Throughputs are the first ones of that order.
func (f *File) Unscaled() (list []Throughput) {
	order := rng.New(f.Scenario.Seed, rng.Scaling)
	for round := range scalingRounds {
		begin := len(list)
		for _, arm := range f.Search.Options().Arms {
			for _, n := range f.Workers {
				list = append(list, Throughput{Arm: arm, Workers: n, Round: round + 1})
			}
		}
		turns := list[begin:]
		order.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
	}
	return list[min(len(f.Throughputs), len(list)):]
}

// Scale sets f.Scaling to the laws that fit the throughputs so far, with each visit as a point. It takes about 60 ms
// per arm.
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
		c.Law = nil // only a plan draws it
		f.Scaling = append(f.Scaling, c)
	}
}
