package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/loadgen-go/loadgen/observable/pooled"
	"github.com/loadgen-go/loadgen/observable/pooled/otlphttp"
)

// parts are the parts of a Lifecycle that can fail to open.
type parts struct {
	resource *resource.Resource
	sampler  sdktrace.Sampler
	delay    time.Duration         // time between exports; 0 is the default
	grpc     bool                  // whether spans are exported over gRPC
	spans    sdktrace.SpanExporter // exporter for spans of the SDK
	reader   sdkmetric.Reader
	pooled   *pooledSpans
}

// open opens all exporters, or none if it fails. It joins wrong, the known errors of the options and
// the environment, with its own.
func open(ctx context.Context, opts *Options, env *environ, wrong error) (_ *parts, err error) {
	p := &parts{resource: env.resource, sampler: env.sampler, delay: env.delay, grpc: env.grpc}
	restore, err := canonicalise(opts, env)
	if err != nil {
		return nil, errors.Join(wrong, err)
	}
	defer restore()
	errs := []error{wrong}
	if wrong == nil && opts.Pooled {
		p.pooled, err = openPooled(opts, env)
		errs = append(errs, err)
	}
	// Whether an exporter is registered can only be found out by opening it.
	if !opts.Pooled && (wrong == nil || !builtin(env.traces)) {
		if p.spans, err = autoexport.NewSpanExporter(ctx); err != nil {
			errs = append(errs, fmt.Errorf("lifecycle: OTEL_TRACES_EXPORTER is %q: want otlp, console, none, or a "+
				"registered exporter: %w", env.traces, err))
		}
	}
	if opts.Metrics && (wrong == nil || !builtin(env.metrics)) {
		if p.reader, err = autoexport.NewMetricReader(ctx); err != nil {
			errs = append(errs, fmt.Errorf("lifecycle: OTEL_METRICS_EXPORTER is %q: want otlp, prometheus, "+
				"console, none, or a registered exporter: %w", env.metrics, err))
		}
	}
	if err = errors.Join(errs...); err == nil {
		return p, nil
	}
	return nil, errors.Join(err, p.close(ctx))
}

func (p *parts) close(ctx context.Context) error {
	var errs []error
	if p.pooled != nil {
		errs = append(errs, p.pooled.Shutdown(ctx))
	}
	if p.spans != nil {
		errs = append(errs, p.spans.Shutdown(ctx))
	}
	if p.reader != nil {
		// A reader without a provider would log an error when it is shut down.
		errs = append(errs, sdkmetric.NewMeterProvider(sdkmetric.WithReader(p.reader)).Shutdown(ctx))
	}
	return errors.Join(errs...)
}

// wire makes the providers of l.
func (l *Lifecycle) wire(p *parts) {
	if p.pooled != nil {
		l.TracerProvider, l.spans = p.pooled.provider, p.pooled
	} else {
		s := newSDKSpans(p)
		l.TracerProvider, l.spans = s.TracerProvider, s
	}
	if p.reader != nil {
		m := sdkmetric.NewMeterProvider(sdkmetric.WithReader(p.reader), sdkmetric.WithResource(p.resource))
		l.MeterProvider, l.metrics = m, m
	}
}

// sdkSpans is the SDK's pipeline, with a counter before and behind its batch processor.
type sdkSpans struct {
	*sdktrace.TracerProvider
	started, ended, exported, failed atomic.Uint64
	over                             atomic.Bool
	grpc                             bool

	mu      sync.Mutex
	why     error // the error of the latest export that failed
	healthy bool  // whether the latest export has ended without a failed span
}

var _ pipeline = (*sdkSpans)(nil)

