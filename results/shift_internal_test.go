package results

import (
	"math"
	"testing"
)

// Beyond many rounds the bound is approximate; it goes on where the exact one ends.
func TestTheBoundOfManyRoundsGoesOnFromThatOfFewer(t *testing.T) {
	exact, _ := signedRankBound(manyRounds)
	next, confidence := signedRankBound(manyRounds + 1)
	step, _ := signedRankBound(manyRounds - 1)
	if d := (next - exact) - (exact - step); d < -3 || d > 3 || math.Abs(confidence-0.95) > 0.001 {
		t.Errorf("bounds %d, %d, %d; confidence %v", step, exact, next, confidence)
	}
}
