package pooled_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/observable/pooled"
)

// official is the client end of the official exporter.
type official struct{ got []*tracepb.ResourceSpans }

func (*official) Start(context.Context) error { return nil }
func (*official) Stop(context.Context) error  { return nil }
func (o *official) UploadTraces(_ context.Context, rs []*tracepb.ResourceSpans) error {
	o.got = append(o.got, rs...)
	return nil
}

// fails is what checkSameAsSDK needs of a test.
type fails interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// checkSameAsSDK does the same with a tracer of the SDK and one of ours, and
// compares what is exported, ids aside.
func checkSameAsSDK(t fails, do func(trace.Tracer)) {
	t.Helper()
	checkSameScopes(t, func(p trace.TracerProvider) {
		do(p.Tracer("scope", trace.WithInstrumentationVersion("v1"), trace.WithSchemaURL("https://example.com/scope"),
			trace.WithInstrumentationAttributes(attribute.String("scope", "attr"))))
	})
}

func checkSameScopes(t fails, do func(trace.TracerProvider)) {
	t.Helper()
	ctx := context.Background()
	client, ours := &official{}, &collector{}
	exporter, err := otlptrace.New(ctx, client)
	if err != nil {
		t.Fatal(err)
	}
	sdk := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter), sdktrace.WithResource(testResource))
	reuse, err := pooled.New(pooled.Options{Exporter: ours, Resource: testResource, BufferBytes: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	do(sdk)
	do(reuse)
	if err := errors.Join(sdk.Shutdown(ctx), reuse.Shutdown(ctx)); err != nil {
		t.Fatal(err)
	}
	want := flatten(client.got)
	var all []*tracepb.ResourceSpans
	for _, r := range ours.requests {
		all = append(all, r.ResourceSpans...)
	}
	got := flatten(all)
	if len(got) != len(want) {
		t.Fatalf("%d spans exported, the SDK exports %d", len(got), len(want))
	}
	for i := range got {
		if !proto.Equal(got[i], want[i]) {
			t.Fatalf("exported\n%s\nthe SDK exports\n%s", prototext.Format(got[i]), prototext.Format(want[i]))
		}
	}
}

// flatten gives each span a ResourceSpans of its own, takes its ids away, and
// puts them in an order that does not depend on where they were encoded.
func flatten(all []*tracepb.ResourceSpans) (out []*tracepb.ResourceSpans) {
	for _, rs := range all {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				s = proto.CloneOf(s)
				s.TraceId, s.SpanId = nil, nil
				if s.ParentSpanId != nil {
					s.ParentSpanId = []byte("some")
				}
				out = append(out, &tracepb.ResourceSpans{Resource: rs.Resource, SchemaUrl: rs.SchemaUrl,
					ScopeSpans: []*tracepb.ScopeSpans{{Scope: ss.Scope, SchemaUrl: ss.SchemaUrl, Spans: []*tracepb.Span{s}}}})
			}
		}
	}
	key := func(m proto.Message) string {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			panic(err)
		}
		return string(b)
	}
	slices.SortFunc(out, func(a, b *tracepb.ResourceSpans) int { return cmp.Compare(key(a), key(b)) })
	return out
}

var (
	t0 = time.Unix(1_700_000_000, 123)
	at = trace.WithTimestamp
)

// one starts a span at a fixed time, does something with it and ends it.
func one(do func(trace.Span), opts ...trace.SpanStartOption) func(trace.Tracer) {
	return func(tr trace.Tracer) {
		_, s := tr.Start(context.Background(), "name", append(opts, at(t0))...)
		do(s)
		s.End(at(t0.Add(time.Second)))
	}
}

