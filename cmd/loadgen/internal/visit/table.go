package visit

import (
	"context"
	"fmt"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe/lgprobe"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit/bare"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit/compiled"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A table is a plain map of handlers as a target, with or without probes of loadgen instrument.
type table struct {
	handlers map[string]func()
	probed   bool
	before   uint64 // calls that the probes had counted before, as in another visit of this process
}

// newTable returns the table for an arm of the dimension instrument.
func newTable(arm string, of *handlers) *table {
	if arm == scenarios.None {
		return &table{handlers: bare.Table(of.names, of.make)}
	}
	epoch := time.Now()
	lgprobe.SetClock(func() int64 { return int64(time.Since(epoch)) }) // as package live does in a program
	t := &table{handlers: compiled.Table(of.names, of.make), probed: true}
	t.before, _ = counted()
	return t
}

// Call implements [bench.Target].
func (t *table) Call(_ context.Context, key string) error {
	handler := t.handlers[key]
	if handler == nil {
		return fmt.Errorf("no handler is registered for %q", key)
	}
	handler()
	return nil
}

// check returns an error unless the probes, if there are any, have counted the beginning and the end of each call.
func (t *table) check(calls uint64) error {
	if !t.probed {
		return nil
	}
	begun, ended := counted()
	if begun -= t.before; begun != calls || ended-t.before != calls {
		return fmt.Errorf("probes: %d calls have begun and %d have ended of %d calls", begun, ended-t.before, calls)
	}
	return nil
}

// counted returns the calls that all probes of this process have counted.
func counted() (begun, ended uint64) {
	lgprobe.Each(func(e *lgprobe.Entry) {
		b, n, _, _ := e.Counts()
		begun, ended = begun+uint64(b), ended+uint64(n)
	})
	return begun, ended
}
