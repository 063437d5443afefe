// Package observable is a map of functions that can be watched while it is
// called: a map[string]func() with spans, metrics and an account of every
// handler.
//
//	m, err := observable.New(observable.Options{TracerProvider: otel.GetTracerProvider()})
//	...
//	err = m.Register("save", save)
//	...
//	err = m.Call(ctx, "save")
//
// A call looks its key up in a table that is never changed in place: Register
// makes a new one, so calls take no lock, and handlers may register others. A
// missing key is an error, and so is a panic: it is recorded, counted and
// returned as a [*PanicError], never swallowed.
//
// # Cost
//
// A call without providers costs a map access, one clock read and a few atomic
// operations, and allocates nothing. Spans and metrics cost what their providers
// do; their attributes are made once, at Register.
//
// The package depends on the OpenTelemetry API alone. Package pooled, below it,
// is a provider of spans that are reused.
package observable

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

const scope = "github.com/loadgen-go/loadgen/observable"

// KeyAttribute is the attribute of spans and metrics that holds the key of the
// handler called.
const KeyAttribute = attribute.Key("observable.key")

// Options set up a [Map]. The zero value makes neither spans nor metrics.
type Options struct {
	// TracerProvider makes a span around every call, named after its key. Nil
	// makes none.
	TracerProvider trace.TracerProvider
	// MeterProvider gets the counter observable.calls and the histogram
	// observable.duration, in seconds, both by key and outcome. Nil gets nothing.
	MeterProvider metric.MeterProvider
	// Latency, if set, gives the instrument that takes the duration of every
	// call of a key. It is called once, when the key is registered, for one key at
	// a time: so it must not register another in the same map. A panic of the
	// instrument passes through Call, once the call has been accounted for.
	Latency func(key string) Instrument
	// Attributes stand on every span, and on every metric.
	Attributes []attribute.KeyValue
}

// An Instrument takes durations, from many goroutines at once.
type Instrument interface {
	Record(d time.Duration)
}

// A Map is a table of named functions. Its methods are safe for concurrent use.
// The zero Map is empty, and makes neither spans nor metrics.
type Map struct {
	opts    Options
	tracer  trace.Tracer // nil: no spans
	metrics *instruments // nil: no metrics

	mu    sync.Mutex // serialises Register
	table atomic.Pointer[map[string]*entry]
}

// New returns an empty Map. It fails if the meter provider refuses an instrument.
func New(opts Options) (*Map, error) {
	m := &Map{opts: opts}
	if opts.TracerProvider != nil {
		m.tracer = opts.TracerProvider.Tracer(scope)
	}
	if opts.MeterProvider != nil {
		var err error
		if m.metrics, err = newInstruments(opts.MeterProvider.Meter(scope)); err != nil {
			return nil, fmt.Errorf("observable: %w", err)
		}
	}
	return m, nil
}

// entries is the table as it is now. It must not be changed.
func (m *Map) entries() map[string]*entry {
	if t := m.table.Load(); t != nil {
		return *t
	}
	return nil
}

// Register adds fn under key. A key that is taken is a [*DuplicateKeyError], a
// nil fn a [*NilFuncError].
func (m *Map) Register(key string, fn func()) error {
	return m.register(&entry{key: key, plain: fn}, fn == nil)
}

// RegisterContext adds fn under key. It is called with the context of Call,
// which holds the span of the call, and what it returns is returned by Call.
// Errors are those of Register.
func (m *Map) RegisterContext(key string, fn func(context.Context) error) error {
	return m.register(&entry{key: key, fn: fn}, fn == nil)
}

func (m *Map) register(e *entry, isNil bool) error {
	e.from = caller(3)
	if isNil {
		return &NilFuncError{Key: e.key, From: e.from}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if first, ok := m.entries()[e.key]; ok {
		return &DuplicateKeyError{Key: e.key, From: e.from, First: first.from}
	}
	e.prepare(&m.opts)
	table := map[string]*entry{e.key: e}
	maps.Copy(table, m.entries())
	m.table.Store(&table)
	return nil
}

// caller is the file and line of the function skip frames up.
func caller(skip int) string {
	_, file, line, ok := runtime.Caller(skip)
	if !ok {
		return "unknown"
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// Call runs the handler of key. The error is an [*UnknownKeyError], what the
// handler returned, or a [*PanicError].
func (m *Map) Call(ctx context.Context, key string) error {
	e, ok := m.entries()[key]
	if !ok {
		return &UnknownKeyError{Key: key}
	}
	return e.call(ctx, m)
}

// Keys are the registered keys, sorted.
func (m *Map) Keys() []string { return slices.Sorted(maps.Keys(m.entries())) }

// Stats is the account of one handler at one moment.
type Stats struct {
	Key      string
	From     string    // file:line that registered it
	Calls    uint64    // begun
	Errors   uint64    // calls that returned an error
	Panics   uint64    // calls that panicked
	InFlight int64     // calls that have begun and not ended
	LastCall time.Time // when the latest call began; zero if there was none
}

// Stats returns the account of every handler, in order of keys. Each figure is
// exact; while calls run, they need not be of the same instant.
func (m *Map) Stats() []Stats {
	var all []Stats
	for _, e := range m.entries() {
		all = append(all, e.stats())
	}
	slices.SortFunc(all, func(a, b Stats) int { return strings.Compare(a.Key, b.Key) })
	return all
}
