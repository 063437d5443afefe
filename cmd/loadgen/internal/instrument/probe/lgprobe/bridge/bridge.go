//go:build go1.18

// Package bridge accounts for handlers with probes in package observable, if the program uses that package: they have
// spans and metrics, and are in its snapshots.
package bridge

import (
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe/lgprobe"
	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/probed"
)

func init() { lgprobe.Observe(observer{}) }

type observer struct{}

// Register implements [lgprobe.Observer]. The handle is a *probed.Handler.
func (observer) Register(e *lgprobe.Entry) any { return probed.New(e.Key, e.Site) }

// Begin implements [lgprobe.Observer]. The state is an *observable.ProbedCall, or nil.
func (observer) Begin(handle any, _ int64) any {
	if c := handle.(*probed.Handler).Begin(); c != nil {
		return c
	}
	return nil
}

// End implements [lgprobe.Observer].
func (observer) End(_, state any, _ int64, ok bool) {
	if c, begun := state.(*observable.ProbedCall); begun {
		c.End(ok)
	}
}
