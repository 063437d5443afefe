package pooled

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// The limits of the OpenTelemetry specification on what one span holds.
const (
	maxAttributes = 128 // a further one is dropped
	maxEvents     = 128 // a further one replaces the oldest
	maxLinks      = 128
	maxDepth      = 64 // of arrays and maps within a value; deeper ones are emptied
)

// A record is the heavy part of a span, reused for one span after another.
//
// Its state is the generation it is in and a lock: generation<<1 | locked. The
// generation is never reset, so that a handle of an earlier one can always be
// told. Whoever holds the lock has proved to be of the present generation, and
// may touch the other fields; besides, Start fills in a record that no handle
// knows yet, and End encodes one that no handle knows any more.
//
// It is kept within 760 bytes, the most that fits the 768-byte size class.
type record struct {
	state    atomic.Uint64
	provider *Provider // whose pool it is of, for ever
	tracer   *Tracer
	shard    uint32 // where it is encoded: records stay with a processor, more or less

	status      codes.Code
	kind        uint8 // a trace.SpanKind
	flags       trace.TraceFlags
	remote      bool // the parent is in another process
	name        string
	traceID     trace.TraceID
	spanID      trace.SpanID
	parent      trace.SpanID
	anchor      *anchor // has the trace state
	offset      int64   // wall minus monotonic clock when the span started
	start, end  int64   // unix ns
	description string  // of the status

	static     *static // attributes of a template; nil once they are among the others
	attributes []attribute.KeyValue
	events     []event
	links      []link
	lost       struct{ attributes, events, links int32 } // over the limits
	first      [8]attribute.KeyValue                     // the first home of attributes
}

// An event is a named instant within a span.
type event struct {
	name       string
	time       time.Time
	attributes []attribute.KeyValue
	lost       int32 // attributes over the limit
}

// A link points to another span.
type link struct {
	to         trace.SpanContext
	attributes []attribute.KeyValue
	lost       int32
}

func newRecord(p *Provider) *record {
	r := &record{provider: p, shard: rand.Uint32()}
	r.attributes = r.first[:0]
	return r
}

// lock takes the lock if r is still in generation g, and tells whether it is.
func (r *record) lock(g uint64) bool {
	for spins := 0; !r.state.CompareAndSwap(g<<1, g<<1|1); spins++ {
		if r.state.Load()>>1 != g {
			return false
		}
		if spins > 16 {
			runtime.Gosched()
		}
	}
	return true
}

func (r *record) unlock(g uint64) { r.state.Store(g << 1) }

// retire unlocks r for the next generation: every handle of g is stale from now.
func (r *record) retire(g uint64) { r.state.Store((g + 1) << 1) }

func (r *record) generation() uint64 { return r.state.Load() >> 1 }

// reset clears what could keep memory alive or leak into the next span. The
// scalars are all set by the next Start.
func (r *record) reset() {
	clear(r.attributes)
	if cap(r.attributes) > len(r.first) { // they have moved out
		clear(r.first[:])
	}
	clear(r.events)
	clear(r.links)
	r.attributes, r.events, r.links = r.attributes[:0], r.events[:0], r.links[:0]
	// One huge span must not be carried along for ever.
	if cap(r.attributes) > 64 {
		r.attributes = r.first[:0]
	}
	if cap(r.events) > 64 {
		r.events = nil
	}
	if cap(r.links) > 64 {
		r.links = nil
	}
	r.name, r.description, r.status = "", "", codes.Unset
	r.tracer, r.anchor, r.static = nil, nil, nil
	r.lost.attributes, r.lost.events, r.lost.links = 0, 0, 0
}

func (r *record) addAttributes(kvs []attribute.KeyValue) {
	r.mix()
	var lost int32
	r.attributes, lost = merge(r.attributes, kvs)
	r.lost.attributes += lost
}

// mix makes the attributes of the template those of this span, which may then replace
// them.
func (r *record) mix() {
	if s := r.static; s != nil {
		r.static = nil
		r.attributes = append(r.attributes, s.attributes...)
		r.lost.attributes += s.lost
	}
}

// finish ends the span of a record that is locked, and hands it on.
func (r *record) finish(end int64) {
	r.end = end
	r.retire(r.generation())
	r.tracer.take(r)
	r.provider.put(r)
}

// merge adds kvs to attrs, up to the limit. The last value of a key wins, in the
// place of the first. It searches linearly, since spans carry few attributes.
func merge(attrs, kvs []attribute.KeyValue) (_ []attribute.KeyValue, lost int32) {
next:
	for _, kv := range kvs {
		if !kv.Valid() {
			lost++
			continue
		}
		for i := range attrs {
			if attrs[i].Key == kv.Key {
				attrs[i] = kv
				continue next
			}
		}
		if len(attrs) == maxAttributes {
			lost++
			continue
		}
		attrs = append(attrs, kv)
	}
	return attrs, lost
}

// limit cuts what an event or a link carries. Unlike a span's, its attributes
// may repeat a key.
func limit(kvs []attribute.KeyValue) ([]attribute.KeyValue, int32) {
	kept := kvs[:min(len(kvs), maxAttributes)]
	return kept, int32(len(kvs) - len(kept))
}

func (r *record) addEvent(e event) {
	if len(r.events) == maxEvents {
		r.events = append(r.events[:0], r.events[1:]...)
		r.lost.events++
	}
	r.events = append(r.events, e)
}

func (r *record) addLink(l link) {
	if len(r.links) == maxLinks {
		r.links = append(r.links[:0], r.links[1:]...)
		r.lost.links++
	}
	r.links = append(r.links, l)
}

// newLink copies what it keeps. A link that says nothing is not one.
func newLink(l trace.Link) (link, bool) {
	n := link{to: l.SpanContext}
	n.attributes, n.lost = limit(slices.Clone(l.Attributes))
	return n, l.SpanContext.IsValid() || len(l.Attributes) > 0 || l.SpanContext.TraceState().Len() > 0
}

func (r *record) setStatus(code codes.Code, description string) {
	if code < r.status {
		return
	}
	if code != codes.Error {
		description = ""
	}
	r.status, r.description = code, description
}
