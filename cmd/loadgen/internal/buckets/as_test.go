package buckets

import (
	"regexp"
	"strings"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// A metric of Prometheus has another name than the instrument of OpenTelemetry that it comes from. A view that names
// the metric would change nothing, and nobody would be told.
func TestTheViewFindsTheInstrumentOfAMetric(t *testing.T) {
	for _, row := range []struct {
		metric, instrument string
		want               bool
	}{
		{"http_server_request_duration_seconds", "http.server.request.duration", true},
		{"http_server_request_duration_seconds", "http.client.request.duration", false},
		{"rpc_seconds", "rpc_seconds", true},
		{"handler_duration_milliseconds", "handler.duration", true},
		{"queue_wait", "queue.wait", true},
		{"wait", "wait", true},
		{"http.server.request.duration", "http.server.request.duration", true},
		{"", "http.server.request.duration", true},
	} {
		t.Run(row.metric+" of "+row.instrument, func(t *testing.T) {
			code, err := advice(t).As("otel", row.metric, 0)
			if err != nil {
				t.Fatal(err)
			}
			name := regexp.MustCompile(`Name: "(.*?)"`).FindStringSubmatch(code)[1]
			view := sdkmetric.NewView(sdkmetric.Instrument{Name: name}, sdkmetric.Stream{})
			of := sdkmetric.Instrument{Name: row.instrument, Kind: sdkmetric.InstrumentKindHistogram}
			if _, ok := view(of); ok != row.want {
				t.Errorf("%q matches %s: %v", name, row.instrument, ok)
			}
		})
	}
}

func TestBoundsAreInTheUnitOfTheMetric(t *testing.T) {
	for _, row := range []struct {
		metric string
		unit   time.Duration
		want   string
	}{
		{"", 0, "{0.001, 0.0025, 0.25}"},
		{"rpc_seconds", 0, "{0.001, 0.0025, 0.25}"},
		{"rpc_milliseconds", 0, "{1, 2.5, 250}"},
		{"rpc_duration", time.Microsecond, "{1000, 2500, 250000}"},
		{"rpc.duration", 0, "{0.001, 0.0025, 0.25}"},
	} {
		for _, language := range []string{"go", "otel"} {
			got, err := advice(t).As(language, row.metric, row.unit)
			if err != nil || !strings.Contains(got, row.want) {
				t.Errorf("%s of %q: %v, want %s in\n%s", language, row.metric, err, row.want, got)
			}
		}
	}
}

// advice returns an answer with bounds.
func advice(t *testing.T) *Advice {
	t.Helper()
	return &Advice{Data: Data{Name: "numbers"},
		bounds: []time.Duration{time.Millisecond, 2500 * time.Microsecond, 250 * time.Millisecond}}
}
