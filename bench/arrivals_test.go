package bench_test

import (
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/schedule"
)

// instants returns all instants of a schedule from call n on.
func instants(a schedule.Arrivals, n uint64) (all []time.Duration) {
	for i := a.From(n); ; {
		due, ok := i.Next()
		if !ok {
			return all
		}
		all = append(all, due)
	}
}

func constant(t testing.TB, r schedule.Rate, d time.Duration) schedule.Arrivals {
	t.Helper()
	a, err := schedule.Constant(r, d)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func poisson(t testing.TB, r schedule.Rate, d time.Duration, seed uint64) schedule.Arrivals {
	t.Helper()
	a, err := schedule.Poisson(r, d, seed)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func process(t testing.TB, text string) schedule.Process {
	t.Helper()
	p, err := schedule.ParseProcess(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func arrivals(t testing.TB, text string, rate uint64, d time.Duration, seed uint64) schedule.Arrivals {
	t.Helper()
	a, err := process(t, text).Arrivals(schedule.PerSecond(rate), d, seed)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
