// Package probed accounts for handlers that have probes, in the default map of package observable. The command
// `loadgen instrument` adds both the probes and this package to a program. No program imports it by itself.
package probed

import (
	"sync"
	"sync/atomic"

	"github.com/loadgen-go/loadgen/observable"
)

// A Handler is a function with a probe. Its methods are safe for concurrent use.
type Handler struct {
	key, from string
	probe     atomic.Pointer[observable.Probe] // in the map that attached holds; nil: it was not attached yet
	// probes has the probe in each map that was the default one: a second one there would have another name. It is
	// guarded by attaching.
	probes map[*observable.Map]*observable.Probe
}

var (
	mu        sync.Mutex // guards handlers
	handlers  []*Handler
	attaching sync.Mutex                     // held while handlers are attached
	attached  atomic.Pointer[observable.Map] // the map that the probes of all handlers are in
)

// New returns the handler that is registered at from, such as a file and a line, under key.
func New(key, from string) *Handler {
	h := &Handler{key: key, from: from, probes: map[*observable.Map]*observable.Probe{}}
	mu.Lock()
	defer mu.Unlock()
	handlers = append(handlers, h)
	return h
}

// Begin begins a call. It returns nil as long as the program has no map, so no account either.
func (h *Handler) Begin() *observable.ProbedCall {
	m := observable.Default()
	if m == nil {
		return nil
	}
	if attached.Load() != m || h.probe.Load() == nil {
		attach(m)
	}
	return h.probe.Load().Begin()
}

// attach gives a probe in m to each handler that has none there. It does not hold mu when it calls the map, which may
// call code of the user's that registers handlers.
func attach(m *observable.Map) {
	attaching.Lock()
	defer attaching.Unlock()
	another := attached.Load() != m
	mu.Lock()
	all := handlers[:len(handlers):len(handlers)]
	mu.Unlock()
	for _, h := range all {
		if another || h.probe.Load() == nil {
			if h.probes[m] == nil {
				h.probes[m] = m.Probe(h.key, h.from)
			}
			h.probe.Store(h.probes[m])
		}
	}
	attached.Store(m)
}
