package pooled_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
	"github.com/loadgen-go/loadgen/observable/pooled"
)

// official is a client for the official exporter that keeps the spans.
type official struct{ got []*tracepb.ResourceSpans }

func (*official) Start(context.Context) error { return nil }
func (*official) Stop(context.Context) error  { return nil }
func (o *official) UploadTraces(_ context.Context, rs []*tracepb.ResourceSpans) error {
	o.got = append(o.got, rs...)
	return nil
}

// fails is the part of testing.TB that checkSameAsSDK needs, which *rapid.T has, too.
type fails interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// checkSameAsSDK runs do with a tracer of the SDK and with tracers of this package, and
// compares the spans that are exported and the spans that processors see.
func checkSameAsSDK(t fails, do func(trace.Tracer)) {
	t.Helper()
	checkSameWith(t, pooled.Options{}, inScope(do))
}

// inScope returns a function that runs do with a tracer whose scope has all fields set.
func inScope(do func(trace.Tracer)) func(trace.TracerProvider) {
	return func(p trace.TracerProvider) {
		do(p.Tracer("scope", trace.WithInstrumentationVersion("v1"), trace.WithSchemaURL("https://example.com/scope"),
			trace.WithInstrumentationAttributes(attribute.String("scope", "attr"))))
	}
}

// checkSameWith runs do with a provider of the SDK and with two of this package, without and
// with processors. All have the limits and the sampler of opts.
func checkSameWith(t fails, opts pooled.Options, do func(trace.TracerProvider)) {
	t.Helper()
	ctx := context.Background()
	client, ours := &official{}, &collector{}
	theirs, reused := tracetest.NewSpanRecorder(), tracetest.NewSpanRecorder()
	exporter, err := otlptrace.New(ctx, client)
	if err != nil {
		t.Fatal(err)
	}
	sdkOpts := []sdktrace.TracerProviderOption{sdktrace.WithSyncer(exporter), sdktrace.WithSpanProcessor(theirs),
		sdktrace.WithResource(testResource), sdktrace.WithIDGenerator(&counting{}), sdktrace.WithSampler(opts.Sampler)}
	if opts.Limits != nil {
		sdkOpts = append(sdkOpts, sdktrace.WithRawSpanLimits(*opts.Limits))
	}
	sdk := sdktrace.NewTracerProvider(sdkOpts...)
	opts.Resource, opts.BufferBytes = testResource, 16<<20
	watched := opts
	watched.Processors, watched.IDGenerator = []sdktrace.SpanProcessor{reused}, &counting{}
	opts.Exporter = ours
	if opts.Sampler != nil { // a sampler may depend on ids
		opts.IDGenerator = &counting{}
	}
	plain, err := pooled.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := pooled.New(watched)
	if err != nil {
		t.Fatal(err)
	}
	do(sdk)
	do(plain)
	do(seen)
	if err := errors.Join(sdk.Shutdown(ctx), plain.Shutdown(ctx), seen.Shutdown(ctx)); err != nil {
		t.Fatal(err)
	}
	compareExported(t, ours, client)
	compareStubs(t, stubs(reused.Ended()), stubs(theirs.Ended()))
	compareStubs(t, stubs(started(reused)), stubs(started(theirs))) // started spans read as they ended
}

func started(r *tracetest.SpanRecorder) (spans []sdktrace.ReadOnlySpan) {
	for _, s := range r.Started() {
		spans = append(spans, s)
	}
	return spans
}

// counting is an IDGenerator that counts up from 1.
type counting struct{ n byte }

func (c *counting) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	c.n++
	return trace.TraceID{c.n}, c.NewSpanID(ctx, trace.TraceID{})
}

func (c *counting) NewSpanID(context.Context, trace.TraceID) trace.SpanID {
	c.n++
	return trace.SpanID{c.n}
}

