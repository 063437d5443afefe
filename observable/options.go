package observable

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// Options set up a [Map]. The zero value makes neither spans nor metrics.
//
// Hooks run outside any lock, in the goroutine that calls or writes, and may use
// the map: register in it, say. A panic of a hook goes on through the method that
// ran it, which has done its work but for OnRead: a call has been accounted for.
type Options struct {
	// TracerProvider makes a span around every call, named after its key. Nil
	// makes none.
	TracerProvider trace.TracerProvider
	// SpanHandles makes every span by the trace API. Otherwise, if TracerProvider is of
	// package pooled, the span of a handler that takes no context, and so cannot see it,
	// is a value, which allocates nothing. What is exported is the same.
	SpanHandles bool
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

	// Panics says what becomes of a panic of a handler.
	Panics PanicPolicy
	// Histogram keeps the durations of every key in its account: 2.6 kB a key,
	// and a second clock read a call.
	Histogram bool
	// Uncounted keeps no account: Snapshot has the keys and where they are from,
	// and nothing else. Unknown keys are still errors. With neither providers nor
	// Latency nor OnCall a call is then a map access and a deferred function that
	// recovers panics; under RepeatPanics and without OnRead it is a map access
	// alone, if its function takes no context.
	Uncounted bool

	// OnRead is told of every look-up of a key, by Call and by Handle, before it
	// is made: a key that the hook registers is found.
	OnRead func(key string)
	// OnWrite is told of every change of the table, after it. Of changes that are
	// made at once it may be told in any order.
	OnWrite func(key string, w Write)
	// OnCall is told of every call that ended, how long its handler took and what
	// became of it: err is a [*PanicError] even if the panic is let through.
	OnCall func(key string, took time.Duration, err error)
}

// An Instrument takes durations, from many goroutines at once.
type Instrument interface {
	Record(d time.Duration)
}

// A PanicPolicy says what becomes of a panic of a handler, once it has been
// accounted for and is on the span and in the metrics. It is never swallowed.
type PanicPolicy int

const (
	// RecoverPanics makes Call return them as a [*PanicError].
	RecoverPanics PanicPolicy = iota
	// RepeatPanics lets them go on through Call, with the value they had.
	RepeatPanics
)

// A Write is a change of the table of a [Map].
type Write int

const (
	Registered Write = iota
	Replaced
	Removed
)

func (w Write) String() string {
	if w < Registered || w > Removed {
		return fmt.Sprintf("Write(%d)", int(w))
	}
	return [...]string{"registered", "replaced", "removed"}[w]
}

// validate says everything that is wrong.
func (o *Options) validate() error {
	var wrong []error
	if o.Panics != RecoverPanics && o.Panics != RepeatPanics {
		wrong = append(wrong, fmt.Errorf("observable: Panics is %d, want RecoverPanics or RepeatPanics", o.Panics))
	}
	if o.Uncounted && o.Histogram {
		wrong = append(wrong,
			errors.New("observable: Uncounted keeps no account for the Histogram to be in: want one of them"))
	}
	return errors.Join(wrong...)
}
