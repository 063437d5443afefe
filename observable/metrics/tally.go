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
	earlier sums // of handlers that held the key before
	latest  sums // of the one that holds it now

	// Of the one that holds it now, as of its last snapshot.
	begun, ended uint64
	first        time.Time
	inFlight     int64
	held         bool
}

// meet begins anew if s is of another handler than before: one that was registered
// after that was removed. Calls of one handler never get fewer, nor does its first
// call get later.
func (t *tally) meet(s *observable.Stats) {
	if s.Calls < t.begun || !t.first.IsZero() && (s.FirstCall.IsZero() || s.FirstCall.After(t.first)) {
		t.earlier, t.latest, t.ended = t.earlier.plus(t.latest), sums{}, 0
	}
	t.begun, t.first = s.Calls, s.FirstCall
}

// takeDurations comes before takeOutcomes, of a later snapshot.
func (t *tally) takeDurations(s *observable.Stats, b *buckets) {
	t.meet(s)
	t.ended = max(s.Duration.Count(), s.Calls-uint64(s.InFlight))
	if s.Duration.Counts != nil {
		t.latest.counts, t.latest.duration = b.fold(s.Duration.Counts), s.Duration.Sum
	}
}

// takeOutcomes makes out how many calls ended well: of those that the earlier
// snapshot saw end, each that did not is a failure in this one. Some that are may
// have ended since, so it may be that too few are left: then it is as many as
// before.
func (t *tally) takeOutcomes(s *observable.Stats) {
	t.meet(s)
	t.inFlight = s.InFlight
	ok := max(t.latest.ended[0], t.ended-min(t.ended, s.Errors+s.Panics))
	t.latest.ended = [...]uint64{ok, s.Errors, s.Panics}
}

// A reading is what is published of one key.
type reading struct {
	*series
	sums
	inFlight int64
	held     bool // by a handler; if not, inFlight has no meaning
}

// read returns the readings in order of keys.
//
// A call may end between the moments at which a snapshot reads that it ended and
// that it failed. So there are two: see takeOutcomes.
func (a *Account) read() []reading {
	a.reading.Lock()
	defer a.reading.Unlock()
	for _, s := range a.snapshot() {
		a.tallyOf(&s).takeDurations(&s, &a.buckets)
	}
	for _, t := range a.tallies {
		t.held = false
	}
	for _, s := range a.snapshot() {
		t := a.tallyOf(&s)
		t.takeOutcomes(&s)
		t.held = true
	}
	var all []reading
	for _, key := range slices.Sorted(maps.Keys(a.tallies)) {
		t := a.tallies[key]
		all = append(all, reading{t.series, t.earlier.plus(t.latest), t.inFlight, t.held})
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
