package bench

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
)

// watching calls run while an observer watches.
func watching(window, duration time.Duration, run func(o *observer), activities ...*Activity) *observer {
	o := newObserver(pace.ClockFrom(time.Now()), window, duration, activities, newSlowest(keptSlowest, oneKey{}))
	o.start()
	run(o)
	o.stop()
	return o
}

// makes offers a call that begins when it is due and takes as long as run does.
func (o *observer) makes(n uint64, run func()) {
	due := o.clock.Now()
	run()
	o.slow.offer(&call{due: due, ideal: due, begun: due, ended: o.clock.Now(), n: n}, false)
}

// metBy returns the events that call n overlapped, without scheduler waits, which may happen at any time on
// a busy machine.
func metBy(t *testing.T, o *observer, n uint64) []string {
	t.Helper()
	for _, c := range o.slow.list() {
		if c.N == n {
			return slices.DeleteFunc(c.Overlapped, func(s string) bool { return s == record.SchedulerWait })
		}
	}
	t.Fatalf("call %d is not among the slowest", n)
	return nil
}

func TestThereAreNoHiccupsUnderAFakeClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := watching(time.Second, time.Second, func(*observer) { time.Sleep(time.Second - msec/2) })
		if o.hiccups.Count() != 499 || o.hiccups.Max() != 0 {
			t.Errorf("%d hiccups, of up to %v; want 499 of 0", o.hiccups.Count(), o.hiccups.Max())
		}
		if o.spent != 0 {
			t.Errorf("looking took %v", o.spent)
		}
	})
}

func TestAHiccupCountsForEveryTickWithinIt(t *testing.T) {
	for name, c := range map[string]struct {
		late time.Duration
		want []time.Duration
	}{
		"woken by stop":    {-msec, nil},
		"on time":          {0, []time.Duration{0}},
		"less than a tick": {msec, []time.Duration{msec}},
		"a tick":           {2 * msec, []time.Duration{2 * msec}},
		"several ticks":    {5 * msec, []time.Duration{msec, 3 * msec, 5 * msec}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newObserver(pace.ClockFrom(time.Now()), 0, 0, nil, newSlowest(0, oneKey{}))
			o.hiccup(c.late)
			if got := o.hiccups.Count(); got != uint64(len(c.want)) {
				t.Errorf("%v late: %d hiccups, want %v", c.late, got, c.want)
				return
			}
			for i, want := range c.want {
				got := o.hiccups.Quantile(float64(i+1) / float64(len(c.want)))
				if d := got - want; d < -want/1000 || d > want/1000 {
					t.Errorf("%v late: %v in place %d, want %v", c.late, got, i, want)
				}
			}
		})
	}
}

func TestStoppingDoesNotWaitForATick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		watching(time.Second, time.Second, func(*observer) { time.Sleep(msec / 4) })
		if d := time.Since(began); d != msec/4 {
			t.Errorf("it took until %v", d)
		}
	})
}

