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

// descs describe the metrics to Prometheus.
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

// Collect sends the account as Prometheus metrics.
func (a *Account) Collect(ch chan<- prometheus.Metric) {
	for _, r := range a.read() {
		// What these constructors could refuse, names that are not UTF-8, is not here.
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

// cumulative are the counts up to each bound, as Prometheus has them.
func (b *buckets) cumulative(counts []uint64) map[float64]uint64 {
	upTo := make(map[float64]uint64, len(b.bounds))
	var n uint64
	for i, bound := range b.bounds {
		n += counts[i]
		upTo[bound] = n
	}
	return upTo
}

// A ConflictError is the registration of metrics of which some have a name that
// is taken. Nothing was registered.
type ConflictError struct {
	Metrics []string // the names that are taken
	Err     error    // the registry's, such as a prometheus.AlreadyRegisteredError
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("metrics: %s registered already: want another Namespace or Subsystem: %v",
		strings.Join(e.Metrics, ", "), e.Err)
}

// Unwrap returns the registry's error.
func (e *ConflictError) Unwrap() error { return e.Err }

var errRegistered = errors.New("this account is in a registry, and can be in one at a time")

// Register adds the account to reg: all of its metrics, or none and an error. A
// name that is taken, be it by another account, is a [*ConflictError]; so is an
// account that is registered already. A name stays bound to its labels and its
// help for as long as the registry lives, even when it is not registered any more.
func (a *Account) Register(reg prometheus.Registerer) error {
	if reg == nil {
		return errors.New("metrics: the registerer is nil: want one such as prometheus.DefaultRegisterer")
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

// taken are the names that a registry's error is about: those in its text if it
// has any, for only one of its errors has a type, which is about all of them.
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

// Unregister takes the account out of the registry that it is in, and says whether
// it was in one. The metrics of others stay, even if they have the same names: a
// registry's own Unregister would remove those.
func (a *Account) Unregister() bool {
	a.registering.Lock()
	defer a.registering.Unlock()
	reg := a.registry
	a.registry = nil
	return reg != nil && reg.Unregister(a)
}
