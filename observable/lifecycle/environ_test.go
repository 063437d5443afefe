package lifecycle_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/observable/lifecycle"
)

// A promise is a row of the table in the package comment.
type promise struct{ name, specified, does string }

func promises(t *testing.T) (rows []promise) {
	t.Helper()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(doc)) {
		row, ok := strings.CutPrefix(line, "//\tOTEL_")
		if !ok {
			continue
		}
		cells := strings.Split("OTEL_"+strings.TrimSpace(row), " | ")
		if len(cells) != 3 {
			t.Fatalf("a row of the table has %d cells, want 3: %s", len(cells), line)
		}
		rows = append(rows, promise{cells[0], cells[1], cells[2]})
	}
	return rows
}

// samples has values for each variable of the table: valid ones, an invalid one, if there is any, and
// the other variables that must be set for the test.
var samples = map[string]struct {
	right []string
	wrong string
	with  []string
}{
	"SDK_DISABLED":        {[]string{"false", "True"}, "yes", nil},
	"CONFIG_FILE":         {nil, "otel.yaml", nil},
	"SERVICE_NAME":        {[]string{"shop"}, "", nil},
	"RESOURCE_ATTRIBUTES": {[]string{"a=b,c=d%2Ce"}, "a", nil},
	"LOG_LEVEL":           {[]string{"debug", "x"}, "", nil},
	"PROPAGATORS": {[]string{"tracecontext,baggage", "none", "TraceContext"},
		"b3", nil},
	"TRACES_SAMPLER": {[]string{"parentbased_always_on", "ALWAYS_OFF",
		"traceidratio"}, "xray", nil},
	"TRACES_SAMPLER_ARG": {[]string{"0.5", "1"}, "2",
		[]string{"TRACES_SAMPLER=traceidratio"}},
	"TRACES_EXPORTER":                   {[]string{"otlp", "none", "NONE"}, "zipkin", nil},
	"METRICS_EXPORTER":                  {[]string{"otlp", "console", "none", "test"}, "statsd", nil},
	"LOGS_EXPORTER":                     {[]string{"otlp", "x"}, "", nil},
	"BSP_SCHEDULE_DELAY":                {[]string{"0", "5000"}, "5s", nil},
	"BSP_EXPORT_TIMEOUT":                {[]string{"30000"}, "-1", nil},
	"BSP_MAX_QUEUE_SIZE":                {[]string{"2048"}, "0", nil},
	"BSP_MAX_EXPORT_BATCH_SIZE":         {[]string{"512"}, "2049", nil},
	"ATTRIBUTE_VALUE_LENGTH_LIMIT":      {[]string{"-1", "0", "10"}, "x", nil},
	"ATTRIBUTE_COUNT_LIMIT":             {[]string{"128"}, "x", nil},
	"SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": {[]string{"-1", "0", "10"}, "x", nil},
	"SPAN_ATTRIBUTE_COUNT_LIMIT":        {[]string{"128"}, "x", nil},
	"SPAN_EVENT_COUNT_LIMIT":            {[]string{"128"}, "-2", nil},
	"SPAN_LINK_COUNT_LIMIT":             {[]string{"128"}, "x", nil},
	"EVENT_ATTRIBUTE_COUNT_LIMIT":       {[]string{"128"}, "x", nil},
	"LINK_ATTRIBUTE_COUNT_LIMIT":        {[]string{"128"}, "x", nil},
	"EXPORTER_OTLP_PROTOCOL": {[]string{"http/protobuf", "HTTP/protobuf"}, "http/json",
		nil},
	"EXPORTER_OTLP_COMPRESSION":        {[]string{"none", "GZIP"}, "zstd", nil},
	"EXPORTER_OTLP_TIMEOUT":            {[]string{"0", "10000"}, "10s", nil},
	"EXPORTER_OTLP_ENDPOINT":           {[]string{"http://127.0.0.1:1"}, "localhost:4318", nil},
	"EXPORTER_OTLP_HEADERS":            {[]string{"a=b,c=d"}, "a", nil},
	"EXPORTER_OTLP_CERTIFICATE":        {nil, "missing.pem", nil},
	"EXPORTER_OTLP_CLIENT_CERTIFICATE": {nil, "missing.pem", nil},
	"EXPORTER_OTLP_CLIENT_KEY":         {nil, "missing.pem", nil},
	"EXPORTER_OTLP_INSECURE":           {[]string{"true", "x"}, "", nil},
	"METRIC_EXPORT_INTERVAL":           {[]string{"60000"}, "0", nil},
	"METRIC_EXPORT_TIMEOUT":            {[]string{"30000"}, "x", nil},
	"METRICS_EXEMPLAR_FILTER":          {[]string{"always_on", "Trace_Based"}, "sometimes", nil},
	"EXPORTER_PROMETHEUS_HOST": {[]string{"127.0.0.1"}, "",
		[]string{"METRICS_EXPORTER=prometheus", "EXPORTER_PROMETHEUS_PORT=0"}},
	"EXPORTER_PROMETHEUS_PORT": {[]string{"0"}, "65536",
		[]string{"METRICS_EXPORTER=prometheus"}},
	"EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE":        {[]string{"delta", "LowMemory"}, "x", nil},
	"EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": {[]string{"Base2_Exponential_Bucket_Histogram"}, "x", nil},
}