func TestATickAllocatesNothing(t *testing.T) {
	a := NewActivity("span export")
	o := newObserver(pace.ClockFrom(time.Now()), msec, time.Hour, []*Activity{a}, newSlowest(keptSlowest, oneKey{}))
	o.teller.pressure = openPressure()
	defer o.teller.pressure.close()
	now := time.Duration(0)
	if n := testing.AllocsPerRun(1000, func() { // each with the end of a window, and a look at calls
		now += msec
		a.Begin()()
		o.slow.offer(&call{due: now - msec, ended: now, n: uint64(now)}, false)
		o.slow.offer(&call{due: now - msec/2, ended: now, n: uint64(now + 1)}, false)
		o.tagged = now - tagging
		o.tick(now)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if len(o.windows) != 1001 || len(o.slow.list()[0].Overlapped) == 0 {
		t.Errorf("%d windows, %+v", len(o.windows), o.slow.list()[0])
	}
}

func ends(windows []record.RuntimeWindow) (ends []time.Duration) {
	for _, w := range windows {
		ends = append(ends, w.To)
	}
	return ends
}

func TestWindowsEndAtMultiplesAndTheLastWithTheRun(t *testing.T) {
	for name, c := range map[string]struct {
		window, duration, run time.Duration
		want                  []time.Duration
	}{
		"whole windows": {10 * msec, 30 * msec, 30 * msec,
			[]time.Duration{10 * msec, 20 * msec, 30 * msec}},
		"a shorter last window": {10 * msec, 25 * msec, 25 * msec,
			[]time.Duration{10 * msec, 20 * msec, 25 * msec}},
		"calls end after the schedule": {10 * msec, 30 * msec, 47 * msec,
			[]time.Duration{10 * msec, 20 * msec, 47 * msec}}, // calls end after the schedule
		"interrupted": {10 * msec, 30 * msec, 14 * msec, []time.Duration{10 * msec, 14 * msec}},
		// interrupted
		"ended at once":                {10 * msec, 30 * msec, 0, []time.Duration{0}},
		"a window longer than the run": {40 * msec, 30 * msec, 30 * msec, []time.Duration{30 * msec}},
		"no windows":                   {0, 30 * msec, 30 * msec, []time.Duration{30 * msec}}, // no windows
		"a negative window":            {-1, 30 * msec, 30 * msec, []time.Duration{30 * msec}},
		"at the tick after a multiple": {3 * msec, 12 * msec, 12 * msec,
			[]time.Duration{4 * msec, 6 * msec, 10 * msec, 12 * msec}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// A tick that is due at the end comes before it.
				o := watching(c.window, c.duration, func(*observer) { time.Sleep(c.run); synctest.Wait() })
				if got := ends(o.windows); !slices.Equal(got, c.want) {
					t.Errorf("every %v, %v of %v: windows end at %v, want %v", c.window, c.run, c.duration, got,
						c.want)
				}
			})
		})
	}
}

func TestALateTickEndsOneWindow(t *testing.T) {
	o := newObserver(pace.ClockFrom(time.Now()), 10*msec, 100*msec, nil, newSlowest(0, oneKey{}))
	for _, now := range []time.Duration{9, 35, 36, 40, 99, 130, 140} {
		o.tick(now * msec)
	}
	o.finish(150 * msec)
	if got, want := ends(o.windows), []time.Duration{35 * msec, 40 * msec, 99 * msec, 150 * msec}; !slices.Equal(got,
		want) {
		t.Errorf("windows end at %v, want %v", got, want)
	}
}

func TestARunThatEndsWithAWindowHasNoneAfterIt(t *testing.T) {
	o := newObserver(pace.ClockFrom(time.Now()), 10*msec, 30*msec, nil, newSlowest(0, oneKey{}))
	o.tick(10 * msec)
	o.finish(10 * msec)
	if got := ends(o.windows); !slices.Equal(got, []time.Duration{10 * msec}) {
		t.Errorf("windows end at %v, want 10 ms", got)
	}
}

func TestThereAreNoMoreThan4096Windows(t *testing.T) {
	o := newObserver(pace.ClockFrom(time.Now()), msec, time.Hour, nil, newSlowest(0, oneKey{}))
	for now := msec; now <= 5000*msec; now += msec {
		o.tick(now)
	}
	o.finish(5001 * msec)
	last := o.windows[len(o.windows)-1]
	if len(o.windows) != 4096 || cap(o.windows) != 4096 || last.From != 4095*msec || last.To != 5001*msec {
		t.Errorf("%d windows in room for %d, the last from %v to %v", len(o.windows), cap(o.windows), last.From,
			last.To)
	}
}

