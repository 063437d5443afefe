package pooled_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable/pooled"
)

// An exporting function is an exporter for spans of the SDK.
type exporting func(context.Context, []sdktrace.ReadOnlySpan) error

func (f exporting) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	return f(ctx, spans)
}
func (exporting) Shutdown(context.Context) error { return nil }

// copies declares that an exporter copies everything it needs.
type copies struct{ sdktrace.SpanExporter }

func (copies) NonRetaining() {}

// work ends n distinguishable spans, on several goroutines.
func work(p trace.TracerProvider, n int) {
	const workers = 4
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				name := fmt.Sprint(i)
				_, s := p.Tracer("t").Start(context.Background(), name, trace.WithAttributes(many(i%12)...))
				s.AddEvent(name, trace.WithAttributes(many(i%3)...))
				s.AddLink(trace.Link{SpanContext: s.SpanContext()})
				s.End()
				vandalise(s)
			}
		})
	}
	wg.Wait()
}

// checkWork checks that the spans of work are intact and unique, and returns their number.
func checkWork(t *testing.T, spans tracetest.SpanStubs) int {
	t.Helper()
	seen := map[string]bool{}
	for _, s := range spans {
		var i int
		if _, err := fmt.Sscan(s.Name, &i); err != nil || seen[s.Name] ||
			!slices.Equal(s.Attributes, many(i%12)) || len(s.Events) != 1 || s.Events[0].Name != s.Name ||
			!slices.Equal(s.Events[0].Attributes, many(i%3)) || len(s.Links) != 1 ||
			!s.Links[0].SpanContext.Equal(s.SpanContext) {
			t.Fatalf("corrupted span %+v", s)
		}
		seen[s.Name] = true
	}
	return len(seen)
}

// The exporter tracetest.InMemoryExporter keeps the slices of the spans it gets.
func TestAnExporterThatKeepsSpansHasThemIntact(t *testing.T) {
	const spans = 1000
	kept := tracetest.NewInMemoryExporter()
	b := pooled.NewBatch(kept, sdktrace.WithMaxExportBatchSize(16), sdktrace.WithBlocking())
	p := start(t, processors(b))
	work(p, spans)
	flush(t, p)
	work(p, spans) // would overwrite reused records
	flush(t, p)
	if n := checkWork(t, kept.GetSpans()[:spans]); n != spans {
		t.Errorf("%d spans exported, want %d", n, spans)
	}
	if got := b.Counts(); got != (pooled.BatchCounts{Given: 2 * spans, Returned: 2 * spans}) {
		t.Errorf("counts %+v", got)
	}
}

func TestWhatIsLentIsExportedIntactAndReused(t *testing.T) {
	const spans = 2000
	var exported tracetest.SpanStubs
	var last []sdktrace.ReadOnlySpan
	b := pooled.NewBatch(copies{exporting(func(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
		for _, s := range last {
			if s.Name() != "" || s.SpanContext().IsValid() {
				t.Errorf("an exported span still reads as %q", s.Name())
			}
		}
		for _, s := range tracetest.SpanStubsFromReadOnlySpans(spans) {
			s.Attributes = slices.Clone(s.Attributes)
			s.Events, s.Links = slices.Clone(s.Events), slices.Clone(s.Links)
			exported = append(exported, s)
		}
		last = slices.Clone(spans)
		return errDown // an error changes nothing
	})}, sdktrace.WithMaxExportBatchSize(16), sdktrace.WithBlocking(), sdktrace.WithBatchTimeout(time.Hour))
	c := &collector{}
	p, err := pooled.New(pooled.Options{Exporter: c, Processors: []sdktrace.SpanProcessor{b, &borrower{}}})
	if err != nil {
		t.Fatal(err)
	}
	work(p, spans)
	_ = p.Shutdown(context.Background())
	if n := checkWork(t, exported); n != spans || c.spans != spans {
		t.Errorf("%d spans exported, and %d encoded, want %d", n, c.spans, spans)
	}
	if got := b.Counts(); got.Given != spans || got.Lost() != 0 {
		t.Errorf("counts %+v", got)
	}
}

