package otlpsink_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/otlpsink"
	"github.com/loadgen-go/loadgen/results"
)

// start starts a sink, and closes it when the test ends.
func start(t testing.TB) *otlpsink.Sink {
	t.Helper()
	sink, err := otlpsink.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sink.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return sink
}

// The messages have seven items each, in several resources and scopes.
var (
	sevenSpans = &traces.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{
		{ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans(2)}, {Spans: spans(4)}}},
		{ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans(1)}, {}}},
	}}
	sevenPoints = &metrics.ExportMetricsServiceRequest{ResourceMetrics: []*metricspb.ResourceMetrics{
		{ScopeMetrics: []*metricspb.ScopeMetrics{{Metrics: []*metricspb.Metric{
			{Data: &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{DataPoints: numbers(2)}}},
			{Data: &metricspb.Metric_Sum{Sum: &metricspb.Sum{DataPoints: numbers(1)}}},
			{Data: &metricspb.Metric_Histogram{Histogram: &metricspb.Histogram{
				DataPoints: []*metricspb.HistogramDataPoint{{Count: 1}, {Count: 2}}}}},
			{Data: &metricspb.Metric_ExponentialHistogram{ExponentialHistogram: &metricspb.ExponentialHistogram{
				DataPoints: []*metricspb.ExponentialHistogramDataPoint{{Count: 1}}}}},
			{Data: &metricspb.Metric_Summary{Summary: &metricspb.Summary{
				DataPoints: []*metricspb.SummaryDataPoint{{Count: 1}}}}},
		}}}},
	}}
	sevenRecords = &logs.ExportLogsServiceRequest{ResourceLogs: []*logspb.ResourceLogs{
		{ScopeLogs: []*logspb.ScopeLogs{{LogRecords: make([]*logspb.LogRecord, 7)}}},
	}}
)

func init() {
	for i := range sevenRecords.ResourceLogs[0].ScopeLogs[0].LogRecords {
		sevenRecords.ResourceLogs[0].ScopeLogs[0].LogRecords[i] = &logspb.LogRecord{SeverityText: "INFO"}
	}
}

func spans(n int) []*tracepb.Span {
	list := make([]*tracepb.Span, n)
	for i := range list {
		list[i] = &tracepb.Span{Name: "GET /items", TraceId: bytes.Repeat([]byte{1}, 16), SpanId: make([]byte, 8)}
	}
	return list
}

func numbers(n int) []*metricspb.NumberDataPoint {
	list := make([]*metricspb.NumberDataPoint, n)
	for i := range list {
		list[i] = &metricspb.NumberDataPoint{TimeUnixNano: 1}
	}
	return list
}

// signals has each signal with its path, a message, and where its counts are.
var signals = map[string]struct {
	path    string
	message proto.Message
	of      func(results.Exports) results.Signal
}{
	"traces":  {"/v1/traces", sevenSpans, func(c results.Exports) results.Signal { return c.Traces }},
	"metrics": {"/v1/metrics", sevenPoints, func(c results.Exports) results.Signal { return c.Metrics }},
	"logs":    {"/v1/logs", sevenRecords, func(c results.Exports) results.Signal { return c.Logs }},
}

