package bench_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// Workers take batches only if there are at most as many workers as processors.
func TestWhoIsStuckDelaysNoneOfTheCallsHeHasClaimed(t *testing.T) {
	const workers = 2
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(workers))
	for stuck := range int64(8) { // wherever in its batch the call is
		synctest.Test(t, func(t *testing.T) {
			var n atomic.Int64
			r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100_000), 50*ms), Workers: workers,
				Keep: 5000,
				Target: bench.TargetFunc(func(context.Context, string) error {
					if n.Add(1) == 1000+stuck {
						time.Sleep(time.Second)
					}
					return nil
				})})
			slices.Sort(r.Kept)
			if last := len(r.Kept) - 1; last != 4999 || r.Kept[last] != time.Second || r.Kept[last-1] != 0 {
				t.Errorf("%d calls, the slowest %v and %v; want one of 1 s, and 0", last+1, r.Kept[last],
					r.Kept[last-1])
			}
		})
	}
}

// A worker that is stuck near the end of the schedule keeps no other call from being made.
func TestWhoIsStuckAtTheEndDelaysNoOtherCall(t *testing.T) {
	const workers = 2
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(workers))
	for from := range int64(6) {
		synctest.Test(t, func(t *testing.T) {
			var n atomic.Int64
			r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100_000), 10*ms), Workers: workers,
				Keep: 1000,
				Target: bench.TargetFunc(func(context.Context, string) error {
					if n.Add(1) == 1000-from {
						time.Sleep(time.Second)
					}
					return nil
				})})
			slices.Sort(r.Kept)
			if last := len(r.Kept) - 1; last != 999 || r.Kept[last-1] != 0 {
				t.Errorf("%d calls, the slowest but one %v; want 0", last+1, r.Kept[last-1])
			}
		})
	}
}

// A worker that waits for a later call delays the calls of a clump as much as a stuck worker.
func TestAClumpIsSharedByTheWorkersThatAreFree(t *testing.T) {
	const workers = 4
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(workers))
	for _, service := range []time.Duration{100 * time.Microsecond, 2 * ms, 9 * ms} {
		synctest.Test(t, func(t *testing.T) {
			a := clumps{n: workers, apart: 10 * ms, lasts: time.Second}
			r := do(t, bench.Run{Arrivals: a, Workers: workers, Target: sleeps(service), Keep: 100 * workers})
			if longest := slices.Max(r.Kept); longest != service || len(r.Kept) != 100*workers {
				t.Errorf("%d calls of %v, the slowest %v: it waited for a worker while another waited for a call",
					len(r.Kept), service, longest)
			}
		})
	}
}

// clumps is a schedule of n calls at once, repeatedly.
type clumps struct {
	n            int
	apart, lasts time.Duration
}

func (c clumps) Duration() time.Duration         { return c.lasts }
func (c clumps) From(n uint64) schedule.Instants { return &clumped{c, int(n)} }

type clumped struct {
	clumps
	at int
}

func (c *clumped) Next() (time.Duration, bool) {
	due := time.Duration(c.at/c.n) * c.apart
	c.at++
	return due, due < c.lasts
}

// Batches save locks and must change nothing else. A queue with little room does not use them.
func TestCallsInBatchesAreAsLateAsThoseTakenOneByOne(t *testing.T) {
	const workers = 4
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(workers))
	for seed := range uint64(5) {
		for _, rate := range []uint64{1000, 20_000} {
			var by [2][]time.Duration
			for i, room := range []int{1 << 16, 1000} {
				synctest.Test(t, func(t *testing.T) {
					service := time.Duration(workers) * time.Second * 7 / 10 / time.Duration(rate) // busy for 70 %
					r := do(t, bench.Run{Arrivals: poisson(t, schedule.PerSecond(rate),
						2000*time.Second/time.Duration(rate), seed), Workers: workers,
						Target: sleeps(service), Queue: room, Keep: 10_000})
					by[i] = r.Kept
					slices.Sort(by[i])
				})
			}
			if len(by[0]) != len(by[1]) {
				t.Fatalf("%d and %d calls", len(by[0]), len(by[1]))
			}
			for i := range by[0] {
				if by[0][i] != by[1][i] {
					t.Errorf("seed %d, %d/s: latency %d is %v in batches, %v one by one", seed, rate, i, by[0][i],
						by[1][i])
					break
				}
			}
		}
	}
}

// numbers are keys that contain the number of the call.
type numbers struct{}

func (numbers) Key(n uint64) string { return strconv.FormatUint(n, 10) }

func TestNoCallIsLostNorMadeTwice(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 0))
		workers := 1 + r.IntN(max(runtime.GOMAXPROCS(0), 2))
		policy := []bench.Overload{bench.Queue, bench.Queue, bench.Drop, bench.CatchUp(2)}[r.IntN(4)]
		rate := []uint64{3_000_000, 300_000, 30_000}[r.IntN(3)]
		a := poisson(t, schedule.PerSecond(rate), time.Duration(1+r.IntN(10))*ms, seed)
		calls := make([]atomic.Int32, len(instants(a, 0)))
		ctx, cancel := context.WithCancel(context.Background())
		stop := uint64(r.IntN(4 * (len(calls) + 1))) // one of four is interrupted
		var begun atomic.Uint64
		run := bench.Run{Arrivals: a, Workers: workers, Overload: policy, Keys: numbers{}, Pace: pace.Auto,
			Target: bench.TargetFunc(func(_ context.Context, key string) error {
				number, err := strconv.Atoi(key)
				if err != nil {
					return err
				}
				calls[number].Add(1)
				switch n := begun.Add(1); {
				case n == stop:
					cancel()
				case n%1000 == 500:
					runtime.Goexit()
				case n%1000 == 600:
					panic("boom")
				case n%1000 == 700:
					return context.DeadlineExceeded
				case n%100 == 50:
					time.Sleep(100 * time.Microsecond)
				}
				return nil
			})}
		rec := doContext(ctx, t, run)
		cancel()
		var made uint64
		for n := range calls {
			times := calls[n].Load()
			if made += uint64(times); times > 1 {
				t.Errorf("seed %d: call %d made %d times", seed, n, times)
			}
		}
		if made != begun.Load() || made != rec.Done+rec.Failed {
			t.Errorf("seed %d: %d calls made, %d entered, %d done and %d failed", seed, made, begun.Load(), rec.Done,
				rec.Failed)
		}
		if !rec.Interrupted && rec.Offered != uint64(len(calls)) {
			t.Errorf("seed %d: %d calls offered of %d", seed, rec.Offered, len(calls))
		}
	}
}

// A context of another type, whose derived contexts end a little later.
type foreign struct {
	context.Context
	done chan struct{}
}

func (f foreign) Done() <-chan struct{} { return f.done }

func (f foreign) Err() error {
	select {
	case <-f.done:
		return context.Canceled
	default:
		return nil
	}
}

func TestNoCallBeginsOnceAnyContextHasEnded(t *testing.T) {
	for range 20 {
		ctx := foreign{t.Context(), make(chan struct{})}
		n := 0
		r := doContext(ctx, t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1_000_000), time.Second), Workers: 1,
			Target: bench.TargetFunc(func(context.Context, string) error {
				if n++; n == 100 {
					close(ctx.done)
				}
				return nil
			})})
		if n != 100 || !r.Interrupted {
			t.Fatalf("%d calls begun, %d of them after the end", n, n-100)
		}
	}
}