func compareExported(t fails, ours *collector, client *official) {
	t.Helper()
	want := flatten(client.got)
	var exported []*tracepb.ResourceSpans
	for _, r := range ours.requests {
		exported = append(exported, r.ResourceSpans...)
	}
	got := flatten(exported)
	if len(got) != len(want) {
		t.Fatalf("%d spans exported, the SDK exports %d", len(got), len(want))
	}
	for i := range got {
		if !proto.Equal(got[i], want[i]) {
			t.Fatalf("exported\n%s\nthe SDK exports\n%s", prototext.Format(got[i]), prototext.Format(want[i]))
		}
	}
}

// stubs converts spans to stubs and removes differences that do not matter.
func stubs(spans []sdktrace.ReadOnlySpan) tracetest.SpanStubs {
	stubs := tracetest.SpanStubsFromReadOnlySpans(spans)
	for i := range stubs {
		s := &stubs[i]
		s.StartTime, s.EndTime = fixed(s.StartTime), fixed(s.EndTime)
		s.Attributes = withoutStacks(s.Attributes)
		if len(s.Events) == 0 {
			s.Events, s.DroppedEvents = nil, 0 // the SDK sets them for live spans only
		}
		if len(s.Links) == 0 {
			s.Links, s.DroppedLinks = nil, 0
		}
		for j := range s.Events {
			s.Events[j].Time, s.Events[j].Attributes = fixed(s.Events[j].Time), withoutStacks(s.Events[j].Attributes)
		}
		for j := range s.Links {
			s.Links[j].Attributes = withoutStacks(s.Links[j].Attributes)
		}
	}
	return stubs
}

// fixed maps all times that are not set by a test to the same time, and removes zones.
func fixed(t time.Time) time.Time {
	if t.After(t0.Add(1000 * time.Hour)) {
		t = t0.Add(1000 * time.Hour)
	}
	return t.Round(0).UTC()
}

func fixedNanos(n uint64) uint64 { return uint64(fixed(time.Unix(0, int64(n))).UnixNano()) }

// withoutStacks returns a copy of kvs, nil if kvs is empty, with only the begin of stack traces.
func withoutStacks(kvs []attribute.KeyValue) (out []attribute.KeyValue) {
	for _, kv := range kvs {
		if kv.Key == "exception.stacktrace" {
			kv = attribute.String(string(kv.Key), kv.Value.AsString()[:10])
		}
		out = append(out, kv)
	}
	return out
}

func compareStubs(t fails, got, want tracetest.SpanStubs) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("processors see %d spans, those of the SDK %d", len(got), len(want))
	}
	for i := range got {
		if !got[i].Resource.Equal(want[i].Resource) {
			t.Fatalf("processors see the resource %v, those of the SDK %v", got[i].Resource, want[i].Resource)
		}
		got[i].Resource = want[i].Resource
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("processors see\n%+v\nthose of the SDK\n%+v", got[i], want[i])
		}
	}
}

// flatten returns one ResourceSpans per span, without ids, in an order that does not depend on
// the shards in which they were encoded.
func flatten(spans []*tracepb.ResourceSpans) (out []*tracepb.ResourceSpans) {
	for _, rs := range spans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				s = proto.CloneOf(s)
				s.TraceId, s.SpanId = nil, nil
				s.StartTimeUnixNano, s.EndTimeUnixNano = fixedNanos(s.StartTimeUnixNano), fixedNanos(s.EndTimeUnixNano)
				for _, e := range s.Events {
					e.TimeUnixNano = fixedNanos(e.TimeUnixNano)
					for _, a := range e.Attributes {
						if a.Key == "exception.stacktrace" {
							a.Value = nil
						}
					}
				}
				if s.ParentSpanId != nil {
					s.ParentSpanId = []byte("some")
				}
				out = append(out, &tracepb.ResourceSpans{Resource: rs.Resource, SchemaUrl: rs.SchemaUrl,
					ScopeSpans: []*tracepb.ScopeSpans{{Scope: ss.Scope, SchemaUrl: ss.SchemaUrl,
						Spans: []*tracepb.Span{s}}}})
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
	t0        = time.Unix(1_700_000_000, 123)
	timestamp = trace.WithTimestamp
)

