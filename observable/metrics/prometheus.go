package metrics

import (
	"errors"
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	callsHelp    = "Calls of handlers that ended, by key and outcome."
	inFlightHelp = "Calls of handlers that have begun and not ended, by key."
	durationHelp = "Duration of handlers, by key."
)

// descs holds the descriptions of the metrics for Prometheus.
type descs struct {
	names                     []string
	calls, inFlight, duration *prometheus.Desc
}

func newDescs(opts *Options) (d descs) {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		name = prometheus.BuildFQName(opts.Namespace, opts.Subsystem, name)
		d.names = append(d.names, name)
		return prometheus.NewDesc(name, help, labels, nil)
	}
	d.calls = desc(callsName+"_total", callsHelp, "key", "outcome")
	d.inFlight = desc(inFlightName, inFlightHelp, "key")
	d.duration = desc(durationName+"_seconds", durationHelp, "key")
	return d
}

var _ prometheus.Collector = (*Account)(nil)

// Describe sends the descriptions of the three metrics.
func (a *Account) Describe(ch chan<- *prometheus.Desc) {
	ch <- a.descs.calls
	ch <- a.descs.inFlight
	ch <- a.descs.duration
}

// Collect sends the statistics as Prometheus metrics.
func (a *Account) Collect(ch chan<- prometheus.Metric) {
	for _, r := range a.read() {
		// These constructors fail only for invalid UTF-8, which name has removed.
		for o, n := range r.ended {
			ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(
				a.descs.calls, prometheus.CounterValue, float64(n), r.start, r.name, outcomes[o])
		}
		if r.held {
			ch <- prometheus.MustNewConstMetric(a.descs.inFlight, prometheus.GaugeValue, float64(r.inFlight), r.name)
		}
		if r.counts != nil {
			ch <- prometheus.MustNewConstHistogramWithCreatedTimestamp(
				a.descs.duration, total(r.counts), r.duration.Seconds(), a.buckets.cumulative(r.counts), r.start,
				r.name)
		}
	}
}

// cumulative returns the cumulative count up to each bound, as Prometheus needs it.
func (b *buckets) cumulative(counts []uint64) map[float64]uint64 {
	upTo := make(map[float64]uint64, len(b.bounds))
	var n uint64
	for i, bound := range b.bounds {
		n += counts[i]
		upTo[bound] = n
	}
	return upTo
}

// A ConflictError reports that metrics were not registered because some of their names are taken.
type ConflictError struct {
	Metrics []string // the names that are taken
	Err     error    // the error of the registry, such as a prometheus.AlreadyRegisteredError
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("metrics: already registered: %s: use another Namespace or Subsystem: %v",
		strings.Join(e.Metrics, ", "), e.Err)
}

// Unwrap returns the error of the registry.
func (e *ConflictError) Unwrap() error { return e.Err }

var errRegistered = errors.New("this account is registered, and can be in only one registry at a time")

// Register adds the metrics of the account to reg, either all or none. It returns a [*ConflictError] if
// a name is taken or the account is registered already. A registry binds a name to its labels and its
// help for ever, even after the metrics are unregistered.
func (a *Account) Register(reg prometheus.Registerer) error {
	if reg == nil {
		return errors.New("metrics: the registerer is nil: want a registerer such as prometheus.DefaultRegisterer")
	}
	a.registering.Lock()
	defer a.registering.Unlock()
	if a.registry != nil {
		return &ConflictError{Metrics: a.descs.names, Err: errRegistered}
	}
	if err := reg.Register(a); err != nil {
		return &ConflictError{Metrics: a.taken(err), Err: err}
	}
	a.registry = reg
	return nil
}

// taken returns the names that err, an error of a registry, is about: the names in its text, or else all
// of them. The only error with a type, prometheus.AlreadyRegisteredError, is about all of them.
func (a *Account) taken(err error) (names []string) {
	for _, name := range a.descs.names {
		if strings.Contains(err.Error(), name+`"`) {
			names = append(names, name)
		}
	}
	if names == nil {
		return a.descs.names
	}
	return names
}

// Unregister removes the account from its registry, and reports whether it was registered. It does not
// remove metrics of others that have the same names, as the method Unregister of the registry would.
func (a *Account) Unregister() bool {
	a.registering.Lock()
	defer a.registering.Unlock()
	reg := a.registry
	a.registry = nil
	return reg != nil && reg.Unregister(a)
}