// The clock of a run starts shortly after its workers are made.
func TestARunThatHasNotStartedHasAWindowOfNoLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newObserver(pace.Clock{}, time.Second, time.Second, nil, newSlowest(0, oneKey{}))
		o.clock = pace.ClockFrom(time.Now().Add(5 * msec)) // which may be set until start
		o.start()
		time.Sleep(2 * msec)
		o.stop()
		if len(o.windows) != 1 || o.windows[0].From != 0 || o.windows[0].To != 0 {
			t.Errorf("%+v", o.windows)
		}
		if o.windows[0].Pressure.Known {
			t.Error("the share of no time is known")
		}
	})
}

func TestWindowsAddUpToTheRun(t *testing.T) {
	o := watching(20*msec, 100*msec, func(o *observer) {
		for over := false; !over; over = o.clock.Now() > 100*msec {
			runtime.GC()
			runtime.ReadMemStats(new(runtime.MemStats))
		}
	})
	var sum record.Runtime
	for i, w := range o.windows {
		if w.To <= w.From || i > 0 && w.From != o.windows[i-1].To {
			t.Errorf("window %d from %v to %v", i, w.From, w.To)
		}
		if w.WaitP50 > w.WaitP99 || w.WaitP99 > w.WaitMax {
			t.Errorf("window %d: waits %v, %v, %v", i, w.WaitP50, w.WaitP99, w.WaitMax)
		}
		sum.GCCycles += w.GCCycles
		sum.GCPause += w.GCPause
		sum.OtherPause += w.OtherPause
		sum.GCAssist += w.GCAssist
		sum.GCCPU += w.GCCPU
		sum.MutexWait += w.MutexWait
		sum.CPU += w.CPU
		sum.WaitMax = max(sum.WaitMax, w.WaitMax)
		sum.HeapLive, sum.HeapObjects, sum.Goroutines = w.HeapLive, w.HeapObjects, w.Goroutines // of the last
	}
	sum.WaitP50, sum.WaitP99 = o.total.WaitP50, o.total.WaitP99 // quantiles do not add,
	sum.Pressure = o.total.Pressure                             // nor do shares
	if sum != o.total {
		t.Errorf("sum   %+v\ntotal %+v", sum, o.total)
	}
	r := o.total
	if r.GCCycles == 0 || r.GCPause <= 0 || r.OtherPause <= 0 || r.GCCPU <= 0 || r.HeapLive == 0 ||
		r.HeapObjects == 0 ||
		r.Goroutines == 0 || r.CPU <= 0 {
		t.Errorf("collections and stops of the world were made: %+v", r)
	}
}

func TestGCPauseIsWhatTheRuntimeSaysExactly(t *testing.T) {
	noGC(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	o := watching(0, time.Second, func(*observer) {
		for range 3 {
			runtime.GC()
		}
	})
	runtime.ReadMemStats(&after)
	if o.total.GCCycles != 3 || o.total.GCPause != time.Duration(after.PauseTotalNs-before.PauseTotalNs) {
		t.Errorf("%d cycles, %v of pauses; want 3, %v", o.total.GCCycles, o.total.GCPause,
			time.Duration(after.PauseTotalNs-before.PauseTotalNs))
	}
}

func TestACallIsToldWhatItMet(t *testing.T) {
	noGC(t)
	export := NewActivity("span export")
	for name, c := range map[string]struct {
		during func()
		want   []string
	}{
		"nothing":          {func() {}, nil},
		"a collection":     {runtime.GC, []string{record.StopTheWorld, record.GC}},
		"a stopped world":  {func() { runtime.ReadMemStats(new(runtime.MemStats)) }, []string{record.StopTheWorld}},
		"a short activity": {func() { export.Begin()() }, []string{"span export"}},
		"a long activity":  {func() { defer export.Begin()(); time.Sleep(5 * msec) }, []string{"span export"}},
		"all in one moment": {func() { defer export.Begin()(); runtime.GC() },
			[]string{record.StopTheWorld, record.GC, "span export"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := watching(time.Second, time.Second, func(o *observer) {
					time.Sleep(10 * msec)
					o.makes(0, func() { time.Sleep(10 * msec) })
					time.Sleep(10 * msec)
					o.makes(1, func() { time.Sleep(5 * msec); c.during(); time.Sleep(5 * msec) })
					time.Sleep(10 * msec)
					o.makes(2, func() { time.Sleep(10 * msec) })
				}, export)
				for n, want := range [][]string{nil, c.want, nil} {
					if got := metBy(t, o, uint64(n)); !slices.Equal(got, want) {
						t.Errorf("%s: call %d met %v, want %v", name, n, got, want)
					}
				}
			})
		})
	}
}

