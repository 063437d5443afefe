package pooled_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/loadgen-go/loadgen/observable/pooled"
)

// template returns a template of the tracer t of p.
func template(t testing.TB, p *pooled.Provider, name string, attributes ...attribute.KeyValue) *pooled.Template {
	t.Helper()
	tracer, ok := p.Tracer("t").(*pooled.Tracer)
	if !ok {
		t.Fatalf("the tracer is a %T", p.Tracer("t"))
	}
	return tracer.Template(name, attributes...)
}

// Operations on a value export the same span as the same operations on a span of the trace API.
func TestAValueExportsWhatASpanExports(t *testing.T) {
	state, err := trace.ParseTraceState("a=b")
	if err != nil {
		t.Fatal(err)
	}
	remote := trace.ContextWithRemoteSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, TraceState: state,
		Remote: true,
	}))
	bare := trace.ContextWithRemoteSpanContext(context.Background(),
		trace.SpanContextFromContext(remote).WithTraceState(trace.TraceState{}))
	fixed := []attribute.KeyValue{attribute.String("a", "b"), attribute.Int("n", 1), attribute.String("a", "c"), {}}
	for name, c := range map[string]struct {
		ctx   context.Context
		value func(pooled.Value)
		span  func(trace.Span)
	}{
		"nothing":                    {context.Background(), func(pooled.Value) {}, func(trace.Span) {}},
		"remote parent":              {remote, func(pooled.Value) {}, func(trace.Span) {}},
		"parent without trace state": {bare, func(pooled.Value) {}, func(trace.Span) {}},
		"another name": {bare, func(v pooled.Value) { v.Span().SetName("other") },
			func(s trace.Span) { s.SetName("other") }},
		"attributes": {remote, func(v pooled.Value) {
			v.SetAttributes(attribute.Bool("more", true), attribute.Int("n", 2))
		}, func(s trace.Span) {
			s.SetAttributes(attribute.Bool("more", true), attribute.Int("n", 2))
		}},
		"the rest of the API": {context.Background(), func(v pooled.Value) { mark(v.Span()) }, mark},
	} {
		t.Run(name, func(t *testing.T) {
			got, want := &collector{}, &collector{}
			p, q := start(t, pooled.Options{Exporter: got}), start(t, pooled.Options{Exporter: want})
			v := template(t, p, "op", fixed...).Start(c.ctx)
			c.value(v)
			v.End()
			_, s := q.Tracer("t").Start(c.ctx, "op", trace.WithAttributes(fixed...))
			c.span(s)
			s.End()
			flush(t, p)
			flush(t, q)
			opts := cmp.Options{protocmp.Transform(),
				protocmp.IgnoreFields(&tracepb.Span{}, "span_id", "start_time_unix_nano", "end_time_unix_nano"),
				protocmp.IgnoreFields(&tracepb.Span_Event{}, "time_unix_nano")}
			if c.ctx == context.Background() {
				opts = append(opts, protocmp.IgnoreFields(&tracepb.Span{}, "trace_id"))
			}
			if diff := cmp.Diff(want.received(), got.received(), opts); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func mark(s trace.Span) {
	s.SetName("other")
	s.SetStatus(codes.Error, "bad")
	s.RecordError(errors.New("bad"))
	s.AddLink(trace.Link{SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{3},
		SpanID: trace.SpanID{4}})})
}

func TestAValueIsTimedAndHasTheIDsThatItsSpanTells(t *testing.T) {
	c := &collector{}
	p := start(t, pooled.Options{Exporter: c})
	v := template(t, p, "op").Start(context.Background())
	sc := v.Span().SpanContext()
	v.End()
	flush(t, p)
	s := c.received()[0]
	if trace.TraceID(s.TraceId) != sc.TraceID() || trace.SpanID(s.SpanId) != sc.SpanID() {
		t.Errorf("exported with the ids %x/%x, SpanContext has %v/%v", s.TraceId, s.SpanId, sc.TraceID(), sc.SpanID())
	}
	if s.StartTimeUnixNano == 0 || s.EndTimeUnixNano < s.StartTimeUnixNano {
		t.Errorf("from %d to %d", s.StartTimeUnixNano, s.EndTimeUnixNano)
	}
}

func TestAValueThatIsNotSampledDoesNothing(t *testing.T) {
	p := start(t, pooled.Options{Exporter: &collector{}, Sampler: sdktrace.NeverSample()})
	for name, v := range map[string]pooled.Value{
		"not sampled": template(t, p, "op").Start(context.Background()),
		"zero value":  {},
	} {
		t.Run(name, func(t *testing.T) {
			v.SetAttributes(attribute.Int("a", 1))
			v.Span().SetName("other")
			if v.IsRecording() || v.Span().IsRecording() || v.Span().SpanContext().IsValid() {
				t.Error("the value records")
			}
			v.End()
		})
	}
	if c := p.Counts(); c != (pooled.Counts{}) {
		t.Errorf("counted %+v", c)
	}
}

// A sampler gets name and attributes of the template, and may add attributes and a trace state.
func TestASamplerGetsNameAndAttributesOfATemplate(t *testing.T) {
	var got asked
	v := template(t, start(t, pooled.Options{Sampler: &got}), "op", many(2)...).Start(context.Background())
	if got.Name != "op" || !slices.Equal(got.Attributes, many(2)) || got.TraceID != v.Span().SpanContext().TraceID() {
		t.Errorf("the sampler got %+v", got)
	}
	c := &collector{}
	p := start(t, pooled.Options{Exporter: c, Sampler: recordOnly{}})
	for _, name := range []string{"recorded only", "sampled"} {
		v := template(t, p, name, many(2)...).Start(context.Background())
		if !v.IsRecording() || v.Span().SpanContext().TraceState().Get("k") != "v" {
			t.Errorf("%s: recording %v, context %v", name, v.IsRecording(), v.Span().SpanContext())
		}
		v.End()
	}
	flush(t, p)
	if s := c.received(); len(s) != 1 || s[0].Name != "sampled" || s[0].TraceState != "k=v" ||
		len(s[0].Attributes) != 3 {
		t.Errorf("exported %v", s)
	}
}

func TestStaleValuesNeverTouchALiveSpan(t *testing.T) {
	const workers, each = 8, 3_000
	c := &collector{}
	p := start(t, pooled.Options{Exporter: c, BufferBytes: 64 << 20})
	var wg sync.WaitGroup
	for w := range workers {
		op := template(t, p, fmt.Sprint("op-", w))
		wg.Go(func() {
			var old [64]pooled.Value
			for i := range each {
				v := op.Start(context.Background())
				o := old[(i*7)%64]
				o.SetAttributes(attribute.Bool("stale", true))
				vandalise(o.Span())
				o.End()
				wg.Go(func() { v.SetAttributes(attribute.Bool("racing", true)) })
				v.End()
				v.End()
				old[i%64] = v
			}
		})
	}
	wg.Wait()
	flush(t, p)
	spans := c.received()
	if len(spans) != workers*each {
		t.Errorf("%d spans exported of %d", len(spans), workers*each)
	}
	for _, s := range spans {
		if len(s.Events)+len(s.Links) > 0 || s.Status.Code != 0 || s.Name == "stale" {
			t.Fatalf("corrupted span %v", s)
		}
		for _, a := range s.Attributes {
			if a.Key == "stale" {
				t.Fatalf("corrupted span %v", s)
			}
		}
	}
	if p.Counts().Stale < workers*each {
		t.Errorf("%d stale operations were counted", p.Counts().Stale)
	}
}

func TestAValueAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool drops a quarter of the values it is given")
	}
	drop := pooled.ExporterFunc(func(context.Context, []byte, int) error { return nil })
	for name, opts := range map[string]pooled.Options{"recycled at End": {}, "to OTLP bytes": {Exporter: drop}} {
		t.Run(name, func(t *testing.T) {
			p := start(t, opts)
			op := template(t, p, "op", attribute.String("a", "b"), attribute.Int("c", 1))
			handler := p.Tracer("t").(*pooled.Tracer).Values("handler")
			parent, _ := start(t, pooled.Options{}).Tracer("t").Start(context.Background(), "parent")
			got := testing.AllocsPerRun(2000, func() {
				v := op.Start(parent)
				v.SetAttributes(attribute.Bool("d", true), attribute.Float64("e", 1))
				v.End()
				span, generation := handler.Begin(parent, 0)
				handler.Finish(span, generation, 1)
			})
			if got != 0 {
				t.Errorf("%v allocations", got)
			}
		})
	}
}

