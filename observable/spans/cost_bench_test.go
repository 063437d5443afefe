//go:build unix

package spans_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/pooled"
)

// A way is one way of doing an operation. open makes it; do repeats the operation n times;
// finish ends it after all work in other goroutines is done.
type way struct {
	name string
	open func(b *testing.B) (do func(n int), finish func())
}

// compare measures ways in rounds of random order. For each way it reports the CPU time of
// one operation, which includes the garbage collector and exporters of the process, and the
// CPU time of the first way divided by it. Both are medians over the rounds; the ratio
// comes with its range.
func compare(b *testing.B, ways ...way) {
	const atOnce = 200_000
	took := make([][]float64, len(ways))
	do, finish := make([]func(int), len(ways)), make([]func(), len(ways))
	for i, w := range ways {
		some, end := w.open(b)
		do[i], finish[i] = func(n int) {
			for ; n > 0; n -= 1000 {
				some(1000)
				runtime.Gosched() // lets exporters run, even on one processor
			}
		}, end
		do[i](atOnce) // lets its buffers grow to their final size
	}
	for b.Loop() {
		for _, i := range rand.Perm(len(ways)) {
			runtime.GC()
			began := cpu(b)
			do[i](atOnce)
			runtime.GC()
			took[i] = append(took[i], float64(cpu(b)-began)/atOnce)
		}
	}
	b.ReportMetric(0, "ns/op")
	for i, w := range ways {
		finish[i]()
		b.ReportMetric(median(took[i]), w.name+"-cpu-ns")
		if i == 0 {
			continue
		}
		var ratios []float64
		for round := range took[i] {
			ratios = append(ratios, took[0][round]/took[i][round])
		}
		b.ReportMetric(median(ratios), w.name+"-x")
		b.ReportMetric(slices.Min(ratios), w.name+"-x-min")
		b.ReportMetric(slices.Max(ratios), w.name+"-x-max")
	}
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// roomy is a buffer size that a processor fills before it lets the exporter run.
const roomy = 8 << 20

var (
	background = context.Background()
	two        = []attribute.KeyValue{attribute.String("rpc.method", "Create"), attribute.Int("attempt", 1)}
	discardAll = pooled.ExporterFunc(func(context.Context, []byte, int) error { return nil })
)

// opaque hides the type of a tracer from the compiler, which would otherwise keep the
// arguments of a known tracer on the stack.
//
//go:noinline
func opaque(t trace.Tracer) trace.Tracer { return t }

// plainly makes spans without attributes, and with makes spans with two attributes.
func plainly(t trace.Tracer) func(n int) {
	return func(n int) {
		for range n {
			_, s := t.Start(background, "op")
			s.End()
		}
	}
}

func with(t trace.Tracer) func(n int) {
	return func(n int) {
		for range n {
			_, s := t.Start(background, "op", trace.WithAttributes(two...))
			s.End()
		}
	}
}

func ofPooled(opts pooled.Options, do func(trace.Tracer) func(int)) func(*testing.B) (func(int), func()) {
	return func(b *testing.B) (func(int), func()) {
		p, err := pooled.New(opts)
		if err != nil {
			b.Fatal(err)
		}
		return do(opaque(p.Tracer("bench"))), func() {
			if err := p.Shutdown(background); err != nil {
				b.Error(err)
			}
			if c := p.Counts(); c.Dropped+c.Failed > 0 {
				b.Errorf("lost spans: %+v", c)
			}
		}
	}
}

// asValues makes spans from a template with attributes.
func asValues(attributes ...attribute.KeyValue) func(trace.Tracer) func(int) {
	return func(t trace.Tracer) func(int) {
		op := t.(*pooled.Tracer).Template("op", attributes...)
		return func(n int) {
			for range n {
				op.Start(background).End()
			}
		}
	}
}

func ofSDK(do func(trace.Tracer) func(int), opts ...sdktrace.TracerProviderOption) func(*testing.B) (func(int),
	func()) {
	return func(b *testing.B) (func(int), func()) {
		p := sdktrace.NewTracerProvider(append(opts, sdktrace.WithSampler(sdktrace.AlwaysSample()))...)
		return do(opaque(p.Tracer("bench"))), func() {
			if err := p.Shutdown(background); err != nil {
				b.Error(err)
			}
		}
	}
}

// nothing is a span processor that discards spans.
type nothing struct{}

func (nothing) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (nothing) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (nothing) Shutdown(context.Context) error                  { return nil }
func (nothing) ForceFlush(context.Context) error                { return nil }

var discarding = sdktrace.WithSpanProcessor(nothing{})

// recycling returns the options of a provider whose spans are reused at once, or never.
func recycling(noReuse bool) pooled.Options { return pooled.Options{NoReuse: noReuse} }

// toBytes encodes the spans with the official exporter. Its processor blocks when its queue
// is full, so that no span is dropped unencoded.
func toBytes(b *testing.B) sdktrace.TracerProviderOption {
	exporter, err := otlptrace.New(background, &encoder{})
	if err != nil {
		b.Fatal(err)
	}
	return sdktrace.WithBatcher(exporter, sdktrace.WithBlocking())
}

type encoder struct{ buf []byte }

func (*encoder) Start(context.Context) error { return nil }
func (*encoder) Stop(context.Context) error  { return nil }

func (e *encoder) UploadTraces(_ context.Context, batch []*tracepb.ResourceSpans) (err error) {
	e.buf, err = proto.MarshalOptions{}.MarshalAppend(e.buf[:0],
		&coltrace.ExportTraceServiceRequest{ResourceSpans: batch})
	return err
}

func sdkToBytes(do func(trace.Tracer) func(int)) func(*testing.B) (func(int), func()) {
	return func(b *testing.B) (func(int), func()) { return ofSDK(do, toBytes(b))(b) }
}

// BenchmarkReuse measures reuse alone: the same tracer with the pool off and on.
func BenchmarkReuse(b *testing.B) {
	for name, exporter := range map[string]pooled.Exporter{"recycled": nil, "bytes": discardAll} {
		off := pooled.Options{Exporter: exporter, NoReuse: true, BufferBytes: roomy}
		on := off
		on.NoReuse = false
		b.Run("api/"+name, func(b *testing.B) {
			compare(b, way{"off", ofPooled(off, plainly)}, way{"on", ofPooled(on, plainly)})
		})
		b.Run("value/"+name, func(b *testing.B) {
			compare(b, way{"off", ofPooled(off, asValues())}, way{"on", ofPooled(on, asValues())})
		})
	}
}

// BenchmarkAgainstSDK measures a span that is made and discarded, and one that is made and
// encoded.
func BenchmarkAgainstSDK(b *testing.B) {
	exported := pooled.Options{Exporter: discardAll, BufferBytes: roomy}
	b.Run("discarded", func(b *testing.B) {
		compare(b, way{"sdk", ofSDK(plainly, discarding)},
			way{"pooled", ofPooled(pooled.Options{}, plainly)},
			way{"value", ofPooled(pooled.Options{}, asValues())})
	})
	b.Run("bytes", func(b *testing.B) {
		compare(b, way{"sdk", sdkToBytes(with)},
			way{"pooled", ofPooled(exported, with)},
			way{"value", ofPooled(exported, asValues(two...))})
	})
}

// calls returns a function that calls the handlers of a map in turn. The handlers are empty.
func calls(b *testing.B, opts observable.Options) func(n int) {
	m, err := observable.New(opts)
	if err != nil {
		b.Fatal(err)
	}
	keys := make([]string, 16)
	for i := range keys {
		keys[i] = fmt.Sprint("handler-", i)
		if err := m.Register(keys[i], func() {}); err != nil {
			b.Fatal(err)
		}
	}
	return func(n int) {
		for i := range n {
			if err := m.Call(background, keys[i%len(keys)]); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkObservedCall measures a whole call: the lookup, a sampled span with two attributes
// that is encoded as OTLP, the counter and the histogram. The SDK gets its attributes ready
// made, which is its cheapest case. The floor is two clock reads and the ids of a span.
func BenchmarkObservedCall(b *testing.B) {
	own := way{"own", func(b *testing.B) (func(int), func()) {
		p, err := pooled.New(pooled.Options{Exporter: discardAll, BufferBytes: roomy})
		if err != nil {
			b.Fatal(err)
		}
		return calls(b, observable.Options{TracerProvider: p, Histogram: true, Attributes: two[:1]}), func() {
			if err := p.Shutdown(background); err != nil {
				b.Error(err)
			}
			if c := p.Counts(); c.Dropped+c.Failed > 0 {
				b.Errorf("lost spans: %+v", c)
			}
		}
	}}
	sdk := way{"sdk", func(b *testing.B) (func(int), func()) {
		p := sdktrace.NewTracerProvider(toBytes(b), sdktrace.WithSampler(sdktrace.AlwaysSample()))
		meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
		return calls(b, observable.Options{TracerProvider: p, MeterProvider: meters, Attributes: two[:1]}), func() {
			if err := p.Shutdown(background); err != nil {
				b.Error(err)
			}
		}
	}}
	floor := way{"floor", func(*testing.B) (func(int), func()) {
		began := time.Now()
		return func(n int) {
			for range n {
				start := time.Since(began)
				ids += rand.Uint64() ^ rand.Uint64() ^ rand.Uint64()
				ids += uint64(time.Since(began) - start)
			}
		}, func() {}
	}}
	b.Run("against=sdk", func(b *testing.B) { compare(b, sdk, own) })
	b.Run("against=floor", func(b *testing.B) { compare(b, own, floor) })
}

var ids uint64
