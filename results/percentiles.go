package results

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// Summaries are the percentiles of a visit, or of a cell, for readers that do not decode histograms.
type Summaries struct {
	Latency   Summary `json:"latency_ns"` // due to ended, of the load that was offered
	Service   Summary `json:"service_ns"` // begun to ended, of calls done
	Queue     Summary `json:"queue_lag_ns"`
	Generator Summary `json:"generator_lag_ns"`
	Failed    Summary `json:"failed_latency_ns"`
	// The phases of calls done: parts of Service. They are nil if the target does not report them.
	Write *Summary `json:"write_ns,omitempty"`
	Wait  *Summary `json:"wait_ns,omitempty"`
	Read  *Summary `json:"read_ns,omitempty"`
}

// A Summary is the percentiles of one histogram, in nanoseconds. One that there are too few calls for is nil, and so
// is one that is infinite.
type Summary struct {
	P50  *float64 `json:"p50"`
	P90  *float64 `json:"p90"`
	P99  *float64 `json:"p99"`
	P999 *float64 `json:"p99_9"`
	Max  *float64 `json:"max"`
}

// Percentile returns the place of one of [Percentiles], or nil if q is none of them.
func (s *Summary) Percentile(q float64) **float64 {
	switch q {
	case 0.5:
		return &s.P50
	case 0.9:
		return &s.P90
	case 0.99:
		return &s.P99
	case 0.999:
		return &s.P999
	}
	return nil
}

// MarshalJSON encodes v, and adds its percentiles if it has a record.
func (v *Visit) MarshalJSON() ([]byte, error) {
	type plain Visit // without this method
	return json.Marshal(struct {
		*plain
		Percentiles *Summaries `json:"percentiles,omitempty"`
	}{(*plain)(v), v.Summaries()})
}

// Summaries returns the percentiles of v, or nil if it has no record.
func (v *Visit) Summaries() *Summaries {
	r := v.Record
	if r == nil || r.Latency == nil {
		return nil
	}
	s := &Summaries{
		Latency:   summary(r.Percentile, r.Latency, r.Unserved() == 0),
		Service:   Summarize(r.Service),
		Queue:     Summarize(r.Queue),
		Generator: Summarize(r.Generator),
		Failed:    Summarize(r.FailedLatency),
	}
	if p := r.Phases; p != nil {
		write, wait, read := Summarize(p.Write), Summarize(p.Wait), Summarize(p.Read)
		s.Write, s.Wait, s.Read = &write, &wait, &read
	}
	return s
}

var errTooFew = errors.New("results: too few values")

// Summarize returns the percentiles of the values of h, which may be nil.
func Summarize(h *quantile.HDR) Summary {
	if h == nil {
		return Summary{}
	}
	percentile := func(q float64) (time.Duration, error) {
		if h.Count() < quantile.SamplesFor(q) {
			return 0, errTooFew
		}
		return h.Quantile(q), nil
	}
	return summary(percentile, h, true)
}

// summary returns the percentiles that a function states, and the maximum of h if it is finite.
func summary(percentile func(q float64) (time.Duration, error), h *quantile.HDR, finite bool) (s Summary) {
	for _, q := range Percentiles() {
		if d, err := percentile(q); err == nil {
			ns := float64(d)
			*s.Percentile(q) = &ns
		}
	}
	if finite && h.Count() > 0 {
		longest := float64(h.Max())
		s.Max = &longest
	}
	return s
}
