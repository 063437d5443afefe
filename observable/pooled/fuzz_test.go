package pooled_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/loadgen-go/loadgen/observable/pooled"
)

// A model is a simple implementation of a span, to compare with.
type model struct {
	handle     trace.Span
	ended      bool
	name       string
	attributes []attribute.KeyValue
	events     []string
	links      int
	status     codes.Code
	children   int
}

func (m *model) set(kv attribute.KeyValue) {
	for i := range m.attributes {
		if m.attributes[i].Key == kv.Key {
			m.attributes[i] = kv
			return
		}
	}
	m.attributes = append(m.attributes, kv)
}

// limits are the limits of spans and models. They are low, so that inputs reach them.
var limits = sdktrace.SpanLimits{AttributeValueLengthLimit: -1, AttributeCountLimit: 100, EventCountLimit: 5,
	LinkCountLimit:              3,
	AttributePerEventCountLimit: 10, AttributePerLinkCountLimit: 10}

// event adds an event. If there are too many, it drops the oldest.
func (m *model) event(name string) {
	m.events = append(m.events, name)
	m.events = m.events[max(0, len(m.events)-limits.EventCountLimit):]
}

// A play drives a provider and the models of its spans. It keeps all handles, so that most of
// the handles it uses are stale.
type play struct {
	tracer trace.Tracer
	spans  []*model
	stale  uint64
}

// do makes one step: step selects what to do, and which selects the span.
func (p *play) do(step, which byte) {
	if len(p.spans) == 0 || step%10 == 0 {
		p.start(context.Background())
		return
	}
	m := p.spans[int(which)%len(p.spans)]
	if step%10 == 1 {
		if !m.ended {
			m.children++
		}
		ctx, _ := m.handle.(context.Context)
		p.start(ctx)
		return
	}
	p.touch(m, step, which)
	if m.ended {
		p.stale++
	}
	m.ended = m.ended || step%10 == 9
}

func (p *play) start(ctx context.Context) {
	m := &model{name: fmt.Sprint("span ", len(p.spans))}
	_, m.handle = p.tracer.Start(ctx, m.name)
	p.spans = append(p.spans, m)
}

// touch applies a step to the handle, and to the model unless the span has ended.
func (p *play) touch(m *model, step, which byte) {
	text := fmt.Sprint(step, " ", which)
	kv := attribute.String(fmt.Sprint("k", step/10), text)
	change := func() {}
	switch step % 10 {
	case 2:
		m.handle.SetName(text)
		change = func() { m.name = text }
	case 3, 4:
		m.handle.SetAttributes(kv)
		change = func() { m.set(kv) }
	case 5:
		m.handle.AddEvent(text, trace.WithAttributes(kv))
		change = func() { m.event(text) }
	case 6:
		m.handle.AddLink(trace.Link{SpanContext: m.handle.SpanContext()})
		change = func() { m.links = min(m.links+1, limits.LinkCountLimit) }
	case 7:
		code := codes.Code(step / 10 % 3)
		m.handle.SetStatus(code, text)
		change = func() { m.status = max(m.status, code) }
	case 8:
		m.handle.RecordError(errors.New(text))
		change = func() { m.event("exception") }
	case 9:
		m.handle.End()
	}
	if !m.ended {
		change()
	}
}

// ended returns the models of the spans that have ended, by span id.
func (p *play) ended() map[trace.SpanID]*model {
	all := map[trace.SpanID]*model{}
	for _, m := range p.spans {
		if m.ended {
			all[m.handle.SpanContext().SpanID()] = m
		}
	}
	return all
}

func (m *model) checkExported(t *testing.T, s *tracepb.Span) {
	t.Helper()
	var attributes []attribute.KeyValue
	for _, a := range s.Attributes {
		attributes = append(attributes, attribute.String(a.Key, a.Value.GetStringValue()))
	}
	var events []string
	for _, e := range s.Events {
		events = append(events, e.Name)
	}
	code := map[tracepb.Status_StatusCode]codes.Code{1: codes.Ok, 2: codes.Error}[s.Status.GetCode()]
	if s.Name != m.name || !slices.Equal(attributes, m.attributes) || !slices.Equal(events, m.events) ||
		len(s.Links) != m.links || code != m.status {
		t.Fatalf("exported %v, want %+v", s, *m)
	}
}