// Processors see a value like any other span, with the attributes of its template.
func TestProcessorsAreToldOfValues(t *testing.T) {
	kept := tracetest.NewSpanRecorder()
	p := start(t, pooled.Options{Processors: []sdktrace.SpanProcessor{kept}})
	v := template(t, p, "op", many(2)...).Start(context.Background())
	v.SetAttributes(attribute.Bool("more", true))
	if n := len(kept.Started()); n != 1 {
		t.Errorf("OnStart was called %d times", n)
	}
	v.End()
	if ended := kept.Ended(); len(ended) != 1 || ended[0].Name() != "op" || len(ended[0].Attributes()) != 3 {
		t.Errorf("ended: %v", ended)
	}
}

// The limits of the provider apply to a template, too.
func TestATemplateKeepsTheLimits(t *testing.T) {
	c := &collector{}
	limits := sdktrace.NewSpanLimits()
	limits.AttributeCountLimit = 2
	p := start(t, pooled.Options{Exporter: c, Limits: &limits})
	v := template(t, p, "op", many(5)...).Start(context.Background())
	v.SetAttributes(attribute.Bool("more", true))
	v.End()
	flush(t, p)
	if s := c.received(); len(s) != 1 || len(s[0].Attributes) != 2 || s[0].DroppedAttributesCount != 4 {
		t.Errorf("exported %v", s)
	}
}
