package observable

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// The default map is the one that SetDefault has set, or else the first one that New has returned.
var chosenDefault, firstMap atomic.Pointer[Map]

// SetDefault makes m the default map. With nil, the default map is the first one that [New] has returned.
func SetDefault(m *Map) { chosenDefault.Store(m) }

// Default returns the default map: the one that handlers with probes are accounted for in, which
// `loadgen instrument` adds to a program. It is the map of [SetDefault], or else the first one that [New] has
// returned, so a program with one map need not call SetDefault. Default returns nil if there is none yet.
func Default() *Map {
	if m := chosenDefault.Load(); m != nil {
		return m
	}
	return firstMap.Load()
}

// A Probe accounts for the calls of a function that is not called through its map: it begins and ends them itself.
// Its methods are safe for concurrent use.
type Probe entry

// Probe returns the probe of key and from, which is where the function is registered. Its calls have spans and
// metrics, and are in the Snapshot of the map, as those of a registered handler are. They are named after key, or
// key@from if another probe or handler has this key. Keys of probes cannot be called, and do not exclude handlers with
// the same key.
func (m *Map) Probe(key, from string) *Probe {
	m.mu.Lock()
	defer m.mu.Unlock()
	name, elsewhere := key, key+"@"+from
	taken := m.entries()[key] != nil
	probes := m.probeEntries()
	for _, e := range probes {
		// Two accounts with one name would be no account: a scrape would be refused, or count calls twice.
		if (e.key == key || e.key == elsewhere) && e.fn.Load().from == from {
			return (*Probe)(e)
		}
		taken = taken || e.key == key
	}
	if taken {
		name = elsewhere
	}
	e := newEntry(m, name, &handler{from: from, plain: func() {}})
	probes = append(probes[:len(probes):len(probes)], e)
	m.probes.Store(&probes)
	return (*Probe)(e)
}

// probeEntries returns the current probes, which must not be changed.
func (m *Map) probeEntries() []*entry {
	if p := m.probes.Load(); p != nil {
		return *p
	}
	return nil
}

// probeStats returns the statistics of a probe. A handler that was registered later may have its key.
func (m *Map) probeStats(e *entry) Stats {
	s := e.stats()
	if m.entries()[s.Key] != nil {
		s.Key += "@" + s.From
	}
	return s
}

// A ProbedCall is a call of a [Probe] that has begun. It must not be used after End.
type ProbedCall call

// probedCalls has calls that have ended.
var probedCalls = sync.Pool{New: func() any { return new(ProbedCall) }}

// Begin begins a call. The caller must end it, in whatever way the function ends.
func (p *Probe) Begin() *ProbedCall {
	e := (*entry)(p)
	c := probedCalls.Get().(*ProbedCall)
	*c = ProbedCall{entry: e, ctx: context.Background()}
	(*call)(c).begin(e.fn.Load())
	return c
}

// End ends a call. Without ok, the function has panicked or has called [runtime.Goexit], which a probe cannot tell
// apart: it counts as an error.
func (c *ProbedCall) End(ok bool) {
	ended := *c
	*c = ProbedCall{}
	probedCalls.Put(c)
	var err error
	if !ok {
		ended.outcome = failed
		err = fmt.Errorf("observable: %q panicked, or called runtime.Goexit", ended.entry.key)
	}
	(*call)(&ended).finish(err)
}
