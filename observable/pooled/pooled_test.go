package pooled_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
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
	attribute.String("service.name", "test"), attribute.Int("replica", 3), nested("deep", 70))

// nested returns an attribute with an integer inside depth nested arrays.
func nested(key attribute.Key, depth int) attribute.KeyValue {
	return nestedIn(key, depth, attribute.IntValue(1))
}

func nestedIn(key attribute.Key, depth int, v attribute.Value) attribute.KeyValue {
	for range depth {
		v = attribute.SliceValue(v)
	}
	return attribute.KeyValue{Key: key, Value: v}
}

// A collector is an exporter that decodes the requests it gets.
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
	if size := proto.Size(&m); size != len(request) {
		return fmt.Errorf("a request has %d bytes, where the official exporter writes %d", len(request), size)
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

// received returns all spans, in order of arrival.
func (c *collector) received() (spans []*tracepb.Span) {
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
	_, err := pooled.New(pooled.Options{Exporter: pooled.ExporterFunc(nil), Interval: -1, Timeout: -1,
		BufferBytes: -1})
	if err == nil {
		t.Fatal("no error")
	}
	for _, field := range []string{"Exporter", "Interval", "Timeout", "BufferBytes"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%s is missing in: %v", field, err)
		}
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
		t.Error("a value of the parent context is lost")
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
	//lint:ignore SA1012 the test needs a nil context
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
	for _, s := range c.received() {
		ids[s.Name] = s.SpanId
		if s.Name == "child" {
			up = s.ParentSpanId
		}
	}
	if len(ids) != 2 || !bytes.Equal(up, ids["parent"]) {
		t.Errorf("exported %v", c.received())
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

// Handles that are kept too long never affect another span. This is the main promise of the package.
func TestStaleHandlesNeverTouchALiveSpan(t *testing.T) {
	const workers = 8
	each, again := 2_000, 10 // spans per worker, uses of stale handles per span
	if raceEnabled {
		each = 500
	}
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
				for j := range again {
					if o := old[(i*7+j)%64]; o != nil {
						vandalise(o)
					}
				}
				s.SetAttributes(attribute.String("owner", name))
				wg.Go(func() { // runs concurrently with End
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
	spans := c.received()
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
	want := uint64(1e6)
	if raceEnabled {
		want /= 5
	}
	if got := p.Counts().Stale; got < want {
		t.Errorf("%d stale operations were counted, want at least %d", got, want)
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

func TestTextThatIsNotUTF8DoesNotSpoilTheRequest(t *testing.T) {
	c := &collector{}
	p := start(t, pooled.Options{Exporter: c})
	_, s := p.Tracer("t").Start(context.Background(), "a\xffb",
		trace.WithAttributes(attribute.String("k\xff", "v\xff")))
	s.End()
	flush(t, p)
	if spans := c.received(); len(spans) != 1 || spans[0].Name != "a\ufffdb" {
		t.Errorf("exported %v", spans)
	}
}

func TestReuseIsRealAndAllocationsAreExact(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool drops a quarter of the values it is given")
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
		t.Run(tc.name, func(t *testing.T) {
			tr := start(t, tc.opts).Tracer("t")
			got := testing.AllocsPerRun(2000, func() {
				_, s := tr.Start(context.Background(), "x", tc.with...)
				s.End()
			})
			if got != tc.want {
				t.Errorf("%v allocations per span, want %v", got, tc.want)
			}
		})
	}
}

// The encoded length of a span takes one, two or three bytes.
func TestSpansOfAnySizeAreEncoded(t *testing.T) {
	c := &collector{}
	p := start(t, pooled.Options{Exporter: c, BufferBytes: 16 << 20})
	var want []int
	for n := range 80 {
		want = append(want, n)
	}
	for n := 16_384 - 120; n < 16_384; n++ {
		want = append(want, n)
	}
	for _, n := range want {
		_, s := p.Tracer("t").Start(context.Background(), "op",
			trace.WithAttributes(attribute.String("a", strings.Repeat("x", n))))
		s.End()
	}
	flush(t, p)
	got := map[int]bool{}
	for _, s := range c.received() {
		got[len(s.Attributes[0].Value.GetStringValue())] = true
	}
	if len(got) != len(want) {
		t.Errorf("%d sizes were exported, want %d", len(got), len(want))
	}
}
