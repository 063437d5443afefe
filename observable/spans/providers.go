package spans

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/loadgen-go/loadgen/observable/pooled"
)

// Export settings of all arms. The SDK's batch processor drops spans silently when its
// queue is full. The harness counts the lost spans as the calls made minus the spans
// exported.
const (
	interval   = 100 * time.Millisecond
	timeout    = 30 * time.Second // of an export
	queueSpans = 2048
	batchSpans = 512
	spanBytes  = 100 // approximate encoded size of the span of a handler, with no attribute but its key
)

// limits are the SDK's own. Without them, the environment would set them.
var limits = sdktrace.SpanLimits{
	AttributeValueLengthLimit:   sdktrace.DefaultAttributeValueLengthLimit,
	AttributeValueDepthLimit:    sdktrace.DefaultAttributeValueDepthLimit,
	AttributeCountLimit:         sdktrace.DefaultAttributeCountLimit,
	EventCountLimit:             sdktrace.DefaultEventCountLimit,
	LinkCountLimit:              sdktrace.DefaultLinkCountLimit,
	AttributePerEventCountLimit: sdktrace.DefaultAttributePerEventCountLimit,
	AttributePerLinkCountLimit:  sdktrace.DefaultAttributePerLinkCountLimit,
}

var service = resource.NewSchemaless(attribute.String("service.name", "loadgen"))

// openPooled returns the open function of an arm of package pooled with the options opts.
func openPooled(opts pooled.Options) func(*setup) (*Pipeline, error) {
	return func(s *setup) (*Pipeline, error) {
		p, opts := &Pipeline{}, opts
		switch s.processors {
		case "batch":
			opts.Exporter = pooled.ExporterFunc(func(_ context.Context, request []byte, n int) error {
				defer p.exporting()()
				p.spans.Add(uint64(n))
				p.bytes.Add(uint64(len(request)))
				return nil
			})
		case "discard":
			opts.Processors = []sdktrace.SpanProcessor{dropper{p}}
		case OTLPBatch:
			to, err := s.to.Pooled()
			if err != nil {
				return nil, err
			}
			opts.Exporter = handing{to, p}
		case OTLPSimple:
			to, err := s.to.SDK()
			if err != nil {
				return nil, err
			}
			opts.Processors = []sdktrace.SpanProcessor{lending{sdktrace.NewSimpleSpanProcessor(counting{to, p})}}
		}
		provider, err := newPooled(s, opts)
		if err != nil {
			return nil, err
		}
		p.Provider, p.shutdown = provider, provider.Shutdown
		if s.processors != "none" {
			p.flush = provider.ForceFlush
		}
		if opts.Exporter != nil {
			p.counts = provider.Counts
		}
		return p, nil
	}
}

// asValues returns the open function of an arm whose spans are values where possible.
func asValues(open func(*setup) (*Pipeline, error)) func(*setup) (*Pipeline, error) {
	return func(s *setup) (*Pipeline, error) {
		p, err := open(s)
		if err == nil {
			p.Values = true
		}
		return p, err
	}
}

func newPooled(s *setup, opts pooled.Options) (*pooled.Provider, error) {
	r, err := resource.Merge(resource.Environment(), cmp.Or(s.resource, service)) // as the SDK does
	if err != nil {
		return nil, fmt.Errorf("spans: the resource: %w", err)
	}
	opts.Resource, opts.Interval, opts.Timeout, opts.Limits = r, interval, timeout, &limits
	opts.Sampler = s.sampling()
	opts.BufferBytes = queueSpans * s.spanBytes
	return pooled.New(opts)
}

func openSDK(s *setup) (*Pipeline, error) {
	p := &Pipeline{}
	var processor sdktrace.SpanProcessor
	switch s.processors {
	case "batch":
		exporter, err := otlptrace.New(context.Background(), &discard{pipeline: p})
		if err != nil {
			return nil, err
		}
		processor = batches(watched{exporter, p})
	case "discard":
		processor = dropper{p}
	case OTLPBatch, OTLPSimple:
		to, err := s.to.SDK()
		if err != nil {
			return nil, err
		}
		if s.processors == OTLPBatch {
			processor = batches(counting{to, p})
		} else {
			processor = sdktrace.NewSimpleSpanProcessor(counting{to, p})
		}
	}
	provider := newSDK(s, processor)
	p.Provider, p.shutdown = provider, provider.Shutdown
	if processor != nil {
		p.flush = provider.ForceFlush
	}
	return p, nil
}