func TestSpansThatABatchDropsAreLostAndCounted(t *testing.T) {
	const spans, queue, size = 1000, 64, 16
	hold := make(chan struct{})
	var exported tracetest.SpanStubs
	b := pooled.NewBatch(copies{exporting(func(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
		<-hold
		for _, s := range tracetest.SpanStubsFromReadOnlySpans(spans) {
			s.Attributes, s.Events, s.Links = slices.Clone(s.Attributes), slices.Clone(s.Events), slices.Clone(s.Links)
			exported = append(exported, s)
		}
		return nil
	})}, sdktrace.WithMaxQueueSize(queue), sdktrace.WithMaxExportBatchSize(size))
	p := start(t, processors(b))
	work(p, spans)
	close(hold)
	shutdown(t, p)
	n := checkWork(t, exported)
	if got := b.Counts(); got.Given != spans || int(got.Returned) != n || int(got.Lost()) != spans-n || n < queue ||
		n > queue+2*size {
		t.Errorf("%d spans exported, counts %+v", n, got)
	}
}

func TestRecordsAreLentOnlyIfNoOtherProcessorKeepsThem(t *testing.T) {
	for name, other := range map[string]func() sdktrace.SpanProcessor{
		"a recorder": func() sdktrace.SpanProcessor { return tracetest.NewSpanRecorder() },
		"another batch that borrows": func() sdktrace.SpanProcessor {
			return pooled.NewBatch(copies{tracetest.NewNoopExporter()})
		},
		"a batch that keeps": func() sdktrace.SpanProcessor {
			return pooled.NewBatch(tracetest.NewInMemoryExporter())
		},
	} {
		for position, first := range map[string]bool{"the lending batch last": false,
			"the lending batch first": true} {
			t.Run(name+", "+position, func(t *testing.T) {
				var exported []sdktrace.ReadOnlySpan
				list := []sdktrace.SpanProcessor{other(), pooled.NewBatch(copies{exporting(
					func(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
						exported = slices.Clone(spans)
						return nil
					})})}
				if first {
					slices.Reverse(list)
				}
				p := start(t, processors(list...))
				end(p, "x")
				if flush(t, p); len(exported) != 1 || exported[0].Name() != "x" {
					t.Error("the record of an exported span was reused")
				}
			})
		}
	}
}

func TestABatchGetsOnlySampledSpans(t *testing.T) {
	for name, lends := range map[string]bool{"keeps": false, "lends": true} {
		t.Run(name, func(t *testing.T) {
			kept := tracetest.NewInMemoryExporter()
			var exporter sdktrace.SpanExporter = kept
			if lends {
				exporter = copies{kept}
			}
			b := pooled.NewBatch(exporter)
			var last sdktrace.ReadOnlySpan
			borrows := &borrower{hooks{end: func(s sdktrace.ReadOnlySpan) { last = s }}}
			p := start(t, pooled.Options{Sampler: recordOnly{}, Processors: []sdktrace.SpanProcessor{b, borrows}})
			end(p, "recorded only")
			if reused := last.Name() == ""; reused != lends {
				t.Errorf("the record of an unsampled span was reused: %v, want %v", reused, lends)
			}
			end(p, "sampled")
			flush(t, p)
			if got := kept.GetSpans(); len(got) != 1 || got[0].Name != "sampled" || b.Counts().Given != 1 {
				t.Errorf("exported %v, counts %+v", got, b.Counts())
			}
		})
	}
}

func TestABatchWithoutAnExporterLosesSpansAndSaysSo(t *testing.T) {
	b := pooled.NewBatch(nil)
	p := start(t, processors(b))
	end(p, "x")
	flush(t, p)
	if got := b.Counts(); got.Lost() != 1 {
		t.Errorf("counts %+v", got)
	}
}

// The official exporter copies the spans, so it can borrow records if it is declared NonRetaining.
func TestTheOfficialExporterExportsWhatIsLent(t *testing.T) {
	client := &official{}
	exporter, err := otlptrace.New(context.Background(), client)
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{}
	p, err := pooled.New(pooled.Options{Exporter: c, Resource: testResource,
		Processors: []sdktrace.SpanProcessor{pooled.NewBatch(copies{exporter}, sdktrace.WithMaxExportBatchSize(8),
			sdktrace.WithBlocking())}})
	if err != nil {
		t.Fatal(err)
	}
	work(p, 60)
	shutdown(t, p)
	compareExported(t, c, client)
	if c.spans != 60 {
		t.Errorf("%d spans compared", c.spans)
	}
}