func newSDKSpans(p *parts) *sdkSpans {
	s := &sdkSpans{grpc: p.grpc, healthy: true}
	opts := []sdktrace.TracerProviderOption{sdktrace.WithResource(p.resource)}
	if p.sampler != nil {
		opts = append(opts, sdktrace.WithSampler(p.sampler))
	}
	if !autoexport.IsNoneSpanExporter(p.spans) {
		var batch []sdktrace.BatchSpanProcessorOption
		if p.delay > 0 {
			batch = append(batch, sdktrace.WithBatchTimeout(p.delay))
		}
		// entry comes first, so that every span is counted as ended before it is exported.
		opts = append(opts, sdktrace.WithSpanProcessor(entry{s}), sdktrace.WithBatcher(exit{p.spans, s}, batch...))
	}
	s.TracerProvider = sdktrace.NewTracerProvider(opts...)
	return s
}

// Shutdown also returns the error of the latest export that failed, if any did.
func (s *sdkSpans) Shutdown(ctx context.Context) error {
	err := s.TracerProvider.Shutdown(ctx)
	s.over.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why != nil {
		err = errors.Join(err, fmt.Errorf("lifecycle: exports failed%s, the last with: %w", s.question(), s.why))
	}
	return err
}

// question returns a hint for gRPC, in case the endpoint does not respond, or responds like a server
// that does not speak gRPC. Other status codes can only come from a server that does.
func (s *sdkSpans) question() string {
	if !s.grpc {
		return ""
	}
	switch status.Code(s.why) {
	case codes.OK, codes.Unavailable, codes.DeadlineExceeded, codes.Canceled,
		codes.Unimplemented, codes.Internal, codes.Unknown:
		return " (does the endpoint speak gRPC?)"
	}
	return ""
}

func (s *sdkSpans) Counts() Counts {
	c := Counts{Exported: s.exported.Load(), Failed: s.failed.Load()} // read before Ended, which includes them
	over := s.over.Load()
	c.Ended = s.ended.Load()
	c.Started = s.started.Load()
	if rest := c.Ended - c.Exported - c.Failed; over {
		c.Dropped = rest
	} else {
		c.Waiting = rest
	}
	return c
}

// advice blames the endpoint while it accepts nothing, since a larger queue would fill up as well.
func (s *sdkSpans) advice() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.healthy {
		return "find out why the endpoint does not accept them" + s.question()
	}
	return "raise OTEL_BSP_MAX_QUEUE_SIZE (2048 unless set), or OTEL_BSP_MAX_EXPORT_BATCH_SIZE (512) if exports " +
		"are slow"
}

// entry counts the spans that the batch processor gets. All of them are sampled, since no sampler that
// the environment can select records other spans.
type entry struct{ spans *sdkSpans }

func (e entry) OnStart(context.Context, sdktrace.ReadWriteSpan) { e.spans.started.Add(1) }
func (e entry) OnEnd(sdktrace.ReadOnlySpan)                     { e.spans.ended.Add(1) }
func (entry) Shutdown(context.Context) error                    { return nil }
func (entry) ForceFlush(context.Context) error                  { return nil }

// exit counts the spans that the batch processor exports.
type exit struct {
	sdktrace.SpanExporter
	counts *sdkSpans
}

func (e exit) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.counts.mu.Lock()
	e.counts.healthy = false
	e.counts.mu.Unlock()
	err := e.SpanExporter.ExportSpans(ctx, spans)
	failed := failures(err, len(spans))
	e.counts.mu.Lock()
	if e.counts.healthy = failed == 0; failed > 0 {
		e.counts.why = err
	}
	e.counts.mu.Unlock()
	e.counts.failed.Add(uint64(failed))
	e.counts.exported.Add(uint64(len(spans) - failed))
	return err
}

// failures returns how many of n spans were not exported. An OTLP exporter also returns an error for
// a warning of the collector, and if the collector rejects some of the spans.
func failures(err error, n int) int {
	if err == nil {
		return 0
	}
	if rejected, ok := partial(err); ok {
		return int(min(max(rejected, 0), int64(n)))
	}
	return n
}