func many(n int) (kvs []attribute.KeyValue) {
	for i := range n {
		kvs = append(kvs, attribute.Int(fmt.Sprint("k", i), i))
	}
	return kvs
}

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
		nestedIn("ints", 64, attribute.IntSliceValue([]int{1})), nestedIn("bytes", 64, attribute.ByteSliceValue([]byte{1})),
		nestedIn("map", 64, twice.Value), nestedIn("fits", 63, twice.Value)}
	for name, do := range map[string]func(trace.Tracer){
		"nothing": one(func(trace.Span) {}),
		"kinds": func(tr trace.Tracer) {
			for kind := trace.SpanKindUnspecified; kind <= trace.SpanKindConsumer+1; kind++ {
				one(func(trace.Span) {}, trace.WithSpanKind(kind))(tr)
			}
		},
		"remote parent": func(tr trace.Tracer) {
			ctx := trace.ContextWithRemoteSpanContext(context.Background(), remote.WithTraceState(state))
			_, s := tr.Start(ctx, "x", at(t0))
			s.End(at(t0))
		},
		"parent not sampled": func(tr trace.Tracer) {
			ctx := trace.ContextWithRemoteSpanContext(context.Background(), remote.WithTraceFlags(0))
			_, s := tr.Start(ctx, "x", at(t0))
			s.End(at(t0))
		},
		"parent with a trace id alone": func(tr trace.Tracer) {
			sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}})
			_, s := tr.Start(trace.ContextWithSpanContext(context.Background(), sc), "x", at(t0))
			s.End(at(t0))
		},
		"flags of the parent": func(tr trace.Tracer) {
			ctx := trace.ContextWithRemoteSpanContext(context.Background(), remote.WithTraceFlags(trace.FlagsSampled|trace.FlagsRandom))
			_, s := tr.Start(ctx, "x", at(t0))
			s.End(at(t0))
		},
		"new root": func(tr trace.Tracer) {
			ctx := trace.ContextWithRemoteSpanContext(context.Background(), remote)
			_, s := tr.Start(ctx, "x", at(t0), trace.WithNewRoot())
			s.End(at(t0))
		},
		"child": func(tr trace.Tracer) {
			ctx, up := tr.Start(context.Background(), "up", at(t0))
			_, s := tr.Start(ctx, "down", at(t0))
			s.End(at(t0))
			up.End(at(t0))
		},
		"attributes": one(func(s trace.Span) {
			s.SetAttributes(attribute.String("a", ""), attribute.Bool("b", false), attribute.Int("c", -1), attribute.Float64("d", math.Inf(1)))
			s.SetAttributes(attribute.String("a", "again"), attribute.KeyValue{Key: "empty"}, attribute.KeyValue{Value: attribute.IntValue(1)})
			s.SetAttributes(attribute.BoolSlice("e", []bool{true, false}), attribute.IntSlice("f", []int{1, -2}),
				attribute.Float64Slice("g", []float64{.5}), attribute.StringSlice("h", []string{"", "x"}), attribute.StringSlice("i", nil))
			s.SetAttributes(attribute.KeyValue{Key: "j", Value: attribute.ByteSliceValue([]byte{0, 255})},
				attribute.KeyValue{Key: "k", Value: attribute.SliceValue(attribute.IntValue(1), attribute.StringValue("two"))},
				attribute.KeyValue{Key: "l", Value: attribute.MapValue(attribute.Int("one", 1), attribute.StringSlice("two", []string{"2"}))})
		}, trace.WithAttributes(attribute.String("a", "first"), attribute.String("long", strings.Repeat("x", 20_000)))),
		"maps with a key twice, and deep values": one(func(s trace.Span) {
			s.SetAttributes(odd...)
			s.AddEvent("e", at(t0), trace.WithAttributes(odd...))
			s.AddLink(trace.Link{SpanContext: remote, Attributes: odd})
		}),
		"too many attributes": one(func(s trace.Span) {
			s.SetAttributes(many(200)...)
			s.SetAttributes(attribute.Int("k5", 55), attribute.Int("new", 1))
		}),
		"names": one(func(s trace.Span) { s.SetName("other"); s.SetName("") }),
		"statuses": func(tr trace.Tracer) {
			for _, order := range [][]codes.Code{{codes.Error}, {codes.Ok}, {codes.Ok, codes.Error}, {codes.Error, codes.Ok},
				{codes.Error, codes.Unset}, {codes.Error, codes.Error}} {
				one(func(s trace.Span) {
					for i, c := range order {
						s.SetStatus(c, fmt.Sprint("description ", i))
					}
				})(tr)
			}
		},
		"events": one(func(s trace.Span) {
			s.AddEvent("e", at(t0), trace.WithAttributes(attribute.Int("a", 1), attribute.Int("a", 2)))
			s.AddEvent("", at(t0))
			s.AddEvent("many", at(t0), trace.WithAttributes(many(130)...))
		}),
		"too many events": one(func(s trace.Span) {
			for i := range 130 {
				s.AddEvent(fmt.Sprint(i), at(t0))
			}
		}),
		"links": one(func(s trace.Span) {
			s.AddLink(link)
			s.AddLink(trace.Link{})
			s.AddLink(trace.Link{Attributes: many(130)})
		}, trace.WithLinks(link, trace.Link{SpanContext: remote.WithRemote(false)})),
		"too many links": one(func(s trace.Span) {
			for i := range 130 {
				s.AddLink(trace.Link{SpanContext: remote, Attributes: many(i % 3)})
			}
		}),
		"errors": one(func(s trace.Span) {
			s.RecordError(nil)
			s.RecordError(errors.New("plain"), at(t0))
			s.RecordError(fmt.Errorf("wrapped: %w", context.Canceled), at(t0), trace.WithAttributes(attribute.Int("n", 1)))
			s.RecordError(&customError{}, at(t0))
		}),
		"after End": func(tr trace.Tracer) {
			_, s := tr.Start(context.Background(), "x", at(t0))
			s.End(at(t0))
			vandalise(s)
		},
		"times of 1970 and before": func(tr trace.Tracer) {
			_, s := tr.Start(context.Background(), "x", at(t0))
			s.AddEvent("at zero", at(time.Unix(0, 0)))
			s.End(at(time.Unix(-1, 0)))
		},
	} {
		t.Run(name, func(t *testing.T) { checkSameAsSDK(t, do) })
	}
}

