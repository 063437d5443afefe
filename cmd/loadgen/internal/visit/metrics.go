package visit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/loadgen-go/loadgen/observable"
)

// metrics are the arms of metrics. Each one counts every call and records its duration in a histogram, by key. They
// are read once, after the load. With the arm none, the map still counts calls in its own account.
var metrics = []struct {
	name string
	open func() (*metering, error)
}{
	{"none", func() (*metering, error) { return &metering{}, nil }},
	{"otel", openOTel},
	{"own", openOwn},
	{"prometheus", openPrometheus},
}

// A metering records the metrics of a visit.
type metering struct {
	set func(*observable.Options) // makes the map record; nil for the arm none
	// read returns the numbers of recorded calls and durations of the map; nil for the arm none.
	read func(context.Context, *observable.Map) (calls, durations uint64, err error)
}

// openMetrics opens the arm with that name; "" stands for none.
func openMetrics(name string) (*metering, error) {
	var names []string
	for _, m := range metrics {
		if m.name == name || name == "" && m.name == "none" {
			return m.open()
		}
		names = append(names, m.name)
	}
	return nil, fmt.Errorf("visit: no metrics are called %q: want one of %v", name, names)
}

// check reads the metrics of the map under load and returns an error unless they hold every call.
func (m *metering) check(ctx context.Context, target *observable.Map, calls uint64) error {
	if m.read == nil {
		return nil
	}
	counted, timed, err := m.read(ctx, target)
	if err == nil && (counted != calls || timed != calls) {
		err = fmt.Errorf("%d calls and %d durations are recorded for %d calls", counted, timed, calls)
	}
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// openOTel returns a metering by the SDK's meter provider, in which the map creates its instruments.
func openOTel() (*metering, error) {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(resource.Empty()))
	return &metering{
		set: func(o *observable.Options) { o.MeterProvider = provider },
		read: func(ctx context.Context, _ *observable.Map) (calls, durations uint64, err error) {
			var collected metricdata.ResourceMetrics
			if err := reader.Collect(ctx, &collected); err != nil {
				return 0, 0, err
			}
			for _, scope := range collected.ScopeMetrics {
				for _, m := range scope.Metrics {
					switch data := m.Data.(type) {
					case metricdata.Sum[int64]:
						for _, p := range data.DataPoints {
							calls += uint64(p.Value)
						}
					case metricdata.Histogram[float64]:
						for _, p := range data.DataPoints {
							durations += p.Count
						}
					}
				}
			}
			return calls, durations, nil
		},
	}, nil
}

// openOwn returns a metering by the map's own account, with the durations of every key.
func openOwn() (*metering, error) {
	return &metering{
		set: func(o *observable.Options) { o.Histogram = true },
		read: func(_ context.Context, m *observable.Map) (calls, durations uint64, _ error) {
			for _, s := range m.Snapshot() {
				calls += s.Calls
				durations += s.Duration.Count()
			}
			return calls, durations, nil
		},
	}, nil
}

// bounds are the bounds of the histogram that the map creates in OpenTelemetry, in seconds, so that both arms search
// equally many buckets.
var bounds = []float64{1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4,
	1e-3, 2e-3, 5e-3, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10}

// openPrometheus returns a metering by a counter and a histogram of client_golang, which are looked up once per key.
// They do not record outcomes, since an instrument receives only the duration.
func openPrometheus() (*metering, error) {
	registry := prometheus.NewRegistry()
	calls := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "observable_calls_total", Help: "Calls of handlers that ended, by key."}, []string{"key"})
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "observable_duration_seconds", Help: "Duration of handlers, by key.", Buckets: bounds}, []string{"key"})
	if err := errors.Join(registry.Register(calls), registry.Register(durations)); err != nil {
		return nil, err
	}
	return &metering{
		set: func(o *observable.Options) {
			alsoRecord(o, func(key string) observable.Instrument {
				return &prometheusInstrument{calls.WithLabelValues(key), durations.WithLabelValues(key)}
			})
		},
		read: func(context.Context, *observable.Map) (calls, durations uint64, err error) {
			families, err := registry.Gather()
			for _, f := range families {
				for _, m := range f.Metric {
					calls += uint64(m.GetCounter().GetValue())
					durations += m.GetHistogram().GetSampleCount()
				}
			}
			return calls, durations, err
		},
	}, nil
}

// A prometheusInstrument records the calls of one key.
type prometheusInstrument struct {
	calls     prometheus.Counter
	durations prometheus.Observer
}

// Record records a call.
func (i *prometheusInstrument) Record(d time.Duration) {
	i.calls.Inc()
	i.durations.Observe(d.Seconds())
}

// alsoRecord gives every key the instrument that open returns, in addition to the instrument that it already has.
func alsoRecord(o *observable.Options, open func(key string) observable.Instrument) {
	first := o.Latency
	if first == nil {
		o.Latency = open
		return
	}
	o.Latency = func(key string) observable.Instrument { return both{first(key), open(key)} }
}

// both records every duration in two instruments.
type both [2]observable.Instrument

// Record records a duration.
func (b both) Record(d time.Duration) {
	b[0].Record(d)
	b[1].Record(d)
}
