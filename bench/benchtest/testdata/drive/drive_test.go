// Package drive_test has the benchmarks that the tests of benchtest.Drive run as go test
// does: good ones, and below BenchmarkBad those that fail, each in its way.
package drive_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/benchtest"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

var sink atomic.Pointer[[64]byte]

func allocates(context.Context) error {
	sink.Store(new([64]byte))
	return nil
}

func BenchmarkDispatch(b *testing.B) {
	for _, qps := range []int{10_000, 20_000} {
		b.Run(fmt.Sprintf("qps=%d", qps), func(b *testing.B) {
			benchtest.Drive(b, schedule.At(qps), allocates)
		})
	}
}

func BenchmarkWaits(b *testing.B) {
	benchtest.Drive(b, schedule.At(2000), func(context.Context) error {
		time.Sleep(2 * time.Millisecond)
		return nil
	})
}

func BenchmarkRamp(b *testing.B) {
	benchtest.Drive(b, load(b, "ramp:10k..30k/s@50ms"), func(context.Context) error { return nil })
}

// BenchmarkSaturated takes twice the time that there is.
func BenchmarkSaturated(b *testing.B) {
	benchtest.Driver{Load: schedule.At(1000), Workers: 1}.Drive(b, func(context.Context) error {
		time.Sleep(2 * time.Millisecond)
		return nil
	})
}

func BenchmarkSomeFail(b *testing.B) {
	var n atomic.Uint64
	benchtest.Drive(b, schedule.At(2000), func(context.Context) error {
		if n.Add(1)%10 == 1 { // the first call of all, too
			return errors.New("no luck")
		}
		return nil
	})
}

func BenchmarkSkips(b *testing.B) {
	benchtest.Drive(b, schedule.At(1000), func(context.Context) error {
		b.Skip("not here")
		return nil
	})
}

func BenchmarkBad(b *testing.B) {
	var n atomic.Uint64
	const well = 100 // calls that go well
	late := func() bool { return n.Add(1) > well }
	rate := schedule.At(10_000)
	bad := func(name string, f func(b *testing.B)) { n.Store(0); b.Run(name, f) }
	bad("panics", func(b *testing.B) {
		benchtest.Drive(b, rate, func(context.Context) error {
			if late() {
				blowUp()
			}
			return nil
		})
	})
	bad("fails", func(b *testing.B) {
		benchtest.Drive(b, rate, func(ctx context.Context) error {
			if late() {
				b.Fatal("a fatal mistake")
			}
			return nil
		})
		b.Log("Drive has returned")
	})
	bad("fails-while-others-wait", func(b *testing.B) {
		benchtest.Driver{Load: rate, Workers: 10}.Drive(b, func(ctx context.Context) error {
			switch call := n.Add(1); {
			case call == well:
				b.Fatal("a fatal mistake")
			case call > well:
				<-ctx.Done()
				b.FailNow()
			}
			return nil
		})
	})
	bad("skips-late", func(b *testing.B) {
		benchtest.Drive(b, rate, func(context.Context) error {
			if late() {
				b.SkipNow()
			}
			return nil
		})
	})
	bad("exits", func(b *testing.B) {
		benchtest.Drive(b, rate, func(context.Context) error { runtime.Goexit(); return nil })
	})
	bad("all-fail", func(b *testing.B) {
		benchtest.Drive(b, rate, func(context.Context) error { return errors.New("no route") })
	})
	bad("misses", func(b *testing.B) {
		benchtest.Driver{Load: rate, SLOs: []record.SLO{slo(b, "p50 < 1ns"), slo(b, "errors < 1%")}}.Drive(b, allocates)
	})
	bad("no-rate", func(b *testing.B) { benchtest.Drive(b, schedule.At(0), allocates) })
	bad("no-load", func(b *testing.B) {
		benchtest.Driver{Workers: -1, SLOs: make([]record.SLO, 1)}.Drive(b, nil)
	})
	bad("no-file", func(b *testing.B) { benchtest.Drive(b, load(b, "replay:missing.jsonl"), allocates) })
	bad("loops", func(b *testing.B) {
		for b.Loop() {
			benchtest.Drive(b, rate, allocates)
		}
	})
}

// BenchmarkUnjudged has windows that are longer than a run of -benchtime=100ms.
func BenchmarkUnjudged(b *testing.B) {
	benchtest.Driver{Load: schedule.At(1000), SLOs: []record.SLO{slo(b, "errors < 1% over every 10s"),
		slo(b, "p99.9 < 1s")}}.Drive(b, allocates)
}

func blowUp() { panic("at the disco") }

func load(b *testing.B, text string) schedule.Load {
	b.Helper()
	l, err := schedule.ParseLoad(text)
	if err != nil {
		b.Fatal(err)
	}
	return l
}

func slo(b *testing.B, text string) record.SLO {
	b.Helper()
	s, err := record.ParseSLO(text)
	if err != nil {
		b.Fatal(err)
	}
	return s
}
