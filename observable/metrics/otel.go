package metrics

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

const scope = "github.com/loadgen-go/loadgen/observable/metrics"

var _ sdkmetric.Producer = (*Account)(nil)

// Produce returns the statistics as cumulative OpenTelemetry metrics, for a reader that was made with
// sdkmetric.WithProducer. They start when the account was made, or at the first call of a key if that
// was earlier. Produce never fails. The caller may keep and change the result.
func (a *Account) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	readings := a.read()
	if len(readings) == 0 {
		return nil, nil
	}
	now := time.Now()
	metrics := []metricdata.Metrics{
		{Name: a.opts.otelName(callsName), Description: callsHelp, Unit: "{call}", Data: sumOf(readings, now)},
		{Name: a.opts.otelName(inFlightName), Description: inFlightHelp, Unit: "{call}", Data: gaugeOf(readings, now)},
	}
	if h := a.histogramOf(readings, now); h.DataPoints != nil {
		metrics = append(metrics, metricdata.Metrics{
			Name: a.opts.otelName(durationName), Description: durationHelp, Unit: "s", Data: h,
		})
	}
	return []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: scope}, Metrics: metrics}}, nil
}

func sumOf(readings []reading, now time.Time) metricdata.Sum[int64] {
	s := metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
	for _, r := range readings {
		for o, n := range r.ended {
			s.DataPoints = append(s.DataPoints, metricdata.DataPoint[int64]{
				Attributes: r.byOutcome[o], StartTime: r.start, Time: now, Value: int64(n),
			})
		}
	}
	return s
}

func gaugeOf(readings []reading, now time.Time) (g metricdata.Gauge[int64]) {
	for _, r := range readings {
		if r.held {
			g.DataPoints = append(g.DataPoints, metricdata.DataPoint[int64]{
				Attributes: r.set, StartTime: r.start, Time: now, Value: r.inFlight,
			})
		}
	}
	return g
}

func (a *Account) histogramOf(readings []reading, now time.Time) metricdata.Histogram[float64] {
	h := metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality}
	bounds := slices.Clone(a.buckets.bounds)
	for _, r := range readings {
		if r.counts != nil {
			h.DataPoints = append(h.DataPoints, metricdata.HistogramDataPoint[float64]{
				Attributes: r.set, StartTime: r.start, Time: now,
				Count: total(r.counts), Bounds: bounds, BucketCounts: r.counts, Sum: r.duration.Seconds(),
			})
		}
	}
	return h
}

func total(counts []uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}