// post sends a body, and returns the status and the text of the answer.
func post(t *testing.T, sink *otlpsink.Sink, path, contentType, encoding string, body []byte) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sink.URL()+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	if encoding != "" {
		request.Header.Set("Content-Encoding", encoding)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func zipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var buffer bytes.Buffer
	w := gzip.NewWriter(&buffer)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func binary(t testing.TB, message proto.Message) []byte {
	t.Helper()
	data, err := proto.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestItemsAreCountedOverHTTP(t *testing.T) {
	for name, signal := range signals {
		data := binary(t, signal.message)
		text, err := protojson.Marshal(signal.message)
		if err != nil {
			t.Fatal(err)
		}
		for form, row := range map[string]struct {
			contentType, encoding string
			body                  []byte
			size                  int // after decompression
			answer                string
		}{
			"protobuf":       {"application/x-protobuf", "", data, len(data), ""},
			"protobuf, gzip": {"application/x-protobuf", "gzip", zipped(t, data), len(data), ""},
			"JSON":           {"application/json; charset=utf-8", "", text, len(text), "{}"},
			"JSON, gzip":     {"application/json", "gzip", zipped(t, text), len(text), "{}"},
		} {
			t.Run(name+" in "+form, func(t *testing.T) {
				sink := start(t)
				before := sink.Counts()
				for range 2 {
					code, answer := post(t, sink, signal.path, row.contentType, row.encoding, row.body)
					if code != http.StatusOK || answer != row.answer {
						t.Errorf("status %d, %q", code, answer)
					}
				}
				sinceBefore := sink.Counts().Since(before)
				want := results.Signal{Requests: 2, Items: 14, Bytes: uint64(2 * row.size)}
				if got := signal.of(sinceBefore); got != want {
					t.Errorf("%+v: want %+v", got, want)
				}
				if sinceBefore.Wire != uint64(2*len(row.body)) || sinceBefore.Rejected != 0 || sink.Err() != nil {
					t.Errorf("%+v, %v: want %d bytes as they were sent", sinceBefore, sink.Err(), 2*len(row.body))
				}
			})
		}
	}
}

// dial returns a connection for gRPC.
func dial(t *testing.T, sink *otlpsink.Sink, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	conn, err := grpc.NewClient(strings.TrimPrefix(sink.URL(), "http://"), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func TestItemsAreCountedOverGRPC(t *testing.T) {
	for name, options := range map[string][]grpc.DialOption{
		"plain": nil,
		"gzip":  {grpc.WithDefaultCallOptions(grpc.UseCompressor("gzip"))},
	} {
		t.Run(name, func(t *testing.T) {
			sink := start(t)
			conn := dial(t, sink, options...)
			_, err := traces.NewTraceServiceClient(conn).Export(t.Context(), sevenSpans)
			if err != nil {
				t.Error(err)
			}
			if _, err := metrics.NewMetricsServiceClient(conn).Export(t.Context(), sevenPoints); err != nil {
				t.Error(err)
			}
			if _, err := logs.NewLogsServiceClient(conn).Export(t.Context(), sevenRecords); err != nil {
				t.Error(err)
			}
			counts := sink.Counts()
			for signal, row := range signals {
				want := results.Signal{Requests: 1, Items: 7, Bytes: uint64(len(binary(t, row.message)))}
				if got := row.of(counts); got != want {
					t.Errorf("%s: %+v: want %+v", signal, got, want)
				}
			}
		})
	}
}

func TestUnknownMethodsOfGRPCAreRejected(t *testing.T) {
	sink := start(t)
	err := dial(t, sink).Invoke(t.Context(), "/profiles/Export", sevenSpans, new(traces.ExportTraceServiceResponse))
	if status.Code(err) != codes.Unimplemented || sink.Counts().Rejected != 1 || sink.Err() == nil {
		t.Errorf("%v, %+v, %v", err, sink.Counts(), sink.Err())
	}
}

// The exporters that autoexport makes find the sink by the variable that services get.
func TestTheExportersOfTheSDKAreUnderstood(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			sink := start(t)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.URL())
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			exporter, err := autoexport.NewSpanExporter(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			tracing := trace.NewTracerProvider(trace.WithBatcher(exporter))
			reader, err := autoexport.NewMetricReader(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			metering := metric.NewMeterProvider(metric.WithReader(reader))
			counter, err := metering.Meter("test").Int64Counter("orders")
			if err != nil {
				t.Fatal(err)
			}
			counter.Add(t.Context(), 1)
			for range 5 {
				_, span := tracing.Tracer("test").Start(t.Context(), "order")
				span.End()
			}
			if err := tracing.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if err := metering.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if c := sink.Counts(); c.Traces.Items != 5 || c.Metrics.Items == 0 || c.Rejected != 0 || c.Wire == 0 {
				t.Errorf("%+v, %v: want 5 spans, and points", c, sink.Err())
			}
		})
	}
}

func TestWhatCannotBeReadIsRejectedAndCounted(t *testing.T) {
	bomb := bytes.Repeat(zipped(t, make([]byte, 1<<20)), 21) // the parts of a file of gzip follow one another
	for name, row := range map[string]struct {
		path, contentType, encoding string
		body                        []byte
		status                      int
		want                        string
	}{
		"a truncated message": {"/v1/traces", "application/x-protobuf", "", []byte{0x0a, 9}, 400, "POST /v1/traces: "},
		"no JSON":             {"/v1/logs", "application/json", "", []byte("{"), 400, "unexpected"},
		"no gzip":             {"/v1/metrics", "application/x-protobuf", "gzip", []byte("x"), 400, "POST /v1/metrics"},
		"a bomb":              {"/v1/traces", "application/x-protobuf", "gzip", bomb, 413, "more than 20971520 bytes"},
		"another compression": {"/v1/traces", "application/x-protobuf", "br", nil, 415, `"br": want gzip or none`},
		"another type":        {"/v1/traces", "text/plain", "", nil, 415, "want application/x-protobuf or"},
		"no type":             {"/v1/traces", "", "", nil, 415, "Content-Type"},
		"another path":        {"/", "application/json", "", nil, 404, "want /v1/traces, /v1/metrics or /v1/logs"},
	} {
		t.Run(name, func(t *testing.T) {
			sink := start(t)
			code, text := post(t, sink, row.path, row.contentType, row.encoding, row.body)
			if code != row.status {
				t.Errorf("status %d: want %d", code, row.status)
			}
			if err := sink.Err(); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v: want %q in it", err, row.want)
			}
			c := sink.Counts()
			if c.Rejected != 1 || c.Traces.Requests+c.Metrics.Requests+c.Logs.Requests != 0 || text == "" {
				t.Errorf("%+v, %q: want one request that was rejected", c, text)
			}
		})
	}
}
