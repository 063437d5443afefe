package bench

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// keptSlowest is how many of the slowest calls of a run are kept.
const keptSlowest = 32

// slowest are the slowest calls so far, to one part in 64: a call takes the place of
// another if it is slower by as much. (In a backlog every call is slower than the one
// before it, and each of them would be taken otherwise.) Any goroutine may offer one;
// a call that is not among them costs one atomic load, and none allocates.
type slowest struct {
	floor atomic.Int64 // latency that a call must exceed to be taken
	room  int
	keys  schedule.Keys
	names []string // of what calls may overlap, the likeliest cause first

	mu    sync.Mutex
	calls []slowCall
	least int // index of the fastest of them
}

type slowCall struct {
	record.SlowCall          // Overlapped is empty here
	tagged          bool     // tags are known
	tags            suspects // what it overlapped
}

func newSlowest(room int, keys schedule.Keys) *slowest {
	s := &slowest{room: room, keys: keys, calls: make([]slowCall, 0, room)}
	s.floor.Store(-1) // a latency of 0 is taken too
	if room == 0 {
		s.floor.Store(math.MaxInt64)
	}
	return s
}

// offer takes a call if it is clearly slower than the fastest of those kept, or if
// there is room. Of equals the earlier stays, as far as calls are offered in their
// order.
func (s *slowest) offer(c *call, failed bool) {
	if int64(c.ended-c.due) > s.floor.Load() {
		s.take(c, failed)
	}
}

func (s *slowest) take(c *call, failed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if int64(c.ended-c.due) <= s.floor.Load() {
		return // others were taken meanwhile
	}
	taken := slowCall{SlowCall: record.SlowCall{N: c.n, Key: s.keys.Key(c.n), Due: c.due, Begun: c.begun, Ended: c.ended,
		Failed: failed}}
	if len(s.calls) < s.room {
		s.calls = append(s.calls, taken)
		if len(s.calls) < s.room {
			return
		}
	} else {
		s.calls[s.least] = taken
	}
	s.least = 0
	for i := range s.calls {
		c, least := &s.calls[i], &s.calls[s.least]
		if c.Latency() < least.Latency() || c.Latency() == least.Latency() && c.N > least.N {
			s.least = i
		}
	}
	least := int64(s.calls[s.least].Latency())
	s.floor.Store(least + least>>6)
}

// tag notes what call i, which has number n, has overlapped.
func (s *slowest) tag(i int, n uint64, tags suspects) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := &s.calls[i]; c.N == n { // or another has taken its place
		c.tags, c.tagged = tags, true
	}
}

// untagged is call i, if it ended by then and was not looked at.
func (s *slowest) untagged(i int, by time.Duration) (n uint64, due, ended time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i >= len(s.calls) || s.calls[i].tagged || s.calls[i].Ended > by {
		return 0, 0, 0, false
	}
	c := &s.calls[i]
	return c.N, c.Due, c.Ended, true
}

// list is all of them, slowest first, and of equals the one due first.
func (s *slowest) list() []record.SlowCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]record.SlowCall, len(s.calls))
	for i, c := range s.calls {
		list[i] = c.SlowCall
		list[i].Overlapped = c.tags.names(s.names)
	}
	slices.SortFunc(list, func(a, b record.SlowCall) int {
		return cmp.Or(cmp.Compare(b.Latency(), a.Latency()), cmp.Compare(a.Due, b.Due), cmp.Compare(a.N, b.N))
	})
	return list
}

// suspects are a set of what a call overlapped: bit i is the i-th in the order of
// suspicion.
type suspects uint32

func (s suspects) names(all []string) (names []string) {
	for i, name := range all {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}
