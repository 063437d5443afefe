package metrics

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
	"github.com/loadgen-go/loadgen/observable"
)

// A model is a map with one key. Its calls proceed step by step, in the order in which package observable
// counts. Steps also happen between the reads of a snapshot, which are in the same order as in the map.
type model struct {
	t       *rapid.T
	timed   bool
	held    bool
	removed bool // whether the key was ever removed
	now     observable.Stats
	running []*modelCall
	begun   uint64 // calls of all registrations
	good    uint64 // calls that succeed, including the ones that still run
	failed  uint64
	clock   int64
}

type modelCall struct {
	fails bool
	step  int
}

func (m *model) begin() {
	s := &m.now
	m.begun++
	m.clock++
	s.Calls++
	s.InFlight++
	if s.FirstCall.IsZero() {
		s.FirstCall = time.Unix(m.clock, 0)
	}
	c := &modelCall{fails: rapid.Bool().Draw(m.t, "fails")}
	if !c.fails {
		m.good++
	}
	m.running = append(m.running, c)
}

func (m *model) proceed(i int) {
	c := m.running[i]
	c.step++
	switch {
	case c.step == 1 && c.fails:
		m.failed++
		m.now.Errors++
	case c.step == 2 && m.timed:
		m.now.Duration.Counts = []uint64{m.now.Duration.Count() + 1}
		m.now.Duration.Sum++
	case c.step == 3:
		m.now.InFlight--
		m.running = slices.Delete(m.running, i, i+1)
	}
}

func (m *model) steps() {
	for range rapid.IntRange(0, 5).Draw(m.t, "steps") {
		if i := rapid.IntRange(0, len(m.running)).Draw(m.t, "call"); i < len(m.running) {
			m.proceed(i)
		} else {
			m.begin()
		}
	}
}

func (m *model) snapshot() []observable.Stats {
	if !m.held {
		return nil
	}
	m.steps()
	s := m.now // reads the outcomes first
	m.steps()
	s.Duration = m.now.Duration
	m.steps()
	s.Calls, s.InFlight = m.now.Calls, m.now.InFlight
	m.steps()
	s.FirstCall = m.now.FirstCall
	return []observable.Stats{s}
}

// registerOrRemove sometimes registers or removes the key, or both. It is called before each snapshot.
func (m *model) registerOrRemove() {
	switch {
	case !m.held:
		m.held = true
	case rapid.IntRange(0, 9).Draw(m.t, "remove") < 3:
		m.held, m.removed = rapid.Bool().Draw(m.t, "again"), true
		m.now, m.running = observable.Stats{Key: "a"}, nil
	}
}

func (m *model) finish() {
	for len(m.running) > 0 {
		m.proceed(0)
	}
}

func TestWhatIsPublishedNeverGoesBackNorSaysMoreThanBegan(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		m := &model{t: t, timed: rapid.Bool().Draw(t, "timed"), now: observable.Stats{Key: "a"}}
		a := newAccount(func() []observable.Stats {
			m.registerOrRemove()
			return m.snapshot()
		}, nil, Options{Namespace: "shop"})
		var before sums
		check := func() {
			readings := a.read()
			if len(readings) == 0 {
				return
			}
			r := readings[0]
			calls := total(r.ended[:])
			if recorded := total(r.counts); recorded > calls || r.ended[0] > m.good || r.ended[1] > m.failed {
				t.Fatalf("%d durations of %v calls; %d successful calls began and %d failed", recorded, r.ended,
					m.good, m.failed)
			}
			for o, n := range r.ended {
				if n < before.ended[o] {
					t.Fatalf("%v calls, %v before", r.ended, before.ended)
				}
			}
			for i, n := range before.counts {
				if r.counts[i] < n {
					t.Fatalf("buckets are %v, %v before", r.counts, before.counts)
				}
			}
			if r.duration < before.duration {
				t.Fatalf("the sum is %v, %v before", r.duration, before.duration)
			}
			before = r.sums
		}
		for range 8 {
			check()
		}
		m.finish()
		a.snapshot = func() []observable.Stats { return []observable.Stats{m.now} }
		check()
		want := [...]uint64{m.good, m.failed, 0}
		if m.removed {
			return // calls may have ended between a scrape and Remove
		}
		if before.ended != want || m.timed && total(before.counts) != m.begun {
			t.Fatalf("no call runs, but %v have ended, with the durations %v; want %v", before.ended, before.counts,
				want)
		}
	})
}

func TestAKeyThatIsRegisteredAgainGoesOn(t *testing.T) {
	second := func(s int64) time.Time { return time.Unix(s, 0) }
	var now []observable.Stats
	a := newAccount(func() []observable.Stats { return now }, nil, Options{Namespace: "shop"})
	stats := func(calls uint64, first time.Time) []observable.Stats {
		d := observable.Histogram{Counts: []uint64{calls}, Sum: time.Duration(calls)}
		return []observable.Stats{{Key: "a", Calls: calls, FirstCall: first, Duration: d}}
	}
	for _, step := range []struct {
		name  string
		stats []observable.Stats
		want  uint64
	}{
		{"registered", []observable.Stats{{Key: "a"}}, 0},
		{"called", stats(5, second(10)), 5},
		{"seen again", stats(6, second(10)), 6},
		{"an earlier first call was found", stats(6, second(9)), 6},
		{"removed", nil, 6},
		{"registered again", []observable.Stats{{Key: "a"}}, 6},
		{"called", stats(1, second(20)), 7},
		{"removed, registered and called more often between two scrapes", stats(4, second(30)), 11},
		{"the same when the clock stood still", stats(2, second(30)), 13},
		{"the same before its first call is noted", stats(3, time.Time{}), 16},
	} {
		t.Run(step.name, func(t *testing.T) {
			now = step.stats
			r := a.read()[0]
			if r.ended[0] != step.want || total(r.counts) != step.want || r.duration != time.Duration(step.want) {
				t.Errorf("%d calls, %d durations, %v: want %d", r.ended[0], total(r.counts), r.duration,
					step.want)
			}
			if r.held != (step.stats != nil) {
				t.Errorf("held is %v", r.held)
			}
		})
	}
}

func TestKeysAreApartAndUTF8(t *testing.T) {
	names := map[string]string{}
	for _, key := range []string{"", "a", "ü", "\xff", "\xfe", "\ufffd", `\xff`, `"\xff"`, `"`, `""`, `a"b`} {
		n := name(key)
		if other, taken := names[n]; taken {
			t.Errorf("%q and %q are both published as %s", key, other, n)
		}
		names[n] = key
		if n != key && key[0] != '"' && key[0] < 0xfe {
			t.Errorf("%q is published as %s, but need not be quoted", key, n)
		}
	}
}
