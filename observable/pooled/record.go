package pooled

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// A record is the heavy part of a span. It is reused for one span after another.
//
// Its state is a generation and a lock: generation<<1 | locked. The generation is never reset,
// so the handle of an earlier span is always recognised. Only the holder of the lock, which has
// the current generation, may access the other fields. There are two exceptions: Start fills
// in a record that no handle refers to yet, and End encodes a record that no handle can lock
// any more. If there are processors, an ended span has a generation of its own, in which views
// read it.
//
// A record has at most 760 bytes, which is the most that fits the 768-byte size class.
type record struct {
	state    atomic.Uint64
	provider *Provider // owner of the pool of this record; never changes
	tracer   *Tracer
	shard    uint32 // shard that it is encoded into; records tend to stay with one processor

	status      codes.Code
	kind        uint8 // a trace.SpanKind
	flags       trace.TraceFlags
	remote      bool // whether the parent is in another process
	inTrace     bool // whether there is a parent, with the same trace id
	parentFlags trace.TraceFlags
	name        string
	traceID     trace.TraceID
	spanID      trace.SpanID
	parent      trace.SpanID
	anchor      *anchor  // holds the trace states
	clock       *reading // the reading that start and end are computed with
	start, end  int64    // in ns since 1970
	given       *given   // timestamps that the caller passed, for processors; nil if there are none
	description string   // description of the status

	static     *static // the template; nil when its attributes have been copied to attributes
	attributes []attribute.KeyValue
	index      map[attribute.Key]int // index in attributes of each key, if there are many
	events     []sdktrace.Event
	links      []sdktrace.Link
	lost       lost
	children   int32                 // number of child spans, counted only if there are processors
	first      [8]attribute.KeyValue // initial backing array of attributes
}

// lost counts what was dropped because of limits.
type lost struct{ attributes, events, links int32 }

func newRecord(p *Provider) *record {
	r := &record{provider: p, shard: rand.Uint32()}
	r.attributes = r.first[:0]
	return r
}

// lock locks r and reports true if r is still in generation g.
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

// retire moves r, which is locked, to the next generation and unlocks it. From then on every
// handle of generation g is stale.
func (r *record) retire(g uint64) { r.state.Store((g + 1) << 1) }

func (r *record) generation() uint64 { return r.state.Load() >> 1 }

// reset clears the fields that could keep memory alive or leak into the next span. Start sets
// all scalars.
func (r *record) reset() {
	clear(r.attributes)
	if cap(r.attributes) > len(r.first) { // attributes no longer use first
		clear(r.first[:])
	}
	clear(r.events)
	clear(r.links)
	r.attributes, r.events, r.links = r.attributes[:0], r.events[:0], r.links[:0]
	// The memory of one huge span is not kept for ever.
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
	r.clock, r.given, r.index = nil, nil, nil
	r.lost, r.children = lost{}, 0
}

// mix copies the attributes of the template to the span, where they may be replaced.
func (r *record) mix() {
	if s := r.static; s != nil {
		r.static = nil
		r.attributes = append(r.attributes, s.attributes...)
		r.lost.attributes += s.lost
	}
}

// addAttributes adds kvs, up to the limit. If a key repeats, the last value replaces the first.
func (r *record) addAttributes(kvs []attribute.KeyValue) {
	r.mix()
	p := r.provider
	for _, kv := range kvs {
		if !kv.Valid() {
			r.lost.attributes++
			continue
		}
		if p.normalise {
			kv.Value = normal(kv.Value, p.limits.AttributeValueLengthLimit, p.limits.AttributeValueDepthLimit)
		}
		if i := r.find(kv.Key); i >= 0 {
			r.attributes[i] = kv
			continue
		}
		if len(r.attributes) == p.limits.AttributeCountLimit {
			r.lost.attributes++
			continue
		}
		r.attributes = append(r.attributes, kv)
		if r.index != nil {
			r.index[kv.Key] = len(r.attributes) - 1
		}
	}
}

// indexed is the number of attributes from which find uses an index. For fewer, a linear search
// is as fast and takes no memory.
const indexed = 64

// find returns the position of the attribute with key, or -1.
func (r *record) find(key attribute.Key) int {
	if len(r.attributes) < indexed {
		return slices.IndexFunc(r.attributes, func(kv attribute.KeyValue) bool { return kv.Key == key })
	}
	if r.index == nil {
		r.index = make(map[attribute.Key]int, 2*indexed)
		for i := range r.attributes {
			r.index[r.attributes[i].Key] = i
		}
	}
	if i, ok := r.index[key]; ok {
		return i
	}
	return -1
}

func (r *record) addEvent(e sdktrace.Event) {
	var lost int32
	r.events, lost = push(r.events, e, r.provider.limits.EventCountLimit)
	r.lost.events += lost
}

func (r *record) addLink(l sdktrace.Link) {
	var lost int32
	r.links, lost = push(r.links, l, r.provider.limits.LinkCountLimit)
	r.lost.links += lost
}

// push appends v to queue. If queue already has limit elements, it drops the oldest. If limit is
// 0, v is dropped but not counted as lost, as in the SDK.
func push[T any](queue []T, v T, limit int) (_ []T, lost int32) {
	if limit == 0 {
		return queue, 0
	}
	if len(queue) == limit {
		queue = append(queue[:0], queue[1:]...)
		lost = 1
	}
	return append(queue, v), lost
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
