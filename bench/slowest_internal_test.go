package bench

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/internal/property"
)

// ofLatency returns a call with number n, which is due at n ms.
func ofLatency(n uint64, latency time.Duration) *call {
	due := time.Duration(n) * msec
	return &call{due: due, ideal: due, begun: due, ended: due + latency, n: n}
}

func TestTheSlowestCallsAreKept(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		room := rapid.IntRange(0, 40).Draw(t, "room")
		latencies := rapid.SliceOfN(rapid.IntRange(0, 60), 0, 200).Draw(t, "latencies")
		s := newSlowest(room, oneKey{})
		type numbered struct {
			n       uint64
			latency time.Duration
		}
		var want []numbered
		for i, l := range latencies {
			n, latency := uint64(i), time.Duration(l)
			s.offer(ofLatency(n, latency), false)
			want = append(want, numbered{n, latency})
		}
		// Of equals the one offered first is kept.
		slices.SortStableFunc(want, func(a, b numbered) int { return int(b.latency - a.latency) })
		want = want[:min(room, len(want))]
		list := s.list()
		if len(list) != len(want) {
			t.Fatalf("%d calls, want %d", len(list), len(want))
		}
		for i, c := range list {
			if c.N != want[i].n || c.Latency() != want[i].latency {
				t.Fatalf("place %d: call %d of %v, want %+v", i, c.N, c.Latency(), want[i])
			}
		}
	})
}

func TestOfEqualCallsTheEarlierStays(t *testing.T) {
	s := newSlowest(2, oneKey{})
	for n, latency := range []time.Duration{1, 1, 1, 2} {
		s.offer(ofLatency(uint64(n), latency), false)
	}
	if list := s.list(); list[0].N != 3 || list[1].N != 0 {
		t.Errorf("%+v", list)
	}
}

func TestManyGoroutinesMayOfferCalls(t *testing.T) {
	s := newSlowest(keptSlowest, oneKey{})
	var wg sync.WaitGroup
	const workers, each = 8, 2000
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				n := uint64(i*workers + w)
				s.offer(ofLatency(n, time.Duration(n*7919%(workers*each))), false)
			}
		})
	}
	wg.Go(func() { // as the observer does
		for range 100 {
			for i := range s.room {
				if n, _, _, ok := s.untagged(i, never); ok {
					s.tag(i, n, 1)
				}
			}
		}
	})
	wg.Wait()
	list := s.list()
	const most = workers*each - 1
	if len(list) != keptSlowest || list[keptSlowest-1].Latency() < (most-keptSlowest)*64/65 {
		t.Errorf("%d calls, the slowest of %d and the fastest of %d", len(list), list[0].Latency(),
			list[len(list)-1].Latency())
	}
}

type keysOf map[uint64]string

func (k keysOf) Key(n uint64) string { return k[n] }

// In a backlog every call is slower than the call before it.
func TestCallsThatAreHardlySlowerAreLeftOut(t *testing.T) {
	s := newSlowest(4, oneKey{})
	taken := 0
	const calls = 100_000
	for n := range uint64(calls) {
		before := s.floor.Load()
		s.offer(ofLatency(n, time.Duration(1000+n)), false)
		if s.floor.Load() != before {
			taken++
		}
	}
	if least := s.list()[3].Latency(); taken > 2000 || least < calls*62/64 {
		t.Errorf("%d of %d calls were taken, the fastest that is kept has %d", taken, calls, least)
	}
}

func TestOfferingACallAllocatesNothing(t *testing.T) {
	s := newSlowest(keptSlowest, oneKey{})
	n := uint64(0)
	if allocs := testing.AllocsPerRun(1000, func() {
		n++
		s.offer(ofLatency(n, time.Duration(n)), false) // is taken
		s.offer(ofLatency(n, 0), false)                // is not, once there are enough
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestATagIsOfOneCallOnly(t *testing.T) {
	s := newSlowest(1, oneKey{})
	s.names = []string{record.StopTheWorld, record.GC}
	s.offer(ofLatency(0, 1*msec), false)
	n, _, _, ok := s.untagged(0, msec)
	if !ok {
		t.Fatal("a call that has ended is not looked at")
	}
	s.offer(ofLatency(1, 2*msec), false) // takes its place meanwhile
	s.tag(0, n, 1<<1)
	if list := s.list(); len(list) != 1 || list[0].N != 1 || list[0].Overlapped != nil {
		t.Errorf("%+v", list)
	}
	if _, _, _, ok := s.untagged(0, 2*msec); ok {
		t.Error("a call is looked at before it has ended")
	}
	if _, _, _, ok := s.untagged(0, 3*msec); !ok {
		t.Error("the call that took its place is not looked at")
	}
	s.tag(0, 1, 1<<1)
	if _, _, _, ok := s.untagged(0, 3*msec); ok {
		t.Error("a call is looked at twice")
	}
}

func TestASlowCallIsWrittenInFull(t *testing.T) {
	s := newSlowest(2, keysOf{7: "checkout", 8: "search"})
	s.names = []string{record.StopTheWorld, record.GC, "span export", record.SchedulerWait}
	s.offer(&call{due: 1, ideal: 2, begun: 3, ended: 9, n: 7}, true)
	s.tag(0, 7, 1<<3|1<<2|1<<0)
	s.offer(&call{due: 2, ideal: 2, begun: 2, ended: 4, n: 8}, false)
	got, err := json.Marshal(s.list())
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"n":7,"key":"checkout","due_ns":1,"begun_ns":3,"ended_ns":9,"failed":true,` +
		`"overlapped":["stop-the-world","span export","scheduler wait"]},` +
		`{"n":8,"key":"search","due_ns":2,"begun_ns":2,"ended_ns":4,"failed":false}]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

// These benchmarks measure the cost of a call that is not among the slowest, and of a call that is.
func BenchmarkOffer(b *testing.B) {
	for _, taken := range []bool{false, true} {
		b.Run(fmt.Sprintf("taken=%v", taken), func(b *testing.B) {
			s := newSlowest(keptSlowest, oneKey{})
			for n := range uint64(keptSlowest) {
				s.offer(ofLatency(n, 1), false)
			}
			latency := time.Duration(1)
			for b.Loop() {
				if taken {
					latency++
				}
				s.offer(&call{ended: latency}, false)
			}
		})
	}
}
