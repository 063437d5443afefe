package metrics

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"

	"github.com/loadgen-go/loadgen/observable"
)

// outcomes are the outcomes of calls, with the names that package observable uses in its own instruments.
var outcomes = [...]string{"ok", "error", "panic"}

const outcomeAttribute = attribute.Key("observable.outcome")

// sums are the numbers that never decrease.
type sums struct {
	ended    [len(outcomes)]uint64 // calls, by outcome
	counts   []uint64              // durations, by published bucket; nil if the map keeps no histogram
	duration time.Duration
}

// plus returns the sum of s and o, which shares no memory with them.
func (s sums) plus(o sums) sums {
	for i, n := range o.ended {
		s.ended[i] += n
	}
	if s.counts == nil {
		s.counts = slices.Clone(o.counts)
	} else {
		s.counts = slices.Clone(s.counts)
		for i, n := range o.counts {
			s.counts[i] += n
		}
	}
	s.duration += o.duration
	return s
}

// A series holds the constant parts of the series of one key.
type series struct {
	name      string
	set       attribute.Set
	byOutcome [len(outcomes)]attribute.Set
	start     time.Time // start of counting
}

func newSeries(key string, start time.Time) *series {
	s := &series{name: name(key), start: start}
	attr := observable.KeyAttribute.String(s.name)
	s.set = attribute.NewSet(attr)
	for o, outcome := range outcomes {
		s.byOutcome[o] = attribute.NewSet(attr, outcomeAttribute.String(outcome))
	}
	return s
}

// name returns the name under which a key is published. Both systems refuse a whole scrape for one
// invalid UTF-8 string. Keys that begin with a quote are quoted, too, so that the names of different
// keys are different.
func name(key string) string {
	if !utf8.ValidString(key) || strings.HasPrefix(key, `"`) {
		return strconv.Quote(key)
	}
	return key
}

// A tally holds what an account has seen of one key.
type tally struct {
	series  *series
	earlier sums             // sums of previous registrations of the key
	latest  sums             // sums of the current registration
	last    observable.Stats // latest statistics of the current registration
	held    bool             // whether the key is registered
}

// take adds the statistics of two consecutive snapshots, before and now.
//
// If a call ends after a snapshot has read the errors and before it reads the number of calls, the
// snapshot seems to have one more successful call. But every failed call that had ended in before is
// among the failed calls of now. So take uses the number of ended calls and the durations of before,
// and the errors and panics of now. Some of these belong to calls that ended later, so the difference
// may be lower than the successful calls published already; then that number is kept.
func (t *tally) take(before, now observable.Stats, b *buckets) {
	if !goesOn(&t.last, &now) {
		t.earlier, t.latest = t.earlier.plus(t.latest), sums{}
	}
	// Keep only the fields that goesOn and read need, so that a removed key keeps no buckets in memory.
	t.last = observable.Stats{Calls: now.Calls, FirstCall: now.FirstCall, InFlight: now.InFlight}
	if !goesOn(&before, &now) {
		before = observable.Stats{}
	}
	if before.Duration.Counts != nil {
		t.latest.counts, t.latest.duration = b.fold(before.Duration.Counts), before.Duration.Sum
	}
	ended := max(before.Duration.Count(), before.Calls-uint64(before.InFlight))
	ok := max(t.latest.ended[0], ended-min(ended, now.Errors+now.Panics))
	t.latest.ended = [...]uint64{ok, now.Errors, now.Panics}
}

// goesOn reports whether now belongs to the same registration as before. If the key was removed and
// registered again, the number of calls is lower or the first call is later, which is impossible within
// a registration.
func goesOn(before, now *observable.Stats) bool {
	return now.Calls >= before.Calls &&
		(before.FirstCall.IsZero() || !now.FirstCall.IsZero() && !now.FirstCall.After(before.FirstCall))
}

// A reading holds the published values of one key.
type reading struct {
	*series
	sums
	inFlight int64
	held     bool // whether the key is registered; otherwise inFlight is meaningless
}

// read takes two snapshots and returns the readings, sorted by key.
func (a *Account) read() []reading {
	a.reading.Lock()
	defer a.reading.Unlock()
	before := map[string]observable.Stats{}
	for _, s := range a.snapshot() {
		before[s.Key] = s
	}
	for _, t := range a.tallies {
		t.held = false
	}
	for _, s := range a.snapshot() {
		t := a.tallyOf(&s)
		t.take(before[s.Key], s, &a.buckets)
		t.held = true
	}
	var readings []reading
	for _, key := range slices.Sorted(maps.Keys(a.tallies)) {
		t := a.tallies[key]
		readings = append(readings, reading{t.series, t.earlier.plus(t.latest), t.last.InFlight, t.held})
	}
	return readings
}

// tallyOf returns the tally of a key, and makes it for a new key. It counts since the account was made,
// or since the first call if that was earlier.
func (a *Account) tallyOf(s *observable.Stats) *tally {
	t, ok := a.tallies[s.Key]
	if !ok {
		start := a.began
		if !s.FirstCall.IsZero() && s.FirstCall.Before(start) {
			start = s.FirstCall
		}
		t = &tally{series: newSeries(s.Key, start)}
		a.tallies[s.Key] = t
	}
	return t
}
