package metrics_test

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/loadgen-go/loadgen/observable"
)

// One of three calls succeeds, one fails and one panics, while another key is registered and removed.
func TestScrapesWhileCallsRun(t *testing.T) {
	const goroutines, each = 4, 300
	m := newMap(t, observable.Options{Histogram: true})
	var called atomic.Uint64
	must(t, m.RegisterContext("a", func(context.Context) error {
		switch called.Add(1) % 3 {
		case 0:
			return io.EOF
		case 1:
			panic("boom")
		}
		return nil
	}))
	a := newAccount(t, m, orders)
	reg := prometheus.NewRegistry()
	must(t, a.Register(reg))
	done := make(chan struct{})
	var callers, others sync.WaitGroup
	var begun atomic.Uint64
	for range goroutines {
		callers.Go(func() {
			for range each {
				begun.Add(1)
				_ = m.Call(background, "a")
			}
		})
	}
	others.Go(func() {
		for more := true; more; {
			must(t, m.Register("b", func() {}))
			must(t, m.Call(background, "b"))
			must(t, m.Remove("b"))
			select {
			case <-done:
				more = false
			default:
			}
		}
	})
	for range 2 {
		others.Go(func() {
			var last figures
			for more := true; more; {
				select {
				case <-done:
					more = false
				default:
				}
				now := figuresOf(t, reg, "a")
				if now.durations > now.calls || now.calls > begun.Load() || now.durations < last.durations ||
					now.calls < last.calls {
					t.Errorf("%+v after %+v, and %d calls began", now, last, begun.Load())
					return
				}
				last = now
				if _, err := a.Produce(background); err != nil {
					t.Error(err)
				}
			}
		})
	}
	callers.Wait()
	close(done)
	others.Wait()
	want := figures{goroutines * each, goroutines * each}
	if now := figuresOf(t, reg, "a"); now != want {
		t.Errorf("%+v in the end, want %+v", now, want)
	}
}

type figures struct{ calls, durations uint64 }

func figuresOf(t testing.TB, reg *prometheus.Registry, key string) (f figures) {
	families, err := reg.Gather()
	if err != nil {
		t.Error(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if m.GetLabel()[0].GetValue() == key {
				f.calls += uint64(m.GetCounter().GetValue())
				f.durations += m.GetHistogram().GetSampleCount()
			}
		}
	}
	return f
}
