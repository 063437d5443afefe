package metrics_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/metrics"
)

var background = context.Background()

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newMap(t testing.TB, opts observable.Options) *observable.Map {
	t.Helper()
	m, err := observable.New(opts)
	must(t, err)
	return m
}

func newAccount(t testing.TB, m *observable.Map, opts metrics.Options) *metrics.Account {
	t.Helper()
	a, err := metrics.New(m, opts)
	must(t, err)
	return a
}

var orders = metrics.Options{Namespace: "shop", Subsystem: "orders"}

// shop returns a map with a handler that succeeds, one that fails and one that panics. Each takes the time
// that after returns.
func shop(t testing.TB, opts observable.Options, after func() time.Duration) *observable.Map {
	t.Helper()
	m := newMap(t, opts)
	must(t, m.Register("works", func() { time.Sleep(after()) }))
	must(t, m.RegisterContext("fails", func(context.Context) error { time.Sleep(after()); return io.EOF }))
	must(t, m.Register("panics", func() { time.Sleep(after()); panic("boom") }))
	return m
}

func TestOptionsAreRefusedWithAllThatIsWrong(t *testing.T) {
	_, err := metrics.New(nil, metrics.Options{
		Namespace: "Shop",
		Subsystem: strings.Repeat("x", 250) + "-",
		Bounds:    []time.Duration{1000, 1024, 1024, observable.BucketEnd(observable.Buckets - 1)},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`Namespace is "Shop"`, "Subsystem is", "names of 266 characters: want at most 255",
		"Bounds[0] is 1µs: want the end of a bucket, such as 1.024µs",
		"Bounds[2] is 1.024µs, after 1.024µs", "Bounds[3] is", "the map is nil",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error: %v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 7 {
		t.Errorf("%d problems, want 7: %v", n, err)
	}
	if _, err := metrics.New(&observable.Map{}, metrics.Options{Subsystem: "orders"}); err == nil {
		t.Error("an empty Namespace is no error")
	}
	newAccount(t, &observable.Map{}, metrics.Options{Namespace: "shop"})
}

func TestAllBoundsAreTheEndsOfBucketsBothIncluded(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to time.Duration
		n        int
	}{
		{"both limits are ends", 1024, 2048, 9},
		{"the limits are between ends", 1025, 2047, 7},
		{"from is after to", 2048, 1024, 0},
		{"from is negative", -1, 8, 8},
		{"everything", 0, 1<<63 - 1, observable.Buckets - 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			bounds := metrics.AllBounds(c.from, c.to)
			if len(bounds) != c.n {
				t.Errorf("%d bounds from %v to %v, want %d: %v", len(bounds), c.from, c.to, c.n, bounds)
			}
			if len(bounds) > 0 {
				newAccount(t, &observable.Map{}, metrics.Options{Namespace: "shop", Bounds: bounds})
			}
		})
	}
}

func TestACallOfAPublishedMapAllocatesNothing(t *testing.T) {
	m := newMap(t, observable.Options{Histogram: true})
	must(t, m.Register("a", func() {}))
	a := newAccount(t, m, orders)
	if _, err := a.Produce(background); err != nil {
		t.Error(err)
	}
	if n := testing.AllocsPerRun(1000, func() { must(t, m.Call(background, "a")) }); n != 0 {
		t.Errorf("%v allocations a call", n)
	}
}

// A threshold of 250 ms is a bound, and a call that takes exactly as long is within it.
func TestBoundsOfTheMapArePublishedExactly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := observable.Options{Histogram: true,
			Bounds: []time.Duration{15 * time.Microsecond, 250 * time.Millisecond, 1200 * time.Millisecond}}
		took := opts.Bounds[0]
		m := newMap(t, opts)
		must(t, m.Register("a", func() { time.Sleep(took) }))
		for _, took = range []time.Duration{15_000, 15_001, opts.Bounds[1], opts.Bounds[1] + 1, 2 * time.Second} {
			must(t, m.Call(background, "a"))
		}
		a := newAccount(t, m, orders)
		reg := prometheus.NewRegistry()
		must(t, a.Register(reg))
		text := scrape(t, reg)
		for _, want := range []string{`le="1.5e-05"} 1`, `le="0.25"} 3`, `le="1.2"} 4`, `le="+Inf"} 5`} {
			if !strings.Contains(text, want+"\n") {
				t.Errorf("%s is not in\n%s", want, text)
			}
		}
	})
}

func TestAMapWithBoundsOfItsOwnIsPublishedWithThem(t *testing.T) {
	m := newMap(t, observable.Options{Histogram: true, Bounds: []time.Duration{time.Millisecond}})
	opts := orders
	opts.Bounds = []time.Duration{1 << 20}
	if _, err := metrics.New(m, opts); err == nil || !strings.Contains(err.Error(), "bounds of its own (1)") {
		t.Errorf("New = %v", err)
	}
	m.Bounds()[0] = 0
	if got := m.Bounds(); len(got) != 1 || got[0] != time.Millisecond {
		t.Errorf("the bounds became %v", got)
	}
}
