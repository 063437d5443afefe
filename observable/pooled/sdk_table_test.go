package pooled_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

func TestExportsWhatTheSDKExports(t *testing.T) {
	remote := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, Remote: true})
	state, err := trace.ParseTraceState("vendor=value")
	if err != nil {
		t.Fatal(err)
	}
	link := trace.Link{SpanContext: remote.WithTraceState(state), Attributes: many(2)}
	twice := attribute.Map("twice", attribute.Int("a", 1), attribute.Int("b", 2), attribute.Int("a", 3),
		attribute.Map("b", attribute.Int("c", 4), attribute.Int("c", 5)))
	inSlice := attribute.KeyValue{Key: "slice", Value: attribute.SliceValue(twice.Value)}
	odd := []attribute.KeyValue{twice, inSlice, nested("64", 64), nested("65", 65), nested("70", 70),
		nestedIn("ints", 64, attribute.IntSliceValue([]int{1})), nestedIn("bytes", 64,
			attribute.ByteSliceValue([]byte{1})),
		nestedIn("map", 64, twice.Value), nestedIn("fits", 63, twice.Value)}
	for name, do := range map[string]func(trace.Tracer){
		"nothing": oneSpan(func(trace.Span) {}),
		"kinds": func(tr trace.Tracer) {
			for kind := trace.SpanKindUnspecified; kind <= trace.SpanKindConsumer+1; kind++ {
				oneSpan(func(trace.Span) {}, trace.WithSpanKind(kind))(tr)
			}
		},
		"remote parent": func(tr trace.Tracer) {
			ctx := trace.ContextWithRemoteSpanContext(context.Background(), remote.WithTraceState(state))
			_, s := tr.Start(ctx, "x", timestamp(t0))
			s.End(timestamp(t0))
		},
		"parent not sampled": func(tr trace.Tracer) {
			ctx := trace.ContextWithRemoteSpanContext(context.Background(), remote.WithTraceFlags(0))
			_, s := tr.Start(ctx, "x", timestamp(t0))
			s.End(timestamp(t0))
		},
		"parent with a trace id alone": func(tr trace.Tracer) {
			sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}})
			_, s := tr.Start(trace.ContextWithSpanContext(context.Background(), sc), "x", timestamp(t0))
			s.End(timestamp(t0))
		},
		"flags of the parent": func(tr trace.Tracer) {
			ctx := trace.ContextWithRemoteSpanContext(context.Background(),
				remote.WithTraceFlags(trace.FlagsSampled|trace.FlagsRandom))
			_, s := tr.Start(ctx, "x", timestamp(t0))
			s.End(timestamp(t0))
		},
		"new root": func(tr trace.Tracer) {
			ctx := trace.ContextWithRemoteSpanContext(context.Background(), remote)
			_, s := tr.Start(ctx, "x", timestamp(t0), trace.WithNewRoot())
			s.End(timestamp(t0))
		},
		"child": func(tr trace.Tracer) {
			ctx, up := tr.Start(context.Background(), "up", timestamp(t0))
			_, s := tr.Start(ctx, "down", timestamp(t0))
			s.End(timestamp(t0))
			up.End(timestamp(t0))
		},
		"attributes": oneSpan(func(s trace.Span) {
			s.SetAttributes(attribute.String("a", ""), attribute.Bool("b", false), attribute.Int("c", -1),
				attribute.Float64("d", math.Inf(1)))
			s.SetAttributes(attribute.String("a", "again"), attribute.KeyValue{Key: "empty"},
				attribute.KeyValue{Value: attribute.IntValue(1)})
			s.SetAttributes(attribute.BoolSlice("e", []bool{true, false}), attribute.IntSlice("f", []int{1, -2}),
				attribute.Float64Slice("g", []float64{.5}), attribute.StringSlice("h",
					[]string{"", "x"}), attribute.StringSlice("i", nil))
			s.SetAttributes(attribute.KeyValue{Key: "j", Value: attribute.ByteSliceValue([]byte{0, 255})},
				attribute.KeyValue{Key: "k", Value: attribute.SliceValue(attribute.IntValue(1),
					attribute.StringValue("two"))},
				attribute.KeyValue{Key: "l", Value: attribute.MapValue(attribute.Int("one", 1),
					attribute.StringSlice("two", []string{"2"}))})
		}, trace.WithAttributes(attribute.String("a", "first"),
			attribute.String("long", strings.Repeat("x", 20_000)))),
		"maps with a key twice, and deep values": oneSpan(func(s trace.Span) {
			s.SetAttributes(odd...)
			s.AddEvent("e", timestamp(t0), trace.WithAttributes(odd...))
			s.AddLink(trace.Link{SpanContext: remote, Attributes: odd})
		}),
		"too many attributes": oneSpan(func(s trace.Span) {
			s.SetAttributes(many(200)...)
			s.SetAttributes(attribute.Int("k5", 55), attribute.Int("new", 1))
		}),
		"a parent with a span id alone": func(tr trace.Tracer) {
			sc := trace.NewSpanContext(trace.SpanContextConfig{SpanID: trace.SpanID{1}, TraceState: state,
				Remote: true})
			_, s := tr.Start(trace.ContextWithSpanContext(context.Background(), sc), "x", timestamp(t0))
			s.End(timestamp(t0))
		},
		"new root under a parent with a trace state": func(tr trace.Tracer) {
			ctx := trace.ContextWithRemoteSpanContext(context.Background(), remote.WithTraceState(state))
			ctx, up := tr.Start(ctx, "up", timestamp(t0))
			_, s := tr.Start(ctx, "x", timestamp(t0), trace.WithNewRoot())
			s.End(timestamp(t0))
			up.End(timestamp(t0))
		},
		"children": func(tr trace.Tracer) {
			ctx, up := tr.Start(context.Background(), "up", timestamp(t0))
			for _, opts := range [][]trace.SpanStartOption{nil, {trace.WithNewRoot()},
				{trace.WithSpanKind(trace.SpanKindClient)}} {
				inner, s := tr.Start(ctx, "down", append(opts, timestamp(t0))...)
				_, further := tr.Start(inner, "further", timestamp(t0))
				s.End(timestamp(t0))
				further.End(timestamp(t0))
			}
			up.End(timestamp(t0))
			_, late := tr.Start(ctx, "of an ended span", timestamp(t0))
			late.End(timestamp(t0))
		},
		"no context": func(tr trace.Tracer) {
			//lint:ignore SA1012 the test needs a nil context
			_, s := tr.Start(nil, "x", timestamp(t0))
			s.End(timestamp(t0))
		},
		"options twice": func(tr trace.Tracer) {
			_, s := tr.Start(context.Background(), "x", timestamp(t0), timestamp(t0.Add(time.Hour)),
				trace.WithSpanKind(trace.SpanKindServer), trace.WithSpanKind(trace.SpanKindClient),
				trace.WithAttributes(many(2)...), trace.WithAttributes(many(3)...), trace.WithAttributes(),
				trace.WithLinks(link), trace.WithLinks(link,
					link), trace.WithLinks(), trace.WithNewRoot(), trace.WithNewRoot())
			s.AddEvent("e", timestamp(t0), timestamp(t0.Add(1)), trace.WithAttributes(many(2)...),
				trace.WithAttributes(many(1)...))
			s.End(timestamp(t0), timestamp(t0.Add(time.Minute)))
		},
		"times left to the tracer": func(tr trace.Tracer) {
			_, s := tr.Start(context.Background(), "x", timestamp(time.Time{}))
			s.AddEvent("e")
			s.AddEvent("e", timestamp(time.Time{}))
			s.RecordError(errors.New("failed"))
			s.End(timestamp(time.Time{}))
		},
		"ends again": oneSpan(func(s trace.Span) {
			s.End(timestamp(t0.Add(time.Minute)))
			s.End(timestamp(t0.Add(time.Hour)), trace.WithStackTrace(true))
		}),
		"stack traces": oneSpan(func(s trace.Span) {
			s.AddEvent("none with an event", timestamp(t0), trace.WithStackTrace(true))
			s.RecordError(errors.New("failed"), trace.WithStackTrace(true), trace.WithAttributes(many(1)...))
			s.RecordError(errors.New("failed"), trace.WithStackTrace(true), trace.WithStackTrace(false))
			s.End(trace.WithStackTrace(true), timestamp(t0))
		}),
		"panics": func(tr trace.Tracer) {
			for _, v := range []any{"text", errors.New("error"), 42, (*customError)(nil),
				fmt.Errorf("wrapped: %w", context.Canceled),
				struct{ A int }{1}, []int{1}} {
				for _, stack := range []bool{false, true} {
					func() {
						defer func() { _ = recover() }()
						_, s := tr.Start(context.Background(), "x", timestamp(t0))
						defer s.End(timestamp(t0), trace.WithStackTrace(stack))
						panic(v)
					}()
				}
			}
		},
		"attributes at the start": oneSpan(func(trace.Span) {},
			trace.WithAttributes(attribute.Int("a", 1), attribute.Int("", 2),
				attribute.KeyValue{}, attribute.Int("a", 3), attribute.KeyValue{Key: "empty"},
				attribute.Bool("a", true))),
		"no attributes": oneSpan(func(s trace.Span) {
			s.SetAttributes()
			s.SetAttributes([]attribute.KeyValue{}...)
			s.AddEvent("e", timestamp(t0), trace.WithAttributes())
			s.AddLink(trace.Link{SpanContext: remote, Attributes: []attribute.KeyValue{}})
		}),
		"kinds of attributes": oneSpan(func(s trace.Span) {
			s.SetAttributes(kinds...)
			s.AddEvent("e", timestamp(t0), trace.WithAttributes(kinds...))
			s.AddLink(trace.Link{SpanContext: remote, Attributes: kinds})
		}, trace.WithLinks(trace.Link{Attributes: kinds})),
		"names": oneSpan(func(s trace.Span) { s.SetName("other"); s.SetName("") }),
		"statuses": func(tr trace.Tracer) {
			for order := range 4 * 4 * 4 { // every sequence of three codes, one of which is unknown
				oneSpan(func(s trace.Span) {
					for i := order; i > 0; i /= 4 {
						s.SetStatus(codes.Code(i%4), fmt.Sprint("description ", i))
					}
				})(tr)
			}
		},
		"events": oneSpan(func(s trace.Span) {
			s.AddEvent("e", timestamp(t0), trace.WithAttributes(attribute.Int("a", 1), attribute.Int("a", 2)))
			s.AddEvent("", timestamp(t0))
			s.AddEvent("many", timestamp(t0), trace.WithAttributes(many(130)...))
		}),
		"too many events": oneSpan(func(s trace.Span) {
			for i := range 130 {
				s.AddEvent(fmt.Sprint(i), timestamp(t0))
			}
		}),
		"links": oneSpan(func(s trace.Span) {
			s.AddLink(link)
			s.AddLink(trace.Link{})
			s.AddLink(trace.Link{Attributes: many(130)})
			s.AddLink(trace.Link{SpanContext: trace.SpanContext{}.WithTraceState(state)})
			s.AddLink(trace.Link{SpanContext: remote.WithTraceID(trace.TraceID{})})
			s.AddLink(trace.Link{SpanContext: remote.WithSpanID(trace.SpanID{}), Attributes: many(1)})
		}, trace.WithLinks(link, trace.Link{}, trace.Link{SpanContext: trace.SpanContext{}.WithRemote(true)},
			trace.Link{SpanContext: remote.WithRemote(false)})),
		"too many links": oneSpan(func(s trace.Span) {
			for i := range 130 {
				s.AddLink(trace.Link{SpanContext: remote, Attributes: many(i % 3)})
			}
		}),
		"errors": oneSpan(func(s trace.Span) {
			s.RecordError(nil)
			s.RecordError(errors.New("plain"), timestamp(t0))
			s.RecordError(fmt.Errorf("wrapped: %w", context.Canceled), timestamp(t0),
				trace.WithAttributes(attribute.Int("n", 1)))
			s.RecordError(&customError{}, timestamp(t0))
			s.RecordError((*customError)(nil), timestamp(t0))
			s.RecordError(errors.Join(errors.New("one"), context.Canceled), timestamp(t0))
			s.RecordError(syscall.ENOENT, timestamp(t0))
			s.RecordError(struct{ error }{errors.New("of no named type")}, timestamp(t0))
			s.RecordError(errors.New("with the names of its own"), timestamp(t0),
				trace.WithAttributes(attribute.String("exception.type", "mine"),
					attribute.String("exception.message", "mine")))
		}),
		"after End": func(tr trace.Tracer) {
			_, s := tr.Start(context.Background(), "x", timestamp(t0))
			s.End(timestamp(t0))
			vandalise(s)
		},
		"times of 1970 and before": func(tr trace.Tracer) {
			_, s := tr.Start(context.Background(), "x", timestamp(t0))
			s.AddEvent("at zero", timestamp(time.Unix(0, 0)))
			s.End(timestamp(time.Unix(-1, 0)))
		},
	} {
		t.Run(name, func(t *testing.T) { checkSameAsSDK(t, do) })
	}
}

