package usl

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestVarianceOfAMedian(t *testing.T) {
	for n := 1; n <= 10; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			random := rand.New(rand.NewPCG(uint64(n), 7))
			const draws = 20000
			values, sum := make([]float64, n), 0.0
			for range draws {
				for i := range values {
					values[i] = random.NormFloat64()
				}
				median, _ := summary(values)
				sum += median * median / draws
			}
			if got := variance(n); math.Abs(got/sum-1) > 0.07 { // 5%, and 2% of the simulation
				t.Errorf("%v: simulated %v", got, sum)
			}
		})
	}
}
