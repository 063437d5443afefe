package pooled_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable/pooled"
)

// hooks is a processor made of functions, which may be nil.
type hooks struct {
	start           func(context.Context, sdktrace.ReadWriteSpan)
	end             func(sdktrace.ReadOnlySpan)
	flush, shutdown func(context.Context) error
}

func (h *hooks) OnStart(ctx context.Context, s sdktrace.ReadWriteSpan) {
	if h.start != nil {
		h.start(ctx, s)
	}
}

func (h *hooks) OnEnd(s sdktrace.ReadOnlySpan) {
	if h.end != nil {
		h.end(s)
	}
}

func (h *hooks) ForceFlush(ctx context.Context) error {
	if h.flush != nil {
		return h.flush(ctx)
	}
	return nil
}

func (h *hooks) Shutdown(ctx context.Context) error {
	if h.shutdown != nil {
		return h.shutdown(ctx)
	}
	return nil
}

// borrower is a NonRetaining processor.
type borrower struct{ hooks }

func (*borrower) NonRetaining() {}

var _ pooled.NonRetaining = (*borrower)(nil)

func processors(sps ...sdktrace.SpanProcessor) pooled.Options {
	return pooled.Options{Processors: sps}
}

// callAll calls every exported method of s that has no parameters, and returns the results by
// name.
func callAll(s any, methods reflect.Type) map[string]any {
	got := map[string]any{}
	for m := range methods.Methods() {
		if m.IsExported() && m.Type.NumIn() == 0 {
			got[m.Name] = reflect.ValueOf(s).MethodByName(m.Name).Call(nil)[0].Interface()
		}
	}
	return got
}

// If a later SDK adds a method, view would call it on its nil interface. This test would fail.
func TestEveryMethodOfAReadOnlySpanIsOurs(t *testing.T) {
	methods := reflect.TypeFor[sdktrace.ReadOnlySpan]()
	var kept []any
	check := func(when string, s any) {
		kept = append(kept, s)
		if got := callAll(s, methods); len(got) != methods.NumMethod()-1 || got["Name"] != "x" {
			t.Errorf("%s: read %v", when, got)
		}
	}
	hook := hooks{
		start: func(_ context.Context, s sdktrace.ReadWriteSpan) { check("OnStart", s) },
		end:   func(s sdktrace.ReadOnlySpan) { check("OnEnd", s) },
	}
	end(start(t, processors(&hook)), "x")
	for _, s := range kept {
		check("kept", s)
	}
	kept = nil
	end(start(t, processors(&borrower{hook})), "x")
	for _, s := range kept { // although it is declared NonRetaining
		for name, got := range callAll(s, methods) {
			if _, writes := s.(sdktrace.ReadWriteSpan); writes && name == "SpanContext" {
				continue // the span context of a handle stays valid
			}
			if v := reflect.ValueOf(got); v.IsValid() && !v.IsZero() && !reflect.DeepEqual(got, trace.SpanContext{}) {
				t.Errorf("%s of a reused record is %v", name, got)
			}
		}
	}
}

func TestProcessorsKeepSpansForEver(t *testing.T) {
	const spans = 1000
	c, r := &collector{}, tracetest.NewSpanRecorder()
	p := start(t, pooled.Options{Exporter: c, Processors: []sdktrace.SpanProcessor{&borrower{}, r}})
	var handles []trace.Span
	for i := range spans {
		_, s := p.Tracer("t").Start(context.Background(), fmt.Sprint(i), trace.WithAttributes(many(i%12)...))
		s.AddEvent(fmt.Sprint(i))
		s.End()
		handles = append(handles, s)
		vandalise(handles[i/2])
	}
	flush(t, p)
	for _, spans := range [][]sdktrace.ReadOnlySpan{r.Ended(), started(r)} {
		for i, s := range spans {
			if s.Name() != fmt.Sprint(i) || !slices.Equal(s.Attributes(), many(i%12)) || len(s.Events()) != 1 ||
				s.EndTime().IsZero() {
				t.Fatalf("span %d is %+v", i, tracetest.SpanStubFromReadOnlySpan(s))
			}
		}
	}
	if len(r.Ended()) != spans || len(r.Started()) != spans || c.spans != spans {
		t.Errorf("%d spans ended, %d started, %d exported", len(r.Ended()), len(r.Started()), c.spans)
	}
}

