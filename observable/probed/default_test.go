package probed_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/probed"
)

// made counts the handlers of this process, which stay: each has a key of its own.
var made atomic.Int64

// newHandler returns a handler, and its key.
func newHandler() (*probed.Handler, string) {
	key := fmt.Sprint("handler ", made.Add(1))
	return probed.New(key, "x.go:1"), key
}

// newMap returns a map, which is the default one from now on.
func newMap(t *testing.T) *observable.Map {
	t.Helper()
	m, err := observable.New(observable.Options{})
	if err != nil {
		t.Fatal(err)
	}
	observable.SetDefault(m)
	return m
}

// account returns the calls and the errors of each key of a map. No handler has two keys.
func account(t *testing.T, m *observable.Map) map[string][2]uint64 {
	t.Helper()
	counts := map[string][2]uint64{}
	for _, s := range m.Snapshot() {
		counts[s.Key] = [2]uint64{s.Calls, s.Errors}
		if strings.HasPrefix(s.Key, "handler ") && strings.Contains(s.Key, "@") {
			t.Errorf("a handler has a second account, %q", s.Key)
		}
	}
	return counts
}

// Handlers are in the account of the map that is the default one when they are called, also those that are not called
// under it.
func TestHandlersFollowTheDefaultMap(t *testing.T) {
	a, keyA := newHandler()
	b, keyB := newHandler()
	first := newMap(t)
	a.Begin().End(true)
	a.Begin().End(false)
	second := newMap(t)
	b.Begin().End(true)
	late, keyLate := newHandler()
	late.Begin().End(true)
	observable.SetDefault(first)
	a.Begin().End(true)
	for _, c := range []struct {
		m     *observable.Map
		key   string
		calls uint64
	}{
		{first, keyA, 3}, {first, keyB, 0}, {second, keyA, 0}, {second, keyB, 1}, {second, keyLate, 1},
	} {
		if got, ok := account(t, c.m)[c.key]; !ok || got[0] != c.calls {
			t.Errorf("%s in the first map %v: %d calls (%v), want %d", c.key, c.m == first, got[0], ok, c.calls)
		}
	}
	if got := account(t, first)[keyA]; got[1] != 1 {
		t.Errorf("%d errors", got[1])
	}
}

// No call is lost while the default map changes and handlers are made.
func TestTheDefaultMapMayChangeDuringCalls(t *testing.T) {
	h, key := newHandler()
	maps := []*observable.Map{newMap(t)}
	const goroutines, calls = 4, 1000
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for range calls {
				h.Begin().End(true)
			}
		})
	}
	for range 10 {
		maps = append(maps, newMap(t))
		another, _ := newHandler()
		another.Begin().End(true)
	}
	all.Wait()
	var sum uint64
	for _, m := range maps {
		sum += account(t, m)[key][0]
	}
	if sum != goroutines*calls {
		t.Errorf("%d calls in all maps, want %d", sum, goroutines*calls)
	}
}
