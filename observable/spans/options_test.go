package spans_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable/spans"
)

// In every combination, exactly the sampled spans are counted, and they are encoded if the
// package comment says so.
func TestEverySampledSpanComesToTheEndThatItsProcessorIs(t *testing.T) {
	const batch = 250
	ctx := context.Background()
	for _, arm := range []string{"pooled", "pooled-off", "sdk"} {
		for _, sampling := range spans.Samplings() {
			for _, processor := range spans.Processors() {
				t.Run(arm+"/"+sampling+"/"+processor, func(t *testing.T) {
					sent := &sending{}
					p, err := spans.Options{Arm: arm, Sampling: sampling, Processors: processor, To: sent.to()}.Open()
					if err != nil {
						t.Fatal(err)
					}
					n := uint64(1000)
					if sampling == "parent-0.01" {
						n = 5000 // about 50 are sampled; the probability of fewer than 5 is below 10^-15
					}
					tr := p.Provider.Tracer("test")
					var recording, sampled uint64
					for i := range n {
						_, s := tr.Start(ctx, "operation")
						if s.IsRecording() {
							recording++
						}
						if s.SpanContext().IsSampled() {
							sampled++
						}
						s.End()
						if i%batch == batch-1 {
							if err := p.Flush(ctx); err != nil {
								t.Error(err)
							}
						}
					}
					bounds := map[string][2]uint64{"always": {n, n}, "parent-0.01": {5, 150}}[sampling]
					low, high := bounds[0], bounds[1]
					if recording != sampled || sampled < low || sampled > high || p.Sampled(n) != sampled {
						t.Errorf("%d recording, %d sampled, %d by the count of the pipeline; want %d to %d", recording,
							sampled, p.Sampled(n), low, high)
					}
					exported, bytes := p.Exported()
					if p.Records() != (processor != "none") {
						t.Errorf("Records = %v", p.Records())
					}
					if want := map[bool]uint64{true: sampled}[p.Records()]; exported != want {
						t.Errorf("%d spans were counted, want %d", exported, want)
					}
					encoded := processor == "batch" || processor == spans.OTLPBatch && arm != "sdk"
					if (bytes > 0) != (encoded && sampled > 0) {
						t.Errorf("%d bytes", bytes)
					}
					if want := map[bool]uint64{true: sampled}[spans.Sends(processor)]; sent.spans.Load() != want {
						t.Errorf("%d spans were sent, want %d", sent.spans.Load(), want)
					}
					if err := p.Check(n); err != nil {
						t.Error(err)
					}
					if arm != "sdk" && p.Records() && sampled > 0 && strings.Contains(processor, "batch") &&
						p.Check(n+1) == nil && sampling == "always" {
						t.Error("the account of one span more adds up, too")
					}
					if err := p.Close(ctx); err != nil {
						t.Error(err)
					}
					if want := spans.Sends(processor); sent.closed.Load() != want {
						t.Errorf("the exporter was shut down: %v, want %v", !want, want)
					}
				})
			}
		}
	}
}

// A sending counts the spans that it gets as an exporter of both kinds, and sends nothing.
type sending struct {
	spans  atomic.Uint64
	closed atomic.Bool
}

func (s *sending) to() *spans.Destination {
	return &spans.Destination{
		SDK:    func() (sdktrace.SpanExporter, error) { return s, nil },
		Pooled: func() (spans.PooledExporter, error) { return sendingPooled{s}, nil },
	}
}

func (s *sending) ExportSpans(_ context.Context, all []sdktrace.ReadOnlySpan) error {
	s.spans.Add(uint64(len(all)))
	return nil
}

func (s *sending) Shutdown(context.Context) error {
	s.closed.Store(true)
	return nil
}

type sendingPooled struct{ *sending }

func (s sendingPooled) Export(_ context.Context, _ []byte, n int) error {
	s.spans.Add(uint64(n))
	return nil
}

func (sendingPooled) ForceFlush(context.Context) error { return nil }

// The SDK reads more of the environment than options override: whatever is set there is the same for all arms.
func TestTheEnvironmentIsTheSameForAllArms(t *testing.T) {
	for name, value := range map[string]string{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "1", "OTEL_BSP_EXPORT_TIMEOUT": "1",
		"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "2", "OTEL_SPAN_EVENT_COUNT_LIMIT": "1",
		"OTEL_TRACES_SAMPLER": "always_off",
		"OTEL_SERVICE_NAME":   "other", "OTEL_RESOURCE_ATTRIBUTES": "team=red", "OTEL_BSP_MAX_QUEUE_SIZE": "1"} {
		t.Setenv(name, value)
	}
	for _, arm := range []string{"pooled", "pooled-off", "sdk"} {
		t.Run(arm, func(t *testing.T) {
			sent := &kept{}
			to := &spans.Destination{SDK: func() (sdktrace.SpanExporter, error) { return sent, nil }}
			p, err := spans.Options{Arm: arm, Processors: spans.OTLPSimple, To: to}.Open()
			if err != nil {
				t.Fatal(err)
			}
			_, s := p.Provider.Tracer("test").Start(context.Background(), "operation", trace.WithAttributes(
				attribute.String("a", "text"), attribute.String("b", "text")))
			s.AddEvent("first")
			s.AddEvent("second")
			s.End()
			if err := p.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			want := "service.name=loadgen,team=red a=text,b=text 2 events"
			if !slices.Equal(sent.texts, []string{want}) {
				t.Errorf("%q, want %q", sent.texts, want)
			}
		})
	}
	for _, arm := range []string{"pooled", "sdk"} {
		t.Run(arm+" waits for an export for longer than the environment says", func(t *testing.T) {
			sent := &deadline{}
			to := &spans.Destination{SDK: func() (sdktrace.SpanExporter, error) { return sent, nil },
				Pooled: func() (spans.PooledExporter, error) { return sent, nil }}
			p, err := spans.Options{Arm: arm, Processors: spans.OTLPBatch, To: to}.Open()
			if err != nil {
				t.Fatal(err)
			}
			_, s := p.Provider.Tracer("test").Start(context.Background(), "operation")
			s.End()
			if err := p.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			if sent.left < time.Second {
				t.Errorf("an export may take %v, want about 30 s", sent.left)
			}
		})
	}
}

