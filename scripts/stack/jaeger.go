package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A store has the spans that went through the whole pipeline.
type store interface {
	// find returns the spans of a trace, or none.
	find(ctx context.Context, trace string) ([]span, error)
	// saved returns the number of spans of a service that were saved so far.
	saved(ctx context.Context, service string) (int, error)
}

// A jaeger is Jaeger's all-in-one, with its spans in memory.
type jaeger struct {
	process            *process
	query, admin, otlp string // URLs
}

var _ store = (*jaeger)(nil)

// startJaeger starts Jaeger with room for a number of traces.
func startJaeger(ctx context.Context, dir, program string, traces int) (*jaeger, error) {
	a, err := freeAddresses(7)
	if err != nil {
		return nil, err
	}
	j := &jaeger{query: "http://" + a[0], admin: "http://" + a[1], otlp: "http://" + a[2]}
	// Every port is given, because the defaults listen on all interfaces.
	// Jaeger would trace its own queries, and at its end try for long to send these spans to localhost:4317.
	quiet := []string{"OTEL_TRACES_SAMPLER=always_off"}
	j.process, err = start(dir, "jaeger", quiet, program, "--query.enable-tracing=false",
		"--query.http-server.host-port="+a[0], "--admin.http.host-port="+a[1], "--collector.otlp.http.host-port="+a[2],
		"--collector.otlp.grpc.host-port="+a[3], "--collector.grpc-server.host-port="+a[4],
		"--collector.http-server.host-port="+a[5], "--query.grpc-server.host-port="+a[6],
		"--collector.queue-size=100000", fmt.Sprintf("--memory.max-traces=%d", traces), "--log-level=warn")
	if err != nil {
		return nil, err
	}
	if err := j.process.await(ctx, answers(j.admin+"/")); err != nil {
		return nil, errors.Join(err, j.process.stop())
	}
	return j, nil
}

// saved adds up the metrics of Jaeger's collector. It counts spans that it gets over OTLP when it has saved them.
func (j *jaeger) saved(ctx context.Context, service string) (saved int, err error) {
	page, err := get(ctx, j.admin+"/metrics")
	if err != nil {
		return 0, fmt.Errorf("reading the metrics of Jaeger: %w", err)
	}
	label := fmt.Sprintf("svc=%q", service)
	for line := range strings.Lines(string(page)) {
		name, labels, value, ok := cutSample(line)
		if ok && name == "jaeger_collector_spans_saved_by_svc_total" && strings.Contains(labels, label) &&
			strings.Contains(labels, `result="ok"`) {
			saved += value
		}
	}
	return saved, nil
}

// cutSample returns the parts of a line of Prometheus's text format that is a sample with labels.
func cutSample(line string) (name, labels string, value int, ok bool) {
	name, rest, ok := strings.Cut(line, "{")
	labels, number, closed := strings.Cut(rest, "} ")
	if !ok || !closed || strings.HasPrefix(line, "#") {
		return "", "", 0, false
	}
	x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	return name, labels, int(x), err == nil
}

// A jaegerTrace is the answer of Jaeger to a question for a trace.
type jaegerTrace struct {
	Data []struct {
		Spans     []jaegerSpan
		Processes map[string]struct{ ServiceName string }
	}
}

// A jaegerSpan is a span as Jaeger's query API has it.
type jaegerSpan struct {
	TraceID, SpanID, OperationName, ProcessID string
	References                                []struct{ RefType, TraceID, SpanID string }
	StartTime, Duration                       int64 // in us
	Tags                                      []jaegerTag
	Logs                                      []struct{ Fields []jaegerTag }
}

// A jaegerTag is an attribute.
type jaegerTag struct {
	Key, Type string
	Value     any
}

// String returns the type and the value.
func (t jaegerTag) String() string { return fmt.Sprintf("%s:%v", t.Type, t.Value) }

// find asks Jaeger for a trace.
func (j *jaeger) find(ctx context.Context, trace string) ([]span, error) {
	body, err := get(ctx, j.query+"/api/traces/"+trace)
	var status *statusError
	if errors.As(err, &status) && status.status == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("asking Jaeger for a trace: %w", err)
	}
	return decodeJaeger(body)
}

// decodeJaeger decodes the answer of Jaeger to a question for a trace.
func decodeJaeger(body []byte) (list []span, err error) {
	var answer jaegerTrace
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	if err := decoder.Decode(&answer); err != nil {
		return nil, fmt.Errorf("decoding a trace of Jaeger: %w", err)
	}
	for _, d := range answer.Data {
		for i := range d.Spans {
			s := d.Spans[i].span()
			s.service = d.Processes[d.Spans[i].ProcessID].ServiceName
			list = append(list, s)
		}
	}
	return list, nil
}

// span returns a span as this program has it.
func (j *jaegerSpan) span() span {
	s := span{trace: j.TraceID, id: j.SpanID, name: j.OperationName, attributes: map[string]string{},
		start: time.UnixMicro(j.StartTime), end: time.UnixMicro(j.StartTime + j.Duration)}
	for _, r := range j.References {
		if r.RefType == "CHILD_OF" && r.TraceID == j.TraceID {
			s.parent = r.SpanID
		}
	}
	for _, t := range j.Tags {
		text := fmt.Sprint(t.Value)
		switch t.Key {
		case "span.kind":
			s.kind = text
		case "otel.status_code":
			s.status = map[string]string{"ERROR": "Error", "OK": "Ok"}[text]
		case "otel.status_description":
			s.message = text
		case "otel.scope.name":
			s.scope = text
		case "w3c.tracestate":
			s.state = text
		default:
			s.attributes[t.Key] = t.String()
		}
	}
	for _, l := range j.Logs {
		s.events = append(s.events, fmt.Sprint(l.Fields))
	}
	return s
}
