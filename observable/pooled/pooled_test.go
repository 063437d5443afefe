package pooled_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/loadgen-go/loadgen/observable/pooled"
)

var testResource = resource.NewWithAttributes("https://example.com/schema",
	attribute.String("service.name", "test"), attribute.Int("replica", 3))

// A collector is an exporter that decodes what it is given.
type collector struct {
	mu       sync.Mutex
	requests []*coltrace.ExportTraceServiceRequest
	spans    int
	err      error
}

func (c *collector) Export(_ context.Context, request []byte, n int) error {
	var m coltrace.ExportTraceServiceRequest
	if err := proto.Unmarshal(request, &m); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	c.requests = append(c.requests, &m)
	c.spans += n
	return nil
}

// all returns every span collected, in order of arrival.
func (c *collector) all() (spans []*tracepb.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.requests {
		for _, rs := range r.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				spans = append(spans, ss.Spans...)
			}
		}
	}
	return spans
}

func start(t testing.TB, opts pooled.Options) *pooled.Provider {
	t.Helper()
	if opts.Resource == nil {
		opts.Resource = testResource
	}
	p, err := pooled.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shutdown(t, p) })
	return p
}

func shutdown(t testing.TB, p *pooled.Provider) {
	t.Helper()
	if err := p.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

func flush(t testing.TB, p *pooled.Provider) {
	t.Helper()
	if err := p.ForceFlush(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestOptionsReportAllThatIsWrong(t *testing.T) {
	_, err := pooled.New(pooled.Options{Interval: -1, BufferBytes: -1})
	if err == nil || !strings.Contains(err.Error(), "Interval") || !strings.Contains(err.Error(), "BufferBytes") {
		t.Errorf("error is %v", err)
	}
}

type ctxKey struct{}

func TestTheHandleIsAContext(t *testing.T) {
	p := start(t, pooled.Options{})
	tr := p.Tracer("t")
	base, cancel := context.WithCancel(context.WithValue(context.Background(), ctxKey{}, 42))
	ctx, s := tr.Start(base, "a")
	if trace.SpanFromContext(ctx) != s {
		t.Error("the span is not that of its context")
	}
	timed, cancelTimed := context.WithTimeout(ctx, time.Hour)
	defer cancelTimed()
	inner, child := tr.Start(timed, "b")
	if inner.Value(ctxKey{}) != 42 {
		t.Error("a value of the outer context is lost")
	}
	if _, ok := inner.Deadline(); !ok {
		t.Error("the deadline is lost")
	}
	if child.SpanContext().TraceID() != s.SpanContext().TraceID() {
		t.Error("the child is in another trace")
	}
	cancel()
	<-inner.Done()
	child.End()
	s.End()
	//lint:ignore SA1012 a nil context is what is tested
	if _, s := tr.Start(nil, "no context"); !s.SpanContext().IsValid() {
		t.Error("a nil context gave no span")
	}
}

func TestAnEndedSpanKeepsItsContextAndHasChildren(t *testing.T) {
	c := &collector{}
	p := start(t, pooled.Options{Exporter: c})
	ctx, s := p.Tracer("t").Start(context.Background(), "parent")
	s.End()
	if s.IsRecording() {
		t.Error("records after End")
	}
	if sc := s.SpanContext(); !sc.IsValid() || !sc.IsSampled() {
		t.Errorf("span context after End is %v", sc)
	}
	_, child := p.Tracer("t").Start(ctx, "child")
	child.End()
	flush(t, p)
	ids := map[string][]byte{}
	var up []byte
	for _, s := range c.all() {
		ids[s.Name] = s.SpanId
		if s.Name == "child" {
			up = s.ParentSpanId
		}
	}
	if len(ids) != 2 || !bytes.Equal(up, ids["parent"]) {
		t.Errorf("exported %v", c.all())
	}
}

func TestMixesWithSpansOfTheSDK(t *testing.T) {
	ours := start(t, pooled.Options{}).Tracer("ours")
	sdk := sdktrace.NewTracerProvider().Tracer("sdk")
	ctx, root := ours.Start(context.Background(), "root")
	ctx, middle := sdk.Start(ctx, "middle")
	_, leaf := ours.Start(ctx, "leaf")
	for _, s := range []trace.Span{middle, leaf} {
		if s.SpanContext().TraceID() != root.SpanContext().TraceID() {
			t.Errorf("%v is in another trace", s)
		}
	}
	if _, ok := leaf.(sdktrace.ReadOnlySpan); ok {
		t.Error("a live handle looks like a ReadOnlySpan, which would leak its record")
	}
}

func TestAHandleDoesNotPrintItsRecord(t *testing.T) {
	ctx, s := start(t, pooled.Options{}).Tracer("t").Start(context.Background(), "secret")
	if out := fmt.Sprintf("%v %+v %#v %v", s, s, s, ctx); strings.Contains(out, "secret") {
		t.Errorf("printed %s", out)
	}
}

// The headline: whoever keeps handles too long never touches another's span.
func TestStaleHandlesNeverTouchALiveSpan(t *testing.T) {
	const workers, each = 8, 3_000
	c := &collector{}
	p := start(t, pooled.Options{Exporter: c, BufferBytes: 64 << 20})
	tr := p.Tracer("t")
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			var old [64]trace.Span
			for i := range each {
				name := fmt.Sprintf("op-%d-%d", w, i)
				ctx, s := tr.Start(context.Background(), name)
				if o := old[(i*7)%64]; o != nil {
					vandalise(o)
				}
				s.SetAttributes(attribute.String("owner", name))
				wg.Go(func() { // races with End
					s.SetAttributes(attribute.Bool("racing", true))
					_ = fmt.Sprint(ctx)
				})
				s.End()
				s.End()
				old[i%64] = s
			}
		})
	}
	wg.Wait()
	flush(t, p)
	spans := c.all()
	if len(spans) != workers*each {
		t.Errorf("%d spans exported of %d", len(spans), workers*each)
	}
	seen := map[string]bool{}
	for _, s := range spans {
		corrupt := seen[s.Name] || len(s.Events) > 0 || len(s.Links) > 0 || s.Status.Code != 0
		for _, a := range s.Attributes {
			corrupt = corrupt || a.Key == "stale" || a.Key == "owner" && a.Value.GetStringValue() != s.Name
		}
		if corrupt {
			t.Fatalf("corrupted span %v", s)
		}
		seen[s.Name] = true
	}
	if got := p.Counts().Stale; got == 0 {
		t.Error("no stale operation was counted")
	}
}

