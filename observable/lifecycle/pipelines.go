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

// parts are what must be opened, and may fail.
type parts struct {
	resource *resource.Resource
	sampler  sdktrace.Sampler
	delay    time.Duration         // between exports; 0 is the default
	grpc     bool                  // spans go over it
	spans    sdktrace.SpanExporter // of the SDK
	reader   sdkmetric.Reader
	pooled   *pooledSpans
}

// open opens the exporters, or none of them. It adds to wrong, which is known of
// the options and the environment so far, what they say is wrong.
func open(ctx context.Context, opts *Options, env *environ, wrong error) (_ *parts, err error) {
	p := &parts{resource: env.resource, sampler: env.sampler, delay: env.delay, grpc: env.grpc}
	restore, err := canonicalise()
	if err != nil {
		return nil, errors.Join(wrong, err)
	}
	defer restore()
	errs := []error{wrong}
	if wrong == nil && opts.Pooled {
		p.pooled, err = openPooled(opts, env)
		errs = append(errs, err)
	}
	// An exporter of another's making can only be told by asking for it.
	if !opts.Pooled && (wrong == nil || !builtin(env.traces)) {
		if p.spans, err = autoexport.NewSpanExporter(ctx); err != nil {
			errs = append(errs, fmt.Errorf("lifecycle: OTEL_TRACES_EXPORTER is %q: want otlp, console, none or a "+
				"registered one that opens: %w", env.traces, err))
		}
	}
	if opts.Metrics && (wrong == nil || !builtin(env.metrics)) {
		if p.reader, err = autoexport.NewMetricReader(ctx); err != nil {
			errs = append(errs, fmt.Errorf("lifecycle: OTEL_METRICS_EXPORTER is %q: want otlp, prometheus, "+
				"console, none or a registered one that opens: %w", env.metrics, err))
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
		// A reader that belongs to no provider would complain when it is shut down.
		errs = append(errs, sdkmetric.NewMeterProvider(sdkmetric.WithReader(p.reader)).Shutdown(ctx))
	}
	return errors.Join(errs...)
}

// wire makes the providers.
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

// sdkSpans is the SDK with a count at each end of its batch processor.
type sdkSpans struct {
	*sdktrace.TracerProvider
	started, ended, exported, failed atomic.Uint64
	over                             atomic.Bool
	grpc                             bool

	mu      sync.Mutex
	why     error // an export last failed
	healthy bool  // the latest export has ended, and failed no span
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
		// The count comes first, so that no span is exported before it is counted.
		opts = append(opts, sdktrace.WithSpanProcessor(entry{s}), sdktrace.WithBatcher(exit{p.spans, s}, batch...))
	}
	s.TracerProvider = sdktrace.NewTracerProvider(opts...)
	return s
}

// Shutdown also returns why spans last failed to export, if any did.
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

// question asks what is likeliest to be wrong with an endpoint of gRPC that does not answer, or
// answers as a server that does not speak it. Another status is that of a server that does.
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
	c := Counts{Exported: s.exported.Load(), Failed: s.failed.Load()} // before those that include them
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

// advice blames the endpoint while it takes nothing: a larger queue would fill as well.
func (s *sdkSpans) advice() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.healthy {
		return "find out why the endpoint does not take them" + s.question()
	}
	return "raise OTEL_BSP_MAX_QUEUE_SIZE (2048 unless set), or OTEL_BSP_MAX_EXPORT_BATCH_SIZE (512) if exports " +
		"are slow"
}

// entry counts the spans that the batch processor is given. All of them are
// sampled: no sampler of the environment records the others.
type entry struct{ to *sdkSpans }

func (e entry) OnStart(context.Context, sdktrace.ReadWriteSpan) { e.to.started.Add(1) }
func (e entry) OnEnd(sdktrace.ReadOnlySpan)                     { e.to.ended.Add(1) }
func (entry) Shutdown(context.Context) error                    { return nil }
func (entry) ForceFlush(context.Context) error                  { return nil }

// exit counts the spans that the batch processor gives on.
type exit struct {
	sdktrace.SpanExporter
	to *sdkSpans
}

func (e exit) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.to.mu.Lock()
	e.to.healthy = false
	e.to.mu.Unlock()
	err := e.SpanExporter.ExportSpans(ctx, spans)
	failed := failures(err, len(spans))
	e.to.mu.Lock()
	if e.to.healthy = failed == 0; failed > 0 {
		e.to.why = err
	}
	e.to.mu.Unlock()
	e.to.failed.Add(uint64(failed))
	e.to.exported.Add(uint64(len(spans) - failed))
	return err
}

// failures returns how many of n spans were not exported. An exporter of OTLP returns an
// error, too, for a warning of the collector, and when it rejects some of them.
func failures(err error, n int) int {
	if err == nil {
		return 0
	}
	if rejected, ok := partial(err); ok {
		return int(min(max(rejected, 0), int64(n)))
	}
	return n
}

// partial returns how many spans err says were rejected, if it says nothing else. The type
// that says so is internal to each of the exporters, and has this name and field in all.
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

// pooledSpans is a provider of pooled spans before an exporter that queues them.
type pooledSpans struct {
	provider *pooled.Provider
	exporter *otlphttp.Exporter // nil exports nothing
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
	out := s.exporter.Counts() // before those that include them
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

// advice names the limit that dropped spans: a buffer of the provider, or the queue of
// the exporter, which loses spans too when Shutdown gives up.
func (s *pooledSpans) advice() string {
	var advice []string
	if n := s.provider.Counts().Dropped; n > 0 {
		advice = append(advice, fmt.Sprintf("raise Options.BufferBytes (512 KiB unless set), which %d found full", n))
	}
	if n := s.exporter.Counts().Dropped; n > 0 {
		const format = "raise Options.QueueBytes (16 MiB unless set), or find out why the endpoint did not take %d " +
			"in time"
		advice = append(advice, fmt.Sprintf(format, n))
	}
	if len(advice) == 0 {
		return "find out why the endpoint takes them so slowly"
	}
	return strings.Join(advice, ", and ")
}

// starts counts the spans that its sampler samples. Without one it follows the
// parent, and samples spans that have none: ParentBased(AlwaysSample) allocates.
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
