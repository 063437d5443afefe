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

// outcomes are how calls end, as package observable names them on its own
// instruments.
var outcomes = [...]string{"ok", "error", "panic"}

const outcomeAttribute = attribute.Key("observable.outcome")

// sums are what only grows.
type sums struct {
	ended    [len(outcomes)]uint64 // calls
	counts   []uint64              // durations by published bucket; nil: none are kept
	duration time.Duration
}

// plus is a sum of its own: it shares nothing with s and o.
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

// A series is what never changes of what is published of one key.
type series struct {
	name      string
	set       attribute.Set
	byOutcome [len(outcomes)]attribute.Set
	start     time.Time // since when it counts
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

// name is key as it is published. Both systems refuse what is not UTF-8, with all
// that is published beside it. Quoting what begins with a quote, too, keeps names
// of different keys apart.
func name(key string) string {
	if !utf8.ValidString(key) || strings.HasPrefix(key, `"`) {
		return strconv.Quote(key)
	}
	return key
}

// A tally is what an account has seen of one key.
type tally struct {
	series  *series
	earlier sums             // of handlers that held the key before
	latest  sums             // of the one that holds it now
	last    observable.Stats // of that one
	held    bool
}

// take adds up what two snapshots say, of which before is the earlier.
//
// A call may end between the moments at which a snapshot reads failures and ends:
// it would pass for one that ended well. But of those that had ended before, each
// that did not end well is among the failures of now. So durations are those of
// before, and outcomes those of now. Some failures are of calls that ended since,
// and may leave fewer good calls than were published: then it is as many as those.
func (t *tally) take(before, now observable.Stats, b *buckets) {
	if !goesOn(&t.last, &now) {
		t.earlier, t.latest = t.earlier.plus(t.latest), sums{}
	}
	// No more than is asked for: a removed key need not keep its buckets in memory.
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

// goesOn is whether now is of the same handler as before, or one that replaced it,
// rather than of one that was registered after that was removed: calls never get
// fewer, nor does the first get later.
func goesOn(before, now *observable.Stats) bool {
	return now.Calls >= before.Calls &&
		(before.FirstCall.IsZero() || !now.FirstCall.IsZero() && !now.FirstCall.After(before.FirstCall))
}

// A reading is what is published of one key.
type reading struct {
	*series
	sums
	inFlight int64
	held     bool // by a handler; if not, inFlight has no meaning
}

// read takes two snapshots, and returns the readings in order of keys.
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
	var all []reading
	for _, key := range slices.Sorted(maps.Keys(a.tallies)) {
		t := a.tallies[key]
		all = append(all, reading{t.series, t.earlier.plus(t.latest), t.last.InFlight, t.held})
	}
	return all
}

// tallyOf makes one for a new key. It counts since the account was made, or since
// the first call if that was before.
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
