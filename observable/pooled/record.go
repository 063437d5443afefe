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

// A record is the heavy part of a span, reused for one span after another.
//
// Its state is the generation it is in and a lock: generation<<1 | locked. The
// generation is never reset, so that a handle of an earlier one can always be
// told. Whoever holds the lock has proved to be of the present generation, and
// may touch the other fields; besides, Start fills in a record that no handle
// knows yet, and End encodes one that no handle knows any more. With processors,
// an ended span has a generation of its own, in which views read it.
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
	inTrace     bool // of the parent, which has its trace id
	parentFlags trace.TraceFlags
	name        string
	traceID     trace.TraceID
	spanID      trace.SpanID
	parent      trace.SpanID
	anchor      *anchor  // has the trace states
	clock       *reading // that start and end are computed from
	start, end  int64    // unix ns
	given       *given   // timestamps that the caller gave, for processors; nil if none
	description string   // of the status

	static     *static // attributes of a template; nil once they are among the others
	attributes []attribute.KeyValue
	index      map[attribute.Key]int // where keys are in attributes, if they are many
	events     []sdktrace.Event
	links      []sdktrace.Link
	lost       lost
	children   int32                 // counted for processors only
	first      [8]attribute.KeyValue // the first home of attributes
}

// lost counts what was over the limits.
type lost struct{ attributes, events, links int32 }

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
	r.clock, r.given, r.index = nil, nil, nil
	r.lost, r.children = lost{}, 0
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

// addAttributes adds kvs, up to the limit. The last value of a key wins, in the
// place of the first.
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

// indexed is the number of attributes from which a span finds them by an index. To look
// through fewer one by one is as fast, and takes no memory.
const indexed = 64

// find returns where the attribute of that key is, or -1.
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

// push adds v to queue, in the place of the oldest if there are limit. What a
// limit of 0 keeps away is not counted as lost, as the SDK exports it.
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