func TestProcessorsWriteToSpansThatLiveAlone(t *testing.T) {
	c := &collector{}
	var live sdktrace.ReadWriteSpan
	var before, events any
	p := start(t, pooled.Options{Exporter: c, Processors: []sdktrace.SpanProcessor{&borrower{hooks{
		start: func(ctx context.Context, s sdktrace.ReadWriteSpan) {
			s.SetAttributes(attribute.Int("by the processor", 1))
			live, before, events = s, s.Attributes(), s.Events()
			if ctx.Value(ctxKey{}) != 42 || trace.SpanContextFromContext(ctx).IsValid() {
				t.Errorf("the context is %v, want that of the parent", ctx)
			}
			if strings.Contains(fmt.Sprintf("%v %+v %#v", s, s, s), "name") {
				t.Error("a printed span contains its record")
			}
		},
		end: func(s sdktrace.ReadOnlySpan) {
			live.SetName("too late")
			if !reflect.DeepEqual(s.Attributes(), live.Attributes()) || s.EndTime().IsZero() ||
				s.EndTime() != live.EndTime() {
				t.Errorf("at the end of the span: %v, %v", s, live)
			}
		},
	}}}})
	ctx, s := p.Tracer("t").Start(context.WithValue(context.Background(), ctxKey{}, 42), "name", timestamp(t0))
	s.SetAttributes(attribute.Int("by the processor", 2), attribute.Int("k", 1))
	s.AddEvent("e")
	if got := before.([]attribute.KeyValue); len(got) != 1 || got[0].Value.AsInt64() != 1 ||
		len(events.([]sdktrace.Event)) != 0 {
		t.Errorf("data read earlier has changed: %v, %v", before, events)
	}
	if live.Name() != "name" || len(live.Attributes()) != 2 || !live.EndTime().IsZero() ||
		trace.SpanFromContext(ctx) != s {
		t.Errorf("a live span reads as %v", live)
	}
	s.End()
	flush(t, p)
	if got := c.received(); len(got) != 1 || got[0].Name != "name" || len(got[0].Attributes) != 2 {
		t.Errorf("exported %v", got)
	}
}

func TestProcessorsAreCalledInOrderAndAShutDownProviderCallsNone(t *testing.T) {
	var calls []string
	log := func(name string, err error) hooks {
		return hooks{
			start:    func(context.Context, sdktrace.ReadWriteSpan) { calls = append(calls, name+" start") },
			end:      func(sdktrace.ReadOnlySpan) { calls = append(calls, name+" end") },
			flush:    func(context.Context) error { calls = append(calls, name+" flush"); return err },
			shutdown: func(context.Context) error { calls = append(calls, name+" shutdown"); return err },
		}
	}
	errA, errB := errors.New("a"), errors.New("b")
	a, b := log("a", errA), log("b", errB)
	p, err := pooled.New(pooled.Options{Processors: []sdktrace.SpanProcessor{&a, &borrower{b}}})
	if err != nil {
		t.Fatal(err)
	}
	end(p, "x")
	_, late := p.Tracer("t").Start(context.Background(), "late")
	if err := p.ForceFlush(context.Background()); !errors.Is(err, errA) || !errors.Is(err, errB) {
		t.Errorf("ForceFlush = %v", err)
	}
	if err := p.Shutdown(context.Background()); !errors.Is(err, errA) || !errors.Is(err, errB) {
		t.Errorf("Shutdown = %v", err)
	}
	late.End()
	end(p, "later")
	if err := errors.Join(p.ForceFlush(context.Background()), p.Shutdown(context.Background())); err != nil {
		t.Errorf("after Shutdown: %v", err)
	}
	want := []string{"a start", "b start", "a end", "b end", "a start", "b start", "a flush", "b flush", "a shutdown",
		"b shutdown"}
	if !slices.Equal(calls, want) {
		t.Errorf("calls are %v, want %v", calls, want)
	}
}

func TestProcessorsSeeWhatRecords(t *testing.T) {
	for name, tc := range map[string]struct {
		sampler sdktrace.Sampler
		want    int
	}{
		"dropped":     {sdktrace.NeverSample(), 0},
		"record only": {recordOnly{}, 1},
		"sampled":     {nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := tracetest.NewSpanRecorder()
			end(start(t, pooled.Options{Sampler: tc.sampler, Processors: []sdktrace.SpanProcessor{r}}), "x")
			if len(r.Started()) != tc.want || len(r.Ended()) != tc.want {
				t.Errorf("%d started, %d ended, want %d", len(r.Started()), len(r.Ended()), tc.want)
			}
		})
	}
}

