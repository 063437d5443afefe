package observable

import "go.opentelemetry.io/otel/metric"

// instruments holds the metrics of a map.
type instruments struct {
	calls    metric.Int64Counter
	duration metric.Float64Histogram
}

func newInstruments(meter metric.Meter) (*instruments, error) {
	calls, err := meter.Int64Counter("observable.calls",
		metric.WithDescription("Calls of handlers that ended, by key and outcome."),
		metric.WithUnit("{call}"))
	if err != nil {
		return nil, err
	}
	// The default bounds of the API are meant for milliseconds: in seconds, nearly every
	// handler would fall into the first bucket.
	duration, err := meter.Float64Histogram("observable.duration",
		metric.WithDescription("Duration of handlers, by key and outcome."),
		metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4,
			1e-3, 2e-3, 5e-3, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10))
	if err != nil {
		return nil, err
	}
	return &instruments{calls, duration}, nil
}
