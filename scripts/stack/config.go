package main

import (
	"fmt"
	"strings"
)

// An outlet is where the collector sends the spans of the services.
type outlet struct {
	exporter string // its type
	config   string // its configuration, in YAML's flow style
}

// toJaeger returns the outlet to Jaeger. It is otlp_http with a bounded retry: otlp_grpc waits for up to two minutes
// after Jaeger is back.
func toJaeger(url string) outlet {
	return outlet{"otlp_http", fmt.Sprintf("{endpoint: %q, retry_on_failure: "+
		"{initial_interval: 200ms, max_interval: 1s, max_elapsed_time: 30s}}", url)}
}

// collectorConfig returns a configuration with a receiver, a pipeline and an exporter for each arm, so that the
// collector's metrics of itself tell the arms apart.
func collectorConfig(arms []string, addresses []string, out outlet, metrics string) string {
	var receivers, exporters, pipelines strings.Builder
	for i, arm := range arms {
		fmt.Fprintf(&receivers, "  otlp/%s: {protocols: {http: {endpoint: %q}}}\n", arm, addresses[i])
		fmt.Fprintf(&exporters, "  %s/%s: %s\n", out.exporter, arm, out.config)
		fmt.Fprintf(&pipelines, "    traces/%s:\n      {receivers: [otlp/%[1]s], processors: [batch], "+
			"exporters: [%s/%[1]s]}\n", arm, out.exporter)
	}
	return fmt.Sprintf(`receivers:
%sprocessors:
  batch: {timeout: 200ms, send_batch_size: 512}
exporters:
%sservice:
  telemetry:
    logs: {level: warn}
    metrics:
      level: normal
      readers: [{periodic: {interval: 500, exporter: {otlp: {protocol: http/protobuf, endpoint: %q}}}}]
  pipelines:
%s`, &receivers, &exporters, metrics, &pipelines)
}
