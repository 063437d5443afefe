package observable

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// Options are the settings of a [Map]. The zero value makes neither spans nor metrics.
//
// Hooks run outside any lock, in the goroutine that calls or changes the map, and may
// use the map, for example to register a key. A panic of a hook passes through the
// method that ran the hook. For all hooks but OnRead, that method has done its work by
// then: a call has been counted.
type Options struct {
	// TracerProvider makes a span around every call, named after the key. If it is
	// nil, no spans are made.
	TracerProvider trace.TracerProvider
	// SpanHandles makes every span through the trace API. By default, if TracerProvider
	// is one of package pooled, the span of a handler that takes no context, and so
	// cannot see its span, is a plain value, which allocates nothing. The exported spans
	// are the same.
	SpanHandles bool
	// MeterProvider makes the counter observable.calls and the histogram
	// observable.duration, in seconds, both by key and outcome. If it is nil, there are
	// no metrics.
	MeterProvider metric.MeterProvider
	// Latency, if set, returns the instrument that records the duration of every call
	// of key. It is called once for each key, when the key is registered, and never
	// concurrently, so it must not register another key in the same map. A panic of the
	// instrument passes through Call after the call has been counted.
	Latency func(key string) Instrument
	// Attributes are added to every span and every metric.
	Attributes []attribute.KeyValue

	// Panics selects what Call does when a handler panics.
	Panics PanicPolicy
	// Histogram keeps a histogram of the durations of every key. It costs 2.6 kB per
	// key, and a second clock read per call.
	Histogram bool
	// Bounds are the buckets of that histogram: the longest duration of each, in ascending
	// order, at most MaxBounds of them. One more bucket counts longer durations. A
	// duration that equals a bound is in the bucket of the bound, as in Prometheus, so the
	// share of calls within an objective is exact if its threshold is a bound. A call
	// costs no more than with the default buckets, which [BucketEnd] describes.
	Bounds []time.Duration
	// Uncounted keeps no statistics: Snapshot reports only keys and where they were
	// registered. Calls of unknown keys are still errors. Without providers, Latency and
	// OnCall, a call is then a map access and a deferred function that recovers panics.
	// With RepeatPanics and without OnRead too, it is a map access alone if the function
	// takes no context.
	Uncounted bool

	// OnRead is called before each lookup of a key, by Call and by Handle. A key that
	// the hook registers is found.
	OnRead func(key string)
	// OnWrite is called after each change of the table. For concurrent changes the order
	// of the calls is undefined.
	OnWrite func(key string, w Write)
	// OnCall is called after each call with the time that the handler took and the error
	// of the call, which is a [*PanicError] even if the panic is repeated.
	OnCall func(key string, took time.Duration, err error)
}

// An Instrument records durations. Record is called by many goroutines at once.
type Instrument interface {
	Record(d time.Duration)
}

// A PanicPolicy selects what Call does when a handler panics. Before, the panic is
// counted and recorded in the span and the metrics. It is never swallowed.
type PanicPolicy int

const (
	// RecoverPanics makes Call return the panic as a [*PanicError].
	RecoverPanics PanicPolicy = iota
	// RepeatPanics makes Call panic with the same value.
	RepeatPanics
)

// A Write is a kind of change of a [Map].
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

// validate returns an error that lists every invalid option.
func (o *Options) validate() error {
	var wrong []error
	if o.Panics != RecoverPanics && o.Panics != RepeatPanics {
		wrong = append(wrong,
			fmt.Errorf("observable: Options.Panics is %d: want RecoverPanics or RepeatPanics", o.Panics))
	}
	if o.Uncounted && o.Histogram {
		wrong = append(wrong, errors.New("observable: Options has both Uncounted and Histogram, "+
			"but an uncounted map keeps no histogram: unset one of them"))
	}
	return errors.Join(append(wrong, o.wrongBounds()...)...)
}

// wrongBounds returns everything that is wrong with Bounds.
func (o *Options) wrongBounds() (wrong []error) {
	if len(o.Bounds) > 0 && !o.Histogram {
		wrong = append(wrong, errors.New("observable: Options has Bounds without Histogram: set Histogram, too"))
	}
	if n := len(o.Bounds); n > MaxBounds {
		wrong = append(wrong, fmt.Errorf("observable: Options.Bounds has %d bounds: want at most %d", n, MaxBounds))
	}
	for i, b := range o.Bounds {
		switch {
		case b <= 0:
			wrong = append(wrong, fmt.Errorf("observable: Options.Bounds[%d] is %v: want a duration above 0", i, b))
		case i > 0 && b <= o.Bounds[i-1]:
			wrong = append(wrong, fmt.Errorf("observable: Options.Bounds[%d] is %v, after %v: want ascending bounds",
				i, b, o.Bounds[i-1]))
		}
	}
	return wrong
}
