package pooled

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/encoding/protowire"
)

// This file writes the wire format of opentelemetry/proto v1 without building messages first.
// Comments name the fields where they are written. As in proto3, zero scalars and empty
// strings are omitted, except as members of a oneof. Empty messages are written, as in the SDK.

// tag appends the tag of field num, in one byte if it fits, as it does for all fields but one.
func tag(b []byte, num protowire.Number, t protowire.Type) []byte {
	if num < 16 {
		return append(b, byte(num)<<3|byte(t))
	}
	return protowire.AppendTag(b, num, t)
}

// open begins field num, which is a message, and leaves one byte for its length.
func open(b []byte, num protowire.Number) (_ []byte, start int) {
	b = append(tag(b, num, protowire.BytesType), 0)
	return b, len(b)
}

// shut ends the message that begins at start. If the length needs more than one byte, it moves
// the message to make room, which is cheaper than computing the length beforehand.
func shut(b []byte, start int) []byte {
	n := len(b) - start
	if n < 0x80 {
		b[start-1] = byte(n)
		return b
	}
	extra := protowire.SizeVarint(uint64(n)) - 1
	b = append(b, make([]byte, extra)...)
	copy(b[start+extra:], b[start:start+n])
	protowire.AppendVarint(b[:start-1], uint64(n))
	return b
}

func appendString(b []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return appendUTF8(tag(b, num, protowire.BytesType), s)
}

// appendUTF8 appends s and replaces invalid UTF-8, since receivers refuse a whole request for
// one invalid string.
func appendUTF8(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, string(utf8.RuneError))
	}
	return protowire.AppendString(b, s)
}

func appendBytes(b []byte, num protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(tag(b, num, protowire.BytesType), v)
}

func appendUint(b []byte, num protowire.Number, v int32) []byte {
	if v <= 0 {
		return b
	}
	return protowire.AppendVarint(tag(b, num, protowire.VarintType), uint64(v))
}

// appendNanos appends a time, or nothing for a time before 1970.
func appendNanos(b []byte, num protowire.Number, unix int64) []byte {
	if unix <= 0 {
		return b
	}
	return protowire.AppendFixed64(tag(b, num, protowire.Fixed64Type), uint64(unix))
}

// appendSpan appends r as field 2 (spans) of a ScopeSpans message.
func appendSpan(b []byte, r *record) []byte {
	if r.asMade() {
		return appendAsMade(b, r)
	}
	b, start := openSpan(b)
	b = appendBytes(b, 1, r.traceID[:])
	b = appendBytes(b, 2, r.spanID[:])
	if r.anchor.traceState.Len() > 0 {
		b = appendString(b, 3, r.anchor.traceState.String())
	}
	if r.parent.IsValid() {
		b = appendBytes(b, 4, r.parent[:])
	}
	depth := r.tracer.provider.limits.AttributeValueDepthLimit
	b = appendString(b, 5, r.name)
	b = appendUint(b, 6, int32(r.kind)) // kinds 1 to 5 are the same in the API and in OTLP
	b = appendNanos(b, 7, r.start)
	b = appendNanos(b, 8, r.end)
	r.mix()
	b = appendKeyValues(b, 9, r.attributes, depth)
	b = appendUint(b, 10, r.lost.attributes)
	for i := range r.events {
		b = appendEvent(b, &r.events[i], depth)
	}
	b = appendUint(b, 12, r.lost.events)
	for i := range r.links {
		b = appendLink(b, &r.links[i], depth)
	}
	b = appendUint(b, 14, r.lost.links)
	b = appendStatus(b, r.status, r.description)
	b = appendFlags(b, 16, r.flags, r.remote)
	return shutSpan(b, start)
}

// openSpan is open for a span. It leaves two bytes for the length, because a span seldom needs
// one or three, for which the message would have to be moved.
func openSpan(b []byte) (_ []byte, start int) {
	b = append(b, 2<<3|byte(protowire.BytesType), 0, 0)
	return b, len(b)
}

func shutSpan(b []byte, start int) []byte {
	if n := len(b) - start; 0x80 <= n && n < 1<<14 {
		b[start-2], b[start-1] = byte(n)|0x80, byte(n>>7)
		return b
	}
	b = b[:start-1+copy(b[start-1:], b[start:])]
	return shut(b, start-1)
}

// asMade reports whether a span was made by a template and has not been changed.
func (r *record) asMade() bool {
	return r.static != nil && r.name == r.static.name && len(r.attributes)+len(r.events)+len(r.links) == 0 &&
		r.lost == lost{} && r.status == codes.Unset && r.anchor.traceState.Len() == 0 && r.start > 0 && r.end > 0
}

