package bench

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func mustConstant(t testing.TB, perSecond uint64, d time.Duration) Arrivals {
	t.Helper()
	a, err := Constant(PerSecond(perSecond), d)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Whoever takes calls in whatever order, each is handed out once, in order to each
// worker, and all are accounted for.
func TestEveryCallIsHandedOutOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		workers := rapid.IntRange(1, 4).Draw(t, "workers")
		rate := rapid.SampledFrom([]uint64{1000, 100_000, 1_000_000, 10_000_000}).Draw(t, "rate")
		const duration = 2 * time.Millisecond
		a, err := Constant(PerSecond(rate), duration)
		if err != nil {
			t.Fatal(err)
		}
		w := newWindows(100*time.Microsecond, duration)
		q := newQueue(a, Queue, DefaultQueue, newTrace(duration), w)
		batches := make([]*batch, workers)
		for i := range batches {
			batches[i] = new(batch)
		}
		q.inBatches(batches)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		stopAt := time.Duration(rapid.Int64Range(0, int64(2*duration)).Draw(t, "stop"))
		seen, over := map[uint64]bool{}, map[int]bool{}
		var dueSum uint64
		now := time.Duration(0)
		stopped := false
		for len(over) < workers {
			now += time.Duration(r.Int64N(int64(20 * time.Microsecond)))
			if now >= stopAt && !stopped {
				q.stop(now)
				stopped = true
			}
			i := r.IntN(workers)
			if over[i] {
				continue
			}
			c, ok := batches[i].pop(workers > 1)
			if !ok {
				if c, ok = q.take(batches[i], now); !ok {
					over[i] = true
					continue
				}
			}
			if seen[c.n] {
				t.Fatalf("call %d is handed out twice", c.n)
			}
			seen[c.n] = true
			if stopped {
				q.giveBack(c, now)
				continue
			}
			dueSum += uint64(c.due)
		}
		for i, b := range batches {
			if _, ok := b.pop(workers > 1); ok {
				t.Fatalf("worker %d left a call behind", i)
			}
		}
		o := q.outcome(duration)
		begun := uint64(len(seen))
		if stopped {
			// Those given back are missed, or due after the end.
			begun = o.offered - o.missed - o.dropped
		}
		if o.dueSum != dueSum || !stopped && o.offered != PerSecond(rate).Calls(duration) || begun+o.missed+o.dropped != o.offered {
			t.Fatalf("offered %d, missed %d, dropped %d, begun %d; sum of instants %d, want %d", o.offered, o.missed, o.dropped, begun, o.dueSum, dueSum)
		}
	})
}

// A worker that is stuck in the target has claimed calls that others make for it.
func TestWhatAStuckWorkerHasClaimedIsTakenOver(t *testing.T) {
	for _, at := range []int64{0, 500, 995} { // at the beginning, in the middle, and near the end of the schedule
		synctest.Test(t, func(t *testing.T) {
			procs := runtime.GOMAXPROCS(4)
			defer runtime.GOMAXPROCS(procs)
			var n atomic.Int64
			run := Run{Arrivals: mustConstant(t, 1_000_000, time.Millisecond), Workers: 3, Keep: 1000, Pace: Sleep,
				Target: TargetFunc(func(context.Context, string) error {
					if n.Add(1)-1 == at {
						time.Sleep(time.Second)
					}
					return nil
				})}
			r, err := run.Do(context.Background())
			if err != nil || r.Done != 1000 {
				t.Fatalf("%v, %v", r, err)
			}
			slow := 0
			for _, d := range r.Kept {
				if d > 2*batchSpan {
					slow++
				}
			}
			if slow != 1 {
				t.Errorf("call %d is stuck: %d calls took longer than %v", at, slow, 2*batchSpan)
			}
		})
	}
}