// A kept exporter keeps what spans say as texts.
type kept struct{ texts []string }

func (k *kept) ExportSpans(_ context.Context, all []sdktrace.ReadOnlySpan) error {
	for _, s := range all {
		attributes := attribute.NewSet(s.Attributes()...)
		k.texts = append(k.texts, fmt.Sprintf("%s %s %d events", s.Resource(),
			attributes.Encoded(attribute.DefaultEncoder()), len(s.Events())))
	}
	return nil
}

func (*kept) Shutdown(context.Context) error { return nil }

// A deadline keeps how long the last export may take.
type deadline struct{ left time.Duration }

func (d *deadline) keep(ctx context.Context) error {
	end, _ := ctx.Deadline()
	d.left = time.Until(end)
	return nil
}

func (d *deadline) ExportSpans(ctx context.Context, _ []sdktrace.ReadOnlySpan) error {
	return d.keep(ctx)
}
func (d *deadline) Export(ctx context.Context, _ []byte, _ int) error { return d.keep(ctx) }
func (*deadline) ForceFlush(context.Context) error                    { return nil }
func (*deadline) Shutdown(context.Context) error                      { return nil }

func TestAProcessorThatSendsNeedsADestination(t *testing.T) {
	for _, processor := range []string{spans.OTLPBatch, spans.OTLPSimple} {
		_, err := spans.Options{Arm: "sdk", Processors: processor}.Open()
		if err == nil || !strings.Contains(err.Error(), processor+" has nowhere to send spans: want a Destination") {
			t.Errorf("%s: %v", processor, err)
		}
		failing := &spans.Destination{
			SDK:    func() (sdktrace.SpanExporter, error) { return nil, errors.New("no port") },
			Pooled: func() (spans.PooledExporter, error) { return nil, errors.New("no port") },
		}
		for _, arm := range []string{"sdk", "pooled"} {
			if _, err := (spans.Options{Arm: arm, Processors: processor, To: failing}).Open(); err == nil {
				t.Errorf("%s, %s: an exporter that cannot be opened is no error", arm, processor)
			}
		}
	}
}

func TestAPartIsOfRootsAndTheRestFollowsItsParent(t *testing.T) {
	const n = 500
	for _, arm := range []string{"pooled", "sdk"} {
		for name, flags := range map[string]trace.TraceFlags{"parent not sampled": 0,
			"parent sampled": trace.FlagsSampled} {
			t.Run(arm+", "+name, func(t *testing.T) {
				p, err := spans.Options{Arm: arm, Sampling: "parent-0.01"}.Open()
				if err != nil {
					t.Fatal(err)
				}
				parent := trace.NewSpanContext(trace.SpanContextConfig{
					TraceID:    trace.TraceID{15: 1},
					SpanID:     trace.SpanID{1},
					TraceFlags: flags,
					Remote:     true,
				})
				ctx := trace.ContextWithRemoteSpanContext(context.Background(), parent)
				for range n {
					_, s := p.Provider.Tracer("test").Start(ctx, "operation")
					s.End()
				}
				if err := p.Close(context.Background()); err != nil {
					t.Fatal(err)
				}
				want := n * uint64(flags)
				if exported, _ := p.Exported(); exported != want || p.Sampled(n) != want {
					t.Errorf("%d exported, %d sampled, want %d", exported, p.Sampled(n), want)
				}
			})
		}
	}
}

func TestOptionsThatCannotBeAreReportedTogether(t *testing.T) {
	_, err := spans.Options{Arm: "pool", Sampling: "sometimes", Processors: "queue"}.Open()
	for _, want := range []string{`no arm is called "pool"`,
		`no sampling is called "sometimes": want one of always, parent-0.01, never`,
		`no processor is called "queue": want one of batch, discard, none, otlp-batch, otlp-simple`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

func TestAttributesAreTextsNumbersAndAFlagAndFewerAreTheFirst(t *testing.T) {
	six, err := spans.Attributes(spans.MostAttributes)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[attribute.Type]int{}
	for _, a := range six {
		kinds[a.Value.Type()]++
	}
	if kinds[attribute.STRING] != 3 || kinds[attribute.INT64] != 2 || kinds[attribute.BOOL] != 1 {
		t.Errorf("kinds %v", kinds)
	}
	for n := range six {
		first, err := spans.Attributes(n)
		if err != nil || len(first) != n || n > 0 && first[n-1] != six[n-1] {
			t.Errorf("Attributes(%d) = %v, %v", n, first, err)
		}
	}
	for _, n := range []int{-1, spans.MostAttributes + 1} {
		if _, err := spans.Attributes(n); err == nil {
			t.Errorf("Attributes(%d) is no error", n)
		}
	}
}
