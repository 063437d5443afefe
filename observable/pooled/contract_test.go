package pooled_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable/pooled"
)

// Processors and log bridges assert the interfaces of the SDK's spans, some without a check.
func TestASpanThatProcessorsSeeIsReadable(t *testing.T) {
	for name, processor := range map[string]sdktrace.SpanProcessor{"kept": &hooks{}, "borrowed": &borrower{}} {
		t.Run(name, func(t *testing.T) {
			parents := []string{}
			looks := &borrower{hooks{start: func(ctx context.Context, s sdktrace.ReadWriteSpan) {
				if up, ok := trace.SpanFromContext(ctx).(sdktrace.ReadWriteSpan); ok {
					up.SetAttributes(attribute.String("child", s.Name()))
					parents = append(parents, up.Name())
				}
			}}}
			tr := start(t, processors(processor, looks)).Tracer("t")
			ctx, up := tr.Start(context.Background(), "up")
			down, _ := tr.Start(context.WithValue(ctx, ctxKey{}, 1), "down")
			for _, s := range []trace.Span{up, trace.SpanFromContext(ctx),
				trace.SpanFromContext(context.WithoutCancel(ctx))} {
				if s, ok := s.(sdktrace.ReadOnlySpan); !ok || s.Name() != "up" || s.ChildSpanCount() != 1 ||
					len(s.Attributes()) != 1 {
					t.Errorf("%T: it is a ReadOnlySpan: %v", s, ok)
				}
			}
			if s, ok := trace.SpanFromContext(down).(sdktrace.ReadOnlySpan); !ok ||
				s.Parent().SpanID() != up.SpanContext().SpanID() {
				t.Errorf("the child is %v, with its parent: %v", s, ok)
			}
			v := template(t, pooledOf(t, tr), "value").Start(ctx)
			if s, ok := v.Span().(sdktrace.ReadOnlySpan); !ok || s.Name() != "value" {
				t.Errorf("the span of a value is a ReadOnlySpan: %v", ok)
			}
			if !slices.Equal(parents, []string{"up", "up"}) {
				t.Errorf("OnStart saw the parents %q", parents)
			}
		})
	}
}

// pooledOf returns the provider of a tracer.
func pooledOf(t *testing.T, tr trace.Tracer) *pooled.Provider {
	t.Helper()
	_, s := tr.Start(context.Background(), "x")
	p, ok := s.TracerProvider().(*pooled.Provider)
	if !ok {
		t.Fatalf("the provider is a %T", s.TracerProvider())
	}
	return p
}

func TestATracerTakenAfterShutdownDoesNothing(t *testing.T) {
	p := start(t, pooled.Options{Exporter: &collector{}})
	before := p.Tracer("t")
	ctx, up := before.Start(context.Background(), "up")
	shutdown(t, p)
	for name, tr := range map[string]trace.Tracer{
		"a scope that was used": p.Tracer("t"),
		"a new scope":           p.Tracer("new"),
	} {
		t.Run(name, func(t *testing.T) {
			_, s := tr.Start(ctx, "x")
			if s.IsRecording() || s.SpanContext().TraceID() != up.SpanContext().TraceID() {
				t.Errorf("the span records: %v, its context is %v", s.IsRecording(), s.SpanContext())
			}
			s.End()
		})
	}
	_, s := before.Start(ctx, "x") // still samples, as in the SDK
	if s.End(); !s.SpanContext().IsSampled() || p.Counts() != (pooled.Counts{Ended: 1, Dropped: 1}) {
		t.Errorf("the span of a tracer made before is %v, counts %+v", s.SpanContext(), p.Counts())
	}
}

