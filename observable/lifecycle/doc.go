// Package lifecycle starts the OpenTelemetry of a service and ends it, and tells
// what became of its spans.
//
// [Setup] makes a tracer provider, propagators and, if wanted, a meter provider
// from the standard OTEL_* environment variables. Its exporters are those of
// go.opentelemetry.io/contrib/exporters/autoexport. What is wrong in a variable is
// an error here, where the SDK logs it and takes the default.
//
// The SDK's batch processor drops spans without a word when its queue is full: at
// 50,000 spans a second and an export that takes 20 ms, 45 % of them. So every
// sampled span is counted when it starts, when it ends and, with its batch, when it
// is exported: two atomic additions a span. Shutdown says what is missing.
//
// With Options.Pooled the spans are those of package pooled, exported by package
// otlphttp: nothing else in the service changes.
//
// # Environment
//
// Variable, what the specification says, and what Setup does. To read is also to check: a
// wrong value is an error, where the specification has it ignored with a warning. An empty
// value counts as none, and names in any case, but for those of exporters that others have
// registered. What has OTLP in its name is also read with TRACES_ or METRICS_ after it,
// which wins over the general one.
//
// The exporters of autoexport read the environment themselves, and know names in lower case
// alone. So a variable such as OTEL_EXPORTER_OTLP_COMPRESSION=GZIP is set to lower case
// while Setup makes them, and put back before it returns: what else reads the environment
// meanwhile, or starts a process, may see either. With names in lower case nothing is set.
//
//	OTEL_SDK_DISABLED | false | read
//	OTEL_CONFIG_FILE | a file that wins over all other variables | refused: no file is read
//	OTEL_SERVICE_NAME | unknown_service | unchecked; Options.Service wins
//	OTEL_RESOURCE_ATTRIBUTES | none; key=value, ... | read; Options.Attributes win
//	OTEL_LOG_LEVEL | info, of the SDK's own log | ignored: see package otel
//	OTEL_PROPAGATORS | tracecontext,baggage | read: these two and none
//	OTEL_TRACES_SAMPLER | parentbased_always_on | read, but for jaeger_remote and xray
//	OTEL_TRACES_SAMPLER_ARG | 1, of traceidratio | read
//	OTEL_TRACES_EXPORTER | otlp | read: otlp, console, none and what is registered
//	OTEL_METRICS_EXPORTER | otlp | read: these and prometheus
//	OTEL_LOGS_EXPORTER | otlp | ignored: there are no logs, nor any variable of theirs
//	OTEL_BSP_SCHEDULE_DELAY | 5000 ms | read; 0 is 1 ms
//	OTEL_BSP_EXPORT_TIMEOUT | 30000 ms | read; no use with Pooled
//	OTEL_BSP_MAX_QUEUE_SIZE | 2048 spans | read; no use with Pooled
//	OTEL_BSP_MAX_EXPORT_BATCH_SIZE | 512 spans | read; no use with Pooled
//	OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT | no limit | read; that of spans wins
//	OTEL_ATTRIBUTE_COUNT_LIMIT | 128 | read; that of spans wins
//	OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT | no limit | read
//	OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT | 128 | read
//	OTEL_SPAN_EVENT_COUNT_LIMIT | 128 | read
//	OTEL_SPAN_LINK_COUNT_LIMIT | 128 | read
//	OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT | 128 | read
//	OTEL_LINK_ATTRIBUTE_COUNT_LIMIT | 128 | read
//	OTEL_EXPORTER_OTLP_PROTOCOL | http/protobuf | read; http/protobuf alone with Pooled
//	OTEL_EXPORTER_OTLP_COMPRESSION | none | read
//	OTEL_EXPORTER_OTLP_TIMEOUT | 10000 ms; 0 is no limit | read
//	OTEL_EXPORTER_OTLP_ENDPOINT | http://localhost:4318, for gRPC :4317 | read
//	OTEL_EXPORTER_OTLP_HEADERS | none; key=value, ... | read
//	OTEL_EXPORTER_OTLP_CERTIFICATE | the system's | read
//	OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE | none | read
//	OTEL_EXPORTER_OTLP_CLIENT_KEY | none | read
//	OTEL_EXPORTER_OTLP_INSECURE | false, for gRPC without a scheme | unchecked; no use with Pooled
//	OTEL_METRIC_EXPORT_INTERVAL | 60000 ms | read
//	OTEL_METRIC_EXPORT_TIMEOUT | 30000 ms | read
//	OTEL_METRICS_EXEMPLAR_FILTER | trace_based | read
//	OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE | cumulative | read
//	OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION | explicit_bucket_histogram | read
//	OTEL_EXPORTER_PROMETHEUS_HOST | localhost | unchecked
//	OTEL_EXPORTER_PROMETHEUS_PORT | 9464 | read
//
// Source: OpenTelemetry specification, "Environment Variable Specification" and
// "OpenTelemetry Protocol Exporter".
package lifecycle
