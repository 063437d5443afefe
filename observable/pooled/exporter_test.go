package pooled_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable/pooled"
)

var errDown = errors.New("down")

// end starts a span of p and ends it.
func end(p trace.TracerProvider, name string) {
	_, s := p.Tracer("t").Start(context.Background(), name)
	s.End()
}

func TestEverySpanIsCounted(t *testing.T) {
	const spans = 10_000
	for _, tc := range []struct {
		name  string
		err   error
		check func(pooled.Counts) bool
	}{
		{"full buffers drop", nil, func(c pooled.Counts) bool { return c.Dropped > 0 && c.Failed == 0 }},
		{"a failing exporter fails", errDown, func(c pooled.Counts) bool { return c.Failed > 0 && c.Exported == 0 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &collector{err: tc.err}
				hold := make(chan struct{}) // blocks until the buffers are full and Shutdown waits
				p := start(t, pooled.Options{BufferBytes: 16 << 10, Exporter: pooled.ExporterFunc(
					func(ctx context.Context, request []byte, n int) error {
						<-hold
						return c.Export(ctx, request, n)
					})})
				tr := p.Tracer("t")
				for range spans {
					_, s := tr.Start(context.Background(), "x")
					s.End()
				}
				ended := make(chan error)
				go func() { ended <- p.Shutdown(context.Background()) }()
				synctest.Wait()
				close(hold)
				if err := <-ended; !errors.Is(err, tc.err) {
					t.Errorf("Shutdown = %v, want %v", err, tc.err)
				}
				_, late := tr.Start(context.Background(), "after Shutdown")
				late.End()
				_, late = p.Tracer("a new tracer").Start(context.Background(), "after Shutdown")
				late.End()
				got := p.Counts()
				if got.Ended != spans+1 || got.Ended != got.Exported+got.Failed+got.Dropped ||
					int(got.Exported) != c.spans || len(c.received()) != c.spans || !tc.check(got) {
					t.Errorf("counts %+v, %d collected", got, c.spans)
				}
				shutdown(t, p) // may be called again
				flush(t, p)
			})
		})
	}
}

func TestASpanLargerThanTheBufferIsExported(t *testing.T) {
	c := &collector{}
	p := start(t, pooled.Options{Exporter: c, BufferBytes: 4 << 10})
	for _, size := range []int{10, 1 << 20, 10} {
		end(p, strings.Repeat("x", size))
		flush(t, p)
	}
	if got := p.Counts(); got.Exported != 3 || len(c.received()) != 3 {
		t.Errorf("counts %+v", got)
	}
}

// The memory of waiting spans is bounded, even if a single span exceeds the bound.
func TestSpansLargerThanTheBufferAreTakenOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		p := start(t, pooled.Options{BufferBytes: 4 << 10, Interval: time.Hour, Exporter: pooled.ExporterFunc(
			func(context.Context, []byte, int) error { <-hold; return nil })})
		for range 5 {
			end(p, strings.Repeat("x", 8<<10))
			synctest.Wait() // the first is exported without waiting for the interval or a flush
		}
		close(hold)
		shutdown(t, p)
		if got := p.Counts(); got.Exported != 2 || got.Dropped != 3 {
			t.Errorf("counts %+v, want one span exported, one that waits for it, and the others dropped", got)
		}
	})
}

func TestWhatIsExportedAtOnceIsBounded(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // makes one shard
	for _, tc := range []struct {
		name  string
		sizes []int
	}{
		{"small spans", slices.Repeat([]int{10}, 40_000)},
		{"spans of 8 KiB", slices.Repeat([]int{8 << 10}, 300)},
		{"one of half a bound more", []int{3 << 19, 10, 10}},
		{"large ones among small ones", []int{10, 1 << 20, 10, 3 << 20, 3 << 20, 600 << 10, 600 << 10, 10}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const bound, header = 1 << 20, 1 << 10
			c := &collector{}
			p := start(t, pooled.Options{BufferBytes: 64 << 20, Interval: time.Hour, Exporter: pooled.ExporterFunc(
				func(ctx context.Context, request []byte, n int) error {
					if len(request) > bound+header && n > 1 {
						t.Errorf("a request of %d bytes has %d spans", len(request), n)
					}
					return c.Export(ctx, request, n)
				})})
			want := map[int]int{}
			for _, size := range tc.sizes {
				end(p, strings.Repeat("x", size))
				want[size]++
			}
			flush(t, p)
			got := map[int]int{}
			for _, s := range c.received() {
				got[len(s.Name)]++
			}
			if !maps.Equal(got, want) || p.Counts().Exported != uint64(len(tc.sizes)) {
				t.Errorf("exported spans %v, want %v; counts %+v", got, want, p.Counts())
			}
		})
	}
}

