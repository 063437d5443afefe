package bench

import (
	"encoding/json"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loadgen-go/loadgen/bench/record"
)

// noGC prevents the collector from running by itself.
func noGC(t *testing.T) {
	percent := debug.SetGCPercent(-1)
	t.Cleanup(func() { debug.SetGCPercent(percent) })
	runtime.GC() // ends one that was under way
}

func TestEveryMetricIsKnownToTheRuntime(t *testing.T) {
	m := newMeter()
	for _, samples := range [][]metrics.Sample{m.often, m.cycles, m.seldom} {
		for _, s := range samples {
			if s.Value.Kind() == metrics.KindBad {
				t.Errorf("there is no %s", s.Name)
			}
		}
	}
}

func TestAMetricThatTheRuntimeDoesNotKnowIsZero(t *testing.T) {
	s := []metrics.Sample{{Name: "/no/such:thing"}}
	metrics.Read(s)
	h := newHistogram(&s[0])
	if n, _ := h.since(); n != 0 || h.sum() != 0 || number(&s[0]) != 0 || lasted(&s[0]) != 0 {
		t.Error("something was counted")
	}
}

func TestTheCollectorIsSeenAtWork(t *testing.T) {
	noGC(t)
	m := newMeter()
	m.tick(0)
	if s := m.tick(1 * msec); s.collected || s.stopped {
		t.Errorf("nothing was done: %+v", s)
	}
	runtime.GC()
	if s := m.tick(2 * msec); !s.collected || !s.stopped {
		t.Errorf("a collection: %+v", s)
	}
	if m.gc.going {
		t.Error("it goes on after its end")
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if s := m.tick(3 * msec); s.collected || !s.stopped {
		t.Errorf("the world stopped for another reason: %+v", s)
	}
}

func TestALongWaitToRunIsSeen(t *testing.T) {
	var busy atomic.Bool
	busy.Store(true)
	var wg, begun sync.WaitGroup
	defer wg.Wait()
	defer busy.Store(false)
	for range 4 * runtime.GOMAXPROCS(0) {
		begun.Add(1)
		wg.Go(func() {
			begun.Done()
			for busy.Load() {
				for end := time.Now().Add(longWait); time.Now().Before(end); { // without giving way
				}
				runtime.Gosched()
			}
		})
	}
	begun.Wait()
	m := newMeter()
	const turns = 1000 // in each of which this goroutine waits for others
	for range turns {
		s := m.tick(0)
		if s.waited > s.waitedAtMost {
			t.Fatalf("from %v to %v", s.waited, s.waitedAtMost)
		}
		if s.waited >= longWait {
			return
		}
		runtime.Gosched()
	}
	t.Error("no goroutine waited, with four for each processor")
}

func TestACollectionIsTakenFromCountsOfPausesAndCycles(t *testing.T) {
	type step struct {
		at            time.Duration
		pauses, ended uint64
		going         bool
	}
	for name, steps := range map[string][]step{
		"one that lasts":             {{1, 1, 0, true}, {2, 0, 0, true}, {3, 1, 1, false}},
		"one within a tick":          {{1, 2, 1, false}},
		"several within a tick":      {{1, 6, 3, false}},
		"one after the other":        {{1, 1, 0, true}, {2, 2, 1, true}, {3, 1, 1, false}},
		"a whole one, and another":   {{1, 3, 1, true}, {2, 1, 1, false}},
		"its end before its pause":   {{1, 1, 0, true}, {2, 0, 1, false}, {3, 1, 0, false}, {4, 1, 0, true}},
		"an owed pause and the next": {{1, 1, 1, false}, {2, 2, 0, true}, {3, 1, 1, false}},
		"a pause that never comes":   {{1, 0, 1, false}, {2, 0, 0, false}, {3, 1, 0, true}},
		"an end that took two":       {{1, 1, 0, true}, {2, 1, 0, true}, {3, 1, 1, false}},
		"a long one":                 {{1, 1, 0, true}, {900, 0, 0, true}, {901, 1, 1, false}},
		// One that has begun, or an end that took two pauses: it is believed for a while.
		"a guess that is right": {{1, 1, 0, true}, {2, 2, 1, true}, {90, 0, 0, true}, {91, 1, 1, false}},
		"a guess that is wrong": {{1, 1, 0, true}, {2, 2, 1, true}, {102, 0, 0, true}, {103, 0, 0, false},
			{104, 1, 0, true}},
		"a guess that is confirmed": {{1, 3, 1, true}, {2, 1, 0, true}, {500, 0, 0, true}},
		"a guess that each one keeps": {{1, 3, 1, true}, {51, 2, 1, true}, {101, 2, 1, true}, {102, 0, 0, false},
			{151, 2, 1, false}},
	} {
		t.Run(name, func(t *testing.T) {
			var c collection
			for i, s := range steps {
				if c.step(s.at*msec, s.pauses, s.ended); c.going != s.going {
					t.Errorf("%s, step %d: going %v, want %v", name, i, c.going, s.going)
				}
			}
		})
	}
}

func TestNoMistakeAboutTheCollectorLasts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var c collection
	c.guess(0, true) // which is wrong
	now := time.Duration(0)
	for range 1000 {
		// Counts in any order, as many as there may be.
		for range random.IntN(10) {
			now += msec
			c.step(now, random.Uint64N(4), random.Uint64N(3))
		}
		// A collection that a tick sees begin, work, and end.
		for range 150 {
			now += msec
			c.step(now, 0, 0)
		}
		c.step(now+1*msec, 1, 0)
		if !c.going {
			t.Fatal("a collection that begins is not seen")
		}
		c.step(now+2*msec, 1, 1)
		if c.going {
			t.Fatal("a collection that has ended goes on")
		}
		now += 3 * msec
		c.step(now, 0, 0)
	}
}

