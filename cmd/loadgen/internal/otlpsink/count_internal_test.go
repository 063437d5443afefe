package otlpsink

import (
	"testing"

	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// decoded returns the number of items in a message that has been decoded whole.
func decoded(message proto.Message) (n uint64) {
	switch m := message.(type) {
	case *traces.ExportTraceServiceRequest:
		for _, resource := range m.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				n += uint64(len(scope.Spans))
			}
		}
	case *logs.ExportLogsServiceRequest:
		for _, resource := range m.ResourceLogs {
			for _, scope := range resource.ScopeLogs {
				n += uint64(len(scope.LogRecords))
			}
		}
	case *metrics.ExportMetricsServiceRequest:
		for _, resource := range m.ResourceMetrics {
			for _, scope := range resource.ScopeMetrics {
				for _, x := range scope.Metrics {
					n += uint64(len(x.GetGauge().GetDataPoints()) + len(x.GetSum().GetDataPoints()) +
						len(x.GetHistogram().GetDataPoints()) + len(x.GetSummary().GetDataPoints()) +
						len(x.GetExponentialHistogram().GetDataPoints()))
				}
			}
		}
	}
	return n
}

// What protobuf's own decoder accepts has the same number of items. A metric with two types, of which the last
// counts, cannot be told from one with one type, so there may be more points.
func FuzzCount(f *testing.F) {
	for _, seed := range []string{"", "\x0a\x04\x12\x02\x12\x00", "\x0a\x08\x12\x06\x12\x04\x2a\x02\x0a\x00",
		"\x0a\xff\xff\xff\xff\x0f", "\x0b\x0c", "\x0a\x02\x12\x05", "\x08\x01\x0a\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for path, k := range kindOfPath {
			n, err := countProtobuf(k, data)
			if _, failed := countJSON(k, data); failed == nil && len(data) == 0 {
				t.Error("an empty text is no JSON")
			}
			message := k.message()
			if proto.Unmarshal(data, message) != nil {
				continue
			}
			if want := decoded(message); err != nil || n < want || n > want && path != "/v1/metrics" {
				t.Errorf("%s: %d items, %v: want %d", path, n, err, want)
			}
		}
	})
}
