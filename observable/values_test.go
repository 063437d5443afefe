package observable_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/pooled"
)

// collected is an exporter that keeps the spans it gets.
type collected struct {
	mu    sync.Mutex
	spans []*tracepb.Span
}

func (c *collected) Export(_ context.Context, request []byte, _ int) error {
	var m coltrace.ExportTraceServiceRequest
	if err := proto.Unmarshal(request, &m); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rs := range m.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			c.spans = append(c.spans, ss.Spans...)
		}
	}
	return nil
}

// exportedBy returns the spans exported by calls of handlers that return, that panic and
// that end their goroutine. The calls have a parent span.
func exportedBy(t *testing.T, handles bool) []*tracepb.Span {
	t.Helper()
	c := &collected{}
	p, err := pooled.New(pooled.Options{Exporter: c})
	if err != nil {
		t.Fatal(err)
	}
	m, err := observable.New(observable.Options{TracerProvider: p, SpanHandles: handles,
		Attributes: []attribute.KeyValue{attribute.Int("shard", 3)}})
	if err != nil {
		t.Fatal(err)
	}
	for key, fn := range map[string]func(){"fine": func() {}, "panics": func() { panic("boom") },
		"exits": runtime.Goexit} {
		if err := m.Register(key, fn); err != nil {
			t.Fatal(err)
		}
	}
	ctx, parent := p.Tracer("t").Start(context.Background(), "parent")
	defer func() { parent.End() }()
	for _, key := range []string{"fine", "panics", "exits"} {
		done := make(chan struct{})
		go func() { // since one handler ends its goroutine
			defer close(done)
			_ = m.Call(ctx, key)
		}()
		<-done
	}
	if err := p.ForceFlush(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, s := range c.spans {
		if sc := parent.SpanContext(); trace.SpanID(s.ParentSpanId) != sc.SpanID() ||
			trace.TraceID(s.TraceId) != sc.TraceID() {
			t.Errorf("%s is no child of the span in the context", s.Name)
		}
		for _, e := range s.Events {
			for _, a := range e.Attributes {
				if stack := a.Value.GetStringValue(); a.Key == "exception.stacktrace" {
					a.Value.Reset() // addresses differ
					if !strings.Contains(stack, "values_test.go") {
						t.Errorf("%s: the stack is %s", s.Name, stack)
					}
				}
			}
		}
	}
	slices.SortFunc(c.spans, func(a, b *tracepb.Span) int { return strings.Compare(a.Name, b.Name) })
	if err := p.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	return c.spans
}

func TestASpanThatIsAValueIsExportedLikeAHandle(t *testing.T) {
	byHandles, byValues := exportedBy(t, true), exportedBy(t, false)
	if len(byHandles) != 3 {
		t.Fatalf("%d spans, want 3", len(byHandles))
	}
	if diff := cmp.Diff(byHandles, byValues, protocmp.Transform(), protocmp.IgnoreFields(&tracepb.Span{},
		"trace_id", "span_id", "parent_span_id", "start_time_unix_nano", "end_time_unix_nano"),
		protocmp.IgnoreFields(&tracepb.Span_Event{}, "time_unix_nano")); diff != "" {
		t.Error(diff)
	}
}

// The span of a handler that takes a context is current in that context, even if the
// handler replaced one that takes none.
func TestAHandlerThatTakesAContextSeesItsSpan(t *testing.T) {
	p, err := pooled.New(pooled.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := observable.New(observable.Options{TracerProvider: p})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Register("a", func() {}); err != nil {
		t.Fatal(err)
	}
	if err := m.Call(context.Background(), "a"); err != nil {
		t.Fatal(err)
	}
	seen := false
	if err := m.ReplaceContext("a", func(ctx context.Context) error {
		_, seen = ctx.(*pooled.Span)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := m.Call(context.Background(), "a"); err != nil || !seen {
		t.Errorf("%v, the handler sees its span: %v", err, seen)
	}
}

// An observed call is the lookup, the statistics, the histogram, and a span that is
// encoded as OTLP or not sampled.
func TestAnObservedCallAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool drops a quarter of the values it is given")
	}
	drop := pooled.ExporterFunc(func(context.Context, []byte, int) error { return nil })
	for name, opts := range map[string]pooled.Options{"sampled": {Exporter: drop},
		"not sampled": {Exporter: drop, Sampler: sdktrace.NeverSample()}} {
		t.Run(name, func(t *testing.T) {
			p, err := pooled.New(opts)
			if err != nil {
				t.Fatal(err)
			}
			m, err := observable.New(observable.Options{TracerProvider: p, Histogram: true,
				Attributes: []attribute.KeyValue{attribute.Int("shard", 3)}})
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Register("a", func() {}); err != nil {
				t.Fatal(err)
			}
			got := testing.AllocsPerRun(2000, func() {
				if err := m.Call(context.Background(), "a"); err != nil {
					t.Fatal(err)
				}
			})
			if got != 0 {
				t.Errorf("%v allocations", got)
			}
			if err := p.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
		})
	}
}