// appendAsMade is appendSpan for a span for which asMade is true. All lengths are known in
// advance, and the parts known to the template are copied.
func appendAsMade(b []byte, r *record) []byte {
	const ids, parent, times, flags = 2 + 16 + 2 + 8, 2 + 8, 2 * (1 + 8), 4
	s := r.static
	n := ids + len(s.head) + times + len(s.tail) + flags
	if r.parent.IsValid() {
		n += parent
	}
	b = protowire.AppendVarint(append(b, 2<<3|2), uint64(n))
	b = slices.Grow(b, n)[:len(b)+n]
	w := b[len(b)-n:]
	w[0], w[1], w[18], w[19] = 1<<3|2, 16, 2<<3|2, 8
	copy(w[2:18], r.traceID[:])
	copy(w[20:28], r.spanID[:])
	w = w[ids:]
	if n := parent; r.parent.IsValid() {
		w[0], w[1] = 4<<3|2, 8
		copy(w[2:n], r.parent[:])
		w = w[n:]
	}
	w = w[copy(w, s.head):]
	w[0], w[9] = 7<<3|1, 8<<3|1
	binary.LittleEndian.PutUint64(w[1:], uint64(r.start))
	binary.LittleEndian.PutUint64(w[10:], uint64(r.end))
	w = w[times:]
	w = w[copy(w, s.tail):]
	binary.LittleEndian.PutUint32(w, flagBits(r.flags, r.remote))
	return b
}

// encode encodes the parts of a span that its template knows: head has the name and the kind,
// tail has everything between the times and the flags.
func (s *static) encode(depth int) {
	s.head = appendUint(appendString(nil, 5, s.name), 6, int32(trace.SpanKindInternal))
	s.tail = appendUint(appendKeyValues(nil, 9, s.attributes, depth), 10, s.lost)
	s.tail = appendStatus(s.tail, codes.Unset, "")
	s.tail = tag(s.tail, 16, protowire.Fixed32Type)
}

// appendFlags appends the trace flags, and whether the parent span is remote.
func appendFlags(b []byte, num protowire.Number, flags trace.TraceFlags, remote bool) []byte {
	return protowire.AppendFixed32(tag(b, num, protowire.Fixed32Type), flagBits(flags, remote))
}

func flagBits(flags trace.TraceFlags, remote bool) uint32 {
	const hasIsRemote, isRemote = 0x100, 0x200
	if remote {
		return uint32(flags) | hasIsRemote | isRemote
	}
	return uint32(flags) | hasIsRemote
}

// appendStatus appends field 15. The status codes of OTLP and of the API differ.
func appendStatus(b []byte, code codes.Code, description string) []byte {
	b, start := open(b, 15)
	b = appendString(b, 2, description)
	switch code {
	case codes.Ok:
		b = appendUint(b, 3, 1)
	case codes.Error:
		b = appendUint(b, 3, 2)
	}
	return shut(b, start)
}

func appendEvent(b []byte, e *sdktrace.Event, depth int) []byte {
	b, start := open(b, 11)
	b = appendNanos(b, 1, e.Time.UnixNano())
	b = appendString(b, 2, e.Name)
	b = appendKeyValues(b, 3, e.Attributes, depth)
	b = appendUint(b, 4, int32(e.DroppedAttributeCount))
	return shut(b, start)
}

func appendLink(b []byte, l *sdktrace.Link, depth int) []byte {
	traceID, spanID := l.SpanContext.TraceID(), l.SpanContext.SpanID()
	b, start := open(b, 13)
	b = appendBytes(b, 1, traceID[:])
	b = appendBytes(b, 2, spanID[:])
	b = appendKeyValues(b, 4, l.Attributes, depth)
	b = appendUint(b, 5, int32(l.DroppedAttributeCount))
	b = appendFlags(b, 6, l.SpanContext.TraceFlags(), l.SpanContext.IsRemote())
	return shut(b, start)
}

func appendKeyValues(b []byte, num protowire.Number, kvs []attribute.KeyValue, depth int) []byte {
	for i := range kvs {
		b = appendKeyValue(b, num, &kvs[i], depth)
	}
	return b
}

func appendKeyValue(b []byte, num protowire.Number, kv *attribute.KeyValue, depth int) []byte {
	b, start := open(b, num)
	b = appendString(b, 1, string(kv.Key))
	b = appendValue(b, 2, &kv.Value, depth)
	return shut(b, start)
}

