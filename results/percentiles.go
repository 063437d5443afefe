package results

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// percentiles holds the percentiles of a visit in nanoseconds, for readers that do not decode histograms.
type percentiles struct {
	Latency   stated `json:"latency_ns"` // due to ended, of the offered load
	Service   stated `json:"service_ns"` // begun to ended, of calls that succeeded
	Queue     stated `json:"queue_lag_ns"`
	Generator stated `json:"generator_lag_ns"`
	Failed    stated `json:"failed_latency_ns"`
}

// stated holds the percentiles of one histogram. A percentile is nil if there are too few calls for it, or if it is
// infinite.
type stated struct {
	P50  *time.Duration `json:"p50"`
	P90  *time.Duration `json:"p90"`
	P99  *time.Duration `json:"p99"`
	P999 *time.Duration `json:"p99_9"`
	Max  *time.Duration `json:"max"`
}

// MarshalJSON encodes v, and adds its percentiles if it has a record.
func (v *Visit) MarshalJSON() ([]byte, error) {
	type plain Visit // without this method
	return json.Marshal(struct {
		*plain
		Percentiles *percentiles `json:"percentiles,omitempty"`
	}{(*plain)(v), v.percentiles()})
}

// percentiles returns the percentiles of v, or nil if v has no record.
func (v *Visit) percentiles() *percentiles {
	r := v.Record
	if r == nil || r.Latency == nil {
		return nil
	}
	return &percentiles{
		Latency:   statedBy(r.Percentile, r.Latency, r.Unserved() == 0),
		Service:   ofAll(r.Service),
		Queue:     ofAll(r.Queue),
		Generator: ofAll(r.Generator),
		Failed:    ofAll(r.FailedLatency),
	}
}

var errTooFew = errors.New("results: too few values")

// ofAll returns the percentiles of all values of a histogram.
func ofAll(h *quantile.HDR) stated {
	if h == nil {
		return stated{}
	}
	percentile := func(q float64) (time.Duration, error) {
		if h.Count() < quantile.SamplesFor(q) {
			return 0, errTooFew
		}
		return h.Quantile(q), nil
	}
	return statedBy(percentile, h, true)
}

// statedBy returns the percentiles that a function returns without an error, and the maximum of h if it is finite.
func statedBy(percentile func(q float64) (time.Duration, error), h *quantile.HDR, finite bool) (s stated) {
	for q, to := range map[float64]**time.Duration{0.5: &s.P50, 0.9: &s.P90, 0.99: &s.P99, 0.999: &s.P999} {
		if d, err := percentile(q); err == nil {
			*to = &d
		}
	}
	if finite && h.Count() > 0 {
		longest := h.Max()
		s.Max = &longest
	}
	return s
}
