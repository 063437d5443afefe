package otlpsink

import (
	"fmt"
	"slices"

	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/loadgen-go/loadgen/results"
)

// A kind is what a message exports.
type kind struct {
	message func() proto.Message
	signal  func(*results.Exports) *results.Signal
	path    path
}

// A path leads from a message to its items: for each level, the fields to go on with.
type path [][]protowire.Number

// The numbers of the fields are those of the files collector/*/v1/*_service.proto, trace/v1/trace.proto,
// metrics/v1/metrics.proto and logs/v1/logs.proto in opentelemetry-proto: resources, scopes, and what is in them.
var (
	tracesKind = kind{func() proto.Message { return new(traces.ExportTraceServiceRequest) },
		func(c *results.Exports) *results.Signal { return &c.Traces }, path{{1}, {2}, {2}}}
	logsKind = kind{func() proto.Message { return new(logs.ExportLogsServiceRequest) },
		func(c *results.Exports) *results.Signal { return &c.Logs }, path{{1}, {2}, {2}}}
	// A metric has a field for each type: gauge, sum, histogram, exponential histogram and summary.
	metricsKind = kind{func() proto.Message { return new(metrics.ExportMetricsServiceRequest) },
		func(c *results.Exports) *results.Signal { return &c.Metrics }, path{{1}, {2}, {2}, {5, 7, 9, 10, 11}, {1}}}
)

// kindOfPath has the paths of OTLP over HTTP.
var kindOfPath = map[string]kind{"/v1/traces": tracesKind, "/v1/metrics": metricsKind, "/v1/logs": logsKind}

// kindOfMethod has the methods of OTLP over gRPC.
var kindOfMethod = map[string]kind{
	traces.TraceService_Export_FullMethodName:    tracesKind,
	metrics.MetricsService_Export_FullMethodName: metricsKind,
	logs.LogsService_Export_FullMethodName:       logsKind,
}

// countProtobuf returns the number of items in a message. It does not look into the items.
func countProtobuf(k kind, data []byte) (uint64, error) { return k.path.count(data) }

// count returns the number of items that a message has at the end of the path.
func (p path) count(data []byte) (n uint64, err error) {
	for len(data) > 0 {
		field, wire, size := protowire.ConsumeTag(data)
		if size < 0 {
			return 0, protowire.ParseError(size)
		}
		data = data[size:]
		size = protowire.ConsumeFieldValue(field, wire, data)
		if size < 0 {
			return 0, protowire.ParseError(size)
		}
		value := data[:size]
		data = data[size:]
		if wire != protowire.BytesType || !slices.Contains(p[0], field) {
			continue
		}
		if len(p) == 1 {
			n++
			continue
		}
		inner, _ := protowire.ConsumeBytes(value)
		items, err := p[1:].count(inner)
		if err != nil {
			return 0, err
		}
		n += items
	}
	return n, nil
}

// countJSON returns the number of items in a message in JSON.
func countJSON(k kind, data []byte) (uint64, error) {
	message := k.message()
	// Clients may be newer than this program. Ids are in hexadecimal digits, which are also base64.
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, message); err != nil {
		return 0, err
	}
	binary, err := proto.Marshal(message)
	if err != nil {
		return 0, fmt.Errorf("encoding a message that was in JSON: %w", err)
	}
	return countProtobuf(k, binary)
}
