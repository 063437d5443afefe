package schedule_test

import (
	"testing"

	"github.com/loadgen-go/loadgen/bench/schedule"
)

// BenchmarkInstants measures the time of one instant.
func BenchmarkInstants(b *testing.B) {
	for _, text := range []string{
		"const:1M/s constant", "const:1M/s poisson", "const:1M/s gamma(cv=0.5)", "const:1M/s gamma(cv=2)",
		"const:1M/s pareto(alpha=2.5)",
		"const:1M/s jitter(share=0.5)", "const:1M/s bursts(size=10)", "ramp:0..1M/s@1h constant", "ramp:0..1M/s@1h " +
			"poisson", "ramp:1M..0/s@1h constant",
	} {
		b.Run("load="+text, func(b *testing.B) {
			l, err := schedule.ParseLoad(text)
			if err != nil {
				b.Fatal(err)
			}
			a, err := l.Arrivals(1)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for i := a.From(0); b.Loop(); {
				i.Next()
			}
		})
	}
}

// BenchmarkFrom measures the time to start at call 1,000,000.
func BenchmarkFrom(b *testing.B) {
	for _, text := range []string{"const:1M/s constant", "const:1M/s poisson", "const:1M/s gamma(cv=2)",
		"const:1M/s pareto(alpha=2.5)"} {
		b.Run("load="+text, func(b *testing.B) {
			l, err := schedule.ParseLoad(text)
			if err != nil {
				b.Fatal(err)
			}
			a, err := l.Arrivals(1)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				a.From(1_000_000)
			}
		})
	}
}
