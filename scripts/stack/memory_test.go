package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// A memory is an exporter of the collector that keeps spans, and the store of the tests.
type memory struct {
	mu    sync.Mutex
	spans map[string][]span // by trace
	count map[string]int    // by service
	// change, if set, changes a span before it is kept, and reports whether to keep it.
	change func(*span) bool
}

var _ store = (*memory)(nil)

func newMemory() *memory { return &memory{spans: map[string][]span{}, count: map[string]int{}} }

// factory returns the factory of exporters of the type memory, which count as the collector's own do.
func (m *memory) factory() exporter.Factory {
	create := func(ctx context.Context, set exporter.Settings, c component.Config) (exporter.Traces, error) {
		return exporterhelper.NewTraces(ctx, set, c, m.keep)
	}
	return exporter.NewFactory(component.MustNewType("memory"), func() component.Config { return &struct{}{} },
		exporter.WithTraces(create, component.StabilityLevelDevelopment))
}

// keep keeps spans.
func (m *memory) keep(_ context.Context, traces ptrace.Traces) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, rs := range traces.ResourceSpans().All() {
		name, _ := rs.Resource().Attributes().Get("service.name")
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				m.add(spanOf(s, ss.Scope().Name(), name.Str()))
			}
		}
	}
	return nil
}

func (m *memory) add(s span) {
	if m.change == nil || m.change(&s) {
		m.count[s.service]++
		m.spans[s.trace] = append(m.spans[s.trace], s)
	}
}

func (m *memory) find(_ context.Context, trace string) ([]span, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.spans[trace]), nil
}

func (m *memory) saved(_ context.Context, service string) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count[service], nil
}

// spanOf returns a span of the collector as this program has it.
func spanOf(s ptrace.Span, scope, service string) span {
	status := s.Status().Code().String()
	if status == "Unset" {
		status = ""
	}
	out := span{trace: s.TraceID().String(), id: s.SpanID().String(), parent: s.ParentSpanID().String(),
		name: s.Name(), kind: strings.ToLower(s.Kind().String()), status: status, message: s.Status().Message(),
		scope: scope, state: s.TraceState().AsRaw(), service: service, attributes: texts(s.Attributes()),
		start: s.StartTimestamp().AsTime(), end: s.EndTimestamp().AsTime()}
	for _, e := range s.Events().All() {
		out.events = append(out.events, fmt.Sprint(e.Name(), texts(e.Attributes())))
	}
	return out
}

// texts returns attributes with the types that Jaeger has.
func texts(attributes pcommon.Map) map[string]string {
	types := map[pcommon.ValueType]string{pcommon.ValueTypeStr: "string", pcommon.ValueTypeInt: "int64",
		pcommon.ValueTypeBool: "bool", pcommon.ValueTypeDouble: "float64"}
	list := map[string]string{}
	for key, v := range attributes.All() {
		list[key] = types[v.Type()] + ":" + v.AsString()
	}
	return list
}
