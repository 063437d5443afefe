// Package spans opens the ways of making spans whose costs loadgen compares, its
// arms, and sets them up alike: how many spans are sampled, and where those that
// ended go. What a combination does:
//
//	                        sdk                             pooled, pooled-value, pooled-off
//	sampling  always        every root is sampled           the same
//	          parent-0.01   1 root of 100, by its trace id  the same sampler
//	          never         no span records                 the same
//	processor batch         batch processor, OTLP bytes     encoded at End, in batches of OTLP bytes
//	          discard       a snapshot, given to a          the record, given to a processor that
//	                        processor that drops it         drops it and keeps none
//	          none          made and ended, no snapshot       made and ended, not encoded
//
// Batch exports every span the same way: encoded as an OTLP request, counted, and
// thrown away. So the work of a real exporter is done and paid for, and no network
// stands in between. Discard ends where a processor gets the span, in the form in
// which it does: the SDK hands over a copy, the pooled tracer the record itself. Since
// processors are told of its start, too, a value is then made by way of a handle. The
// arms none and noop have nothing to sample or to process: they are the same whatever
// the rest says.
//
// What the arms share is set here and not taken from the environment: the
// resource, one export every 100 ms or when enough is waiting, room for about
// 2,048 spans.
package spans

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/loadgen-go/loadgen/observable/pooled"
)

// An Arm is one way of making spans.
type Arm struct {
	Name  string
	About string
	open  func(*setup) (*Pipeline, error)
}

// Arms are all of them, cheapest first.
var Arms = []Arm{
	{"none", "no tracer: the bare map", func(*setup) (*Pipeline, error) { return &Pipeline{}, nil }},
	{"noop", "the tracer of the OpenTelemetry API that does nothing", func(*setup) (*Pipeline, error) {
		return &Pipeline{Provider: noop.NewTracerProvider()}, nil
	}},
	{"pooled-value", "the same tracer, whose spans are values if a handler takes no context",
		asValues(openPooled(pooled.Options{}))},
	{"pooled", "spans reused through sync.Pool, encoded at End", openPooled(pooled.Options{})},
	{"pooled-off", "the same tracer with reuse off: the control for pooled", openPooled(pooled.Options{NoReuse: true})},
	{"sdk", "spans of the OpenTelemetry SDK through its batch processor and OTLP exporter", openSDK},
}

// Samplings are the names of ways to sample, and Processors those of where ended
// spans go, by default the first: see the package's comment.
var (
	Samplings  = []string{"always", "parent-0.01", "never"}
	Processors = []string{"batch", "discard", "none"}
)

// Options say what a pipeline is to be.
type Options struct {
	Arm        string               // the name of one of Arms
	Sampling   string               // one of Samplings; "" is the first
	Processors string               // one of Processors; "" is the first
	Attributes []attribute.KeyValue // of every span, besides its key: they decide the room that it takes
}

// A setup is what Options come to.
type setup struct {
	sampler    *counter // nil: every root is sampled
	never      bool
	processors string
	spanBytes  int
}

// Open starts the pipeline of the arm of that name, with what is usual otherwise.
func Open(arm string) (*Pipeline, error) { return Options{Arm: arm}.Open() }

// Open starts the pipeline. The error is everything that is wrong with o.
func (o Options) Open() (*Pipeline, error) {
	var names []string
	for _, a := range Arms {
		names = append(names, a.Name)
	}
	s := &setup{processors: o.Processors, spanBytes: sizeOf(o.Attributes)}
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
		errs = append(errs, unknown("sampling", o.Sampling, Samplings))
	}
	if o.Processors == "" {
		s.processors = Processors[0]
	} else if !slices.Contains(Processors, o.Processors) {
		errs = append(errs, unknown("processor", o.Processors, Processors))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	p, err := Arms[slices.Index(names, o.Arm)].open(s)
	if err != nil {
		return nil, err
	}
	p.setup = s
	return p, nil
}

func unknown(what, name string, known []string) error {
	return fmt.Errorf("spans: no %s is called %q: want one of %s", what, name, strings.Join(known, ", "))
}

// A Pipeline makes spans and takes them to their end.
type Pipeline struct {
	// Provider makes the spans; nil makes none.
	Provider trace.TracerProvider
	// Values says that spans of handlers that take no context are to be values.
	Values bool

	flush, shutdown func(context.Context) error // nil: nothing to do
	setup           *setup
	spans, bytes    atomic.Uint64
	begin           atomic.Pointer[func() func()]
}

// Records tells whether spans are taken to an end where they are counted.
func (p *Pipeline) Records() bool { return p.flush != nil }

// Sampled is how many spans are to arrive there, if so many roots were started and
// ended: of a part, those that its sampler chose, counted as it chose them.
func (p *Pipeline) Sampled(roots uint64) uint64 {
	switch {
	case p.setup.never:
		return 0
	case p.setup.sampler != nil:
		return p.setup.sampler.sampled.Load()
	}
	return roots
}

// Flush exports every span that has ended.
func (p *Pipeline) Flush(ctx context.Context) error {
	if p.flush == nil {
		return nil
	}
	return p.flush(ctx)
}

// Close exports what waits and ends the pipeline.
func (p *Pipeline) Close(ctx context.Context) error {
	if p.shutdown == nil {
		return nil
	}
	return p.shutdown(ctx)
}

// OnExport has begin called whenever the export of spans begins, and what it returns
// when that export has ended. Both are called by whoever exports.
func (p *Pipeline) OnExport(begin func() (end func())) { p.begin.Store(&begin) }

// exporting is called when an export begins, and what it returns when it has ended.
func (p *Pipeline) exporting() (end func()) {
	if begin := p.begin.Load(); begin != nil {
		return (*begin)()
	}
	return func() {}
}

// Exported counts the spans that arrived so far, and their encoded bytes: 0 if
// they are not encoded.
func (p *Pipeline) Exported() (spans, bytes uint64) { return p.spans.Load(), p.bytes.Load() }
