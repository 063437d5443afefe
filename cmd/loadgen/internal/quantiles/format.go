package quantiles

import (
	"math"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// signed returns a share in per cent, with a sign unless it is 0.
func signed(share float64) string { return format.Signed(share, format.Percent) }

// size returns the size of a state.
func size(b int) string { return format.Bytes(known(float64(b))) }

// known returns x, or NaN if x is 0, which stands for a figure that is unknown.
func known(x float64) float64 {
	if x == 0 {
		return math.NaN()
	}
	return x
}
