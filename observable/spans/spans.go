// Package spans opens the arms of the spans dimension: the ways of making spans whose
// costs loadgen compares. All arms get the same settings for how many spans are sampled
// and what becomes of the spans that ended. The combinations are:
//
//	                        sdk                             pooled, pooled-value, pooled-off
//	sampling  always        every root is sampled           the same
//	          parent-0.01   1 root in 100, by trace id      the same sampler
//	          never         no span records                 the same
//	processor batch         batch processor, OTLP bytes     encoded at End, in batches of OTLP bytes
//	          discard       a snapshot, passed to a         the record, passed to a processor that
//	                        processor that drops it         drops it and keeps nothing
//	          none          made and ended, no snapshot     made and ended, not encoded
//	          otlp-batch    batch processor, OTLP exporter  encoded at End, sent in batches
//	          otlp-simple   simple processor, the same      the same as for the SDK, with records that
//	                        exporter                        are lent and reused
//
// Batch exports every span in the same way: the span is encoded into an OTLP request,
// counted, and thrown away. That includes the work of a real exporter, but no network.
//
// Discard stops when a processor gets the span: the SDK passes a copy, the pooled tracer
// the record itself. Since processors are also called when a span starts, pooled-value
// then makes its spans through handles.
//
// The processors that begin with otlp send every span with the exporters of [Options].To,
// which the caller makes. Simple exports each span on its own, before End returns, and one at
// a time.
//
// The arms none and noop have nothing to sample or to process. They are the same for every
// sampling and processor.
//
// The settings that all arms share are set here and not read from the environment: one
// export every 100 ms or when enough spans wait, a queue of about 2,048 spans, 30 s for an
// export, the SDK's limits of what a span holds, and the resource. The SDK adds what is in
// OTEL_RESOURCE_ATTRIBUTES to every resource, so all arms do.
package spans

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/loadgen-go/loadgen/observable/pooled"
)

// An Arm is a way of making spans.
type Arm struct {
	Name  string
	About string
	open  func(*setup) (*Pipeline, error)
}

// Arms returns all arms, cheapest first.
func Arms() []Arm { return slices.Clone(arms) }

var arms = []Arm{
	{"none", "no tracer: the bare map", func(*setup) (*Pipeline, error) { return &Pipeline{}, nil }},
	{"noop", "the tracer of the OpenTelemetry API that does nothing", func(*setup) (*Pipeline, error) {
		return &Pipeline{Provider: noop.NewTracerProvider()}, nil
	}},
	{"pooled-value", "like pooled, but spans are values if the handler takes no context",
		asValues(openPooled(pooled.Options{}))},
	{"pooled", "spans reused through sync.Pool, encoded at End", openPooled(pooled.Options{})},
	{"pooled-off", "like pooled, but without reuse: the control for pooled",
		openPooled(pooled.Options{NoReuse: true})},
	{"sdk", "spans of the OpenTelemetry SDK through its batch processor and OTLP exporter", openSDK},
}

// Samplings returns the names of the sampling settings, the default first. See the package
// comment for what each does.
func Samplings() []string { return slices.Clone(samplings) }

// Processors returns the names of the processor settings, the default first. See the
// package comment for what each does.
func Processors() []string { return slices.Clone(processors) }

var (
	samplings  = []string{"always", "parent-0.01", "never"}
	processors = []string{"batch", "discard", "none", OTLPBatch, OTLPSimple}
)

// The processors that send spans with the exporters of [Options].To.
const (
	OTLPBatch  = "otlp-batch"
	OTLPSimple = "otlp-simple"
)

// Sends reports whether a processor sends spans, and so needs [Options].To.
func Sends(processor string) bool { return processor == OTLPBatch || processor == OTLPSimple }

// A Destination opens the exporters of the processors that begin with otlp. The pipeline shuts them down.
type Destination struct {
	// SDK opens the exporter of the SDK's spans, and of all spans with otlp-simple. It must not keep spans.
	SDK func() (sdktrace.SpanExporter, error)
	// Pooled opens the exporter of the spans of the pooled arms with otlp-batch.
	Pooled func() (PooledExporter, error)
}

// A PooledExporter is a [pooled.Exporter] that keeps spans after Export has returned.
type PooledExporter interface {
	pooled.Exporter
	ForceFlush(context.Context) error
	Shutdown(context.Context) error
}

// Options are the settings of a pipeline.
type Options struct {
	Arm        string               // the name of one of Arms
	Sampling   string               // one of Samplings; "" is the first
	Processors string               // one of Processors; "" is the first
	Attributes []attribute.KeyValue // attributes of every span besides its key, to estimate its size
	// To opens the exporters of the processors that begin with otlp. It is not used with others.
	To *Destination
	// Resource describes the producer of the spans; nil is the service loadgen.
	Resource *resource.Resource
}

