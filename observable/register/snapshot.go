package register

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// A Snapshot is what a registry holds, and what happened to it, at one time.
type Snapshot struct {
	Registrations []Registration // by kind, then by name
	Counts        []Count        // one for each kind, and one of the zero Kind for unknown kinds
	Frozen        string         // file:line that froze the registry; empty if it is not frozen
}

// A Count is how the calls of Register with one kind ended. Their sum is the number of
// calls.
type Count struct {
	Kind       Kind
	Added      uint64
	Overridden uint64 // took the place of another one
	Merged     uint64
	Refused    uint64
}

// Snapshot returns what the registry holds. It takes no lock. The caller may change the
// result.
func (g *Registry) Snapshot() Snapshot {
	s := g.state()
	snapshot := Snapshot{Counts: slices.Clone(s.counts[:]), Frozen: s.frozen}
	for kind := range snapshot.Counts {
		snapshot.Counts[kind].Kind = Kind(kind)
	}
	for r := range maps.Values(s.held) {
		snapshot.Registrations = append(snapshot.Registrations, r.copied())
	}
	slices.SortFunc(snapshot.Registrations, func(a, b Registration) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return snapshot
}

// Publish makes the metrics of the registry with meter, until the result is unregistered:
// the gauge observable.register.held, the registrations by kind, and the counter
// observable.register.calls, the calls of Register by kind and outcome: added, overridden,
// merged or refused. They are read when a reader collects. What is published twice with one
// meter counts twice. Publish returns the error of the meter.
func (g *Registry) Publish(meter metric.Meter) (metric.Registration, error) {
	held, err := meter.Int64ObservableUpDownCounter("observable.register.held", metric.WithUnit("{registration}"),
		metric.WithDescription("Registered functions, by kind."))
	if err != nil {
		return nil, err
	}
	calls, err := meter.Int64ObservableCounter("observable.register.calls", metric.WithUnit("{call}"),
		metric.WithDescription("Calls of Register, by kind and outcome."))
	if err != nil {
		return nil, err
	}
	return meter.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		s := g.Snapshot()
		var holds [kinds]int64
		for _, r := range s.Registrations {
			holds[r.Kind]++
		}
		for _, c := range s.Counts {
			kind := attribute.String("kind", "unknown")
			if c.Kind != 0 {
				kind = attribute.String("kind", c.Kind.String())
				to.ObserveInt64(held, holds[c.Kind], metric.WithAttributes(kind))
			}
			for outcome, n := range c.byOutcome() {
				to.ObserveInt64(calls, int64(n), metric.WithAttributes(kind, attribute.String("outcome", outcome)))
			}
		}
		return nil
	}, held, calls)
}

func (c Count) byOutcome() map[string]uint64 {
	return map[string]uint64{"added": c.Added, "overridden": c.Overridden, "merged": c.Merged, "refused": c.Refused}
}
