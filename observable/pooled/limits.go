package pooled

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// This file applies the SDK's [sdktrace.SpanLimits] to a span.

// effective returns l, or the SDK's limits if l is nil. It replaces "unlimited" by
// [math.MaxInt], so that limits can be compared.
func effective(l *sdktrace.SpanLimits) sdktrace.SpanLimits {
	if l == nil {
		return effective(new(sdktrace.NewSpanLimits()))
	}
	limits := *l
	if limits.AttributeValueDepthLimit == 0 {
		limits.AttributeValueDepthLimit = sdktrace.DefaultAttributeValueDepthLimit
	}
	for _, n := range []*int{
		&limits.AttributeValueLengthLimit, &limits.AttributeValueDepthLimit, &limits.AttributeCountLimit,
		&limits.EventCountLimit, &limits.LinkCountLimit,
		&limits.AttributePerEventCountLimit, &limits.AttributePerLinkCountLimit,
	} {
		if *n < 0 {
			*n = math.MaxInt
		}
	}
	return limits
}

func (p *Provider) newEvent(name string, opts []trace.EventOption) sdktrace.Event {
	c := trace.NewEventConfig(opts...)
	e := sdktrace.Event{Name: name, Time: c.Timestamp()}
	e.Attributes, e.DroppedAttributeCount = p.limit(c.Attributes(), p.limits.AttributePerEventCountLimit)
	return e
}

// newLink returns a copy of l within the limits, and reports false if l is empty.
func (p *Provider) newLink(l trace.Link) (sdktrace.Link, bool) {
	n := sdktrace.Link{SpanContext: l.SpanContext}
	n.Attributes, n.DroppedAttributeCount = p.limit(slices.Clone(l.Attributes), p.limits.AttributePerLinkCountLimit)
	return n, l.SpanContext.IsValid() || len(l.Attributes) > 0 || l.SpanContext.TraceState().Len() > 0
}

// limit applies the limits to the attributes of an event or a link, in place. Unlike the
// attributes of a span, they may repeat a key, and the length of their values is unlimited.
func (p *Provider) limit(kvs []attribute.KeyValue, most int) (kept []attribute.KeyValue, lost int) {
	kept = kvs[:min(len(kvs), most)]
	if p.normalise {
		for i := range kept {
			kept[i].Value = normal(kept[i].Value, math.MaxInt, p.limits.AttributeValueDepthLimit)
		}
	}
	return kept, len(kvs) - len(kept)
}

// normal returns v as the SDK stores it: it truncates strings to length, empties arrays and
// maps that are nested depth deep, and keeps the last value of each key of a map. The
// encoder does all this but the truncation, so normal is only needed if values are read.
func normal(v attribute.Value, length, depth int) attribute.Value {
	switch v.Type() {
	case attribute.BOOL, attribute.INT64, attribute.FLOAT64, attribute.EMPTY:
		return v
	case attribute.STRING:
		if s := v.AsString(); len(s) > length {
			return attribute.StringValue(truncate(s, length))
		}
		return v
	}
	if depth == 0 {
		return attribute.Value{}
	}
	switch v.Type() {
	case attribute.BYTESLICE:
		if bs := v.AsByteSlice(); len(bs) > length {
			return attribute.ByteSliceValue(bs[:length])
		}
	case attribute.STRINGSLICE:
		return attribute.StringSliceValue(each(v.AsStringSlice(), func(s string) string {
			return truncate(s, length)
		}))
	case attribute.SLICE:
		return attribute.SliceValue(each(v.AsSlice(), func(v attribute.Value) attribute.Value {
			return normal(v, length, depth-1)
		})...)
	case attribute.MAP:
		return attribute.MapValue(each(lasts(v.AsMap()), func(kv attribute.KeyValue) attribute.KeyValue {
			return attribute.KeyValue{Key: kv.Key, Value: normal(kv.Value, length, depth-1)}
		})...)
	}
	return v
}

// each replaces every element of vs by its change, in place, and returns vs.
func each[T any](vs []T, change func(T) T) []T {
	for i := range vs {
		vs[i] = change(vs[i])
	}
	return vs
}

// lasts keeps the last value of each key, in place. The API keeps the keys of a map sorted.
func lasts(kvs []attribute.KeyValue) []attribute.KeyValue {
	kept := kvs[:0]
	for i := range kvs {
		if i+1 == len(kvs) || kvs[i+1].Key != kvs[i].Key {
			kept = append(kept, kvs[i])
		}
	}
	return kept
}

// truncate returns the first n characters of s, without invalid UTF-8, if s has more than n
// bytes. Otherwise it returns s.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "")
	}
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// normalSet is normal for the attributes of a scope, whose strings have no length limit.
func (p *Provider) normalSet(set attribute.Set) attribute.Set {
	if set.Len() == 0 {
		return set
	}
	return attribute.NewSet(each(set.ToSlice(), func(kv attribute.KeyValue) attribute.KeyValue {
		return attribute.KeyValue{Key: kv.Key, Value: normal(kv.Value, math.MaxInt, p.limits.AttributeValueDepthLimit)}
	})...)
}
