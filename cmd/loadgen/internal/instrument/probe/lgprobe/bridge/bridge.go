//go:build go1.18

// Package bridge accounts for handlers with probes in package observable, if the program uses that package: they have
// spans and metrics, and are in its snapshots.
package bridge

import (
	"sync"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe/lgprobe"
	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/probed"
)

func init() { lgprobe.Observe(&observer{}) }

// An observer keeps the handler of each entry.
type observer struct {
	handlers sync.Map // of *probed.Handler by *lgprobe.Entry
}

// Register implements [lgprobe.Observer].
func (o *observer) Register(e *lgprobe.Entry) { o.handlers.Store(e, probed.New(e.Key, e.Site)) }

// Begin implements [lgprobe.Observer].
func (o *observer) Begin(e *lgprobe.Entry) any {
	h, ok := o.handlers.Load(e)
	if !ok {
		return nil
	}
	if c := h.(*probed.Handler).Begin(); c != nil {
		return c
	}
	return nil
}

// End implements [lgprobe.Observer].
func (o *observer) End(_ *lgprobe.Entry, state any, ok bool) {
	if c, begun := state.(*observable.ProbedCall); begun {
		c.End(ok)
	}
}