// A setup holds what the open function of an arm needs to know of Options.
type setup struct {
	sampler    *counter // nil: every root is sampled
	never      bool
	processors string
	spanBytes  int
	to         *Destination
	resource   *resource.Resource // nil: service
}

// Open starts the pipeline of the named arm, with default options.
func Open(arm string) (*Pipeline, error) { return Options{Arm: arm}.Open() }

// Open starts the pipeline. The error lists everything that is wrong with o.
func (o Options) Open() (*Pipeline, error) {
	var names []string
	for _, a := range arms {
		names = append(names, a.Name)
	}
	s := &setup{processors: o.Processors, spanBytes: sizeOf(o.Attributes), to: o.To,
		resource: o.Resource}
	var errs []error
	if !slices.Contains(names, o.Arm) {
		errs = append(errs, unknown("arm", o.Arm, names))
	}
	switch o.Sampling {
	case "", "always":
	case "parent-0.01":
		s.sampler = &counter{Sampler: sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.01))}
	case "never":
		s.never = true
	default:
		errs = append(errs, unknown("sampling", o.Sampling, samplings))
	}
	if o.Processors == "" {
		s.processors = processors[0]
	} else if !slices.Contains(processors, o.Processors) {
		errs = append(errs, unknown("processor", o.Processors, processors))
	}
	if Sends(o.Processors) && o.To == nil {
		errs = append(errs, fmt.Errorf("spans: the processor %s has nowhere to send spans: want a Destination in "+
			"Options.To", o.Processors))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	p, err := arms[slices.Index(names, o.Arm)].open(s)
	if err != nil {
		return nil, err
	}
	p.setup = s
	return p, nil
}

func unknown(what, name string, known []string) error {
	return fmt.Errorf("spans: no %s is called %q: want one of %s", what, name, strings.Join(known, ", "))
}

// A Pipeline makes spans and exports or drops them.
type Pipeline struct {
	// Provider makes the spans; nil makes none.
	Provider trace.TracerProvider
	// Values reports whether the spans of handlers that take no context should be values.
	Values bool

	flush, shutdown func(context.Context) error // nil: nothing to do
	counts          func() pooled.Counts        // of a pooled provider that exports; nil for others
	setup           *setup
	spans, bytes    atomic.Uint64
	begin           atomic.Pointer[func() func()]
}

// Records reports whether ended spans are exported or dropped, and so counted.
func (p *Pipeline) Records() bool { return p.flush != nil }

// Sampled returns how many spans should be counted by Exported after roots root spans were
// started and ended. If only a part is sampled, that is the number that the sampler chose.
func (p *Pipeline) Sampled(roots uint64) uint64 {
	switch {
	case p.setup.never:
		return 0
	case p.setup.sampler != nil:
		return p.setup.sampler.sampled.Load()
	}
	return roots
}

// Check returns an error if the pooled provider's own account of spans does not add up: every sampled span that ended,
// of so many roots, was exported, failed to be exported, or was dropped. The SDK keeps no such account.
func (p *Pipeline) Check(roots uint64) error {
	if p.counts == nil {
		return nil
	}
	c, want := p.counts(), p.Sampled(roots)
	if sum := c.Exported + c.HandedOver + c.Failed + c.Dropped; c.Ended != want || sum != want {
		return fmt.Errorf("spans: of %d sampled spans, the provider counted %d ends: %d exported, %d failed and %d "+
			"dropped", want, c.Ended, c.Exported+c.HandedOver, c.Failed, c.Dropped)
	}
	return nil
}

// Flush exports every span that has ended.
func (p *Pipeline) Flush(ctx context.Context) error {
	if p.flush == nil {
		return nil
	}
	return p.flush(ctx)
}

// Close exports the spans that wait and ends the pipeline.
func (p *Pipeline) Close(ctx context.Context) error {
	if p.shutdown == nil {
		return nil
	}
	return p.shutdown(ctx)
}

// OnExport sets a function that is called whenever an export of spans begins. The function
// that it returns is called when the export has ended. Both are called by the exporting
// goroutine.
func (p *Pipeline) OnExport(begin func() (end func())) { p.begin.Store(&begin) }

// exporting calls the function set by OnExport and returns its result.
func (p *Pipeline) exporting() (end func()) {
	if begin := p.begin.Load(); begin != nil {
		return (*begin)()
	}
	return func() {}
}

// Exported returns the number of spans exported or dropped so far, and their encoded size
// in bytes, which is 0 if they are not encoded, or if an exporter of the caller encodes them.
func (p *Pipeline) Exported() (spans, bytes uint64) { return p.spans.Load(), p.bytes.Load() }