// Durations are measured with the monotonic clock, and times keep the zone that the caller passed.
func TestTimesKeepTheirZoneAndMonotonicReading(t *testing.T) {
	zone := time.FixedZone("there", 5*3600)
	given := time.Date(2024, 2, 3, 4, 5, 6, 7, zone)
	for _, tc := range []struct {
		name         string
		start        []trace.SpanStartOption
		end          []trace.SpanEndOption
		begins, ends time.Time // zero: the time of the clock
		zoned        bool      // whether the end is in the zone
	}{
		{"read from the clock", nil, nil, time.Time{}, time.Time{}, false},
		{"the start is passed", []trace.SpanStartOption{timestamp(given)}, nil, given, time.Time{}, true},
		{"the end is passed", nil, []trace.SpanEndOption{timestamp(given)}, time.Time{}, given, true},
		{"both are passed", []trace.SpanStartOption{timestamp(given)},
			[]trace.SpanEndOption{timestamp(given.Add(time.Second))}, given,
			given.Add(time.Second), true},
		{"before 1678, which UnixNano cannot represent",
			[]trace.SpanStartOption{timestamp(given.AddDate(-900, 0, 0))}, nil, given.AddDate(-900, 0, 0),
			time.Time{}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := tracetest.NewSpanRecorder()
				p := start(t, processors(r))
				begun := time.Now()
				_, s := p.Tracer("t").Start(context.Background(), "x", tc.start...)
				time.Sleep(time.Second)
				s.End(tc.end...)
				got := r.Ended()[0]
				begins, ends := got.StartTime(), got.EndTime()
				if want := orElse(tc.begins, begun); !begins.Equal(want) || begins.Location() != want.Location() {
					t.Errorf("it starts at %v, want %v", begins, want)
				}
				if want := orElse(tc.ends, begun.Add(time.Second)); !ends.Equal(want) ||
					(ends.Location() == zone) != tc.zoned {
					t.Errorf("it ends at %v, want %v", ends, want)
				}
			})
		})
	}
	t.Run("monotonic", func(t *testing.T) { // not in a bubble, whose clock is not monotonic
		r := tracetest.NewSpanRecorder()
		end(start(t, processors(r)), "x")
		if got := r.Ended()[0]; !hasMonotonic(got.StartTime()) || !hasMonotonic(got.EndTime()) {
			t.Errorf("%v to %v has lost its monotonic reading", got.StartTime(), got.EndTime())
		}
	})
}

func orElse(t, other time.Time) time.Time {
	if t.IsZero() {
		return other
	}
	return t
}

// hasMonotonic reports whether t has a monotonic reading, which Round strips.
func hasMonotonic(t time.Time) bool { return t != t.Round(0) }

func TestPanicsAreNotRecordedOnRequest(t *testing.T) {
	for _, without := range []bool{false, true} {
		t.Run(fmt.Sprintf("WithoutPanicRecording=%v", without), func(t *testing.T) {
			c := &collector{}
			p := start(t, pooled.Options{Exporter: c, WithoutPanicRecording: without})
			func() {
				defer func() {
					if v := recover(); v != "as it was" {
						t.Errorf("the panic became %v", v)
					}
				}()
				_, s := p.Tracer("t").Start(context.Background(), "x")
				defer s.End()
				panic("as it was")
			}()
			flush(t, p)
			if got := len(c.received()[0].Events); (got == 0) != without {
				t.Errorf("%d events", got)
			}
		})
	}
}

// A provider without an exporter starts no goroutine, so it needs no Shutdown. If it left a
// goroutine, the bubble would fail.
func TestAProviderWithoutAnExporterStartsNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := pooled.New(processors(tracetest.NewSpanRecorder()))
		if err != nil {
			t.Fatal(err)
		}
		end(p, "x")
		flush(t, p)
	})
}

func TestThousandsOfAttributesAreThoseOfTheSDK(t *testing.T) {
	limits := sdktrace.NewSpanLimits()
	for _, tc := range []struct {
		name         string
		limit, keys  int
		rounds, skip int
	}{
		{"unlimited", -1, 1000, 3, 1},
		{"more keys than the limit", 100, 1000, 3, 1},
		{"around the number of keys that need an index", -1, 70, 1, 1},
		{"every fifth key", 500, 1000, 5, 7},
	} {
		t.Run(tc.name, func(t *testing.T) {
			limits.AttributeCountLimit = tc.limit
			checkSameWith(t, pooled.Options{Limits: &limits}, inScope(oneSpan(func(s trace.Span) {
				for round := range tc.rounds {
					for i := 0; i < tc.keys; i += tc.skip {
						s.SetAttributes(attribute.Int(fmt.Sprint("k", i), round))
					}
				}
			}, trace.WithAttributes(many(40)...))))
		})
	}
}