// partial returns how many spans were rejected, if err reports a partial success and nothing else. Each
// exporter has an internal type for that; all of them have the same name and field.
func partial(err error) (rejected int64, ok bool) {
	switch wrapped := err.(type) {
	case interface{ Unwrap() error }:
		if inner := wrapped.Unwrap(); inner != nil {
			return partial(inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range wrapped.Unwrap() {
			n, ok := partial(inner)
			if !ok {
				return 0, false
			}
			rejected = max(rejected, n)
		}
		return rejected, true
	}
	v := reflect.ValueOf(err)
	if v.Kind() != reflect.Struct || v.Type().Name() != "PartialSuccess" {
		return 0, false
	}
	items := v.FieldByName("RejectedItems")
	if !items.IsValid() || !items.CanInt() {
		return 0, false
	}
	return items.Int(), true
}

// pooledSpans is the pipeline of a pooled provider and an exporter with a queue.
type pooledSpans struct {
	provider *pooled.Provider
	exporter *otlphttp.Exporter // nil: spans are not exported
	starts   *starts
}

var _ pipeline = (*pooledSpans)(nil)

func openPooled(opts *Options, env *environ) (*pooledSpans, error) {
	s := &pooledSpans{}
	o := pooled.Options{Sampler: env.sampler, Resource: env.resource, Interval: env.delay,
		BufferBytes: opts.BufferBytes}
	if env.traces != "none" {
		otlp := env.otlp
		otlp.QueueBytes = opts.QueueBytes
		var err error
		if s.exporter, err = otlphttp.New(otlp); err != nil {
			return nil, err
		}
		s.starts = &starts{sampler: env.sampler}
		o.Exporter, o.Sampler = s.exporter, s.starts
	}
	var err error
	if s.provider, err = pooled.New(o); err != nil && s.exporter != nil {
		err = errors.Join(err, s.exporter.Shutdown(context.Background()))
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *pooledSpans) ForceFlush(ctx context.Context) error {
	return s.provider.ForceFlush(ctx)
}

func (s *pooledSpans) Shutdown(ctx context.Context) error { return s.provider.Shutdown(ctx) }

func (s *pooledSpans) Counts() Counts {
	if s.exporter == nil {
		return Counts{}
	}
	out := s.exporter.Counts() // read before the counts of the provider, which include them
	in := s.provider.Counts()
	c := Counts{
		Ended:    in.Ended,
		Exported: out.Sent,
		Failed:   out.Refused,
		Dropped:  in.Dropped + out.Dropped,
		Started:  s.starts.n.Load(),
	}
	c.Waiting = c.Ended - c.Exported - c.Failed - c.Dropped
	return c
}

// advice names the limit that made spans drop: a buffer of the provider, or the queue of the exporter,
// which also drops spans when Shutdown gives up.
func (s *pooledSpans) advice() string {
	var advice []string
	if n := s.provider.Counts().Dropped; n > 0 {
		advice = append(advice, fmt.Sprintf("raise Options.BufferBytes (512 KiB unless set), which was full for %d",
			n))
	}
	if n := s.exporter.Counts().Dropped; n > 0 {
		const format = "raise Options.QueueBytes (16 MiB unless set), or find out why the endpoint " +
			"did not accept %d in time"
		advice = append(advice, fmt.Sprintf(format, n))
	}
	if len(advice) == 0 {
		return "find out why the endpoint accepts them so slowly"
	}
	return strings.Join(advice, ", and ")
}

// starts counts the spans that its sampler samples. If sampler is nil, it follows the parent and samples
// roots, without the allocations of ParentBased(AlwaysSample).
type starts struct {
	sampler sdktrace.Sampler
	n       atomic.Uint64
}

func (s *starts) ShouldSample(p sdktrace.SamplingParameters) (r sdktrace.SamplingResult) {
	if s.sampler != nil {
		r = s.sampler.ShouldSample(p)
	} else {
		parent := trace.SpanContextFromContext(p.ParentContext)
		r.Tracestate = parent.TraceState()
		if !parent.IsValid() || parent.IsSampled() {
			r.Decision = sdktrace.RecordAndSample
		}
	}
	if r.Decision == sdktrace.RecordAndSample {
		s.n.Add(1)
	}
	return r
}

func (s *starts) Description() string {
	if s.sampler != nil {
		return s.sampler.Description()
	}
	return sdktrace.ParentBased(sdktrace.AlwaysSample()).Description()
}
