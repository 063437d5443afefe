// Package spans opens the ways of making spans whose costs loadgen compares, its
// arms. All of them that record export every span the same way: encoded as an
// OTLP request, counted, and thrown away. So the work of a real exporter is done
// and paid for, and no network stands in between.
//
// What the arms share is set here and not taken from the environment: the
// resource, one export every 100 ms or when enough is waiting, room for about
// 2,048 spans.
package spans

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/loadgen-go/loadgen/observable/pooled"
)

// An Arm is one way of making spans.
type Arm struct {
	Name  string
	About string
	open  func() (*Pipeline, error)
}

// Arms are all of them, cheapest first.
var Arms = []Arm{
	{"none", "no tracer: the bare map", func() (*Pipeline, error) { return &Pipeline{}, nil }},
	{"noop", "the tracer of the OpenTelemetry API that does nothing", func() (*Pipeline, error) {
		return &Pipeline{Provider: noop.NewTracerProvider()}, nil
	}},
	{"pooled", "spans reused through sync.Pool, encoded at End", func() (*Pipeline, error) { return openPooled(false) }},
	{"pooled-off", "the same tracer with reuse off: the control for pooled", func() (*Pipeline, error) { return openPooled(true) }},
	{"sdk", "spans of the OpenTelemetry SDK through its batch processor and OTLP exporter", openSDK},
}

// Export settings common to the arms. The SDK's batch processor drops spans
// silently when its queue is full: what is lost is counted by the harness, as
// calls made less spans exported.
const (
	interval   = 100 * time.Millisecond
	queueSpans = 2048
	batchSpans = 512
	spanBytes  = 100 // about what the span of a handler takes, encoded
)

var service = resource.NewSchemaless(attribute.String("service.name", "loadgen"))

// A Pipeline makes spans and takes them to their end.
type Pipeline struct {
	// Provider makes the spans; nil makes none.
	Provider trace.TracerProvider

	flush, shutdown func(context.Context) error // nil: nothing to do
	spans, bytes    atomic.Uint64
	begin           atomic.Pointer[func() func()]
}

// Open starts the pipeline of the arm of that name.
func Open(name string) (*Pipeline, error) {
	var names []string
	for _, a := range Arms {
		if a.Name == name {
			return a.open()
		}
		names = append(names, a.Name)
	}
	return nil, fmt.Errorf("spans: no arm is called %q: want one of %s", name, strings.Join(names, ", "))
}

// Records tells whether spans are exported at all.
func (p *Pipeline) Records() bool { return p.flush != nil }

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

// Exported counts the spans exported so far, and their encoded bytes.
func (p *Pipeline) Exported() (spans, bytes uint64) { return p.spans.Load(), p.bytes.Load() }

func openPooled(noReuse bool) (*Pipeline, error) {
	p := &Pipeline{}
	provider, err := newPooled(noReuse, func(_ context.Context, request []byte, n int) error {
		defer p.exporting()()
		p.spans.Add(uint64(n))
		p.bytes.Add(uint64(len(request)))
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.Provider, p.flush, p.shutdown = provider, provider.ForceFlush, provider.Shutdown
	return p, nil
}

func newPooled(noReuse bool, export pooled.ExporterFunc) (*pooled.Provider, error) {
	return pooled.New(pooled.Options{
		Exporter:    export,
		Resource:    service,
		Interval:    interval,
		BufferBytes: queueSpans * spanBytes,
		NoReuse:     noReuse,
	})
}

func openSDK() (*Pipeline, error) {
	p := &Pipeline{}
	exporter, err := otlptrace.New(context.Background(), &discard{pipeline: p})
	if err != nil {
		return nil, err
	}
	provider := newSDK(watched{exporter, p})
	p.Provider, p.flush, p.shutdown = provider, provider.ForceFlush, provider.Shutdown
	return p, nil
}

// watched tells a pipeline of every export: of the SDK's, encoding is a part.
type watched struct {
	sdktrace.SpanExporter
	pipeline *Pipeline
}

func (w watched) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	defer w.pipeline.exporting()()
	return w.SpanExporter.ExportSpans(ctx, spans)
}

func newSDK(exporter sdktrace.SpanExporter) *sdktrace.TracerProvider {
	return sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample())),
		sdktrace.WithResource(service),
		sdktrace.WithBatcher(exporter,
			sdktrace.WithBatchTimeout(interval),
			sdktrace.WithMaxQueueSize(queueSpans),
			sdktrace.WithMaxExportBatchSize(batchSpans)),
	)
}

// discard is the client of an OTLP exporter that encodes and goes no further.
// The exporter calls it from one goroutine at a time.
type discard struct {
	pipeline *Pipeline
	buf      []byte
}

func (*discard) Start(context.Context) error { return nil }
func (*discard) Stop(context.Context) error  { return nil }

func (d *discard) UploadTraces(_ context.Context, batch []*tracepb.ResourceSpans) error {
	var err error
	d.buf, err = proto.MarshalOptions{}.MarshalAppend(d.buf[:0], &coltrace.ExportTraceServiceRequest{ResourceSpans: batch})
	if err != nil {
		return err
	}
	for _, rs := range batch {
		for _, ss := range rs.ScopeSpans {
			d.pipeline.spans.Add(uint64(len(ss.Spans)))
		}
	}
	d.pipeline.bytes.Add(uint64(len(d.buf)))
	return nil
}