// This test uses the real clock and a collector with work to do.
func TestACallMeetsACollectionForReal(t *testing.T) {
	garbage := make([]*[64]byte, 100_000)
	for i := range garbage {
		garbage[i] = new([64]byte)
	}
	o := watching(time.Second, time.Second, func(o *observer) { o.makes(0, runtime.GC) })
	runtime.KeepAlive(garbage)
	if got := metBy(t, o, 0); !slices.Contains(got, record.GC) || !slices.Contains(got, record.StopTheWorld) {
		t.Errorf("met %v", got)
	}
}

func TestACallIsNotTaggedBeforeTheTickAfterItsEnd(t *testing.T) {
	o := newObserver(pace.ClockFrom(time.Now()), 0, time.Second, nil, newSlowest(2, oneKey{}))
	o.slow.offer(ofLatency(0, 4*msec), false)
	o.slow.offer(ofLatency(1, 4*msec), false)
	o.looked, o.tagged = 4*msec, 6*msec-tagging
	o.tick(6 * msec)
	if !o.slow.calls[0].tagged || o.slow.calls[1].tagged {
		t.Errorf("at the tick from 4 to 6 ms, the call that ended at 4 ms is tagged: %v, that of 5 ms: %v",
			o.slow.calls[0].tagged, o.slow.calls[1].tagged)
	}
}

// An observer that loses its processor between reading the clock and the counters sees what happened in
// between.
func TestWhatHappensDuringATickIsMet(t *testing.T) {
	noGC(t)
	synctest.Test(t, func(t *testing.T) {
		export := NewActivity("span export")
		o := newObserver(pace.ClockFrom(time.Now()), 0, time.Second, []*Activity{export}, newSlowest(1, oneKey{}))
		time.Sleep(msec)
		now := o.clock.Now()
		time.Sleep(msec)
		o.makes(0, func() { time.Sleep(msec); export.Begin()(); time.Sleep(msec) })
		o.tick(now)
		o.tick(o.clock.Now())
		o.finish(o.looked)
		if got := metBy(t, o, 0); !slices.Equal(got, []string{"span export"}) {
			t.Errorf("met %v", got)
		}
	})
}

func TestALongWaitIsMetFromItsBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the clock stands still
		o := newObserver(pace.ClockFrom(time.Now()), 0, time.Second, nil, newSlowest(1, oneKey{}))
		o.looked = 10 * msec
		o.see(signs{waited: longWait - 1, waitedAtMost: longWait}, 11*msec)
		if o.overlapped(0, time.Second) != 0 {
			t.Error("a short wait is met")
		}
		o.see(signs{waited: 4 * msec, waitedAtMost: 5 * msec}, 12*msec)
		if o.overlapped(5*msec, 6*msec) != 0 || o.overlapped(6*msec, 7*msec) != 1<<2 ||
			o.overlapped(12*msec, 13*msec) != 0 {
			t.Errorf("a wait of 4 to 5 ms that ended from 11 to 12 ms is met in %v", *o.met[2].at(0))
		}
	})
}

func TestWhatAnActivityDidBeforeTheRunIsNotMet(t *testing.T) {
	noGC(t)
	export := NewActivity("span export")
	o := newObserver(pace.ClockFrom(time.Now()), 0, time.Second, []*Activity{export}, newSlowest(1, oneKey{}))
	export.Begin()()
	runtime.GC()
	o.start()
	o.stop()
	for i, m := range o.met[:len(o.met)-1] {
		if m.n != 0 {
			t.Errorf("%s: %v", o.slow.names[i], m.ring[:m.n])
		}
	}
}

