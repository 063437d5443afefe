package pooled_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/loadgen-go/loadgen/observable/pooled"
)

func TestSamplingFollowsTheParentByDefault(t *testing.T) {
	tr := start(t, pooled.Options{}).Tracer("t")
	for where, remote := range map[string]bool{"local": false, "remote": true} {
		for parent, flags := range map[string]trace.TraceFlags{"not sampled": 0, "sampled": trace.FlagsSampled} {
			t.Run(where+" parent, "+parent, func(t *testing.T) {
				sc := trace.NewSpanContext(trace.SpanContextConfig{
					TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: flags, Remote: remote})
				_, s := tr.Start(trace.ContextWithSpanContext(context.Background(), sc), "x")
				if want := flags.IsSampled(); s.IsRecording() != want || s.SpanContext().IsSampled() != want {
					t.Errorf("recording %v, want %v", s.IsRecording(), want)
				}
				s.End()
			})
		}
	}
}

// recordOnly is a sampler that records every span, samples only those named "sampled", and adds an
// attribute and a trace state.
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
	return sdktrace.SamplingResult{Decision: d, Tracestate: ts,
		Attributes: []attribute.KeyValue{attribute.Bool("by-sampler", true)}}
}
func (recordOnly) Description() string { return "recordOnly" }

func TestASamplerIsObeyed(t *testing.T) {
	c := &collector{}
	p := start(t, pooled.Options{Exporter: c, Sampler: recordOnly{}})
	for _, name := range []string{"recorded only", "sampled"} {
		_, s := p.Tracer("t").Start(context.Background(), name)
		if !s.IsRecording() || s.SpanContext().IsSampled() != (name == "sampled") ||
			s.SpanContext().TraceState().Get("k") != "v" {
			t.Errorf("%s: recording %v, context %v", name, s.IsRecording(), s.SpanContext())
		}
		s.End()
	}
	flush(t, p)
	if spans := c.received(); len(spans) != 1 || spans[0].Name != "sampled" || spans[0].TraceState != "k=v" ||
		len(spans[0].Attributes) != 1 {
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
	if spans := c.received(); len(spans) != 1 || len(spans[0].Events) != 1 || spans[0].Events[0].Name != "exception" {
		t.Errorf("exported %v", spans)
	}
}

// asked is a sampler that keeps its parameters.
type asked struct{ sdktrace.SamplingParameters }

func (a *asked) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	a.SamplingParameters = p
	return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample}
}

func (*asked) Description() string { return "asked" }

func TestASamplerGetsAllOptionsOfTheSpan(t *testing.T) {
	var got asked
	tr := start(t, pooled.Options{Sampler: &got}).Tracer("t")
	ctx, up := tr.Start(context.WithValue(context.Background(), ctxKey{}, 42), "up")
	link := trace.Link{SpanContext: up.SpanContext(), Attributes: many(1)}
	for name, root := range map[string]bool{"child": false, "new root": true} {
		t.Run(name, func(t *testing.T) {
			opts := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithLinks(link),
				trace.WithAttributes(many(2)...)}
			if root {
				opts = append(opts, trace.WithNewRoot())
			}
			_, s := tr.Start(ctx, "down", opts...)
			if got.Name != "down" || got.Kind != trace.SpanKindServer || got.TraceID != s.SpanContext().TraceID() ||
				len(got.Links) != 1 || !got.Links[0].SpanContext.Equal(link.SpanContext) ||
				!slices.Equal(got.Attributes, many(2)) {
				t.Errorf("the sampler got %+v", got)
			}
			want := up.SpanContext()
			if root {
				want = trace.SpanContext{}
			}
			if sc := trace.SpanContextFromContext(got.ParentContext); !sc.Equal(want) ||
				got.ParentContext.Value(ctxKey{}) != 42 {
				t.Errorf("the parent is %v, want %v", sc, want)
			}
			if same := s.SpanContext().TraceID() == up.SpanContext().TraceID(); same == root {
				t.Errorf("the span is in the trace of its parent: %v", same)
			}
		})
	}
}

func TestASpanIsTimedByTheWallClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{}
		p := start(t, pooled.Options{Exporter: c})
		time.Sleep(time.Second)
		begun := time.Now()
		_, s := p.Tracer("t").Start(context.Background(), "x")
		time.Sleep(3 * time.Millisecond)
		s.End()
		flush(t, p)
		if got := c.received()[0]; got.StartTimeUnixNano != uint64(begun.UnixNano()) ||
			got.EndTimeUnixNano-got.StartTimeUnixNano != 3e6 {
			t.Errorf("exported %v, begun %d", got, begun.UnixNano())
		}
	})
}

