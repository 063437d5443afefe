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

// metrics are the arms of metrics: where every call is counted and its duration put
// into a histogram, by key. They are read once, after the load. With none of them the
// map keeps its account all the same, in which calls are counted.
var metrics = []struct {
	name string
	open func() (*metering, error)
}{
	{"none", func() (*metering, error) { return &metering{}, nil }},
	{"otel", openOTel},
	{"own", openOwn},
	{"prometheus", openPrometheus},
}

// A metering is where the metrics of a visit go.
type metering struct {
	set func(*observable.Options) // has the map record; nil: it does not
	// read tells how many are recorded of the map's; nil: none
	read func(context.Context, *observable.Map) (calls, durations uint64, err error)
}

// openMetrics opens the arm of that name; "" is none.
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

// check reads the metrics of the map under load and sees that every call is in them.
func (m *metering) check(ctx context.Context, of *observable.Map, calls uint64) error {
	if m.read == nil {
		return nil
	}
	counted, timed, err := m.read(ctx, of)
	if err == nil && (counted != calls || timed != calls) {
		err = fmt.Errorf("%d calls and %d durations are recorded, of %d calls", counted, timed, calls)
	}
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// openOTel is the SDK's meter provider with the instruments that the map makes in it.
func openOTel() (*metering, error) {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(resource.Empty()))
	return &metering{
		set: func(o *observable.Options) { o.MeterProvider = provider },
		read: func(ctx context.Context, _ *observable.Map) (calls, durations uint64, err error) {
			var all metricdata.ResourceMetrics
			if err := reader.Collect(ctx, &all); err != nil {
				return 0, 0, err
			}
			for _, scope := range all.ScopeMetrics {
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

// openOwn is the account of the map, with the durations of every key in it.
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

// bounds are those of the histogram that the map makes with OpenTelemetry, in
// seconds: so that the arms search as many buckets.
var bounds = []float64{1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4,
	1e-3, 2e-3, 5e-3, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10}

// openPrometheus is a counter and a histogram of client_golang, looked up once for
// each key. They know of no outcome: an instrument is told the duration alone.
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

type prometheusInstrument struct {
	calls     prometheus.Counter
	durations prometheus.Observer
}

func (i *prometheusInstrument) Record(d time.Duration) {
	i.calls.Inc()
	i.durations.Observe(d.Seconds())
}

// alsoRecord gives every key the instrument that open makes, after the one that it
// has.
func alsoRecord(o *observable.Options, open func(key string) observable.Instrument) {
	first := o.Latency
	if first == nil {
		o.Latency = open
		return
	}
	o.Latency = func(key string) observable.Instrument { return both{first(key), open(key)} }
}

// both are two instruments that take every duration.
type both [2]observable.Instrument

func (b both) Record(d time.Duration) {
	b[0].Record(d)
	b[1].Record(d)
}
