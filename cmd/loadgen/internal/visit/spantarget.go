package visit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/observable/pooled"
	"github.com/loadgen-go/loadgen/observable/spans"
)

// This file has the span of OpenTelemetry's specification, "Performance Benchmark of OpenTelemetry API": a root span
// with ten attributes, whose names and values have 20 characters, of a resource with three attributes of 10.

// specAttributes returns the attributes of the span.
func specAttributes() []attribute.KeyValue {
	all := make([]attribute.KeyValue, 10)
	for i := range all {
		all[i] = attribute.String(fmt.Sprint("otel.spec.attribute", i), fmt.Sprint("value-of-attribute-", i))
	}
	return all
}

// specResource returns the resource of the span.
func specResource() *resource.Resource {
	return resource.NewSchemaless(attribute.String("service.name", "otel-bench"),
		attribute.String("service.version", "0123456789"), attribute.String("name", "loadgen-go"))
}

// A spanTarget makes one span for each call.
type spanTarget struct {
	make func(context.Context)
	gate *gate // nil in an open loop, in which spans are made when they are due
}

var _ bench.Target = (*spanTarget)(nil)

// newSpanTarget returns the target that makes spans with a pipeline. In a closed loop, calls wait while too many spans
// wait for their export.
func newSpanTarget(closed bool, p *spans.Pipeline) *spanTarget {
	const name, scope = "otel-spec", "github.com/loadgen-go/loadgen"
	t := &spanTarget{make: func(context.Context) {}}
	if p.Provider == nil {
		return t
	}
	tracer := p.Provider.Tracer(scope)
	if values, ok := tracer.(*pooled.Tracer); ok && p.Values {
		template := values.Template(name, specAttributes()...)
		t.make = func(ctx context.Context) { template.Start(ctx).End() }
	} else {
		attributes := trace.WithAttributes(specAttributes()...) // ready made, which is the cheapest way
		t.make = func(ctx context.Context) {
			_, span := tracer.Start(ctx, name, attributes)
			span.End()
		}
	}
	if closed && p.Records() {
		t.gate = newGate(func() uint64 { n, _ := p.Exported(); return n })
	}
	return t
}

// Call makes a span.
func (t *spanTarget) Call(ctx context.Context, _ string) error {
	if t.gate != nil {
		t.gate.pass(ctx)
	}
	t.make(ctx)
	return nil
}

const (
	// gateSpans is the number of spans that may wait for their export. It is more than those that make each arm
	// export (512 of the SDK's batch processor, half of the pooled tracer's buffer), and less than those for which
	// there is room, about 2,048, so that none is dropped.
	gateSpans = 1536
	// gateLimit is how long a call waits for an export to end. Longer, and spans must have been lost.
	gateLimit = time.Second
)

// A gate makes the calls of a closed loop wait for the exporter. Spans are made faster than they are exported: without
// it most of them would be dropped, and what was measured would be how fast spans are dropped. All arms have the same
// gate, as not every one can block.
type gate struct {
	made     atomic.Uint64
	lost     atomic.Uint64 // made, and not expected to be exported any more
	exported func() uint64

	mu    sync.Mutex
	moved chan struct{} // is closed after an export
}

// newGate returns a gate to an exporter that has exported so many spans.
func newGate(exported func() uint64) *gate {
	return &gate{exported: exported, moved: make(chan struct{})}
}

// waiting returns the number of spans that wait for their export.
func (g *gate) waiting() int64 { return int64(g.made.Load() - g.lost.Load() - g.exported()) }

// pass waits until a span may be made.
func (g *gate) pass(ctx context.Context) {
	g.made.Add(1)
	for g.waiting() > gateSpans {
		g.mu.Lock()
		moved := g.moved
		g.mu.Unlock()
		if g.waiting() <= gateSpans { // an export has ended since
			return
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return
		case <-time.After(gateLimit):
			if n := g.waiting(); n > 0 {
				g.lost.Add(uint64(n))
			}
			return
		}
	}
}

// open lets the calls that wait look again. It is called after each export.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.moved)
	g.moved = make(chan struct{})
}
