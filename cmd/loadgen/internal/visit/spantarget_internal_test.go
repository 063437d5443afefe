package visit

import (
	"context"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/otlpsink"
	"github.com/loadgen-go/loadgen/observable/spans"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// The specification wants a root span with ten attributes, each of a name and a value of 20 characters, and a resource
// with service.name, service.version and name, each of 10 characters.
func TestTheSpanIsTheOneOfTheSpecification(t *testing.T) {
	set := attribute.NewSet(specAttributes()...) // has each name once
	if set.Len() != 10 {
		t.Errorf("%d attributes: want 10", set.Len())
	}
	for _, a := range set.ToSlice() {
		if len(a.Key) != 20 || len(a.Value.AsString()) != 20 {
			t.Errorf("%s=%s: want 20 characters each", a.Key, a.Value.AsString())
		}
	}
	var keys []string
	for _, a := range specResource().Attributes() {
		keys = append(keys, string(a.Key))
		if len(a.Value.AsString()) != 10 {
			t.Errorf("%s=%s: want a value of 10 characters", a.Key, a.Value.AsString())
		}
	}
	if got := strings.Join(keys, " "); got != "name service.name service.version" {
		t.Errorf("the resource has %s", got)
	}
}

// A caught holds what one span was exported as.
type caught struct {
	attributes, resource int
	root                 bool
}

// A catcher is an exporter of both kinds.
type catcher struct{ got []caught }

func (c *catcher) ExportSpans(_ context.Context, all []sdktrace.ReadOnlySpan) error {
	for _, s := range all {
		c.got = append(c.got, caught{len(s.Attributes()), s.Resource().Len(), !s.Parent().IsValid()})
	}
	return nil
}

func (c *catcher) Shutdown(context.Context) error   { return nil }
func (c *catcher) ForceFlush(context.Context) error { return nil }

func (c *catcher) Export(_ context.Context, request []byte, _ int) error {
	var message coltrace.ExportTraceServiceRequest
	if err := proto.Unmarshal(request, &message); err != nil {
		return err
	}
	for _, r := range message.ResourceSpans {
		for _, s := range r.ScopeSpans {
			for _, span := range s.Spans {
				c.got = append(c.got, caught{len(span.Attributes), len(r.Resource.Attributes),
					len(span.ParentSpanId) == 0})
			}
		}
	}
	return nil
}

// pipelineTo opens the pipeline of an arm of the span target, which exports to c.
func pipelineTo(t *testing.T, arm, processor string, c *catcher) *spans.Pipeline {
	t.Helper()
	p, err := spans.Options{Arm: arm, Processors: processor, Attributes: specAttributes(), Resource: specResource(),
		To: &spans.Destination{
			SDK:    func() (sdktrace.SpanExporter, error) { return c, nil },
			Pooled: func() (spans.PooledExporter, error) { return c, nil },
		}}.Open()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryArmExportsTheSpanWhole(t *testing.T) {
	for _, arm := range []string{"sdk", "pooled", "pooled-off", "pooled-value"} {
		for _, processor := range []string{spans.OTLPBatch, spans.OTLPSimple} {
			t.Run(arm+"/"+processor, func(t *testing.T) {
				var c catcher
				p := pipelineTo(t, arm, processor, &c)
				target := newSpanTarget(false, p)
				for range 3 {
					if err := target.Call(t.Context(), ""); err != nil {
						t.Fatal(err)
					}
				}
				if err := p.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				want := caught{10, 3, true}
				if len(c.got) != 3 || c.got[0] != want || c.got[1] != want || c.got[2] != want {
					t.Errorf("%+v: want three root spans of 10 attributes, of a resource of 3", c.got)
				}
				if err := p.Check(3); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// A user's settings for OpenTelemetry would make the spans of the SDK others than those of the specification. A target
// of the program's own may need them.
func TestTheEnvironmentDoesNotChangeTheSpansOfTheMap(t *testing.T) {
	const name = "OTEL_RESOURCE_ATTRIBUTES"
	s, err := scenarios.Load("span-reuse")
	if err != nil {
		t.Fatal(err)
	}
	for builtIn, want := range map[bool]string{true: "", false: "team=red"} {
		t.Setenv(name, "team=red")
		if _, err := newPipeline(&Request{Scenario: s}, builtIn, nil); err != nil {
			t.Fatal(err)
		}
		if got := os.Getenv(name); got != want {
			t.Errorf("built in: %v: %s is %q, want %q", builtIn, name, got, want)
		}
	}
}

func TestWithoutAProviderNoSpanIsMade(t *testing.T) {
	p, err := spans.Open("none")
	if err != nil {
		t.Fatal(err)
	}
	target := newSpanTarget(true, p)
	if err := target.Call(t.Context(), ""); err != nil || target.gate != nil {
		t.Errorf("%v, %v: want neither an error nor a gate", err, target.gate)
	}
}

// Making and ending the span, without its export, allocates the same on every machine.
func TestWhatASpanAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates, and sync.Pool drops values at random")
	}
	for arm, want := range map[string]float64{"none": 0, "pooled-value": 0, "pooled": 3, "sdk": 5} {
		p, err := spans.Options{Arm: arm, Processors: "none", Resource: resource.Empty()}.Open()
		if err != nil {
			t.Fatal(err)
		}
		target := newSpanTarget(false, p)
		ctx := context.Background()
		if got := testing.AllocsPerRun(2000, func() {
			if err := target.Call(ctx, ""); err != nil {
				t.Fatal(err)
			}
		}); got != want {
			t.Errorf("%s: %v allocations: want %v", arm, got, want)
		}
		if err := p.Close(ctx); err != nil {
			t.Error(err)
		}
	}
}

func TestCallsWaitWhileTooManySpansWaitForTheirExport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var exported atomic.Uint64
		g := newGate(exported.Load)
		for range gateSpans {
			g.pass(t.Context())
		}
		var passed atomic.Bool
		go func() {
			g.pass(t.Context())
			passed.Store(true)
		}()
		synctest.Wait()
		if passed.Load() {
			t.Fatalf("a span was made while %d waited", gateSpans)
		}
		g.open() // after an export that failed
		synctest.Wait()
		if passed.Load() {
			t.Fatal("a failed export made room")
		}
		exported.Store(512)
		g.open()
		synctest.Wait()
		if !passed.Load() {
			t.Error("an export made no room")
		}
	})
}

func TestLostSpansDoNotBlockCallsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(func() uint64 { return 0 })
		began := time.Now()
		for range 2 * gateSpans {
			g.pass(t.Context())
		}
		if took := time.Since(began); took != gateLimit { // the fake clock is exact
			t.Errorf("the calls waited %v: want %v, once", took, gateLimit)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 2 * gateSpans {
			g.pass(ctx)
		}
		if took := time.Since(began); took != gateLimit {
			t.Errorf("interrupted calls waited, %v in all", took)
		}
	})
}

