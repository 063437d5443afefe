package pooled_test

import (
	"fmt"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable/pooled"
)

// exercise makes a span that exceeds all limits.
func exercise(tr trace.Tracer) {
	texts := []attribute.KeyValue{attribute.String("long", "a\xffé\xfeoü, text that is long"),
		attribute.String("umlauts", "äöü€\ufffdßabcdef"),
		attribute.StringSlice("texts", []string{"shrt", "one that is long"}), {Key: "bytes",
			Value: attribute.ByteSliceValue([]byte("many bytes"))},
		attribute.Map("map", attribute.String("k", "a long text"), attribute.Int("i", 1),
			attribute.Map("m", attribute.String("k", "another text"))),
		{Key: "slice", Value: attribute.SliceValue(attribute.StringValue("a long text"),
			attribute.SliceValue(attribute.IntSliceValue([]int{1})))}}
	valid := slices.Clone(texts[1:]) // the strings of events and links are not truncated or repaired
	oneSpan(func(s trace.Span) {
		s.SetAttributes(texts...)
		s.SetAttributes(attribute.String("k1", "a long text, again"), attribute.Int("k2", 3), attribute.KeyValue{},
			attribute.Int("k2", 4))
		s.SetAttributes(many(10)...)
		for i := range 6 {
			attrs := append(many(i), valid...)
			s.AddEvent(fmt.Sprint("event ", i), timestamp(t0), trace.WithAttributes(valid...),
				trace.WithAttributes(attrs...))
			s.AddLink(trace.Link{Attributes: attrs})
		}
	}, trace.WithAttributes(many(2)...), trace.WithLinks(trace.Link{Attributes: valid}))(tr)
}

func TestLimitsAreThoseOfTheSDK(t *testing.T) {
	for _, n := range []int{-1, 0, 1, 3} {
		for name, set := range map[string]func(*sdktrace.SpanLimits){
			"value length":         func(l *sdktrace.SpanLimits) { l.AttributeValueLengthLimit = n },
			"value depth":          func(l *sdktrace.SpanLimits) { l.AttributeValueDepthLimit = n },
			"attributes":           func(l *sdktrace.SpanLimits) { l.AttributeCountLimit = n },
			"events":               func(l *sdktrace.SpanLimits) { l.EventCountLimit = n },
			"links":                func(l *sdktrace.SpanLimits) { l.LinkCountLimit = n },
			"attributes per event": func(l *sdktrace.SpanLimits) { l.AttributePerEventCountLimit = n },
			"attributes per link":  func(l *sdktrace.SpanLimits) { l.AttributePerLinkCountLimit = n },
		} {
			t.Run(fmt.Sprint(name, " ", n), func(t *testing.T) {
				l := sdktrace.NewSpanLimits()
				l.AttributeValueLengthLimit = 5
				set(&l)
				do := exercise
				if l.AttributeValueLengthLimit < 0 { // strings are not truncated, and so keep invalid UTF-8
					do = oneSpan(func(s trace.Span) { s.SetAttributes(kinds...); s.SetAttributes(many(10)...) })
				}
				checkSameWith(t, pooled.Options{Limits: &l}, inScope(do))
			})
		}
	}
}

func TestLimitsComeFromTheEnvironmentUnlessSet(t *testing.T) {
	for _, name := range []string{"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
		"OTEL_SPAN_EVENT_COUNT_LIMIT",
		"OTEL_SPAN_LINK_COUNT_LIMIT", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "4")
			t.Setenv(name, "3")
			checkSameWith(t, pooled.Options{}, inScope(exercise))
			checkSameWith(t, pooled.Options{Limits: &sdktrace.SpanLimits{AttributeCountLimit: 1}}, inScope(exercise))
		})
	}
}
