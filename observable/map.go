// Package observable provides a map of functions whose calls can be watched: a
// map[string]func() with spans, metrics, and counts of calls, errors and panics for
// every key.
//
//	m, err := observable.New(observable.Options{TracerProvider: otel.GetTracerProvider()})
//	...
//	err = m.Register("save", save)
//	...
//	err = m.Call(ctx, "save")
//
// Call looks the key up in a table that is never changed in place. Register, Replace
// and Remove make a new table, so calls take no lock, and handlers may change the map.
// Calling a missing key is an error. A panic is recorded, counted, and then either
// returned as a [*PanicError] or repeated, depending on [Options.Panics]; it is never
// swallowed. [Map.Snapshot] returns the counts of every key.
//
// # Cost
//
// A call without providers allocates nothing. By default it costs a map access, one
// clock read, and three atomic operations that keep its statistics. Histogram adds a
// clock read and two atomic operations. If Uncounted is set and panics are repeated, a
// call costs a map access. The table gives the CPU time of a call of an empty function,
// one of 16 in the map, relative to a call through a map[string]func(). All were
// measured in one process, interleaved:
//
//	                           Map.Call  Handle.Call
//	Uncounted, RepeatPanics       1.2       0.5
//	Uncounted                     2.2       0.8
//	zero Options                  8         7
//	Histogram                    13        12
//
// A clock read took 3 on this scale, so it is most of the cost of the statistics.
// BenchmarkCall measures these ratios. On two cores, two goroutines that called the same
// key were no slower than two goroutines that called different keys, so the counters of
// a key are not sharded.
//
// Spans and metrics cost what their providers take. Their attributes are made once, by
// Register. Every change of the map copies its table.
//
// The package depends on the OpenTelemetry API only, not on the SDK. Package pooled,
// below this one, is a tracer provider that reuses spans.
package observable

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

const scope = "github.com/loadgen-go/loadgen/observable"

// KeyAttribute is the attribute of spans and metrics that holds the key of the called
// handler.
const KeyAttribute = attribute.Key("observable.key")

// A Map is a table of named functions. Its methods are safe for concurrent use. The
// zero Map is empty and makes neither spans nor metrics.
type Map struct {
	opts    Options
	tracer  trace.Tracer // nil: no spans
	metrics *instruments // nil: no metrics
	layout  *layout      // of the histograms; nil: the default buckets

	mu     sync.Mutex // serialises writers
	table  atomic.Pointer[map[string]*entry]
	direct atomic.Pointer[map[string]func()] // the result of function direct for table
	probes atomic.Pointer[[]*entry]          // never changed in place
}

// New returns an empty Map. It returns an error that lists every wrong or contradictory
// option, or the error of the meter provider if it cannot make an instrument.
func New(opts Options) (*Map, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	m := &Map{opts: opts, layout: newLayout(opts.Bounds)}
	if opts.TracerProvider != nil {
		m.tracer = opts.TracerProvider.Tracer(scope)
	}
	if opts.MeterProvider != nil {
		var err error
		if m.metrics, err = newInstruments(opts.MeterProvider.Meter(scope)); err != nil {
			return nil, fmt.Errorf("observable: %w", err)
		}
	}
	firstMap.CompareAndSwap(nil, m)
	return m, nil
}

// entries returns the current table, which must not be changed.
func (m *Map) entries() map[string]*entry {
	if t := m.table.Load(); t != nil {
		return *t
	}
	return nil
}

// Register adds fn under key. It returns a [*DuplicateKeyError] if key is registered
// already, and a [*NilFuncError] if fn is nil. A function of a named type, such as
// type Job func(), needs no conversion.
func (m *Map) Register(key string, fn func()) error {
	return m.register(key, &handler{from: caller(2), plain: fn})
}

// RegisterContext adds fn under key. Call passes fn its context, with the span of the
// call in it, and returns the error that fn returns. If that is a [*PanicError], the call
// counts as a panic. RegisterContext returns the same errors as [Map.Register].
func (m *Map) RegisterContext(key string, fn func(context.Context) error) error {
	return m.register(key, &handler{from: caller(2), withContext: fn})
}

// Replace replaces the handler of key by fn. It may be called while calls run: a call
// that has begun runs the old handler to its end, and a later call runs fn. The
// statistics of the key are kept. Replace returns an [*UnknownKeyError] if key is not
// registered, and a [*NilFuncError] if fn is nil.
func (m *Map) Replace(key string, fn func()) error {
	return m.replace(key, &handler{from: caller(2), plain: fn})
}

