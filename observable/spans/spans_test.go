package spans_test

import (
	"context"
	"math"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable/spans"
)

func TestEveryArmExportsEverySpanToTheSameBytes(t *testing.T) {
	const n = 500
	ctx := context.Background()
	sizes, requests := map[string]int64{}, map[string]int64{}
	for _, arm := range spans.Arms() {
		t.Run(arm.Name, func(t *testing.T) {
			p, err := spans.Open(arm.Name)
			if err != nil {
				t.Fatal(err)
			}
			if p.Provider == nil {
				if arm.Name != "none" {
					t.Error("the pipeline has no provider")
				}
				return
			}
			var exports atomic.Int64
			p.OnExport(func() (end func()) { exports.Add(1); return func() {} })
			tr := p.Provider.Tracer("test")
			for i := range n {
				_, s := tr.Start(ctx, "operation", trace.WithAttributes(attribute.Int("i", i)))
				s.End()
			}
			if err := p.Flush(ctx); err != nil {
				t.Error(err)
			}
			count, bytes := p.Exported()
			if p.Records() && count != n || !p.Records() && count != 0 {
				t.Errorf("exported %d spans of %d", count, n)
			}
			if p.Records() {
				sizes[arm.Name], requests[arm.Name] = int64(bytes), exports.Load()
			}
			if err := p.Close(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	// The sizes differ, since the arms cut their batches by processor and by the clock, and
	// every request has a header.
	const header = 64 // upper bound, in bytes
	for name, size := range sizes {
		d, most := size-sizes["sdk"], header*max(requests[name], requests["sdk"])
		if d < -most || d > most {
			t.Errorf("%s exported %d bytes in %d requests, sdk %d in %d",
				name, size, requests[name], sizes["sdk"], requests["sdk"])
		}
	}
	if len(sizes) != len(spans.Arms())-2 { // all arms but none and noop
		t.Errorf("arms that export: %v", sizes)
	}
}

// The README states these numbers. They are exact, except for what the exporters allocate
// for a batch, and hold for the version of the SDK in go.mod. Pooled spans are exported in
// one batch per processor, and this test uses one processor. It takes the minimum of a few
// tries, since a garbage collection may empty the pool.
func TestWhatASpanAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool drops a quarter of the values it is given")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const n, batch = 8192, 512
	ctx := context.Background()
	with := []trace.SpanStartOption{trace.WithAttributes(attribute.String("key", "value"))}
	for name, want := range map[string]struct{ bytes, allocs float64 }{
		"noop":       {48, 1},
		"pooled":     {128, 2},
		"pooled-off": {896, 3},
		"sdk":        {1650, 14},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := spans.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			tr := p.Provider.Tracer("test")
			run := func() {
				for i := range n {
					_, s := tr.Start(ctx, "operation", with...)
					s.End()
					if i%batch == batch-1 {
						if err := p.Flush(ctx); err != nil {
							t.Error(err)
						}
					}
				}
			}
			const tries = 8
			bytes, allocs := math.Inf(1), math.Inf(1)
			for range tries {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				run()
				runtime.ReadMemStats(&after)
				bytes = min(bytes, float64(after.TotalAlloc-before.TotalAlloc)/n)
				allocs = min(allocs, float64(after.Mallocs-before.Mallocs)/n)
			}
			if math.Abs(bytes/want.bytes-1) > 0.03 || math.Abs(allocs/want.allocs-1) > 0.03 {
				t.Errorf("%.0f bytes in %.2f allocations per span, want %v in %v", bytes, allocs, want.bytes,
					want.allocs)
			}
			if exported, _ := p.Exported(); p.Records() && exported != tries*n {
				t.Errorf("%d spans exported of %d", exported, tries*n)
			}
			if err := p.Close(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnUnknownArmIsAnErrorThatNamesTheKnownOnes(t *testing.T) {
	_, err := spans.Open("pool")
	if err == nil || !strings.Contains(err.Error(), "pooled-off") {
		t.Errorf("error is %v", err)
	}
}