// The probability that two of these random ids are equal is 10^-12. The probability that a byte
// takes fewer than 200 values is 10^-150.
func TestIDsAreUniqueAndRandom(t *testing.T) {
	const n = 2000
	tr := start(t, pooled.Options{}).Tracer("t")
	traces, spans := map[trace.TraceID]bool{}, map[trace.SpanID]bool{}
	var values [24]map[byte]bool // the values of each byte of the ids
	for i := range values {
		values[i] = map[byte]bool{}
	}
	for range n {
		_, s := tr.Start(context.Background(), "x")
		sc := s.SpanContext()
		traceID, spanID := sc.TraceID(), sc.SpanID()
		traces[traceID], spans[spanID] = true, true
		for i, b := range append(traceID[:], spanID[:]...) {
			values[i][b] = true
		}
		s.End()
	}
	if len(traces) != n || len(spans) != n {
		t.Errorf("%d trace ids and %d span ids for %d spans", len(traces), len(spans), n)
	}
	for i, seen := range values {
		if len(seen) < 200 { // of 256 possible values
			t.Errorf("byte %d has %d values", i, len(seen))
		}
	}
}

// stackTraces returns the stack traces of the exceptions of a span.
func stackTraces(s *tracepb.Span) (stacks []string) {
	for _, e := range s.Events {
		stack := ""
		for _, a := range e.Attributes {
			if a.Key == "exception.stacktrace" {
				stack = a.Value.GetStringValue()
			}
		}
		stacks = append(stacks, stack)
	}
	return stacks
}

func TestStackTracesAreRecordedIfAskedFor(t *testing.T) {
	c := &collector{}
	p := start(t, pooled.Options{Exporter: c})
	for name, want := range map[string]bool{"without": false, "with": true} {
		t.Run(name, func(t *testing.T) {
			func() {
				defer func() { _ = recover() }()
				_, s := p.Tracer("t").Start(context.Background(), "x")
				defer s.End(trace.WithStackTrace(want))
				s.RecordError(errors.New("failed"), trace.WithStackTrace(want))
				panic("boom")
			}()
			flush(t, p)
			spans := c.received()
			stacks := stackTraces(spans[len(spans)-1])
			if len(stacks) != 2 {
				t.Fatalf("%d exceptions", len(stacks))
			}
			for _, stack := range stacks {
				if strings.HasPrefix(stack, "goroutine ") != want {
					t.Errorf("the stack trace is %q", stack)
				}
			}
		})
	}
}

func TestWhatTheCallerChangesLaterIsNotExported(t *testing.T) {
	c := &collector{}
	p := start(t, pooled.Options{Exporter: c})
	attrs := many(2)
	link := trace.Link{Attributes: attrs}
	_, s := p.Tracer("t").Start(context.Background(), "x", trace.WithLinks(link), trace.WithAttributes(attrs...))
	s.SetAttributes(attrs...)
	s.AddEvent("e", trace.WithAttributes(attrs...))
	s.AddLink(link)
	attrs[0] = attribute.String("changed", "later")
	s.End()
	flush(t, p)
	if got := c.received()[0].String(); strings.Contains(got, "changed") {
		t.Errorf("exported %v", got)
	}
}

func TestEveryOperationOnAnEndedSpanIsCountedAsStale(t *testing.T) {
	p := start(t, pooled.Options{})
	_, s := p.Tracer("t").Start(context.Background(), "x")
	s.End()
	for name, do := range map[string]func(){
		"SetName":       func() { s.SetName("y") },
		"SetAttributes": func() { s.SetAttributes(many(1)...) },
		"SetStatus":     func() { s.SetStatus(codes.Error, "") },
		"AddEvent":      func() { s.AddEvent("e") },
		"RecordError":   func() { s.RecordError(errors.New("failed")) },
		"AddLink":       func() { s.AddLink(trace.Link{SpanContext: s.SpanContext()}) },
		"End":           func() { s.End() },
	} {
		t.Run(name, func(t *testing.T) {
			before := p.Counts().Stale
			if do(); p.Counts().Stale != before+1 {
				t.Errorf("was counted as %d stale operations, want 1", p.Counts().Stale-before)
			}
		})
	}
	never := start(t, pooled.Options{Sampler: sdktrace.NeverSample()})
	_, s = never.Tracer("t").Start(context.Background(), "x")
	if vandalise(s); never.Counts().Stale != 0 {
		t.Errorf("%d operations on a span that never recorded were counted as stale, want none", never.Counts().Stale)
	}
}

func TestANilSpanInAContextIsNoParent(t *testing.T) {
	ctx := trace.ContextWithSpan(context.Background(), (*pooled.Span)(nil))
	if _, s := start(t, pooled.Options{}).Tracer("t").Start(ctx, "x"); !s.SpanContext().IsValid() || !s.IsRecording() {
		t.Errorf("the span is %v", s.SpanContext())
	}
}