// ReplaceContext is [Map.Replace] for a function that [Map.RegisterContext] takes.
func (m *Map) ReplaceContext(key string, fn func(context.Context) error) error {
	return m.replace(key, &handler{from: caller(2), withContext: fn})
}

// Remove removes key and its statistics from the map. Calls that have begun go on, and
// are still reported in spans, metrics and OnCall, and counted in the Stats of a
// [Handle]. Remove returns an [*UnknownKeyError] if key is not registered.
func (m *Map) Remove(key string) error {
	return m.write(key, Removed, func(now *entry) (*entry, error) {
		if now == nil {
			return nil, &UnknownKeyError{Key: key}
		}
		now.fn.Store(nil)
		return nil, nil
	})
}

func (m *Map) register(key string, h *handler) error {
	if h.isNil() {
		return &NilFuncError{Key: key, From: h.from}
	}
	return m.write(key, Registered, func(now *entry) (*entry, error) {
		if now != nil {
			return nil, &DuplicateKeyError{Key: key, From: h.from, First: now.fn.Load().from}
		}
		return newEntry(m, key, h), nil
	})
}

func (m *Map) replace(key string, h *handler) error {
	if h.isNil() {
		return &NilFuncError{Key: key, From: h.from}
	}
	return m.write(key, Replaced, func(now *entry) (*entry, error) {
		if now == nil {
			return nil, &UnknownKeyError{Key: key}
		}
		now.fn.Store(h)
		return now, nil
	})
}

// write changes the entry of key and then calls OnWrite. change gets the current entry
// of key, nil if it has none, and returns the new one, or nil to remove the key.
func (m *Map) write(key string, w Write, change func(now *entry) (*entry, error)) error {
	if err := m.locked(key, change); err != nil {
		return err
	}
	if m.opts.OnWrite != nil {
		m.opts.OnWrite(key, w)
	}
	return nil
}

func (m *Map) locked(key string, change func(now *entry) (*entry, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.entries()[key]
	next, err := change(now)
	if err != nil {
		return err
	}
	table := make(map[string]*entry, len(m.entries())+1)
	maps.Copy(table, m.entries())
	if next == nil {
		delete(table, key)
	} else {
		table[key] = next
	}
	m.table.Store(&table)
	m.direct.Store(direct(table))
	return nil
}

// direct returns the functions of table that Call may run as they are, or nil if there
// are none. Calling them straight from this map skips the way from entry to handler,
// which is half of what such a call costs more than one through a bare map.
func direct(table map[string]*entry) *map[string]func() {
	var fns map[string]func()
	for key, e := range table {
		if fn := e.fn.Load().plain; fn != nil && e.bare && e.m.opts.Panics == RepeatPanics && e.m.opts.OnRead == nil {
			if fns == nil {
				fns = make(map[string]func(), len(table))
			}
			fns[key] = fn
		}
	}
	if fns == nil {
		return nil
	}
	return &fns
}

// caller returns the file and line of the function skip frames up the stack.
func caller(skip int) string {
	_, file, line, ok := runtime.Caller(skip)
	if !ok {
		return "unknown"
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// Call runs the handler of key. It returns an [*UnknownKeyError] if key is not
// registered, a [*PanicError] if the handler panicked, and otherwise the error that the
// handler returned.
func (m *Map) Call(ctx context.Context, key string) error {
	if fns := m.direct.Load(); fns != nil {
		if fn := (*fns)[key]; fn != nil {
			fn()
			return nil
		}
	}
	e, err := m.lookUp(key)
	if err != nil {
		return err
	}
	return e.call(ctx)
}

func (m *Map) lookUp(key string) (*entry, error) {
	if m.opts.OnRead != nil {
		m.opts.OnRead(key)
	}
	if e := m.entries()[key]; e != nil {
		return e, nil
	}
	return nil, &UnknownKeyError{Key: key}
}

// Bounds returns a copy of Options.Bounds: the bounds of the histograms that the map keeps,
// or nil if it keeps none or they have the default buckets.
func (m *Map) Bounds() []time.Duration {
	if m.layout == nil {
		return nil
	}
	return slices.Clone(m.layout.bounds)
}

// Keys returns the registered keys, sorted.
func (m *Map) Keys() []string { return slices.Sorted(maps.Keys(m.entries())) }