func TestFlushGivesUpWithItsContext(t *testing.T) {
	hold, entered := make(chan struct{}), make(chan struct{}, 10)
	p := start(t, pooled.Options{Exporter: pooled.ExporterFunc(func(context.Context, []byte, int) error {
		entered <- struct{}{}
		<-hold
		return nil
	})})
	_, s := p.Tracer("t").Start(context.Background(), "x")
	s.End()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-entered; cancel() }()
	if err := p.ForceFlush(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("ForceFlush = %v", err)
	}
	if err := p.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown = %v", err)
	}
	close(hold)
}

func TestExportsRunOneAtATime(t *testing.T) {
	var running atomic.Int32
	p := start(t, pooled.Options{BufferBytes: 4 << 10,
		Exporter: pooled.ExporterFunc(func(context.Context, []byte, int) error {
			if running.Add(1) != 1 {
				t.Error("two exports at once")
			}
			running.Add(-1)
			return nil
		})})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 2000 {
				_, s := p.Tracer("t").Start(context.Background(), "x")
				s.End()
			}
			flush(t, p)
		})
	}
	wg.Wait()
}

func TestSpansWaitForAnIntervalOrUntilHalfTheBuffersAreFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, pooled.Options{Exporter: &collector{}, Interval: time.Minute, BufferBytes: 8 << 10})
		check := func(when string, want uint64) {
			t.Helper()
			synctest.Wait()
			if got := p.Counts().Exported; got != want {
				t.Errorf("%s: %d spans exported, want %d", when, got, want)
			}
		}
		end(p, "x")
		time.Sleep(time.Minute - time.Nanosecond)
		check("before the interval is over", 0)
		time.Sleep(time.Nanosecond)
		check("after it", 1)
		for range 3 {
			end(p, strings.Repeat("x", 1<<10))
		}
		check("with less than half", 1)
		end(p, strings.Repeat("x", 1<<10))
		check("with half", 5)
	})
}

func TestASpanThatDoesNotFitWakesTheExporter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, pooled.Options{Exporter: &collector{}, Interval: time.Hour, BufferBytes: 4 << 10})
		end(p, "x")
		end(p, strings.Repeat("x", 4000))
		synctest.Wait()
		if got := p.Counts(); got.Exported != 1 || got.Dropped != 1 {
			t.Errorf("counts %+v", got)
		}
	})
}

func TestBufferBytesBoundsWhatWaitsOnAllProcessors(t *testing.T) {
	const bound, overhead = 256 << 10, 1 << 10 // overhead is the size of the header of a request
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, procs := range []int{1, 3, 16} {
		runtime.GOMAXPROCS(procs)
		for _, noReuse := range []bool{false, true} { // nearly all spans in one shard, or spread over all shards
			t.Run(fmt.Sprintf("%d processors, reuse off %v", procs, noReuse), func(t *testing.T) {
				var sizes []int
				entered, leave := make(chan struct{}, 100), make(chan struct{})
				p := start(t, pooled.Options{NoReuse: noReuse, BufferBytes: bound, Exporter: pooled.ExporterFunc(
					func(_ context.Context, request []byte, _ int) error {
						sizes = append(sizes, len(request))
						entered <- struct{}{}
						<-leave
						return nil
					})})
				end(p, "x")
				var wg sync.WaitGroup
				wg.Go(func() { flush(t, p) })
				<-entered // with one span; now end more spans than there is room for
				for range 2 * bound / 100 {
					end(p, strings.Repeat("x", 100))
				}
				close(leave)
				wg.Wait()
				shutdown(t, p)
				waited := 0
				for _, size := range sizes[1:] {
					waited += size
				}
				if waited > bound+overhead*len(sizes) || waited < bound*7/8 {
					t.Errorf("%d bytes waited, want about %d", waited, bound)
				}
			})
		}
	}
}

func TestWhatIsExportedMakesRoom(t *testing.T) {
	p := start(t, pooled.Options{Exporter: &collector{}, BufferBytes: 4 << 10})
	for range 100 {
		end(p, "x")
		flush(t, p)
	}
	if got := p.Counts(); got.Exported != 100 {
		t.Errorf("counts %+v", got)
	}
}

// The probability that one of four random shards gets no span is 10^-31.
func TestSpansAreSpreadOverShards(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	c := &collector{}
	p := start(t, pooled.Options{Exporter: c, NoReuse: true, Interval: time.Hour})
	for range 256 {
		end(p, "x")
	}
	flush(t, p)
	if len(c.requests) != 4 {
		t.Errorf("spans came from %d shards, want 4", len(c.requests))
	}
}

