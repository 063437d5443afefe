package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/internal/property"
)

// A served is a call as the target sees it.
type served struct{ due, begun, ended time.Duration }

// ideally returns when a number of servers would begin the calls of one queue, in their order, if only
// other calls delayed them. It is a simulation that shares no code with the engine. If calls catch up, each
// begins no sooner after the call before it than its share of the time between their due instants.
func ideally(calls []served, servers int, o Overload) []time.Duration {
	ends := make([]time.Duration, servers)
	begun := make([]time.Duration, len(calls))
	for i, c := range calls {
		begun[i] = max(c.due, slices.Min(ends))
		if i > 0 && o.policy == policyCatchUp {
			begun[i] = max(begun[i], begun[i-1]+time.Duration(float64(c.due-calls[i-1].due)/o.factor))
		}
		ends[slices.Index(ends, slices.Min(ends))] = begun[i] + c.ended - c.begun
	}
	return begun
}

// numbered are keys that contain the number of the call.
type numbered struct{}

func (numbered) Key(n uint64) string { return strconv.FormatUint(n, 10) }

// serve makes calls with given service times in virtual time, and returns the calls and the record.
func serve(t *testing.T, due listed, service []time.Duration, r Run) (calls []served, rec *record.Record) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().Add(leadIn)
		calls = make([]served, len(due))
		r.Arrivals, r.Keys = due, numbered{}
		r.Target = TargetFunc(func(_ context.Context, key string) error {
			n, err := strconv.Atoi(key)
			if err != nil {
				return err
			}
			calls[n] = served{due: due[n], begun: time.Since(start)}
			time.Sleep(service[n])
			calls[n].ended = time.Since(start)
			return nil
		})
		var err error
		if rec, err = r.Do(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return calls, rec
}

// wrongLag returns how the lag of a run differs from the simulation, or "" if it does not.
func wrongLag(calls []served, r *record.Record, servers int, o Overload) string {
	all := newLags(newTrace(time.Hour), newWindows(time.Hour, time.Hour, new(Run)), false)
	for i, ideal := range ideally(calls, servers, o) {
		all.add(&call{due: calls[i].due, begun: calls[i].begun, ended: calls[i].ended, ideal: ideal})
	}
	for _, q := range []float64{0, 0.1, 0.5, 0.9, 0.99, 1} {
		if got, want := r.Queue.Quantile(q), all.queue.Quantile(q); got != want {
			return fmt.Sprintf("q%v of queue lag is %v, want %v", q, got, want)
		}
		if got, want := r.Generator.Quantile(q), all.generator.Quantile(q); got != want {
			return fmt.Sprintf("q%v of the generator's lag is %v, want %v", q, got, want)
		}
	}
	if got, want := r.Queue.Sum(), all.queue.Sum(); got != want {
		return fmt.Sprintf("queue lag is %v in all, want %v", time.Duration(got), time.Duration(want))
	}
	if got, want := r.Generator.Sum(), all.generator.Sum(); got != want {
		return fmt.Sprintf("the generator's lag is %v in all, want %v", time.Duration(got), time.Duration(want))
	}
	if r.Backlog != all.backlog {
		return fmt.Sprintf("the backlog is %v, want %v", r.Backlog, all.backlog)
	}
	return ""
}

func us(numbers ...int) (all []time.Duration) {
	for _, n := range numbers {
		all = append(all, time.Duration(n)*time.Microsecond)
	}
	return all
}

// One worker had claimed the call due at 30 us, and was in the call due at 24 us until 48 us, while the
// other waited for the call due at 45 us.
func TestACallDoesNotWaitForAWorkerWhileAnotherWaitsForALaterCall(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	due := us(0, 4, 24, 30, 45, 65)
	calls, r := serve(t, due, us(14, 21, 24, 3, 5, 9), Run{Workers: 2, Pace: pace.Sleep})
	for i, c := range calls {
		if c.begun != due[i] {
			t.Errorf("call %d, due at %v, began at %v", i, due[i], c.begun)
		}
	}
	if r.Queue.Sum() != 0 || r.Generator.Sum() != 0 {
		t.Errorf("queue lag is %v in all, the generator's %v", r.Queue.Sum(), r.Generator.Sum())
	}
}

// exponential draws times from an exponential distribution with a mean.
func exponential(r *rand.Rand, n int, mean time.Duration) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = time.Duration(r.ExpFloat64() * float64(mean))
	}
	return all
}

// sums returns the instants at which gaps end.
func sums(gaps []time.Duration) (all listed) {
	at := time.Duration(0)
	for _, gap := range gaps {
		all = append(all, at)
		at += gap
	}
	return all
}