func vandalise(s trace.Span) {
	s.SetName("stale")
	s.SetAttributes(attribute.Bool("stale", true))
	s.SetStatus(codes.Error, "stale")
	s.AddEvent("stale")
	s.RecordError(errors.New("stale"))
	s.AddLink(trace.Link{SpanContext: s.SpanContext()})
	s.End()
}

func TestEverySpanIsCounted(t *testing.T) {
	const spans = 10_000
	for _, tc := range []struct {
		name  string
		err   error
		check func(pooled.Counts) bool
	}{
		{"full buffers drop", nil, func(c pooled.Counts) bool { return c.Dropped > 0 && c.Failed == 0 }},
		{"a failing exporter fails", errors.New("down"), func(c pooled.Counts) bool { return c.Failed > 0 && c.Exported == 0 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &collector{err: tc.err}
			hold := make(chan struct{}) // until the buffers are full
			p := start(t, pooled.Options{BufferBytes: 16 << 10, Exporter: pooled.ExporterFunc(
				func(ctx context.Context, request []byte, n int) error {
					<-hold
					return c.Export(ctx, request, n)
				})})
			tr := p.Tracer("t")
			for range spans {
				_, s := tr.Start(context.Background(), "x")
				s.End()
			}
			close(hold)
			shutdown(t, p)
			_, late := tr.Start(context.Background(), "after Shutdown")
			late.End()
			_, late = p.Tracer("a new tracer").Start(context.Background(), "after Shutdown")
			late.End()
			got := p.Counts()
			if got.Ended != spans+2 || got.Ended != got.Exported+got.Failed+got.Dropped || int(got.Exported) != c.spans || len(c.all()) != c.spans || !tc.check(got) {
				t.Errorf("counts %+v, %d collected", got, c.spans)
			}
			shutdown(t, p) // again is fine
			flush(t, p)
		})
	}
}

func TestASpanLargerThanABufferIsDroppedAndCounted(t *testing.T) {
	c := &collector{}
	p := start(t, pooled.Options{Exporter: c, BufferBytes: 4 << 10})
	for _, size := range []int{10, 1 << 20, 10} {
		_, s := p.Tracer("t").Start(context.Background(), strings.Repeat("x", size))
		s.End()
		flush(t, p)
	}
	if got := p.Counts(); got.Exported != 2 || got.Dropped != 1 {
		t.Errorf("counts %+v", got)
	}
}

func TestAHalfFullBufferIsExportedWithoutWaiting(t *testing.T) {
	exported := make(chan int, 100)
	p := start(t, pooled.Options{Interval: time.Hour, BufferBytes: 8 << 10, Exporter: pooled.ExporterFunc(
		func(_ context.Context, _ []byte, n int) error { exported <- n; return nil })})
	for range 200 {
		_, s := p.Tracer("t").Start(context.Background(), "x")
		s.End()
	}
	if n := <-exported; n == 0 {
		t.Error("exported nothing")
	}
}

func TestFlushGivesUpWithItsContext(t *testing.T) {
	hold, entered := make(chan struct{}), make(chan struct{}, 10)
	p := start(t, pooled.Options{Exporter: pooled.ExporterFunc(func(context.Context, []byte, int) error {
		entered <- struct{}{}
		<-hold
		return nil
	})})
	_, s := p.Tracer("t").Start(context.Background(), "x")
	s.End()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-entered; cancel() }()
	if err := p.ForceFlush(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("ForceFlush = %v", err)
	}
	if err := p.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown = %v", err)
	}
	close(hold)
}