// forms returns the names under which a variable is checked: the general one, and those of the signals.
func forms(name string) []string {
	suffix, ok := strings.CutPrefix(name, "OTEL_EXPORTER_OTLP_")
	switch {
	case !ok || strings.HasPrefix(suffix, "METRICS_"):
		return []string{name}
	}
	return []string{name, "OTEL_EXPORTER_OTLP_TRACES_" + suffix, "OTEL_EXPORTER_OTLP_METRICS_" + suffix}
}

// The SDK logs what is wrong with the endpoint of an exporter, and sends to localhost.
func TestEveryExporterChecksWhereItSendsTo(t *testing.T) {
	const url = ": want a URL such as http://localhost:"
	for name, c := range map[string]struct {
		vars []string
		want []string // nothing: it is accepted
	}{
		"gRPC, an address": {[]string{"PROTOCOL=grpc", "ENDPOINT=127.0.0.1:4317"},
			[]string{`OTEL_EXPORTER_OTLP_ENDPOINT is "127.0.0.1:4317"` + url + "4317"}},
		"gRPC, no host": {[]string{"PROTOCOL=grpc", "TRACES_ENDPOINT=http://"},
			[]string{`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is "http://"` + url + "4317"}},
		"gRPC, a URL":    {[]string{"PROTOCOL=grpc", "ENDPOINT=http://127.0.0.1:1"}, nil},
		"gRPC, a target": {[]string{"PROTOCOL=grpc", "ENDPOINT=localhost:1", "INSECURE=true"}, nil},
		"gRPC, headers": {[]string{"PROTOCOL=grpc", "TRACES_HEADERS=secret"},
			[]string{"OTEL_EXPORTER_OTLP_TRACES_HEADERS has an invalid header, number 1: want key=value"}},
		"gRPC, a certificate": {[]string{"PROTOCOL=grpc", "CERTIFICATE=missing.pem"},
			[]string{`OTEL_EXPORTER_OTLP_CERTIFICATE is "missing.pem": want a PEM file`}},
		"metrics, no scheme": {[]string{"METRICS_ENDPOINT=localhost:4318"},
			[]string{`OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is "localhost:4318"` + url + "4318/v1/metrics"}},
		"metrics over gRPC, headers": {[]string{"METRICS_PROTOCOL=grpc", "METRICS_HEADERS=a=%zz"},
			[]string{"OTEL_EXPORTER_OTLP_METRICS_HEADERS has an invalid header"}},
		"metrics, half a pair": {[]string{"METRICS_CLIENT_KEY=missing.pem"},
			[]string{`OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY is "missing.pem": want the PEM files of a certificate ` +
				`and its key`}},
		"both, once": {[]string{"ENDPOINT=localhost:4318"},
			[]string{`OTEL_EXPORTER_OTLP_ENDPOINT is "localhost:4318"` + url + "4318"}},
	} {
		t.Run(name, func(t *testing.T) {
			var vars []string
			for _, v := range c.vars {
				vars = append(vars, "EXPORTER_OTLP_"+v)
			}
			setenv(t, vars...)
			l, err := lifecycle.Setup(t.Context(), lifecycle.Options{Metrics: true})
			if err == nil {
				stopped, stop := context.WithCancel(t.Context())
				stop()
				_ = l.Shutdown(stopped)
			}
			if len(c.want) == 0 && err != nil || len(c.want) > 0 &&
				(err == nil || strings.Count(err.Error(), "\n") >= len(c.want)) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("%v: it repeats what may be a secret", err)
			}
			wantAll(t, err, c.want...)
		})
	}
}

func TestTheTableOfVariablesIsTrue(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	missing := maps.Clone(samples)
	for _, p := range promises(t) {
		short := strings.TrimPrefix(p.name, "OTEL_")
		sample, ok := samples[short]
		if !ok {
			t.Errorf("%s has no sample", p.name)
		}
		delete(missing, short)
		for _, pooled := range []bool{false, true} {
			try := func(name, value string) error {
				vars := []string{"EXPORTER_OTLP_ENDPOINT=" + server.URL, "EXPORTER_OTLP_TIMEOUT=1"}
				setenv(t, append(append(vars, sample.with...), strings.TrimPrefix(name, "OTEL_")+"="+value)...)
				l, err := lifecycle.Setup(context.Background(),
					lifecycle.Options{Pooled: pooled, Metrics: true, Timeout: time.Hour})
				if err == nil {
					_ = l.Shutdown(cancelled)
				}
				return err
			}
			t.Run(fmt.Sprintf("%s pooled=%v", p.name, pooled), func(t *testing.T) {
				does, _, _ := strings.Cut(strings.NewReplacer(",", " ", ";", " ", ":", " ").Replace(p.does), " ")
				wrong := sample.wrong != ""
				if !slices.Contains([]string{"read", "refused", "ignored", "unchecked"}, does) ||
					wrong != (does == "read" || does == "refused") {
					t.Errorf("the table says %q, but the sample of a wrong value is %q", p.does, sample.wrong)
				}
				if p.specified == "" || does == "refused" && sample.right != nil {
					t.Errorf("%+v, samples %+v", p, sample)
				}
				for _, value := range sample.right {
					if err := try(p.name, value); err != nil {
						t.Errorf("%q: %v", value, err)
					}
				}
				for _, name := range forms(p.name) {
					if wrong {
						wantAll(t, try(name, sample.wrong), name, "want")
					}
				}
			})
		}
	}
	if len(missing) > 0 {
		t.Errorf("the table lacks %v", slices.Sorted(maps.Keys(missing)))
	}
}
