package observable

import (
	"slices"
	"strings"
	"time"
)

// Stats is the account of one key at one moment. A call is of one outcome: an
// error, a panic, or neither.
type Stats struct {
	Key          string
	From         string      // file:line that registered the handler, or replaced it last
	Calls        uint64      // begun
	Errors       uint64      // calls that returned an error, or ended their goroutine
	Panics       uint64      // calls that panicked
	InFlight     int64       // calls that have begun and not ended
	MostInFlight int64       // the highest that InFlight ever was
	FirstCall    time.Time   // when the first call began; zero if there was none
	LastCall     time.Time   // when the latest call began; zero if there was none
	LastPanic    *PanicError // not to be changed; nil if there was none
	Duration     Histogram   // of the calls that ended, if Options.Histogram is set
}

// Snapshot returns the account of every key, in order of keys. Each figure is
// exact, and Calls and InFlight are of one instant; while calls run, the others
// need not be.
//
// It says which keys are hot (Calls), which never run (no Calls), which run
// concurrently (MostInFlight above 1), and which panic, where and when (LastPanic).
// It takes no lock, and reads every bucket of every key: some microseconds for each
// key if there are histograms.
func (m *Map) Snapshot() []Stats {
	var all []Stats
	for _, e := range m.entries() {
		all = append(all, e.stats())
	}
	slices.SortFunc(all, func(a, b Stats) int { return strings.Compare(a.Key, b.Key) })
	return all
}

func (e *entry) stats() Stats {
	s := Stats{Key: e.key}
	if f := e.fn.Load(); f != nil {
		s.From = f.from
	}
	e.account.read(&s)
	return s
}