func TestNumbersOfSpansThatDoNotAddUpAreAnError(t *testing.T) {
	for _, row := range []struct {
		name                          string
		made, sent, received, refused uint64
		exact                         bool
		want                          string // "" for none
	}{
		{"all arrived", 3, 3, 3, 0, true, ""},
		{"some were dropped before they were sent", 3, 2, 2, 0, true, ""},
		{"one was lost on the way", 3, 3, 2, 0, true, "2 spans were received, and 3 were sent with success"},
		{"one came twice", 3, 3, 4, 0, true, "4 spans were received, and only 3 were made"},
		{"calls were given up", 3, 4, 4, 0, false, ""},
		{"calls were given up, and one span came twice", 3, 3, 4, 0, false,
			"4 spans were received, and 3 were sent with success"},
		{"one could not be read", 3, 3, 3, 1, true, "could not read 1 requests; the first: no gzip"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := &receiver{after: otlpsink.Report{Refused: "no gzip", Received: results.Exports{Rejected: row.refused,
				Traces: results.Signal{Items: row.received, Bytes: 100}}}}
			p, err := spans.Open("none")
			if err != nil {
				t.Fatal(err)
			}
			count := &results.SpanCount{Made: row.made, Exported: row.sent}
			err = r.account(count, p, row.made, row.exact)
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v: want %q", err, row.want)
			}
			if count.Exported != row.received || count.Bytes != 100 {
				t.Errorf("%+v: want what was received", count)
			}
			if lostSome := row.received < row.made; (len(lost(count)) > 0) != lostSome {
				t.Errorf("%+v: said to be lost: %v, want %v", count, !lostSome, lostSome)
			}
		})
	}
}
