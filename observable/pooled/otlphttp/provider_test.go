package otlphttp_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/observable/pooled"
	"github.com/loadgen-go/loadgen/observable/pooled/otlphttp"
)

// The buffer of the provider holds more than the queue of the exporter.
func TestAProviderWithLargeBuffersLosesNothingToAnEndpointThatTakesSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ep := &endpoint{}
		e := start(t, otlphttp.Options{Transport: ep, QueueBytes: 2 << 20})
		p, err := pooled.New(pooled.Options{Exporter: e, BufferBytes: 32 << 20})
		if err != nil {
			t.Fatal(err)
		}
		name := strings.Repeat("x", 8<<10)
		for range 2000 {
			_, s := p.Tracer("t").Start(never, name)
			s.End()
		}
		if err := p.Shutdown(never); err != nil || ep.accepted[name] != 2000 || e.Counts().Sent != 2000 {
			t.Errorf("Shutdown = %v; %+v, %+v, the endpoint accepted %v", err, p.Counts(), e.Counts(),
				ep.accepted[name])
		}
		if largest := slices.Max(ep.sizes); largest > 128 {
			t.Errorf("%d spans of 8 KiB in one request, want at most 1 MiB", largest)
		}
	})
}

// ForceFlush and Shutdown of a provider return when the endpoint has the spans. Shutdown also ends the
// exporter.
func TestAProviderFlushesAndEndsItsExporter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ep := &endpoint{script: []reply{{}, taken, {}}}
		e := start(t, otlphttp.Options{Transport: ep})
		p, err := pooled.New(pooled.Options{Exporter: e})
		if err != nil {
			t.Fatal(err)
		}
		for i, do := range []func(context.Context) error{p.ForceFlush, p.Shutdown, p.Shutdown, p.ForceFlush} {
			want := min(i+1, 2)
			_, s := p.Tracer("t").Start(never, "x")
			s.End()
			if err := do(never); err != nil || ep.accepted["x"] != want {
				t.Errorf("call %d returned %v when the endpoint had %d spans, want %d", i, err, ep.accepted["x"], want)
			}
		}
		if err := e.Export(never, encoded("x", 1), 1); err == nil {
			t.Error("the exporter has not ended")
		}
	})
}

// The endpoint never comes back, and the context has no deadline.
func TestAProviderGivesUpOnItsExporterAndSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, otlphttp.Options{Transport: &endpoint{script: make([]reply, 1000)}})
		p, err := pooled.New(pooled.Options{Exporter: e, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		_, s := p.Tracer("t").Start(never, "x")
		s.End()
		for i, do := range []func(context.Context) error{p.ForceFlush, p.Shutdown} {
			begun := time.Now()
			err := do(never)
			if took := time.Since(begun); took != time.Minute || err == nil ||
				!strings.Contains(err.Error(), "connection refused") {
				t.Errorf("call %d returned %v after %v, want the cause after a minute", i, err, took)
			}
		}
		if c := e.Counts(); c.Dropped != 1 {
			t.Errorf("%+v", c)
		}
	})
}