func TestAFailedExportIsToldToWhoeverWaitsAndElseHandled(t *testing.T) {
	var handled []error
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { handled = append(handled, err) }))
	defer otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Print(err) }))
	synctest.Test(t, func(t *testing.T) {
		p := start(t, pooled.Options{Interval: time.Minute, Exporter: &collector{err: errDown}})
		end(p, "nobody waits")
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(handled) != 1 || handled[0] != errDown {
			t.Errorf("handled %v", handled)
		}
		end(p, "to be flushed")
		if err := p.ForceFlush(context.Background()); !errors.Is(err, errDown) {
			t.Errorf("ForceFlush = %v", err)
		}
		flush(t, p) // nothing has been exported since
		end(p, "last")
		if err := p.Shutdown(context.Background()); !errors.Is(err, errDown) {
			t.Errorf("Shutdown = %v", err)
		}
		if len(handled) != 1 {
			t.Errorf("otel.Handle got %v, want no errors that were returned already", handled)
		}
	})
}

func TestAFlushReportsTheExportThatItFoundRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold, first := make(chan struct{}), true
		p := start(t, pooled.Options{Interval: time.Minute, Exporter: pooled.ExporterFunc(
			func(context.Context, []byte, int) error {
				if !first {
					return nil
				}
				first = false
				<-hold
				return errDown
			})})
		end(p, "in the export that runs")
		time.Sleep(time.Minute)
		synctest.Wait()
		end(p, "in the next")
		flushed := make(chan error)
		go func() { flushed <- p.ForceFlush(context.Background()) }()
		synctest.Wait()
		close(hold)
		if err := <-flushed; !errors.Is(err, errDown) {
			t.Errorf("ForceFlush = %v", err)
		}
	})
}

func TestAnExporterThatEndsItsGoroutineFailsItsBatchAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exit := false
		p := start(t, pooled.Options{Exporter: pooled.ExporterFunc(func(context.Context, []byte, int) error {
			if exit {
				runtime.Goexit()
			}
			return nil
		})})
		for _, exit = range []bool{true, false, true} {
			end(p, "x")
			if err := p.ForceFlush(context.Background()); (err != nil) != exit {
				t.Errorf("the exporter calls Goexit: %v; ForceFlush = %v", exit, err)
			}
		}
		end(p, "last")
		if p.Shutdown(context.Background()) == nil {
			t.Error("Shutdown returned nil")
		}
		if got := p.Counts(); got != (pooled.Counts{Ended: 4, Exported: 1, Failed: 3}) {
			t.Errorf("counts %+v", got)
		}
	})
}

// untilDone is an exporter that blocks until its context is done.
func untilDone(ctx context.Context, _ []byte, _ int) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestAnExportMayTakeItsTimeout(t *testing.T) {
	for set, want := range map[time.Duration]time.Duration{0: 30 * time.Second, time.Minute: time.Minute} {
		t.Run(set.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := start(t, pooled.Options{Timeout: set, Exporter: pooled.ExporterFunc(untilDone)})
				end(p, "x")
				begun := time.Now()
				if err := p.ForceFlush(context.Background()); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("ForceFlush = %v", err)
				}
				if took := time.Since(begun); took != want {
					t.Errorf("an export took %v, want %v", took, want)
				}
			})
		})
	}
}

// The bubble fails if the export loop still runs when the test ends.
func TestAShutdownThatGivesUpEndsTheExports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := pooled.New(pooled.Options{Timeout: time.Hour, Exporter: pooled.ExporterFunc(untilDone)})
		if err != nil {
			t.Fatal(err)
		}
		for _, tracer := range []string{"a", "b"} {
			_, s := p.Tracer(tracer).Start(context.Background(), "x")
			s.End()
		}
		begun := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := p.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown = %v", err)
		}
		synctest.Wait()
		if got := p.Counts(); got.Failed != 2 || time.Since(begun) != time.Second {
			t.Errorf("counts %+v after %v", got, time.Since(begun))
		}
	})
}

func TestAnExporterThatWaitsForItselfGetsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *pooled.Provider
		other := start(t, pooled.Options{})
		exports := 0
		p = start(t, pooled.Options{Exporter: pooled.ExporterFunc(func(ctx context.Context, _ []byte, _ int) error {
			exports++
			inner, cancel := context.WithCancel(ctx)
			defer cancel()
			if p.ForceFlush(ctx) == nil || p.Shutdown(inner) == nil {
				t.Error("no error")
			}
			return other.ForceFlush(ctx)
		})})
		for want := 1; want <= 2; want++ { // the failed calls did not shut the provider down
			end(p, "x")
			if flush(t, p); exports != want {
				t.Errorf("%d exports, want %d", exports, want)
			}
		}
	})
}

func TestAProviderThatHasEndedReturnsNilWhateverTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p := start(t, pooled.Options{})
	shutdown(t, p)
	for range 100 { // select chooses randomly among ready cases
		if err := errors.Join(p.ForceFlush(ctx), p.Shutdown(ctx)); err != nil {
			t.Fatal(err)
		}
	}
}
