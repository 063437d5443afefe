package metrics

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
	"github.com/loadgen-go/loadgen/observable"
)

// A model is a map of one key whose calls proceed step by step, in the order in
// which package observable counts. Steps are made between the reads of a snapshot,
// too, which are in the map's order.
type model struct {
	t       *rapid.T
	timed   bool
	held    bool
	removed bool // ever
	now     observable.Stats
	running []*modelCall
	begun   uint64 // calls, whoever held the key
	good    uint64 // of those that began: they have ended well, or will
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
	s := m.now // its outcomes
	m.steps()
	s.Duration = m.now.Duration
	m.steps()
	s.Calls, s.InFlight = m.now.Calls, m.now.InFlight
	m.steps()
	s.FirstCall = m.now.FirstCall
	return []observable.Stats{s}
}

// registerOrRemove, or both, is between the snapshots of a scrape at times.
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
		}, Options{Namespace: "shop"})
		var before sums
		check := func() {
			all := a.read()
			if len(all) == 0 {
				return
			}
			r := all[0]
			calls := total(r.ended[:])
			if recorded := total(r.counts); recorded > calls || r.ended[0] > m.good || r.ended[1] > m.failed {
				t.Fatalf("%d durations of %v calls; %d good ones began and %d failed", recorded, r.ended, m.good,
					m.failed)
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
			return // calls may have ended unseen
		}
		if before.ended != want || m.timed && total(before.counts) != m.begun {
			t.Fatalf("no call runs, and %v have ended, %v by duration: want %v", before.ended, before.counts, want)
		}
	})
}

func TestAKeyThatIsRegisteredAgainGoesOn(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	var now []observable.Stats
	a := newAccount(func() []observable.Stats { return now }, Options{Namespace: "shop"})
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
		{"called", stats(5, at(10)), 5},
		{"seen again", stats(6, at(10)), 6},
		{"an earlier first call was found", stats(6, at(9)), 6},
		{"removed", nil, 6},
		{"registered again", []observable.Stats{{Key: "a"}}, 6},
		{"called", stats(1, at(20)), 7},
		{"removed, registered and called more often at once", stats(4, at(30)), 11},
		{"the same when the clock stood still", stats(2, at(30)), 13},
		{"the same before its first call is noted", stats(3, time.Time{}), 16},
	} {
		now = step.stats
		r := a.read()[0]
		if r.ended[0] != step.want || total(r.counts) != step.want || r.duration != time.Duration(step.want) {
			t.Errorf("%s: %d calls, %d durations, %v: want %d", step.name, r.ended[0], total(r.counts), r.duration,
				step.want)
		}
		if r.held != (step.stats != nil) {
			t.Errorf("%s: held is %v", step.name, r.held)
		}
	}
}

func TestKeysAreApartAndUTF8(t *testing.T) {
	names := map[string]string{}
	for _, key := range []string{"", "a", "ü", "\xff", "\xfe", "\ufffd", `\xff`, `"\xff"`, `"`, `""`, `a"b`} {
		n := name(key)
		if other, taken := names[n]; taken {
			t.Errorf("%q and %q are both %s", key, other, n)
		}
		names[n] = key
		if n != key && key[0] != '"' && key[0] < 0xfe {
			t.Errorf("%q is changed for no reason: %s", key, n)
		}
	}
}
