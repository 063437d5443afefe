package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A span is what a store has of a span.
type span struct {
	trace, id, parent string // in hex
	name, kind        string
	status, message   string // the status is "", Ok or Error
	scope, state      string // the name of the tracer, and tracestate
	service           string
	attributes        map[string]string // with their types
	events            []string
	start, end        time.Time
}

// took returns the duration of a span.
func (s *span) took() time.Duration { return s.end.Sub(s.start) }

// differing are the attributes whose values differ between two runs of one load, with the reason.
var differing = map[string]string{
	"network.peer.port": "the port of the client",
	"server.port":       "the port of the service",
	"client.port":       "the port of the client",
}

// properties returns everything about a span that must be the same however it was made: all but ids, times and what
// differing has. Its parent is given by name.
func (s *span) properties(parent string) map[string]string {
	all := map[string]string{"name": s.name, "kind": s.kind, "status": s.status, "message": s.message,
		"scope": s.scope, "tracestate": s.state, "parent": parent, "events": strings.Join(s.events, "; ")}
	for key, value := range s.attributes {
		if _, ok := differing[key]; !ok {
			all["attribute "+key] = value
		}
	}
	return all
}

// A tree is the spans of a trace of which the caller's span is not in the store.
type tree struct {
	root  *span
	spans []*span // the root, and then its children in the order of their start
}

const (
	// rounding is how much longer a child may seem than its parent: Jaeger rounds starts and durations to 1 us.
	rounding = 2 * time.Microsecond
	// adrift is how far the start of a span may be off. Durations come from the monotonic clock and are exact. The
	// start comes from the wall clock, which time.Now reads first: whatever runs between its two readings, on a busy
	// machine for up to 0.1 s, moves the span.
	adrift = 250 * time.Millisecond
)

// within reports whether a span can have begun and ended between two instants.
func (s *span) within(from, to time.Time) bool {
	return s.took() <= to.Sub(from)+rounding && !s.start.Before(from.Add(-adrift)) && !s.end.After(to.Add(adrift))
}

// newTree returns the tree of spans, or what is wrong with them: a trace of the service has one span of the kind
// server, whose parent is the caller, and children of it.
func newTree(spans []span, caller string) (*tree, []string) {
	t := &tree{}
	var problems []string
	for i := range spans {
		s := &spans[i]
		t.spans = append(t.spans, s)
		if s.parent != caller {
			continue
		}
		if t.root != nil {
			problems = append(problems, fmt.Sprintf("%q and %q are both children of the caller", t.root.name, s.name))
		}
		t.root = s
	}
	if t.root == nil {
		return t, append(problems, fmt.Sprintf("no span is a child of the caller %s", caller))
	}
	slices.SortStableFunc(t.spans, func(a, b *span) int {
		switch {
		case a == t.root:
			return -1
		case b == t.root:
			return 1
		}
		return a.start.Compare(b.start)
	})
	for _, s := range t.spans[1:] {
		switch {
		case s.parent != t.root.id:
			problems = append(problems,
				fmt.Sprintf("%q is a child of %q: want the span of the request", s.name, s.parent))
		case !s.within(t.root.start, t.root.end):
			problems = append(problems, fmt.Sprintf("%q is not inside its parent: %v to %v of %v", s.name,
				s.start.Sub(t.root.start), s.end.Sub(t.root.start), t.root.took()))
		}
	}
	return t, problems
}

// properties returns the properties of all spans.
func (t *tree) properties() (all []map[string]string) {
	for _, s := range t.spans {
		parent := "the caller"
		if s != t.root {
			parent = t.root.name
		}
		all = append(all, s.properties(parent))
	}
	return all
}

// differences returns the properties of two traces that are not the same.
func differences(a, b *tree) (list []string, compared int) {
	one, two := a.properties(), b.properties()
	if len(one) != len(two) {
		return []string{fmt.Sprintf("%d spans against %d", len(one), len(two))}, 0
	}
	for i := range one {
		keys := maps.Clone(one[i])
		maps.Copy(keys, two[i])
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			compared++
			x, hasX := one[i][key]
			y, hasY := two[i][key]
			if x != y || hasX != hasY {
				list = append(list, fmt.Sprintf("%s of %q: %q against %q", key, a.spans[i].name, x, y))
			}
		}
	}
	return list, compared
}