// appendValue appends field num, an AnyValue: 1 string, 2 bool, 3 int, 4 double, 5 array,
// 6 key-value list, 7 bytes. Arrays and lists that are nested depth deep are left empty.
func appendValue(b []byte, num protowire.Number, v *attribute.Value, depth int) []byte {
	b, start := open(b, num)
	switch v.Type() {
	case attribute.STRING:
		b = appendUTF8(tag(b, 1, protowire.BytesType), v.AsString())
	case attribute.BOOL:
		b = tag(b, 2, protowire.VarintType)
		b = protowire.AppendVarint(b, protowire.EncodeBool(v.AsBool()))
	case attribute.INT64:
		b = tag(b, 3, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(v.AsInt64()))
	case attribute.FLOAT64:
		b = tag(b, 4, protowire.Fixed64Type)
		b = protowire.AppendFixed64(b, math.Float64bits(v.AsFloat64()))
	case attribute.EMPTY:
	default:
		if depth > 0 {
			b = appendCollection(b, v, depth-1)
		}
	}
	return shut(b, start)
}

func appendCollection(b []byte, v *attribute.Value, depth int) []byte {
	switch v.Type() {
	case attribute.BYTESLICE:
		return appendBytes(b, 7, v.AsByteSlice())
	case attribute.MAP:
		return appendMap(b, v.AsMap(), depth)
	case attribute.BOOLSLICE:
		return appendElements(b, v.AsBoolSlice(), attribute.BoolValue, depth)
	case attribute.INT64SLICE:
		return appendElements(b, v.AsInt64Slice(), attribute.Int64Value, depth)
	case attribute.FLOAT64SLICE:
		return appendElements(b, v.AsFloat64Slice(), attribute.Float64Value, depth)
	case attribute.STRINGSLICE:
		return appendElements(b, v.AsStringSlice(), attribute.StringValue, depth)
	case attribute.SLICE:
		return appendElements(b, v.AsSlice(), func(v attribute.Value) attribute.Value { return v }, depth)
	}
	// The type was added by a later version of the API. The SDK writes the same.
	return appendUTF8(tag(b, 1, protowire.BytesType), "INVALID")
}

// appendMap keeps the last value of each key. The API keeps the keys of a map sorted.
func appendMap(b []byte, kvs []attribute.KeyValue, depth int) []byte {
	b, start := open(b, 6)
	for i := range kvs {
		if i+1 == len(kvs) || kvs[i+1].Key != kvs[i].Key {
			b = appendKeyValue(b, 1, &kvs[i], depth)
		}
	}
	return shut(b, start)
}

func appendElements[T any](b []byte, vs []T, value func(T) attribute.Value, depth int) []byte {
	b, start := open(b, 5)
	for _, v := range vs {
		element := value(v)
		b = appendValue(b, 1, &element, depth)
	}
	return shut(b, start)
}

// A header is the part of a request before the spans of a tracer:
//
//	resource_spans 1 {resource 1, schema_url 3, scope_spans 2 {scope 1, schema_url 3, spans 2 ...}}
//
// Its lengths are known only when the spans are, so a buffer starts with room for it.
type header struct {
	resource []byte // fields 1 and 3 of ResourceSpans
	scope    []byte // fields 1 and 3 of ScopeSpans
}

func newHeader(res *resource.Resource, scope instrumentation.Scope) header {
	var h header
	b, start := open(nil, 1)
	for it := res.Iter(); it.Next(); {
		kv := it.Attribute()
		b = appendKeyValue(b, 1, &kv, math.MaxInt) // nesting is unlimited here, as in the SDK
	}
	h.resource = appendString(shut(b, start), 3, res.SchemaURL())
	b, start = open(nil, 1)
	b = appendString(b, 1, scope.Name)
	b = appendString(b, 2, scope.Version)
	for it := scope.Attributes.Iter(); it.Next(); {
		kv := it.Attribute()
		b = appendKeyValue(b, 3, &kv, math.MaxInt) // normalSet has applied the limit already
	}
	h.scope = appendString(shut(b, start), 3, scope.SchemaURL)
	return h
}

// room returns the largest size of a header: its parts, two tags and two lengths.
func (h *header) room() int { return len(h.resource) + len(h.scope) + 2*(1+binary.MaxVarintLen64) }

// request makes a request of buf, which holds room() bytes followed by spans. It writes the
// header in front of the spans and returns the part of buf that is the request.
func (h *header) request(buf []byte) []byte {
	room := h.room()
	scopeSpans := len(h.scope) + len(buf) - room
	b := append([]byte(nil), h.resource...)
	b = tag(b, 2, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(scopeSpans))
	b = append(b, h.scope...)
	resourceSpans := len(b) + len(buf) - room
	head := tag(nil, 1, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(resourceSpans))
	head = append(head, b...)
	start := room - len(head)
	copy(buf[start:], head)
	return buf[start:]
}