func TestSamplingFollowsTheParentByDefault(t *testing.T) {
	tr := start(t, pooled.Options{}).Tracer("t")
	for _, remote := range []bool{false, true} {
		for _, flags := range []trace.TraceFlags{0, trace.FlagsSampled} {
			sc := trace.NewSpanContext(trace.SpanContextConfig{
				TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: flags, Remote: remote})
			_, s := tr.Start(trace.ContextWithSpanContext(context.Background(), sc), "x")
			if want := flags.IsSampled(); s.IsRecording() != want || s.SpanContext().IsSampled() != want {
				t.Errorf("parent sampled %v, remote %v: recording %v", want, remote, s.IsRecording())
			}
			s.End()
		}
	}
}

// recordOnly records without sampling, and adds to the span.
type recordOnly struct{}

func (recordOnly) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	ts, err := trace.ParseTraceState("k=v")
	if err != nil {
		panic(err)
	}
	d := sdktrace.RecordOnly
	if p.Name == "sampled" {
		d = sdktrace.RecordAndSample
	}
	return sdktrace.SamplingResult{Decision: d, Tracestate: ts, Attributes: []attribute.KeyValue{attribute.Bool("by-sampler", true)}}
}
func (recordOnly) Description() string { return "recordOnly" }

func TestASamplerIsObeyed(t *testing.T) {
	c := &collector{}
	p := start(t, pooled.Options{Exporter: c, Sampler: recordOnly{}})
	for _, name := range []string{"recorded only", "sampled"} {
		_, s := p.Tracer("t").Start(context.Background(), name)
		if !s.IsRecording() || s.SpanContext().IsSampled() != (name == "sampled") || s.SpanContext().TraceState().Get("k") != "v" {
			t.Errorf("%s: recording %v, context %v", name, s.IsRecording(), s.SpanContext())
		}
		s.End()
	}
	flush(t, p)
	if spans := c.all(); len(spans) != 1 || spans[0].Name != "sampled" || spans[0].TraceState != "k=v" || len(spans[0].Attributes) != 1 {
		t.Errorf("exported %v", spans)
	}
	dropped := start(t, pooled.Options{Sampler: sdktrace.NeverSample()}).Tracer("t")
	if _, s := dropped.Start(context.Background(), "x"); s.IsRecording() || !s.SpanContext().IsValid() {
		t.Error("NeverSample: want a valid span that does not record")
	}
}

func TestAPanicThroughEndIsRecordedAndGoesOn(t *testing.T) {
	c := &collector{}
	p := start(t, pooled.Options{Exporter: c})
	func() {
		defer func() {
			if v := recover(); v != "boom" {
				t.Errorf("the panic became %v", v)
			}
		}()
		_, s := p.Tracer("t").Start(context.Background(), "x")
		defer s.End()
		panic("boom")
	}()
	flush(t, p)
	if spans := c.all(); len(spans) != 1 || len(spans[0].Events) != 1 || spans[0].Events[0].Name != "exception" {
		t.Errorf("exported %v", spans)
	}
}

func TestTextThatIsNotUTF8DoesNotSpoilTheRequest(t *testing.T) {
	c := &collector{}
	p := start(t, pooled.Options{Exporter: c})
	_, s := p.Tracer("t").Start(context.Background(), "a\xffb", trace.WithAttributes(attribute.String("k\xff", "v\xff")))
	s.End()
	flush(t, p)
	if spans := c.all(); len(spans) != 1 || spans[0].Name != "a\ufffdb" {
		t.Errorf("exported %v", spans)
	}
}

func TestReuseIsRealAndAllocationsAreExact(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool drops a quarter of what it is given")
	}
	drop := pooled.ExporterFunc(func(context.Context, []byte, int) error { return nil })
	attrs := []trace.SpanStartOption{trace.WithAttributes(attribute.String("a", "b"), attribute.Int("c", 1))}
	for _, tc := range []struct {
		name string
		opts pooled.Options
		with []trace.SpanStartOption
		want float64
	}{
		{"recycled at End", pooled.Options{}, nil, 1},
		{"to OTLP bytes", pooled.Options{Exporter: drop}, nil, 1},
		{"to OTLP bytes, two attributes", pooled.Options{Exporter: drop}, attrs, 2},
		{"reuse off", pooled.Options{NoReuse: true}, nil, 2},
	} {
		tr := start(t, tc.opts).Tracer("t")
		got := testing.AllocsPerRun(2000, func() {
			_, s := tr.Start(context.Background(), "x", tc.with...)
			s.End()
		})
		if got != tc.want {
			t.Errorf("%s: %v allocations a span, want %v", tc.name, got, tc.want)
		}
	}
}

func TestExportsRunOneAtATime(t *testing.T) {
	var running atomic.Int32
	p := start(t, pooled.Options{BufferBytes: 4 << 10, Exporter: pooled.ExporterFunc(func(context.Context, []byte, int) error {
		if running.Add(1) != 1 {
			t.Error("two exports at once")
		}
		running.Add(-1)
		return nil
	})})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 2000 {
				_, s := p.Tracer("t").Start(context.Background(), "x")
				s.End()
			}
			flush(t, p)
		})
	}
	wg.Wait()
}