func TestSuspectsComeInTheirOrder(t *testing.T) {
	o := newObserver(pace.ClockFrom(time.Now()), 0, time.Second,
		[]*Activity{NewActivity("flush"), nil, NewActivity("span export")}, newSlowest(1, oneKey{}))
	o.slow.offer(&call{due: 2, ended: 9}, false)
	for _, m := range o.met {
		m.add(3, 4)
	}
	o.tag(never)
	want := []string{record.StopTheWorld, record.GC, "flush", "span export", record.SchedulerWait}
	if got := o.slow.list()[0].Overlapped; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestNoMoreActivitiesAreWatchedThanThereAreTagsFor(t *testing.T) {
	var many []*Activity
	for i := range 40 {
		many = append(many, NewActivity(fmt.Sprint(i)))
	}
	o := newObserver(pace.ClockFrom(time.Now()), 0, time.Second, many, newSlowest(1, oneKey{}))
	if len(o.activities) != MaxActivities || len(o.met) != len(o.slow.names) ||
		len(o.met) > 8*int(reflect.TypeFor[suspects]().Size()) {
		t.Errorf("%d activities, %d suspects", len(o.activities), len(o.met))
	}
}

func TestCallsAreTaggedBeforeWhatTheyMetIsForgotten(t *testing.T) {
	noGC(t)
	export := NewActivity("span export")
	synctest.Test(t, func(t *testing.T) {
		o := watching(time.Second, time.Minute, func(o *observer) {
			o.makes(0, func() { time.Sleep(5 * msec); export.Begin()(); time.Sleep(5 * msec) })
			o.makes(1, func() { time.Sleep(10 * msec) })
			time.Sleep(time.Second)
			for _, c := range o.slow.list() {
				if want := c.N == 0; slices.Contains(c.Overlapped, "span export") != want {
					t.Errorf("a second after its end, call %d met %v", c.N, c.Overlapped)
				}
			}
			time.Sleep(msec / 2)          // between ticks
			for range remembered + 1000 { // apart from each other: more than are remembered
				export.Begin()()
				time.Sleep(2 * tickLength)
			}
		}, export)
		if o.overlapped(0, 10*msec)&(1<<2) != 0 {
			t.Error("the ring has not come round: this tests nothing")
		}
		if got := metBy(t, o, 0); !slices.Equal(got, []string{"span export"}) {
			t.Errorf("call 0 met %v", got)
		}
		if got := metBy(t, o, 1); len(got) != 0 {
			t.Errorf("call 1 met %v", got)
		}
	})
}

// The memory includes the observer, its activities and its calls.
func TestManyGoroutinesMayRunBesideAnObserver(t *testing.T) {
	export := NewActivity("span export")
	o := watching(msec, 50*msec, func(o *observer) {
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for n := uint64(w); n < 4*keptSlowest || o.clock.Now() < 50*msec; n += 4 {
					o.makes(n, func() { defer export.Begin()(); runtime.Gosched() })
				}
			})
		}
		wg.Wait()
	}, export)
	list := o.slow.list()
	if len(list) != keptSlowest {
		t.Fatalf("%d calls", len(list))
	}
	for _, c := range list {
		if !slices.Contains(c.Overlapped, "span export") {
			t.Errorf("call %d, from %v to %v, met %v", c.N, c.Due, c.Ended, c.Overlapped)
		}
	}
}

// This benchmark measures the cost of a tick, which the comment of observer mentions.
func BenchmarkTick(b *testing.B) {
	o := newObserver(pace.ClockFrom(time.Now()), time.Second, time.Hour, []*Activity{NewActivity("span export")},
		newSlowest(keptSlowest, oneKey{}))
	for b.Loop() {
		o.tick(o.clock.Now())
	}
}
