package record

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
)

// What a detail says is read again, to the digits that it has.
func TestTheValueOfADetailIsReadAgain(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"p99 < 5ms", "p99 < 5ms over every 1s", "max < 2s", "mean < 3us",
			"errors < 0.1%", "drops < 10ppm", "achieved > 99%"}).Draw(t, "objective")
		s, err := ParseSLO(text)
		if err != nil {
			t.Fatal(err)
		}
		x := rapid.Float64Range(1e-6, 1).Draw(t, "value")
		if !s.IsShare() {
			x = math.Round(1e10 * x)
		}
		got, ok := s.Measured(s.detail(3*time.Second, &Calls{}, x))
		digits := 1e-3*x + 1e-9
		if s.Metric() == "achieved" { // which has the digits of the share that is not achieved
			digits = 1e-4
		}
		if !ok || math.Abs(got-x) > digits {
			t.Fatalf("%s: %v, %v, want %v", s.detail(0, &Calls{}, x), got, ok, x)
		}
	})
	for _, row := range []struct {
		detail string
		want   float64
		ok     bool
	}{{"p99 is infinite", math.Inf(1), true}, {"p99 412us", 412e3, true},
		{"p99 needs 368 calls, there are 3", 0, false}, {"", 0, false}} {
		s, _ := ParseSLO("p99 < 1ms")
		if got, ok := s.Measured(row.detail); got != row.want || ok != row.ok {
			t.Errorf("%q: %v, %v", row.detail, got, ok)
		}
	}
}
