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

// keptSlowest is the number of slowest calls of a run that are kept.
const keptSlowest = 32

// slowest holds the slowest calls so far, to one part in 64: a call replaces another only if it is
// slower by that much. (In a backlog every call is slower than the call before it, and each would be
// taken otherwise.) Any goroutine may offer a call. A call that is not taken costs one atomic load, and
// no call allocates.
type slowest struct {
	floor atomic.Int64 // the latency that a call must exceed to be taken
	room  int
	keys  schedule.Keys
	names []string // the names of the suspects, the likeliest cause first

	mu    sync.Mutex
	calls []slowCall
	least int // index of the fastest of calls
}

type slowCall struct {
	record.SlowCall          // without Overlapped
	tagged          bool     // tags are known
	tags            suspects // the events that it overlapped
}

func newSlowest(room int, keys schedule.Keys) *slowest {
	s := &slowest{room: room, keys: keys, calls: make([]slowCall, 0, room)}
	s.floor.Store(-1) // a latency of 0 is taken too
	if room == 0 {
		s.floor.Store(math.MaxInt64)
	}
	return s
}

// offer takes a call if it is clearly slower than the fastest kept call, or if there is room. Of equally
// slow calls the earlier stays, if calls are offered in order.
func (s *slowest) offer(c *call, failed bool) {
	if int64(c.ended-c.due) > s.floor.Load() {
		s.take(c, failed)
	}
}

func (s *slowest) take(c *call, failed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if int64(c.ended-c.due) <= s.floor.Load() {
		return // other calls were taken meanwhile
	}
	taken := slowCall{SlowCall: record.SlowCall{N: c.n, Key: s.keys.Key(c.n), Due: c.due, Begun: c.begun,
		Ended: c.ended, Failed: failed}}
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

// tag sets the events that call i, whose number is n, has overlapped.
func (s *slowest) tag(i int, n uint64, tags suspects) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := &s.calls[i]; c.N == n { // otherwise another call has replaced it
		c.tags, c.tagged = tags, true
	}
}

// untagged returns call i if it ended before or at by and has no tags yet.
func (s *slowest) untagged(i int, by time.Duration) (n uint64, due, ended time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i >= len(s.calls) || s.calls[i].tagged || s.calls[i].Ended > by {
		return 0, 0, 0, false
	}
	c := &s.calls[i]
	return c.N, c.Due, c.Ended, true
}

// list returns all calls, slowest first, and equally slow calls by their due instants.
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

// suspects are a set of events that a call overlapped. Bit i stands for the i-th likeliest cause.
type suspects uint32

// names returns the names of the suspects in s.
func (s suspects) names(suspectNames []string) (names []string) {
	for i, name := range suspectNames {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}
