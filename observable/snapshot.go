package observable

import (
	"slices"
	"strings"
	"time"
)

// Stats are the statistics of one key at one moment. A call has one outcome: an error, a
// panic, or neither.
type Stats struct {
	Key          string
	From         string      // file:line that registered or last replaced the handler
	Calls        uint64      // calls that have begun
	Errors       uint64      // calls that returned an error, or ended their goroutine
	Panics       uint64      // calls that panicked, or returned a *PanicError
	InFlight     int64       // calls that have begun and not ended
	MostInFlight int64       // the highest that InFlight ever was
	FirstCall    time.Time   // when the first call began; zero if there was none
	LastCall     time.Time   // when the latest call began; zero if there was none
	LastPanic    *PanicError // the latest panic, which must not be changed; nil if there was none
	Duration     Histogram   // durations of the calls that ended, if Options.Histogram is set
}

// Snapshot returns the statistics of every key and every [Probe], sorted by key. Each number is exact, and
// Calls and InFlight are read at the same instant. The other numbers may be from slightly
// different instants while calls run.
//
// The result shows which keys are hot (Calls), which are never called (Calls is 0), which
// run concurrently (MostInFlight is above 1), and which panic, where and when
// (LastPanic). Snapshot takes no lock. With histograms it reads every bucket of every
// key, which takes some microseconds per key.
func (m *Map) Snapshot() []Stats {
	var stats []Stats
	for _, e := range m.entries() {
		stats = append(stats, e.stats())
	}
	for _, e := range m.probeEntries() {
		stats = append(stats, m.probeStats(e))
	}
	slices.SortFunc(stats, func(a, b Stats) int { return strings.Compare(a.Key, b.Key) })
	return stats
}

func (e *entry) stats() Stats {
	s := Stats{Key: e.key}
	if f := e.fn.Load(); f != nil {
		s.From = f.from
	}
	e.account.read(&s)
	return s
}
