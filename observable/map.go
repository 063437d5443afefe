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
// A call looks its key up in a table that is never changed in place: Register,
// Replace and Remove make a new one, so calls take no lock, and handlers may
// change the map. A missing key is an error. A panic is recorded, counted, and
// returned as a [*PanicError] or let through, as [Options] say: it is never
// swallowed. [Map.Snapshot] says what became of every key.
//
// # Cost
//
// A call without providers allocates nothing. By default it costs a map access, one
// clock read, and three atomic operations that keep its account; Histogram adds a
// clock read and two atomic operations. Without an account, and with panics let
// through, it costs a map access. In CPU time, in one process and interleaved, a
// call of an empty function among 16 cost, with that of a map[string]func() as 1:
//
//	                           Map.Call  Handle.Call
//	Uncounted, RepeatPanics       1.2       0.5
//	Uncounted                     2.2       0.8
//	zero Options                  8         7
//	Histogram                    13        12
//
// A clock read there was 3, so it is most of what an account costs. BenchmarkCall
// measures these anew. Two goroutines that called one key were no slower than two
// that called two, on two cores: so the counters of a key are not sharded.
//
// Spans and metrics cost what their providers do; their attributes are made once,
// at Register. A change of the map copies its table.
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
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

const scope = "github.com/loadgen-go/loadgen/observable"

// KeyAttribute is the attribute of spans and metrics that holds the key of the
// handler called.
const KeyAttribute = attribute.Key("observable.key")

// A Map is a table of named functions. Its methods are safe for concurrent use.
// The zero Map is empty, and makes neither spans nor metrics.
type Map struct {
	opts    Options
	tracer  trace.Tracer // nil: no spans
	metrics *instruments // nil: no metrics

	mu     sync.Mutex // serialises writers
	table  atomic.Pointer[map[string]*entry]
	direct atomic.Pointer[map[string]func()] // see direct
}

// New returns an empty Map. It fails if options are wrong or contradict each
// other, and says all that is, or if the meter provider refuses an instrument.
func New(opts Options) (*Map, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
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
// nil fn a [*NilFuncError]. A function of a named type, such as type Job func(),
// needs no conversion.
func (m *Map) Register(key string, fn func()) error {
	return m.register(key, &handler{from: caller(2), plain: fn})
}

// RegisterContext adds fn under key. It is called with the context of Call,
// which holds the span of the call, and what it returns is returned by Call.
// Errors are those of Register.
func (m *Map) RegisterContext(key string, fn func(context.Context) error) error {
	return m.register(key, &handler{from: caller(2), withContext: fn})
}

// Replace puts fn in the place of what is registered under key, while calls run:
// those that have begun end as they began, those that begin later call fn. The
// account of the key goes on. A key that is not registered is an
// [*UnknownKeyError], a nil fn a [*NilFuncError].
func (m *Map) Replace(key string, fn func()) error {
	return m.replace(key, &handler{from: caller(2), plain: fn})
}

// ReplaceContext is [Map.Replace] by a function as in [Map.RegisterContext].
func (m *Map) ReplaceContext(key string, fn func(context.Context) error) error {
	return m.replace(key, &handler{from: caller(2), withContext: fn})
}

// Remove takes key out of the map, and its account with it. Calls that have begun
// go on, and are accounted for: in spans, metrics and OnCall, and in the Stats of a
// [Handle]. A key that is not registered is an [*UnknownKeyError].
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

// write makes a change: from the entry that key has now, nil if none, to the one it
// is to have.
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

// direct are the functions of a table that Call may run with nothing around them,
// nil if there are none: it spares that call the way from entry to handler, half of
// what it costs more than a bare map.
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

// Keys are the registered keys, sorted.
func (m *Map) Keys() []string { return slices.Sorted(maps.Keys(m.entries())) }
