package bench

import (
	"math"
	"runtime/metrics"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// A meter reads runtime/metrics.
type meter struct {
	often, cycles, seldom []metrics.Sample // reused, so that reading allocates nothing

	gcPauses, otherPauses, waits histogram

	ended uint64 // garbage collection cycles at the last look
	gc    collection
}

func newMeter() *meter {
	samples := func(names ...string) []metrics.Sample {
		s := make([]metrics.Sample, len(names))
		for i, name := range names {
			s[i].Name = name
		}
		metrics.Read(s) // makes the histograms
		return s
	}
	m := &meter{
		often: samples("/sched/pauses/total/gc:seconds", "/sched/pauses/total/other:seconds",
			"/sched/latencies:seconds"),
		cycles: samples("/gc/cycles/total:gc-cycles"),
		seldom: samples("/cpu/classes/gc/mark/assist:cpu-seconds", "/cpu/classes/gc/total:cpu-seconds",
			"/sync/mutex/wait/total:seconds", "/gc/heap/live:bytes", "/memory/classes/heap/objects:bytes",
			"/sched/goroutines:goroutines"),
	}
	for i, h := range []*histogram{&m.gcPauses, &m.otherPauses, &m.waits} {
		*h = newHistogram(&m.often[i])
	}
	m.ended = number(&m.cycles[0])
	// A cycle stops the world twice.
	m.gc.guess(0, m.gcPauses.total() > 2*m.ended)
	return m
}

// signs describe the activity of the runtime between two ticks.
type signs struct {
	stopped   bool // the world was stopped
	collected bool // the collector was working
	// waited and waitedAtMost bound the longest sampled time that a goroutine waited to run.
	waited, waitedAtMost time.Duration
}

// tick returns the activity since its last call. It takes some 2 us.
func (m *meter) tick(now time.Duration) signs {
	metrics.Read(m.often)
	gcPauses, _ := m.gcPauses.since()
	otherPauses, _ := m.otherPauses.since()
	waits, longest := m.waits.since()
	s := signs{stopped: gcPauses+otherPauses > 0, collected: m.gc.going || gcPauses > 0}
	if s.collected {
		// A cycle can only have ended if the collector was working.
		metrics.Read(m.cycles)
		ended := number(&m.cycles[0])
		m.gc.step(now, gcPauses, ended-m.ended)
		m.ended = ended
	}
	if waits > 0 {
		s.waited, s.waitedAtMost = m.waits.lower[longest], m.waits.upper[longest]
	}
	return s
}

// read sets the values of a tally that are read only once per window.
func (m *meter) read(t *tally) {
	metrics.Read(m.seldom)
	t.gcAssist, t.gcCPU, t.mutexWait = lasted(&m.seldom[0]), lasted(&m.seldom[1]), lasted(&m.seldom[2])
	t.heapLive, t.heapObjects, t.alive = number(&m.seldom[3]), number(&m.seldom[4]), number(&m.seldom[5])
}

// A collection infers whether the garbage collector is working, which the runtime does not report, from
// the counts of pauses and of cycles: a cycle stops the world when it begins and when it ends.
//
// Sometimes it has to guess, for three reasons. The runtime counts a cycle a moment before its last
// pause. When the runtime wants to end a cycle, it may find that there is more to do, and then pauses
// once more (golang/go#27993). And the state at the start is not known. A guess that is not confirmed is
// dropped after some time, and counts that do not fit are ignored, so that no mistake lasts.
type collection struct {
	going   bool
	guessed bool          // going is a guess
	since   time.Duration // when the guess was made
	owed    bool          // the last pause of a cycle that has ended has not been counted yet
}

// unconfirmed is how long a guess that a collection is going on is kept.
const unconfirmed = 100 * time.Millisecond

func (c *collection) guess(now time.Duration, going bool) {
	if !going || !c.guessed {
		c.since = now
	}
	c.going, c.guessed = going, going
}

// step takes the numbers of pauses and of cycle ends since the last step.
func (c *collection) step(now time.Duration, pauses, ended uint64) {
	if c.owed && pauses > 0 {
		pauses--
	}
	c.owed = false // the pause comes at once, or not at all
	if ended == 0 {
		switch {
		case pauses > 0:
			c.going, c.guessed = true, false
		case c.guessed && now-c.since > unconfirmed:
			c.guess(now, false)
		}
		return
	}
	want := 2 * ended
	if c.going {
		want--
	}
	c.owed = pauses < want
	c.guess(now, pauses > want) // the next cycle has begun, unless a cycle needed more pauses
}

// A histogram is a histogram of runtime/metrics, with its counts at the last look.
type histogram struct {
	sample       *metrics.Sample
	lower, upper []time.Duration // the bounds of each bucket
	last         []uint64        // the counts at the last look
}

func newHistogram(s *metrics.Sample) histogram {
	h := histogram{sample: s}
	counts, bounds := buckets(s)
	for i := range counts {
		lower, upper := max(bounds[i], 0), max(bounds[i+1], 0)
		if math.IsInf(upper, 1) {
			upper = lower
		}
		h.lower, h.upper = append(h.lower, inSeconds(lower)), append(h.upper, inSeconds(upper))
	}
	h.last = append(h.last, counts...)
	return h
}

// buckets returns the counts and bounds of a histogram, or nil if this runtime does not have the metric.
func buckets(s *metrics.Sample) (counts []uint64, bounds []float64) {
	if s.Value.Kind() != metrics.KindFloat64Histogram {
		return nil, nil
	}
	h := s.Value.Float64Histogram()
	return h.Counts, h.Buckets
}

// since returns the number of durations counted since its last call, and the bucket of the longest.
func (h *histogram) since() (n uint64, longest int) {
	counts, _ := buckets(h.sample)
	for i, c := range counts {
		if c != h.last[i] {
			n += c - h.last[i]
			longest, h.last[i] = i, c
		}
	}
	return n, longest
}

// total returns the number of durations at the last look.
func (h *histogram) total() (n uint64) {
	for _, c := range h.last {
		n += c
	}
	return n
}

// sum estimates the sum of all durations. The width of a bucket is at most a quarter of its lower bound.
func (h *histogram) sum() (sum time.Duration) {
	for i, c := range h.last {
		if c > 0 {
			sum += time.Duration(c) * (h.lower[i] + (h.upper[i]-h.lower[i])/2)
		}
	}
	return sum
}

// quantiles sets results to the quantiles qs, which must ascend, of the durations counted between two
// states of the counts. Each result is the upper bound of a bucket.
func (h *histogram) quantiles(after, before []uint64, qs [3]float64, results [3]*time.Duration) {
	var n, seen uint64
	for i, c := range after {
		n += c - before[i]
	}
	next := 0
	for i, c := range after {
		seen += c - before[i]
		for n > 0 && next < len(qs) && seen >= quantile.Rank(qs[next], n) {
			*results[next] = h.upper[i]
			next++
		}
	}
}

// number returns a count, or 0 if this runtime does not have the metric.
func number(s *metrics.Sample) uint64 {
	if s.Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return s.Value.Uint64()
}

// lasted returns a duration, or 0 if this runtime does not have the metric.
func lasted(s *metrics.Sample) time.Duration {
	if s.Value.Kind() != metrics.KindFloat64 {
		return 0
	}
	return inSeconds(s.Value.Float64())
}

func inSeconds(s float64) time.Duration { return time.Duration(math.Round(s * 1e9)) }