// oneSpan returns a function that starts a span at a fixed time, calls do with it, and ends it.
func oneSpan(do func(trace.Span), opts ...trace.SpanStartOption) func(trace.Tracer) {
	return func(tr trace.Tracer) {
		_, s := tr.Start(context.Background(), "name", append(opts, timestamp(t0))...)
		do(s)
		s.End(timestamp(t0.Add(time.Second)))
	}
}

func many(n int) (kvs []attribute.KeyValue) {
	for i := range n {
		kvs = append(kvs, attribute.Int(fmt.Sprint("k", i), i))
	}
	return kvs
}

func TestScopesAreThoseOfTheSDK(t *testing.T) {
	for name, opts := range map[string][]trace.TracerOption{
		"":      nil,
		"plain": nil,
		"attrs": {trace.WithInstrumentationAttributes(attribute.Map("m", attribute.Int("a", 1),
			attribute.Int("a", 2)), nested("deep", 70))},
		"schema": {trace.WithSchemaURL("https://example.com")},
	} {
		t.Run(name, func(t *testing.T) {
			checkSameWith(t, pooled.Options{}, func(p trace.TracerProvider) {
				oneSpan(func(trace.Span) {})(p.Tracer(name,
					opts...))
			})
		})
	}
}

func TestSamplersDecideAsInTheSDK(t *testing.T) {
	state, err := trace.ParseTraceState("vendor=value")
	if err != nil {
		t.Fatal(err)
	}
	for name, sampler := range map[string]sdktrace.Sampler{
		"always": sdktrace.AlwaysSample(), "never": sdktrace.NeverSample(), "record only": recordOnly{},
		"one in two": sdktrace.TraceIDRatioBased(.5), "parent": sdktrace.ParentBased(sdktrace.NeverSample()),
		"parent, record only": sdktrace.ParentBased(recordOnly{}),
		"always record":       sdktrace.AlwaysRecord(sdktrace.NeverSample()),
	} {
		t.Run(name, func(t *testing.T) {
			checkSameWith(t, pooled.Options{Sampler: sampler}, inScope(func(tr trace.Tracer) {
				for i := range byte(16) {
					ctx := trace.ContextWithRemoteSpanContext(context.Background(),
						trace.NewSpanContext(trace.SpanContextConfig{
							TraceID:    trace.TraceID{8: i * 64},
							SpanID:     trace.SpanID{i / 2},
							TraceFlags: trace.TraceFlags(i % 4),
							TraceState: state,
						}))
					ctx, up := tr.Start(ctx, "sampled", timestamp(t0), trace.WithAttributes(many(1)...))
					_, down := tr.Start(ctx, "down", timestamp(t0))
					_, root := tr.Start(ctx, "root", timestamp(t0), trace.WithNewRoot())
					for _, s := range []trace.Span{root, down, up} {
						s.AddEvent("e", timestamp(t0))
						s.End(timestamp(t0))
					}
				}
			}))
		})
	}
}

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
			return func(s trace.Span) { s.AddEvent(name, timestamp(t0), trace.WithAttributes(attrs...)) }
		case 2:
			return func(s trace.Span) { s.AddLink(trace.Link{Attributes: attrs}) }
		case 3:
			return func(s trace.Span) { s.SetStatus(codes.Error, name) }
		}
		return func(s trace.Span) { s.SetAttributes(attrs...) }
	})
	property.Check(t, func(t *rapid.T) {
		steps := rapid.SliceOfN(step, 0, 20).Draw(t, "steps")
		attrs := kvs.Draw(t, "attributes at start")
		checkSameAsSDK(t, oneSpan(func(s trace.Span) {
			for _, do := range steps {
				do(s)
			}
		}, trace.WithAttributes(attrs...)))
	})
}
