package lifecycle

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// The SDK's default for OTLP over HTTP is https://localhost:4318, and the specification's is http://localhost:4318.
func TestAnEndpointThatIsNotSetIsThatOfTheSpecification(t *testing.T) {
	const traces, metrics = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
	http := map[string]string{traces: "http://localhost:4318/v1/traces", metrics: "http://localhost:4318/v1/metrics"}
	for name, row := range map[string]struct {
		vars map[string]string // by what follows OTEL_
		opts Options
		want map[string]string
	}{
		"nothing is set":      {nil, Options{Metrics: true}, http},
		"spaces":              {map[string]string{"EXPORTER_OTLP_ENDPOINT": " "}, Options{Metrics: true}, http},
		"without metrics":     {nil, Options{}, map[string]string{traces: http[traces]}},
		"pooled":              {nil, Options{Pooled: true}, nil},
		"pooled with metrics": {nil, Options{Pooled: true, Metrics: true}, map[string]string{metrics: http[metrics]}},
		"gRPC": {map[string]string{"EXPORTER_OTLP_PROTOCOL": "GRPC"}, Options{Metrics: true},
			map[string]string{traces: "http://localhost:4317", metrics: "http://localhost:4317"}},
		"gRPC for metrics": {map[string]string{"EXPORTER_OTLP_METRICS_PROTOCOL": "grpc"}, Options{Metrics: true},
			map[string]string{traces: http[traces], metrics: "http://localhost:4317"}},
		"an endpoint": {map[string]string{"EXPORTER_OTLP_ENDPOINT": "https://x"}, Options{Metrics: true}, nil},
		"an endpoint of spans": {map[string]string{"EXPORTER_OTLP_TRACES_ENDPOINT": "https://x"},
			Options{Metrics: true}, map[string]string{metrics: http[metrics]}},
		"other exporters": {map[string]string{"TRACES_EXPORTER": "console", "METRICS_EXPORTER": "prometheus"},
			Options{Metrics: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range os.Environ() {
				if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "OTEL_") {
					t.Setenv(name, "")
				}
			}
			for name, value := range row.vars {
				t.Setenv("OTEL_"+name, value)
			}
			before := slices.Sorted(slices.Values(os.Environ()))
			env, err := readEnviron(&row.opts)
			if err != nil {
				t.Fatal(err)
			}
			if got := defaultEndpoints(&row.opts, env); !maps.Equal(got, row.want) {
				t.Errorf("%v, want %v", got, row.want)
			}
			restore, err := canonicalise(&row.opts, env)
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range row.want {
				if got := os.Getenv(name); got != want {
					t.Errorf("%s is %q while exporters are made, want %q", name, got, want)
				}
			}
			restore()
			if after := slices.Sorted(slices.Values(os.Environ())); !slices.Equal(after, before) {
				t.Errorf("the environment afterwards is\n%q\nwant\n%q", after, before)
			}
		})
	}
}
