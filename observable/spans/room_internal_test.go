package spans

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/pooled"
)

// A blocked exporter blocks every export until leave is closed. It implements the exporter
// interfaces of both providers.
type blocked struct {
	entered, leave chan struct{}
	first          sync.Once
	spans, largest int
	service        string
}

func (b *blocked) take(n int, service string) {
	b.first.Do(func() { close(b.entered) })
	<-b.leave
	b.spans += n
	b.largest = max(b.largest, n)
	b.service = service
}

func (b *blocked) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	service, _ := spans[0].Resource().Set().Value("service.name")
	b.take(len(spans), service.AsString())
	return nil
}

func (*blocked) Shutdown(context.Context) error { return nil }

func (b *blocked) export(_ context.Context, request []byte, n int) error {
	var m coltrace.ExportTraceServiceRequest
	if err := proto.Unmarshal(request, &m); err != nil {
		return err
	}
	b.take(n, m.ResourceSpans[0].Resource.Attributes[0].Value.GetStringValue())
	return nil
}

type provider interface {
	trace.TracerProvider
	ForceFlush(context.Context) error
	Shutdown(context.Context) error
}

func openReused(s *setup, b *blocked) (provider, error) {
	return newPooled(s, pooled.Options{Exporter: pooled.ExporterFunc(b.export)})
}

// The package comment says that the arms share a queue size, a batch size and a resource.
// With other sizes they would lose different numbers of spans when the exporter is slow.
func TestWhileAnExportLastsEveryArmHasRoomForAbout2048Spans(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	ctx := context.Background()
	for _, procs := range []int{1, 2, 8} {
		runtime.GOMAXPROCS(procs)
		for arm, c := range map[string]struct {
			attributes int
			open       func(*setup, *blocked) (provider, error)
		}{
			"pooled":                   {0, openReused},
			"pooled with 6 attributes": {6, openReused},
			"pooled-off": {0, func(s *setup, b *blocked) (provider, error) {
				return newPooled(s, pooled.Options{NoReuse: true, Exporter: pooled.ExporterFunc(b.export)})
			}},
			"sdk": {0, func(s *setup, b *blocked) (provider, error) { return newSDK(s, batches(b)), nil }},
		} {
			t.Run(fmt.Sprintf("%s on %d", arm, procs), func(t *testing.T) {
				b := &blocked{entered: make(chan struct{}), leave: make(chan struct{})}
				attrs, err := Attributes(c.attributes)
				if err != nil {
					t.Fatal(err)
				}
				p, err := c.open(&setup{spanBytes: sizeOf(attrs)}, b)
				if err != nil {
					t.Fatal(err)
				}
				m, err := observable.New(observable.Options{TracerProvider: p, Attributes: attrs})
				if err != nil {
					t.Fatal(err)
				}
				if err := m.Register("handler-0", func() {}); err != nil {
					t.Fatal(err)
				}
				call := func() {
					if err := m.Call(ctx, "handler-0"); err != nil {
						t.Error(err)
					}
				}
				call()
				var wg sync.WaitGroup
				wg.Go(func() {
					if err := p.ForceFlush(ctx); err != nil {
						t.Error(err)
					}
				})
				<-b.entered // with one span; now end more spans than the queue has room for
				var calls sync.WaitGroup
				for range procs {
					calls.Go(func() {
						for range 8 * queueSpans / procs {
							call()
						}
					})
				}
				calls.Wait()
				close(b.leave)
				wg.Wait()
				if err := p.Shutdown(ctx); err != nil {
					t.Error(err)
				}
				if room := b.spans - 1; room < queueSpans*85/100 || room > queueSpans*115/100 {
					t.Errorf("the queue has room for %d spans, want about %d", room, queueSpans)
				}
				if arm == "sdk" && b.largest != batchSpans {
					t.Errorf("the largest batch has %d spans, want %d", b.largest, batchSpans)
				}
				if b.service != "loadgen" {
					t.Errorf("service.name is %q", b.service)
				}
			})
		}
	}
}