func (m *model) checkSeen(t *testing.T, s tracetest.SpanStub) {
	t.Helper()
	var events []string
	for _, e := range s.Events {
		events = append(events, e.Name)
	}
	if s.Name != m.name || !slices.Equal(s.Attributes, m.attributes) || !slices.Equal(events, m.events) ||
		len(s.Links) != m.links ||
		s.Status.Code != m.status || s.ChildSpanCount != m.children {
		t.Fatalf("a processor saw %+v, want %+v", s, *m)
	}
}

// maxSteps is the largest size of an input, in bytes; a step takes two. The fuzzer minimises
// inputs that cover new code by running them without each of their parts, which takes a number
// of runs that grows with the square of the size. Longer inputs are skipped, so that they cover
// nothing. Shorter inputs can reach all limits.
const maxSteps = 256

// Any operations on live and stale handles export the same spans as a model that has an
// independent span for each handle. Processors see the same spans, too.
func FuzzHandles(f *testing.F) {
	f.Add(byte(0), []byte{0, 0, 3, 0, 9, 0, 0, 0, 3, 0, 9, 0, 4, 1, 9, 1, 9, 0})
	for i := range 20 {
		seed := make([]byte, maxSteps)
		for j := range seed {
			k := i*maxSteps + j
			seed[j] = byte(k*k*7 + k/3)
		}
		f.Add(byte(i), seed)
	}
	full := []byte{0, 0} // more events and links than the limits allow
	for range 10 {
		full = append(full, 8, 0, 6, 0)
	}
	f.Add(byte(0), append(full, 9, 0))
	f.Fuzz(func(t *testing.T, mode byte, steps []byte) {
		if len(steps) > maxSteps {
			t.Skip("longer than maxSteps: minimizing it would take minutes")
		}
		c, recorder := &collector{}, tracetest.NewSpanRecorder()
		var seen tracetest.SpanStubs
		exporter := exporting(func(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
			for _, s := range tracetest.SpanStubsFromReadOnlySpans(spans) {
				s.Attributes, s.Events, s.Links = slices.Clone(s.Attributes), slices.Clone(s.Events),
					slices.Clone(s.Links)
				seen = append(seen, s)
			}
			return nil
		})
		borrows := &borrower{hooks{end: func(s sdktrace.ReadOnlySpan) {
			_ = exporter(context.Background(),
				[]sdktrace.ReadOnlySpan{s})
		}}}
		looking := [][]sdktrace.SpanProcessor{nil, {recorder}, {borrows},
			{pooled.NewBatch(copies{exporter}, sdktrace.WithMaxExportBatchSize(4), sdktrace.WithBlocking())}}[mode%4]
		p, err := pooled.New(pooled.Options{Exporter: c, BufferBytes: 16 << 20, Processors: looking, Limits: &limits})
		if err != nil {
			t.Fatal(err)
		}
		game := &play{tracer: p.Tracer("t")}
		for i := 0; i+1 < len(steps); i += 2 {
			game.do(steps[i], steps[i+1])
		}
		shutdown(t, p)
		if mode%4 == 1 {
			seen = tracetest.SpanStubsFromReadOnlySpans(recorder.Ended())
		}
		want := game.ended()
		spans := c.received()
		if len(spans) != len(want) || looking != nil && len(seen) != len(want) || p.Counts().Stale != game.stale {
			t.Fatalf("%d spans exported, %d seen, want %d; counts %+v, want %d stale", len(spans), len(seen),
				len(want), p.Counts(), game.stale)
		}
		for _, s := range spans {
			want[trace.SpanID(s.SpanId)].checkExported(t, s)
		}
		for _, s := range seen {
			want[s.SpanContext.SpanID()].checkSeen(t, s)
		}
	})
}
