package metrics_test

import (
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/loadgen-go/loadgen/internal/promtest"
	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/metrics"
)

func TestACollectorIsInTheFormOfPrometheus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := shop(t, observable.Options{Histogram: true}, func() time.Duration { return 1 << 20 })
		opts := orders
		opts.Bounds = []time.Duration{1 << 19, 1 << 20, 5 << 18}
		a := newAccount(t, m, opts)
		for i, key := range []string{"works", "fails", "panics"} {
			for range i + 1 {
				_ = m.Call(background, key)
			}
		}
		must(t, m.Register("never \xff", func() {}))
		reg := prometheus.NewPedanticRegistry()
		must(t, a.Register(reg))
		if diff := cmp.Diff(golden, scrape(t, reg)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		problems, err := promlint.New(strings.NewReader(golden)).Lint()
		if err != nil || problems != nil {
			t.Errorf("the linter says %v, %v", problems, err)
		}
	})
}

// The names, units and help texts pass promtool, on a real scrape: those of the collector, and those of the producer
// that the Prometheus exporter of OpenTelemetry exposes.
func TestPromtoolAcceptsWhatIsExposed(t *testing.T) {
	t.Run("collector", func(t *testing.T) {
		reg := prometheus.NewPedanticRegistry()
		must(t, newAccount(t, called(t), orders).Register(reg))
		lint(t, reg)
	})
	t.Run("producer", func(t *testing.T) {
		reg := prometheus.NewPedanticRegistry()
		exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(reg),
			otelprometheus.WithProducer(newAccount(t, called(t), orders)))
		must(t, err)
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
		defer provider.Shutdown(background)
		lint(t, reg)
	})
}

// lint reports what promtool says about a scrape of a registry.
func lint(t *testing.T, reg *prometheus.Registry) {
	t.Helper()
	server := httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	defer server.Close()
	promtest.Lint(t, server.URL)
}

// scrape returns the text that a Prometheus server gets.
func scrape(t testing.TB, reg *prometheus.Registry) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "metrics")
	must(t, prometheus.WriteToTextfile(file, reg))
	text, err := os.ReadFile(file)
	must(t, err)
	return string(text)
}

const golden = `# HELP shop_orders_calls_total Calls of handlers that ended, by key and outcome.
# TYPE shop_orders_calls_total counter
shop_orders_calls_total{key="\"never \\xff\"",outcome="error"} 0
shop_orders_calls_total{key="\"never \\xff\"",outcome="ok"} 0
shop_orders_calls_total{key="\"never \\xff\"",outcome="panic"} 0
shop_orders_calls_total{key="fails",outcome="error"} 2
shop_orders_calls_total{key="fails",outcome="ok"} 0
shop_orders_calls_total{key="fails",outcome="panic"} 0
shop_orders_calls_total{key="panics",outcome="error"} 0
shop_orders_calls_total{key="panics",outcome="ok"} 0
shop_orders_calls_total{key="panics",outcome="panic"} 3
shop_orders_calls_total{key="works",outcome="error"} 0
shop_orders_calls_total{key="works",outcome="ok"} 1
shop_orders_calls_total{key="works",outcome="panic"} 0
# HELP shop_orders_duration_seconds Duration of handlers, by key.
# TYPE shop_orders_duration_seconds histogram
shop_orders_duration_seconds_bucket{key="fails",le="0.000524287"} 0
shop_orders_duration_seconds_bucket{key="fails",le="0.001048575"} 0
shop_orders_duration_seconds_bucket{key="fails",le="0.001310719"} 2
shop_orders_duration_seconds_bucket{key="fails",le="+Inf"} 2
shop_orders_duration_seconds_sum{key="fails"} 0.002097152
shop_orders_duration_seconds_count{key="fails"} 2
shop_orders_duration_seconds_bucket{key="panics",le="0.000524287"} 0
shop_orders_duration_seconds_bucket{key="panics",le="0.001048575"} 0
shop_orders_duration_seconds_bucket{key="panics",le="0.001310719"} 3
shop_orders_duration_seconds_bucket{key="panics",le="+Inf"} 3
shop_orders_duration_seconds_sum{key="panics"} 0.003145728
shop_orders_duration_seconds_count{key="panics"} 3
shop_orders_duration_seconds_bucket{key="works",le="0.000524287"} 0
shop_orders_duration_seconds_bucket{key="works",le="0.001048575"} 0
shop_orders_duration_seconds_bucket{key="works",le="0.001310719"} 1
shop_orders_duration_seconds_bucket{key="works",le="+Inf"} 1
shop_orders_duration_seconds_sum{key="works"} 0.001048576
shop_orders_duration_seconds_count{key="works"} 1
# HELP shop_orders_in_flight Calls of handlers that have begun and not ended, by key.
# TYPE shop_orders_in_flight gauge
shop_orders_in_flight{key="\"never \\xff\""} 0
shop_orders_in_flight{key="fails"} 0
shop_orders_in_flight{key="panics"} 0
shop_orders_in_flight{key="works"} 0
`