// kinds has attributes of every type, with extreme values.
var kinds = []attribute.KeyValue{
	{Key: "empty"}, {Key: "", Value: attribute.IntValue(1)},
	attribute.Bool("bool", true), attribute.BoolSlice("bools", nil), attribute.BoolSlice("bools 2",
		[]bool{true, false}),
	attribute.Int64("int", math.MinInt64), attribute.Int64Slice("ints", nil), attribute.IntSlice("ints 2",
		[]int{0, math.MaxInt64}),
	attribute.Float64("float", math.NaN()), attribute.Float64Slice("floats", []float64{}),
	attribute.Float64Slice("floats 2", []float64{math.Copysign(0, -1), math.Inf(-1), math.SmallestNonzeroFloat64}),
	attribute.String("string", ""), attribute.String("string 2", "\x00é\U0001F600"),
	attribute.StringSlice("strings", nil), attribute.StringSlice("strings 2", []string{"", "é"}),
	attribute.Stringer("stringer", time.Second),
	{Key: "bytes", Value: attribute.ByteSliceValue(nil)}, {Key: "bytes 2",
		Value: attribute.ByteSliceValue([]byte{0, 255})},
	{Key: "values", Value: attribute.SliceValue()},
	{Key: "values 2", Value: attribute.SliceValue(attribute.Value{}, attribute.IntValue(1),
		attribute.StringValue(""))},
	attribute.Map("map"), attribute.Map("map 2", attribute.KeyValue{}, attribute.Int("", 1),
		attribute.StringSlice("b", []string{"c"}), attribute.Int("a", 1)),
}

type customError struct{}

func (*customError) Error() string { return "custom" }
