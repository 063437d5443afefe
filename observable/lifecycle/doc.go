// Package lifecycle starts and stops OpenTelemetry in a service, and counts the spans that are
// lost.
//
// [Setup] makes a tracer provider, propagators and, if requested, a meter provider from the
// standard OTEL_* environment variables. Its exporters are those of
// go.opentelemetry.io/contrib/exporters/autoexport. If a variable has an invalid value, Setup
// returns an error, where the SDK logs it and uses the default.
//
// The SDK's batch processor silently drops spans when its queue is full: with 50,000 spans a
// second and an export that takes 20 ms, it drops 45 % of them. So this package counts every
// sampled span when it starts, when it ends and, with its batch, when it is exported, which costs
// two atomic additions per span. Shutdown reports how many are missing.
//
// With Options.Pooled, spans are made by package pooled and exported by package otlphttp. Nothing
// else in the service changes.
//
// # Environment
//
// The table lists each variable, its default in the specification, and what Setup does. Variables
// that are read are also checked: an invalid value is an error, whereas the specification has it
// ignored with a warning. An empty value counts as unset. Names are case-insensitive, except the
// names of exporters that the program has registered. A variable with OTLP in its name also exists
// with TRACES_ or METRICS_ after OTLP_, which wins over the general one.
//
// The exporters of autoexport read the environment themselves, and know names in lower case
// only. So a variable such as OTEL_EXPORTER_OTLP_COMPRESSION=GZIP is set to lower case
// while Setup makes them, and restored before it returns: whatever else reads the environment
// at that time, or starts a process, may see either. The same holds for an endpoint that is not
// set, because the SDK's default is https://localhost:4318 and not http://localhost:4318. Nothing
// is set if names are in lower case and the endpoints are set.
//
//	OTEL_SDK_DISABLED | false | read
//	OTEL_CONFIG_FILE | a file that wins over all other variables | refused: no file is read
//	OTEL_SERVICE_NAME | unknown_service | unchecked; Options.Service wins
//	OTEL_RESOURCE_ATTRIBUTES | none; key=value, ... | read; Options.Attributes win
//	OTEL_LOG_LEVEL | info, for the log of the SDK | ignored: see package otel
//	OTEL_PROPAGATORS | tracecontext,baggage | read: these two, and none
//	OTEL_TRACES_SAMPLER | parentbased_always_on | read, except jaeger_remote and xray
//	OTEL_TRACES_SAMPLER_ARG | 1, for traceidratio | read
//	OTEL_TRACES_EXPORTER | otlp | read: otlp, console, none, and registered names
//	OTEL_METRICS_EXPORTER | otlp | read: the same, and prometheus
//	OTEL_LOGS_EXPORTER | otlp | ignored, like all variables for logs
//	OTEL_BSP_SCHEDULE_DELAY | 5000 ms | read; 0 is 1 ms
//	OTEL_BSP_EXPORT_TIMEOUT | 30000 ms | read; not used with Pooled
//	OTEL_BSP_MAX_QUEUE_SIZE | 2048 spans | read; not used with Pooled
//	OTEL_BSP_MAX_EXPORT_BATCH_SIZE | 512 spans | read; not used with Pooled
//	OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT | no limit | read; the variable for spans wins
//	OTEL_ATTRIBUTE_COUNT_LIMIT | 128 | read; the variable for spans wins
//	OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT | no limit | read
//	OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT | 128 | read
//	OTEL_SPAN_EVENT_COUNT_LIMIT | 128 | read
//	OTEL_SPAN_LINK_COUNT_LIMIT | 128 | read
//	OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT | 128 | read
//	OTEL_LINK_ATTRIBUTE_COUNT_LIMIT | 128 | read
//	OTEL_EXPORTER_OTLP_PROTOCOL | http/protobuf | read; only http/protobuf with Pooled
//	OTEL_EXPORTER_OTLP_COMPRESSION | none | read
//	OTEL_EXPORTER_OTLP_TIMEOUT | 10000 ms; 0 is no limit | read
//	OTEL_EXPORTER_OTLP_ENDPOINT | http://localhost:4318, for gRPC :4317 | read
//	OTEL_EXPORTER_OTLP_HEADERS | none; key=value, ... | read
//	OTEL_EXPORTER_OTLP_CERTIFICATE | the system's | read
//	OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE | none | read
//	OTEL_EXPORTER_OTLP_CLIENT_KEY | none | read
//	OTEL_EXPORTER_OTLP_INSECURE | false, for gRPC without a scheme | unchecked; not used with Pooled
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
