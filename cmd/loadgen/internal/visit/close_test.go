package visit_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A pool is a target that is to be closed once, when no call is in it.
type pool struct {
	err    error         // of Close
	call   func(n int64) // the n-th, from 1
	calls  atomic.Int64
	in     atomic.Int64
	closed atomic.Int64
	spans  bool // the arm makes spans
	t      *testing.T

	provider trace.TracerProvider
}

func (p *pool) Call(context.Context, string) error {
	p.in.Add(1)
	defer p.in.Add(-1)
	if p.closed.Load() > 0 {
		p.t.Error("it is called after it was closed")
	}
	if n := p.calls.Add(1); p.call != nil {
		p.call(n)
	}
	return nil
}

func (p *pool) Close() error {
	p.closed.Add(1)
	_, span := p.provider.Tracer("test").Start(context.Background(), "close")
	if p.spans && !span.IsRecording() { // as it is once the provider has been shut down
		p.t.Error("the provider takes no spans any more")
	}
	span.End()
	return p.err
}

func (p *pool) own() *visit.Own {
	return &visit.Own{Open: func(_ context.Context, provider trace.TracerProvider) (bench.Target, error) {
		p.provider = provider
		return p, nil
	}}
}

func TestATargetIsClosedOnceItsVisitIsOverWhateverCameOfIt(t *testing.T) {
	broken := errors.New("broken pipe")
	for _, c := range []struct {
		name        string
		spoil       func(*visit.Request) // so that the visit fails
		interrupted bool
		err         error // of Close
	}{
		{"it was made", nil, false, nil},
		{"it was made, and Close fails", nil, false, broken},
		{"it was interrupted", nil, true, nil},
		{"it was interrupted, and Close fails", nil, true, broken},
		{"it failed", func(r *visit.Request) { r.Scenario.Arrivals = schedule.Process{} }, false, nil},
		{"it failed, and Close fails", func(r *visit.Request) { r.Scenario.Arrivals = schedule.Process{} }, false,
			broken},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := request(t, short, 5)
			req.Scenario.Warmup = 0
			req.Scenario.SetArms(scenarios.Quantile)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p := &pool{t: t, err: c.err, spans: true}
			if c.interrupted {
				req.Scenario.Duration = time.Hour
				p.call = func(n int64) {
					if n == 100 {
						cancel()
					}
				}
			}
			if c.spoil != nil {
				c.spoil(req)
			}
			v, err := visit.Do(ctx, req, p.own())
			if p.closed.Load() != 1 || p.in.Load() != 0 {
				t.Errorf("it is closed %d times, with %d calls in it", p.closed.Load(), p.in.Load())
			}
			if c.spoil != nil {
				if err == nil || errors.Is(err, broken) != (c.err != nil) ||
					!strings.Contains(err.Error(), "no arrival process") {
					t.Errorf("%v: want the failure, and that of Close if there is one", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if v.Error != "" || v.Record.Done == 0 || v.Record.Interrupted != c.interrupted || v.Spans.Dropped() > 0 {
				t.Errorf("what was measured is lost: %+v", v)
			}
			if v.Doubted(results.NotClosed) != (c.err != nil) {
				t.Errorf("its verdict is %+v", v.Verdict)
			}
		})
	}
}

func TestATargetThatDoesNotOpenIsNotClosed(t *testing.T) {
	p := &pool{t: t}
	own := &visit.Own{Open: func(context.Context, trace.TracerProvider) (bench.Target, error) {
		return p, errors.New("no database")
	}}
	if _, err := visit.Do(t.Context(), request(t, short, 0), own); err == nil || p.closed.Load() > 0 {
		t.Errorf("%v, it is closed %d times", err, p.closed.Load())
	}
}

// The keys are known before, so that nothing that was opened stays open.
func TestATargetWithoutUsableKeysIsNotOpened(t *testing.T) {
	req := request(t, short, 0)
	req.Scenario.Handlers.Zipf = -1
	p := &pool{t: t}
	own := p.own()
	own.Keys = []string{"a", "b"}
	if _, err := visit.Do(t.Context(), req, own); err == nil || p.provider != nil {
		t.Errorf("%v, it is opened: %v", err, p.provider != nil)
	}
}

// Calls that were given up may be in the target still, and Close may be what ends them.
func TestATargetIsClosedAlthoughCallsWereGivenUp(t *testing.T) {
	req := request(t, short+"timeout: 5ms\nworkers: 4\n", 0)
	req.Scenario.SetArms(scenarios.Quantile)
	end := make(chan struct{})
	p := &pool{t: t, call: func(n int64) {
		if n%100 == 0 {
			<-end
		}
	}}
	defer close(end)
	v, err := visit.Do(t.Context(), req, p.own())
	if err != nil || v.Record.GivenUp == 0 || v.Record.Done == 0 || p.closed.Load() != 1 ||
		v.Doubted(results.NotClosed) {
		t.Errorf("%+v, %v, closed %d times", v, err, p.closed.Load())
	}
}