// series returns the number of series in a registry.
func series(t testing.TB, reg *prometheus.Registry) int {
	t.Helper()
	families, err := reg.Gather()
	must(t, err)
	n := 0
	for _, f := range families {
		n += len(f.GetMetric())
	}
	return n
}

func called(t testing.TB) *observable.Map {
	m := newMap(t, observable.Options{Histogram: true})
	must(t, m.Register("a", func() {}))
	must(t, m.Call(background, "a"))
	return m
}

func TestANameThatIsTakenIsAConflictAndNothingIsRegistered(t *testing.T) {
	names := []string{"shop_orders_calls_total", "shop_orders_in_flight", "shop_orders_duration_seconds"}
	const inFlightHelp = "Calls of handlers that have begun and not ended, by key."
	for name, c := range map[string]struct {
		holder prometheus.Collector
		taken  []string
	}{
		"by another account": {newAccount(t, called(t), orders), names},
		"by a gauge with the same help": {prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: names[1],
			Help: inFlightHelp},
			[]string{"key"}), names[1:2]},
		"by another counter": {prometheus.NewCounter(prometheus.CounterOpts{Name: names[0]}), names[:1]},
		"by another summary": {prometheus.NewSummary(prometheus.SummaryOpts{Name: names[2]}), names[2:]},
	} {
		t.Run(name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			must(t, reg.Register(c.holder))
			before := series(t, reg)
			a := newAccount(t, called(t), orders)
			var conflict *metrics.ConflictError
			err := a.Register(reg)
			if !errors.As(err, &conflict) || !slices.Equal(conflict.Metrics, c.taken) ||
				!strings.Contains(err.Error(), c.taken[0]) {
				t.Errorf("the error is %v", err)
			}
			var already prometheus.AlreadyRegisteredError
			if errors.As(err, &already) != (len(c.taken) == 3) {
				t.Errorf("the registry's error is hidden: %v", err)
			}
			if a.Unregister() || series(t, reg) != before {
				t.Errorf("%d series, before %d", series(t, reg), before)
			}
			// An account with another Namespace or Subsystem can be registered.
			must(t, newAccount(t, called(t), metrics.Options{Namespace: "shop", Subsystem: "carts"}).Register(reg))
			if n := series(t, reg); n != before+5 {
				t.Errorf("%d series with another account, before %d", n, before)
			}
		})
	}
}

func TestAnAccountIsInOneRegistryUntilItIsUnregistered(t *testing.T) {
	first, other := prometheus.NewRegistry(), prometheus.NewRegistry()
	a := newAccount(t, called(t), orders)
	if a.Register(nil) == nil {
		t.Error("registering with a nil registerer is no error")
	}
	for range 2 {
		if a.Unregister() {
			t.Error("Unregister of an account in no registry returned true")
		}
		must(t, a.Register(first))
		var conflict *metrics.ConflictError
		for _, reg := range []prometheus.Registerer{first, other} {
			if err := a.Register(reg); !errors.As(err, &conflict) {
				t.Errorf("registered twice: %v", err)
			}
		}
		if series(t, first) != 5 || series(t, other) != 0 {
			t.Errorf("%d and %d series, want 5 and none", series(t, first), series(t, other))
		}
		if !a.Unregister() || series(t, first) != 0 {
			t.Errorf("after Unregister the registry has %d series", series(t, first))
		}
	}
	must(t, a.Register(prometheus.WrapRegistererWith(prometheus.Labels{"zone": "b"}, other)))
	if series(t, other) != 5 || !a.Unregister() || series(t, other) != 0 {
		t.Error("an account was not registered or not unregistered through a wrapped registerer")
	}
}

func TestOneOfManyConcurrentRegistrationsSucceeds(t *testing.T) {
	reg := prometheus.NewRegistry()
	var registered atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		a := newAccount(t, called(t), orders)
		wg.Go(func() {
			if a.Register(reg) == nil {
				registered.Add(1)
			} else if a.Unregister() {
				t.Error("an account that was refused is registered")
			}
		})
	}
	wg.Wait()
	if registered.Load() != 1 || series(t, reg) != 5 {
		t.Errorf("%d registered, %d series", registered.Load(), series(t, reg))
	}
}