func newSDK(s *setup, processor sdktrace.SpanProcessor) *sdktrace.TracerProvider {
	sampler := s.sampling()
	if sampler == nil {
		sampler = sdktrace.ParentBased(sdktrace.AlwaysSample())
	}
	opts := []sdktrace.TracerProviderOption{sdktrace.WithSampler(sampler),
		sdktrace.WithRawSpanLimits(limits), sdktrace.WithResource(cmp.Or(s.resource, service))}
	if processor != nil {
		opts = append(opts, sdktrace.WithSpanProcessor(processor))
	}
	return sdktrace.NewTracerProvider(opts...)
}

func batches(exporter sdktrace.SpanExporter) sdktrace.SpanProcessor {
	return sdktrace.NewBatchSpanProcessor(exporter,
		sdktrace.WithBatchTimeout(interval),
		sdktrace.WithExportTimeout(timeout),
		sdktrace.WithMaxQueueSize(queueSpans),
		sdktrace.WithMaxExportBatchSize(batchSpans))
}

// sampling returns the sampler of the provider, or nil to sample every root.
func (s *setup) sampling() sdktrace.Sampler {
	switch {
	case s.never:
		return sdktrace.NeverSample()
	case s.sampler != nil:
		return s.sampler
	}
	return nil
}

// A counter counts the spans that its sampler chose to sample.
type counter struct {
	sdktrace.Sampler
	sampled atomic.Uint64
}

func (c *counter) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	res := c.Sampler.ShouldSample(p)
	if res.Decision == sdktrace.RecordAndSample {
		c.sampled.Add(1)
	}
	return res
}

// A dropper is a processor that counts and drops each span.
type dropper struct{ pipeline *Pipeline }

var (
	_ sdktrace.SpanProcessor = dropper{}
	_ pooled.NonRetaining    = dropper{}
)

// NonRetaining implements [pooled.NonRetaining].
func (dropper) NonRetaining() {}

func (dropper) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (d dropper) OnEnd(sdktrace.ReadOnlySpan)                   { d.pipeline.spans.Add(1) }
func (dropper) ForceFlush(context.Context) error                { return nil }
func (dropper) Shutdown(context.Context) error                  { return nil }

// watched reports every export to a pipeline. In the SDK, encoding is part of the export.
type watched struct {
	sdktrace.SpanExporter
	pipeline *Pipeline
}

func (w watched) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	defer w.pipeline.exporting()()
	return w.SpanExporter.ExportSpans(ctx, spans)
}

// A counting exporter counts the spans that it has exported, and reports every export to a pipeline.
type counting struct {
	sdktrace.SpanExporter
	pipeline *Pipeline
}

func (c counting) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	defer c.pipeline.exporting()()
	err := c.SpanExporter.ExportSpans(ctx, spans)
	if err == nil {
		c.pipeline.spans.Add(uint64(len(spans)))
	}
	return err
}

// A lending processor gets the record of a pooled span itself, which is reused after OnEnd. Its
// exporter keeps no span.
type lending struct{ sdktrace.SpanProcessor }

var _ pooled.NonRetaining = lending{}

// NonRetaining implements [pooled.NonRetaining].
func (lending) NonRetaining() {}

// A handing exporter counts the spans that another one has accepted.
type handing struct {
	PooledExporter
	pipeline *Pipeline
}

func (h handing) Export(ctx context.Context, request []byte, n int) error {
	defer h.pipeline.exporting()()
	err := h.PooledExporter.Export(ctx, request, n)
	if err == nil {
		h.pipeline.spans.Add(uint64(n))
		h.pipeline.bytes.Add(uint64(len(request)))
	}
	return err
}

// discard is a client of an OTLP exporter that encodes each request and sends nothing.
// The exporter calls it from one goroutine at a time.
type discard struct {
	pipeline *Pipeline
	buf      []byte
}

func (*discard) Start(context.Context) error { return nil }
func (*discard) Stop(context.Context) error  { return nil }

func (d *discard) UploadTraces(_ context.Context, batch []*tracepb.ResourceSpans) error {
	var err error
	d.buf, err = proto.MarshalOptions{}.MarshalAppend(d.buf[:0],
		&coltrace.ExportTraceServiceRequest{ResourceSpans: batch})
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