func TestProcessorsThatKeepNothingLeaveRecordsToThePool(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool drops a quarter of the values it is given")
	}
	for _, tc := range []struct {
		name string
		opts pooled.Options
		want float64
	}{
		{"no processor", pooled.Options{}, 1},
		{"a processor that keeps nothing", processors(&borrower{}), 2},
		{"a processor that keeps nothing, not sampled",
			pooled.Options{Processors: []sdktrace.SpanProcessor{&borrower{}},
				Sampler: sdktrace.NeverSample()}, 1},
		{"two processors that keep nothing", processors(&borrower{}, &borrower{}), 2},
		{"one of two processors keeps spans", processors(&borrower{}, &hooks{}), 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tr := start(t, tc.opts).Tracer("t")
			got := testing.AllocsPerRun(2000, func() {
				_, s := tr.Start(context.Background(), "x")
				s.End()
			})
			if got != tc.want {
				t.Errorf("%v allocations per span, want %v", got, tc.want)
			}
		})
	}
}

// The race detector reports if a late reader accesses the next span of a record.
func TestReadersThatComeLateNeverReadAnotherSpan(t *testing.T) {
	var last atomic.Pointer[sdktrace.ReadOnlySpan]
	p := start(t, processors(&borrower{hooks{end: func(s sdktrace.ReadOnlySpan) { last.Store(&s) }}}))
	stop := make(chan struct{})
	var readers, writers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if s := last.Load(); s != nil {
					id := (*s).SpanContext().SpanID()
					if name := (*s).Name(); name != "" && name != id.String() {
						t.Errorf("span %v is named %q", id, name)
					}
				}
			}
		})
		writers.Go(func() {
			for i := range 2000 {
				_, s := p.Tracer("t").Start(context.Background(), "x")
				s.SetAttributes(many(i % 4)...)
				s.SetName(s.SpanContext().SpanID().String())
				s.End()
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
}

func TestANilProcessorIsReported(t *testing.T) {
	if _, err := pooled.New(processors(&hooks{}, nil)); err == nil || !strings.Contains(err.Error(), "Processors[1]") {
		t.Errorf("New = %v", err)
	}
}

func TestAnIDGeneratorIsCalledAsByTheSDK(t *testing.T) {
	type idCall struct {
		parent trace.SpanContext
		trace  trace.TraceID
	}
	var calls []idCall
	g := &generator{tell: func(ctx context.Context, id trace.TraceID) {
		calls = append(calls, idCall{trace.SpanContextFromContext(ctx), id})
	}}
	for name, p := range map[string]trace.TracerProvider{
		"pooled": start(t, pooled.Options{IDGenerator: g}),
		"sdk":    sdktrace.NewTracerProvider(sdktrace.WithIDGenerator(g)),
	} {
		t.Run(name, func(t *testing.T) {
			calls, g.n = nil, 0
			ctx, up := p.Tracer("t").Start(context.Background(), "up")
			_, down := p.Tracer("t").Start(ctx, "down")
			_, root := p.Tracer("t").Start(ctx, "root", trace.WithNewRoot())
			want := []idCall{{}, {up.SpanContext(), up.SpanContext().TraceID()}, {}}
			if !reflect.DeepEqual(calls, want) {
				t.Errorf("the generator was called with %v, want %v", calls, want)
			}
			if a, b, c := up.SpanContext(), down.SpanContext(),
				root.SpanContext(); a.TraceID() != (trace.TraceID{1}) ||
				a.SpanID() != (trace.SpanID{2}) ||
				b.TraceID() != a.TraceID() || b.SpanID() != (trace.SpanID{3}) || c.TraceID() != (trace.TraceID{4}) ||
				c.SpanID() != (trace.SpanID{5}) {
				t.Errorf("ids are %v, %v, %v", a, b, c)
			}
		})
	}
}

// A generator returns ids that count up, and passes the arguments of each call to tell.
type generator struct {
	tell func(context.Context, trace.TraceID)
	n    byte
}

func (g *generator) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	g.tell(ctx, trace.TraceID{})
	g.n += 2
	return trace.TraceID{g.n - 1}, trace.SpanID{g.n}
}

func (g *generator) NewSpanID(ctx context.Context, id trace.TraceID) trace.SpanID {
	g.tell(ctx, id)
	g.n++
	return trace.SpanID{g.n}
}