func TestScopesAreThoseOfTheSDK(t *testing.T) {
	for name, opts := range map[string][]trace.TracerOption{
		"":       nil,
		"plain":  nil,
		"attrs":  {trace.WithInstrumentationAttributes(attribute.Map("m", attribute.Int("a", 1), attribute.Int("a", 2)), nested("deep", 70))},
		"schema": {trace.WithSchemaURL("https://example.com")},
	} {
		t.Run(name, func(t *testing.T) {
			checkSameScopes(t, func(p trace.TracerProvider) { one(func(trace.Span) {})(p.Tracer(name, opts...)) })
		})
	}
}

type customError struct{}

func (*customError) Error() string { return "custom" }

func TestAnyOperationsExportWhatTheSDKExports(t *testing.T) {
	text := rapid.StringN(0, 40, 200)
	kv := rapid.Custom(func(t *rapid.T) attribute.KeyValue {
		key := rapid.SampledFrom([]string{"a", "b", "c", "d", ""}).Draw(t, "key")
		switch rapid.IntRange(0, 4).Draw(t, "type") {
		case 0:
			return attribute.String(key, text.Draw(t, "string"))
		case 1:
			return attribute.Int64(key, rapid.Int64().Draw(t, "int"))
		case 2:
			return attribute.Float64(key, rapid.Float64().Draw(t, "float"))
		case 3:
			return attribute.StringSlice(key, rapid.SliceOfN(text, 0, 5).Draw(t, "strings"))
		}
		return attribute.Bool(key, rapid.Bool().Draw(t, "bool"))
	})
	kvs := rapid.SliceOfN(kv, 0, 12)
	step := rapid.Custom(func(t *rapid.T) func(trace.Span) {
		name, attrs := text.Draw(t, "name"), kvs.Draw(t, "attributes")
		switch rapid.IntRange(0, 4).Draw(t, "step") {
		case 0:
			return func(s trace.Span) { s.SetName(name) }
		case 1:
			return func(s trace.Span) { s.AddEvent(name, at(t0), trace.WithAttributes(attrs...)) }
		case 2:
			return func(s trace.Span) { s.AddLink(trace.Link{Attributes: attrs}) }
		case 3:
			return func(s trace.Span) { s.SetStatus(codes.Error, name) }
		}
		return func(s trace.Span) { s.SetAttributes(attrs...) }
	})
	rapid.Check(t, func(t *rapid.T) {
		steps := rapid.SliceOfN(step, 0, 20).Draw(t, "steps")
		attrs := kvs.Draw(t, "attributes at start")
		checkSameAsSDK(t, one(func(s trace.Span) {
			for _, do := range steps {
				do(s)
			}
		}, trace.WithAttributes(attrs...)))
	})
}