func TestCallsWaitAsLongAsInAnExactSimulationOfTheirQueue(t *testing.T) {
	const calls = 20_000
	constant := func(_ *rand.Rand, n int, mean time.Duration) []time.Duration {
		return slices.Repeat([]time.Duration{mean}, n)
	}
	for _, c := range []struct {
		name         string
		servers      int
		every, takes time.Duration
		service      func(*rand.Rand, int, time.Duration) []time.Duration
		oneProcessor bool
	}{
		{name: "M/D/4 of 5 us", servers: 4, every: 2500, takes: 5000, service: constant},
		{name: "M/D/4 of 9 us", servers: 4, every: 2500, takes: 9000, service: constant},
		{name: "M/M/2 of 2 us", servers: 2, every: 5000, takes: 2000, service: exponential},
		{name: "M/M/2 of 9 us", servers: 2, every: 5000, takes: 9000, service: exponential},
		{name: "M/M/3 of 20 us", servers: 3, every: 20_000, takes: 20_000, service: exponential},
		{name: "M/M/3 of 70 us, overloaded", servers: 3, every: 20_000, takes: 70_000, service: exponential},
		{name: "M/M/8 on one processor", servers: 8, every: 2500, takes: 18_000, service: exponential,
			oneProcessor: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			processors := c.servers
			if c.oneProcessor {
				processors = 1
			}
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
			random := rand.New(rand.NewPCG(1, 15))
			due, service := sums(exponential(random, calls, c.every)), c.service(random, calls, c.takes)
			seen, r := serve(t, due, service, Run{Workers: c.servers, Pace: pace.Sleep})
			for i, ideal := range ideally(seen, c.servers, Queue) {
				if seen[i].begun != ideal {
					t.Fatalf("call %d, due at %v, began at %v, want %v", i, due[i], seen[i].begun, ideal)
				}
			}
			if wrong := wrongLag(seen, r, c.servers, Queue); wrong != "" || r.Generator.Max() != 0 {
				t.Errorf("%s; the generator's lag is up to %v", wrong, r.Generator.Max())
			}
		})
	}
}

// tardy is a pace that is late by random times.
type tardy struct {
	mu   sync.Mutex
	late []time.Duration
	at   int
}

func (*tardy) String() string { return "tardy" }

func (p *tardy) Waiter(c pace.Clock) pace.Waiter { return &tardyWaiter{pace.Sleep.Waiter(c), p} }

type tardyWaiter struct {
	pace.Waiter
	pace *tardy
}

func (w *tardyWaiter) Wait(done <-chan struct{}, due time.Duration) time.Duration {
	w.pace.mu.Lock()
	late := w.pace.late[w.pace.at%len(w.pace.late)]
	w.pace.at++
	w.pace.mu.Unlock()
	return w.Waiter.Wait(done, due+late)
}

// Workers are late only for calls that they wait for. The wait of the calls after them is then generator
// lag, as far as they would not have waited otherwise.
func TestWhatTheGeneratorIsLateIsItsOwnWithAnyNumberOfWorkers(t *testing.T) {
	property.Check(t, func(rt *rapid.T) {
		workers := rapid.IntRange(1, 6).Draw(rt, "workers")
		processors := rapid.SampledFrom([]int{1, 8}).Draw(rt, "processors")
		o := rapid.SampledFrom([]Overload{Queue, Queue, CatchUp(1.5), CatchUp(4)}).Draw(rt, "overload")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		n := rapid.IntRange(1, 2000).Draw(rt, "calls")
		due := sums(exponential(r, n, 10*time.Microsecond))
		busy := rapid.Float64Range(0.1, 1.3).Draw(rt, "busy")
		service := exponential(r, n, time.Duration(busy*float64(workers)*float64(10*time.Microsecond)))
		if rapid.Bool().Draw(rt, "one is stuck") {
			service[n/2] = 50 * time.Millisecond
		}
		late := exponential(r, 1009, rapid.SampledFrom([]time.Duration{0, 300, 10 * time.Microsecond,
			time.Millisecond}).Draw(rt, "late"))
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		run := Run{Workers: workers, Pace: &tardy{late: late}, Overload: o}
		if rapid.Bool().Draw(rt, "watched") { // workers are looked at while they are in the target
			slo, err := record.ParseSLO("p99 < 1h")
			if err != nil {
				rt.Fatal(err)
			}
			run.SLOs, run.Abort = []record.SLO{slo}, true
		}
		calls, rec := serve(t, due, service, run)
		if wrong := wrongLag(calls, rec, workers, o); wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

// A worker that has begun the first call is not seen until the ring is full.
func TestCallsAreSettledOnceHoweverLongOneIsNotHeardOf(t *testing.T) {
	const calls = 3*mostRing + 7
	l := newLagAccount(newLags(newTrace(time.Hour), newWindows(time.Hour, time.Hour, new(Run)), false), 2)
	workers := []*worker{{}, {}}
	for _, w := range workers {
		l.join(w)
	}
	makes := func(w *worker, seq uint64) {
		due := time.Duration(seq) * time.Microsecond
		w.call.seq, w.call.due, w.call.begun, w.call.ended = seq, due, due+10, due+20
		w.note()
	}
	for seq := uint64(2); seq <= calls; seq++ {
		if seq == calls-3 {
			continue // it is given back
		}
		makes(workers[1], seq)
	}
	makes(workers[0], 1)
	total := l.close()
	if total.queue.Count() != calls-1 || total.queue.Max() != 0 || total.generator.Count() != calls-1 ||
		total.generator.Max() != 10 {
		t.Errorf("%d and %d calls, lag up to %v and %v", total.queue.Count(), total.generator.Count(),
			total.queue.Max(), total.generator.Max())
	}
	if len(l.free) != 2 || l.lent != 0 || l.pending != 0 || l.running != 0 {
		t.Errorf("%d workers are free, %d lent; %d calls are pending, %d running", len(l.free), l.lent, l.pending,
			l.running)
	}
}

func TestFreeTimesComeEarliestFirst(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		all := rapid.SliceOf(rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(0,
				50).Draw(t, "at"))
		})).Draw(t, "all")
		var f freeTimes
		for _, at := range all {
			f.push(at)
		}
		var got []time.Duration
		for range all {
			got = append(got, f.pop())
		}
		slices.Sort(all)
		if !slices.Equal(got, all) || len(f) != 0 {
			t.Fatalf("%v, want %v", got, all)
		}
	})
}
