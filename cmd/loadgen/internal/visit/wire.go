package visit

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/bench/work"
	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/spans"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/estimators"
	"github.com/loadgen-go/loadgen/scenarios"
)

// This file maps the names in a scenario to Go types.

// attributesOf returns the attributes that the map sets on the spans of a cell.
func attributesOf(c *scenarios.Cell) ([]attribute.KeyValue, error) {
	value := c.Value("attributes")
	if value == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		return nil, fmt.Errorf("visit: attributes of a span are %q: want a number", value)
	}
	return spans.Attributes(n)
}

// newPipeline opens the pipeline that makes the spans of a cell, and exports them to a receiver, if there is one. If
// builtIn is false, the target is the program's own.
func newPipeline(req *Request, builtIn bool, r *receiver) (*spans.Pipeline, error) {
	c := &req.Cell
	if builtIn && !req.Scenario.CallsService() {
		if err := forgetOTel(); err != nil {
			return nil, err
		}
	}
	attributes, err := attributesOf(c)
	if err != nil {
		return nil, err
	}
	o := spans.Options{Arm: cmp.Or(c.Value(scenarios.Spans), scenarios.None), Sampling: c.Value(scenarios.Sampling),
		Processors: c.Value(scenarios.Processors), Attributes: attributes, To: r.destination()}
	if builtIn && req.Scenario.TargetOf(*c) == scenarios.SpanTarget {
		o.Attributes, o.Resource = specAttributes(), specResource()
	}
	return o.Open()
}

// forgetOTel removes what the user has set for OpenTelemetry from the environment of this process, which is that of
// one visit: the SDK would add it to its resource, and some of it cannot be overridden. Services and targets of the
// program's own need it.
func forgetOTel() error {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "OTEL_") {
			if err := os.Unsetenv(name); err != nil {
				return fmt.Errorf("removing %s from the environment of the visit: %w", name, err)
			}
		}
	}
	return nil
}

// newTarget returns the target under load and its keys. The target is the map, or a target of the program's own, whose
// only instrumentation is its spans.
func newTarget(ctx context.Context, req *Request, own *Own, pipeline *spans.Pipeline,
	metering *metering) (bench.Target, schedule.Keys, error) {
	switch {
	case own == nil && req.Scenario.TargetOf(req.Cell) == scenarios.SpanTarget:
		return newSpanTarget(req.Cell.Closed(), pipeline), nil, nil
	case own == nil:
		if arm := req.Cell.Value(scenarios.Instrument); arm == scenarios.None || arm == scenarios.Compiled {
			handlers, err := newHandlers(ctx, req)
			if err != nil {
				return nil, nil, err
			}
			return newTable(arm, handlers), handlers.keys, nil
		}
		return newMap(ctx, req, pipeline, metering)
	}
	provider := pipeline.Provider
	if provider == nil {
		provider = noop.NewTracerProvider()
	}
	keys, err := keysOf(req, own) // first: a target that was opened is to be closed
	if err != nil {
		return nil, nil, err
	}
	target, err := open(ctx, own, provider, &req.Cell, os.Stderr)
	return target, keys, err
}

// keysOf returns the keys that a target of the program's own is asked for; nil for "".
func keysOf(req *Request, own *Own) (schedule.Keys, error) {
	if req.Scenario.KeysOf(req.Cell.Level) != nil {
		_, keys, err := req.Scenario.Schedule(req.Cell.Level, req.Seed)
		return keys, err
	}
	if len(own.Keys) == 0 {
		return nil, nil
	}
	return schedule.Zipf(own.Keys, req.Scenario.Handlers.Zipf, req.Seed)
}

// A handlers is the handlers of the map, and the order in which their keys are called.
type handlers struct {
	names []string
	keys  schedule.Keys
	make  func(name string) func()
}

// newHandlers returns the handlers that a visit calls. If ctx ends, their work is cut short.
func newHandlers(ctx context.Context, req *Request) (*handlers, error) {
	h := &req.Scenario.Handlers
	work := work.Work{Spin: h.Spin, Allocate: h.Allocate, Distribution: h.Distribution, Seed: req.Seed}
	if err := work.Check(); err != nil {
		return nil, err
	}
	all := &handlers{names: req.Scenario.KeysOf(req.Cell.Level), make: func(name string) func() {
		return work.Handler(ctx, name, req.Turns)
	}}
	var err error
	if all.names != nil { // of a replay
		_, all.keys, err = req.Scenario.Schedule(req.Cell.Level, req.Seed)
		return all, err
	}
	for i := range h.Keys {
		all.names = append(all.names, fmt.Sprintf("handler-%d", i))
	}
	all.keys, err = schedule.Zipf(all.names, h.Zipf, req.Seed)
	return all, err
}

// newMap returns the map under load and its keys.
func newMap(ctx context.Context, req *Request, pipeline *spans.Pipeline, metering *metering) (*observable.Map,
	schedule.Keys, error) {
	attributes, err := attributesOf(&req.Cell)
	if err != nil {
		return nil, nil, err
	}
	opts := observable.Options{TracerProvider: pipeline.Provider, SpanHandles: !pipeline.Values,
		Attributes: attributes}
	if arm := req.Cell.Value(scenarios.Quantile); arm != "" && arm != scenarios.None {
		seeds := estimatorSeeds(req.Seed)
		if _, err := estimators.New(arm, seeds.Uint64()); err != nil {
			return nil, nil, err
		}
		opts.Latency = func(string) observable.Instrument {
			e, err := estimators.New(arm, seeds.Uint64())
			if err != nil {
				panic(err) // the same arm was created above
			}
			return &instrument{estimator: e}
		}
	}
	if metering.set != nil {
		metering.set(&opts)
	}
	m, err := observable.New(opts)
	if err != nil {
		return nil, nil, err
	}
	handlers, err := newHandlers(ctx, req)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range handlers.names {
		if err := m.Register(name, handlers.make(name)); err != nil {
			return nil, nil, err
		}
	}
	return m, handlers.keys, nil
}

// An instrument is a latency estimator on the path of calls. Estimators are not safe for
// concurrent use, so each handler has its own, with a lock.
type instrument struct {
	mu        sync.Mutex
	estimator quantile.Estimator
}

// Record adds a duration to the estimator.
func (i *instrument) Record(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.estimator.Add(d)
}