func TestQuantilesOfWaitsAreTheUpperBoundsOfTheirBuckets(t *testing.T) {
	h := histogram{lower: []time.Duration{0, 8, 10, 20}, upper: []time.Duration{8, 10, 20, 20}}
	for _, c := range []struct {
		before, after [4]uint64
		want          [3]time.Duration
	}{
		{want: [3]time.Duration{0, 0, 0}},
		{before: [4]uint64{0, 5, 0, 5}, after: [4]uint64{0, 5, 0, 5}, want: [3]time.Duration{0, 0, 0}},
		{before: [4]uint64{9, 0, 0, 0}, after: [4]uint64{9, 1, 0, 0}, want: [3]time.Duration{10, 10, 10}},
		{after: [4]uint64{50, 49, 1, 0}, want: [3]time.Duration{8, 10, 20}},
		{after: [4]uint64{49, 50, 0, 1}, want: [3]time.Duration{10, 10, 20}},
		{after: [4]uint64{10, 10, 980, 0}, want: [3]time.Duration{20, 20, 20}},
	} {
		var got [3]time.Duration
		h.quantiles(c.after[:], c.before[:], waitQuantiles, [...]*time.Duration{&got[0], &got[1], &got[2]})
		if got != c.want {
			t.Errorf("%v to %v: %v, want %v", c.before, c.after, got, c.want)
		}
	}
}

func TestTheSumOfPausesIsThatOfTheMiddlesOfTheirBuckets(t *testing.T) {
	h := histogram{lower: []time.Duration{0, 8, 10, 20}, upper: []time.Duration{8, 10, 20, 20},
		last: []uint64{1, 2, 0, 3}}
	if got := h.sum(); got != 4+2*9+3*20 {
		t.Errorf("%d", got)
	}
}

// The comments of record.Runtime make these claims.
func TestBucketsOfTheRuntimeAreAtMostAQuarterWide(t *testing.T) {
	m := newMeter()
	for _, h := range []*histogram{&m.gcPauses, &m.otherPauses, &m.waits} {
		for i, lower := range h.lower {
			if lower < time.Microsecond {
				continue // short beside what anything here is compared with
			}
			if width := h.upper[i] - lower; width < 0 || 4*width > lower {
				t.Errorf("%s: a bucket from %v to %v", h.sample.Name, lower, h.upper[i])
			}
		}
	}
}

func TestARuntimeWindowIsWrittenInFull(t *testing.T) {
	got, err := json.Marshal(record.RuntimeWindow{From: 1, To: 2, Runtime: record.Runtime{
		GCCycles: 3, GCPause: 4, OtherPause: 5, GCAssist: 6, GCCPU: 7, WaitP50: 8, WaitP99: 9, WaitMax: 10,
		MutexWait: 11,
		HeapLive:  12, HeapObjects: 13, Goroutines: 14, CPU: 15, Pressure: record.Pressure{Known: true, CPU: 0.5,
			Memory: 0.25, IO: 0.125},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"from_ns":1,"to_ns":2,"gc_cycles":3,"gc_pause_ns":4,"other_pause_ns":5,"gc_assist_cpu_ns":6,` +
		`"gc_cpu_ns":7,` +
		`"scheduler_wait_p50_ns":8,"scheduler_wait_p99_ns":9,"scheduler_wait_max_ns":10,"mutex_wait_ns":11,` +
		`"heap_live_bytes":12,"heap_objects_bytes":13,"goroutines":14,"cpu_ns":15,` +
		`"pressure":{"known":true,"cpu":0.5,"memory":0.25,"io":0.125}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestPressureIsTheShareOfTimeInWhichSomethingWaited(t *testing.T) {
	known := func(cpu, memory, io time.Duration) stalls { return stalls{true, cpu, memory, io} }
	for _, c := range []struct {
		before, after stalls
		elapsed       time.Duration
		want          record.Pressure
	}{
		{known(1*msec, 2*msec, 3*msec), known(6*msec, 2*msec, 4*msec), 10 * msec,
			record.Pressure{Known: true, CPU: 0.5, IO: 0.1}},
		{known(5, 0, 0), known(2, 90, 0), 10, record.Pressure{Known: true, Memory: 1}}, // never below 0 or above 1
		{known(1, 2, 3), stalls{}, 10, record.Pressure{}},
		{stalls{}, known(1, 2, 3), 10, record.Pressure{}},
		{known(1, 2, 3), known(1, 2, 3), 0, record.Pressure{}}, // no share of no time
	} {
		if got := c.after.since(&c.before, c.elapsed); got != c.want {
			t.Errorf("%+v to %+v in %v: %+v, want %+v", c.before, c.after, c.elapsed, got, c.want)
		}
	}
}