func TestCallsAreClaimedOneByOneWhereABatchWouldCount(t *testing.T) {
	const duration = time.Millisecond
	for name, c := range map[string]struct {
		policy Overload
		room   int
		most   int
	}{
		"a large queue": {Queue, DefaultQueue, maxBatch},
		"a small queue": {Queue, 100, 1},
		"drop":          {Drop, DefaultQueue, 1},
		"catch up":      {CatchUp(2), DefaultQueue, 1},
	} {
		q := newQueue(mustConstant(t, 1000, duration), c.policy, c.room, newTrace(duration), newWindows(duration, duration))
		q.inBatches([]*batch{new(batch)})
		if q.most != c.most {
			t.Errorf("%s: %d calls at a time, want %d", name, q.most, c.most)
		}
	}
	// At low rates any free worker takes the next call.
	q := newQueue(mustConstant(t, 10_000, duration), Queue, DefaultQueue, newTrace(duration), newWindows(duration, duration))
	b := new(batch)
	q.inBatches([]*batch{b})
	if _, ok := q.take(b, 0); !ok || b.head != b.tail {
		t.Errorf("%d calls more are claimed at 10,000/s", b.tail-b.head)
	}
}

func TestManyWorkersMakeEveryCallOnce(t *testing.T) {
	for _, workers := range []int{1, 2, 3} {
		var mu sync.Mutex
		asked := map[string]int{}
		names := make([]string, 20_000)
		for i := range names {
			names[i] = string(rune('a'+i%26)) + time.Duration(i).String()
		}
		run := Run{Arrivals: mustConstant(t, 1_000_000, 20*time.Millisecond), Workers: workers, Keys: numbered(names), Pace: Yield,
			Target: TargetFunc(func(_ context.Context, key string) error {
				mu.Lock()
				defer mu.Unlock()
				asked[key]++
				return nil
			})}
		r, err := run.Do(context.Background())
		if err != nil || r.Done != 20_000 || len(asked) != 20_000 {
			t.Fatalf("%d workers: %d done, %d keys, %v", workers, r.Done, len(asked), err)
		}
	}
}

type numbered []string

func (k numbered) Key(n uint64) string { return k[n] }

func TestALengthOfWindowsIsRound(t *testing.T) {
	for duration, want := range map[time.Duration]time.Duration{
		time.Nanosecond: time.Millisecond, 50 * time.Millisecond: time.Millisecond, 51 * time.Millisecond: 2 * time.Millisecond,
		500 * time.Millisecond: 10 * time.Millisecond, 10 * time.Second: 200 * time.Millisecond, 24 * time.Hour: 2000 * time.Second,
	} {
		if got := windowOf(duration); got != want {
			t.Errorf("%v: windows of %v, want %v", duration, got, want)
		}
	}
}

// The account is checked by what was counted apart: whichever count is wrong, it is
// named.
func TestAnAccountThatDoesNotAddUpIsNamed(t *testing.T) {
	run := Run{Arrivals: mustConstant(t, 100_000, 10*time.Millisecond), Workers: 1, Pace: Yield,
		Target: TargetFunc(func(context.Context, string) error { return nil })}
	for want, spoil := range map[string]func(r *Record, all *recorder, o *outcome){
		"":                                 func(*Record, *recorder, *outcome) {},
		"calls were offered, and 1000 are": func(r *Record, _ *recorder, _ *outcome) { r.Offered++ },
		"the service time of":              func(r *Record, _ *recorder, _ *outcome) { r.Service.Add(1) },
		"calls were begun, and the lag":    func(r *Record, _ *recorder, _ *outcome) { r.Queue.Add(1) },
		"Little's law: the calls spent":    func(_ *Record, _ *recorder, o *outcome) { o.dueSum++ },
		"Little's law: the calls spent 0":  func(_ *Record, all *recorder, o *outcome) { all.endedSum = o.dueSum },
		"Little's law: the histograms":     func(r *Record, _ *recorder, _ *outcome) { r.FailedLatency.Add(time.Second) },
		"and the windows hold 999":         func(r *Record, _ *recorder, _ *outcome) { r.Windows[0].Offered-- },
	} {
		c := newCrew(context.Background(), &run)
		c.start()
		c.wait()
		o := c.queue.outcome(run.Arrivals.Duration())
		all := newRecorder(c.kept, c.trace, c.windows, c.slowest)
		for _, r := range c.recorders {
			all.merge(r)
		}
		r := newRecord(c, all, o)
		spoil(r, all, &o)
		err := checkAccount(r, all, o)
		if want == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		account, ok := err.(*AccountError)
		if !ok || !slices.ContainsFunc(account.Problems, func(p string) bool { return strings.Contains(p, want) }) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}
