package lifecycle

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/loadgen-go/loadgen/observable/pooled/otlphttp"
)

// environ is what the OTEL_* variables say. The SDK and autoexport read most of
// them for themselves; they are checked here, since those log what is wrong, or
// panic (a negative OTEL_BSP_MAX_QUEUE_SIZE).
//
// Source: OpenTelemetry specification, "Environment Variable Specification".
type environ struct {
	disabled        bool
	traces, metrics string // names of exporters
	grpc            bool   // spans go over it
	propagator      propagation.TextMapPropagator
	resource        *resource.Resource
	sampler         sdktrace.Sampler // nil is the default
	delay           time.Duration    // between exports, at least 1 ms; 0 is the default
	otlp            otlphttp.Options
}

// enumerations are the variables that the specification reads in any case, and that
// autoexport and the SDK's exporters compare as they stand. These log nothing if
// "GZIP" is not "gzip": they send without compression.
var enumerations = []string{
	"OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER",
	"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
	"OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
	"OTEL_EXPORTER_OTLP_METRICS_COMPRESSION",
}

// canonical returns the value of an enumeration as autoexport and the SDK know it. Names
// of exporters that others have registered stay as they are.
func canonical(name string) string {
	v := strings.TrimSpace(os.Getenv(name))
	if lower := strings.ToLower(v); !strings.HasSuffix(name, "_EXPORTER") || builtin(lower) {
		return lower
	}
	return v
}

// canonicalise sets the enumerations to what autoexport and the SDK know. The function that
// it returns puts back what was there before.
func canonicalise() (restore func(), err error) {
	before := map[string]string{}
	restore = func() {
		for name, value := range before {
			_ = os.Setenv(name, value) // which was there before
		}
	}
	for _, name := range enumerations {
		v, want := os.Getenv(name), canonical(name)
		if v == want {
			continue
		}
		if err := os.Setenv(name, want); err != nil {
			restore()
			return nil, fmt.Errorf("lifecycle: %s is %q: want %q, which cannot be set in its place: %w",
				name, v, want, err)
		}
		before[name] = v
	}
	return restore, nil
}

// builtin reports whether autoexport has the exporter of that name.
func builtin(name string) bool {
	return slices.Contains([]string{"", "otlp", "console", "none", "prometheus"}, name)
}

// A reader reads variables and gathers what is wrong with them.
type reader struct{ errs []error }

// wrong notes that a variable is not as wanted; once, if two signals share it.
func (r *reader) wrong(name, want string) {
	err := fmt.Errorf("lifecycle: %s is %q: want %s", name, os.Getenv(name), want)
	same := func(other error) bool { return other.Error() == err.Error() }
	if !slices.ContainsFunc(r.errs, same) {
		r.errs = append(r.errs, err)
	}
}

func (r *reader) get(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// number reads an integer; 0 if it is not set.
func (r *reader) number(name string, least, most int) int {
	v := os.Getenv(name)
	if v == "" {
		return 0
	}
	n, err := strconv.Atoi(v) // as the SDK does: no space around it
	if err != nil || n < least || n > most {
		r.wrong(name, fmt.Sprintf("a whole number from %d to %d", least, most))
		return 0
	}
	return n
}

// oneOf reads a name that counts in any case.
func (r *reader) oneOf(name string, want ...string) string {
	v := canonical(name)
	if v != "" && !slices.Contains(want, v) {
		r.wrong(name, strings.Join(want, " or "))
	}
	return v
}

func readEnviron(opts *Options) (*environ, error) {
	var r reader
	env := &environ{
		traces:  canonical("OTEL_TRACES_EXPORTER"),
		metrics: canonical("OTEL_METRICS_EXPORTER"),
	}
	switch strings.ToLower(r.get("OTEL_SDK_DISABLED")) {
	case "true":
		env.disabled = true
	case "", "false":
	default:
		r.wrong("OTEL_SDK_DISABLED", "true or false")
	}
	if name := "OTEL_CONFIG_FILE"; r.get(name) != "" {
		r.wrong(name, "it unset: Setup reads no file, and the specification has one win over all other variables")
	}
	env.propagator = r.propagators()
	env.resource = r.resource(opts)
	env.sampler = r.sampler()
	env.delay = r.batches()
	for _, name := range []string{
		"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
		"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
		"OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT",
		"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
	} {
		r.number(name, -1, math.MaxInt32) // -1 is no limit
	}
	if opts.Pooled {
		r.oneOf("OTEL_TRACES_EXPORTER", "otlp", "none")
	}
	if env.traces == "" || env.traces == "otlp" {
		env.grpc, env.otlp = r.otlp(opts.Pooled)
	}
	if opts.Metrics {
		r.meters(env.metrics)
	}
	return env, errors.Join(r.errs...)
}

// meters checks what the SDK reads to export metrics.
func (r *reader) meters(exporter string) {
	r.number("OTEL_METRIC_EXPORT_INTERVAL", 1, math.MaxInt32)
	r.number("OTEL_METRIC_EXPORT_TIMEOUT", 1, math.MaxInt32)
	r.oneOf("OTEL_METRICS_EXEMPLAR_FILTER", "trace_based", "always_on", "always_off")
	switch exporter {
	case "", "otlp":
		r.oneOf(ofSignal("METRICS", "PROTOCOL"), "grpc", "http/protobuf")
		r.transfer("METRICS")
		r.oneOf("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "cumulative", "delta", "lowmemory")
		r.oneOf("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
			"explicit_bucket_histogram", "base2_exponential_bucket_histogram")
	case "prometheus":
		r.number("OTEL_EXPORTER_PROMETHEUS_PORT", 0, math.MaxUint16)
	}
}

// transfer checks what package otlphttp does not read: the SDK ignores an unknown
// compression, and logs a timeout that is not a number.
func (r *reader) transfer(signal string) {
	r.oneOf(ofSignal(signal, "COMPRESSION"), "gzip", "none")
	r.number(ofSignal(signal, "TIMEOUT"), 0, math.MaxInt32)
}

// batches checks what the batch processor reads, and returns the time between
// exports.
func (r *reader) batches() time.Duration {
	const most = 1 << 24 // a queue has its whole length in memory from the start
	queue := r.number("OTEL_BSP_MAX_QUEUE_SIZE", 1, most)
	batch := r.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1, most)
	if limit := cmp.Or(queue, sdktrace.DefaultMaxQueueSize); batch > limit {
		r.wrong("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", fmt.Sprintf("at most OTEL_BSP_MAX_QUEUE_SIZE, %d", limit))
	}
	r.number("OTEL_BSP_EXPORT_TIMEOUT", 0, math.MaxInt32)
	const delay = "OTEL_BSP_SCHEDULE_DELAY"
	n := r.number(delay, 0, math.MaxInt32)
	if n == 0 && r.get(delay) == "0" {
		n = 1 // with 0, the SDK's batch processor would spin
	}
	return time.Duration(n) * time.Millisecond
}

// otlp reads how and where spans go. Over gRPC, the endpoint, headers and certificates
// have no other check than the exporter's own.
func (r *reader) otlp(pooled bool) (grpc bool, o otlphttp.Options) {
	want := []string{"http/protobuf", "grpc"}
	if pooled {
		want = want[:1]
	}
	if r.oneOf(ofSignal("TRACES", "PROTOCOL"), want...) == "grpc" {
		r.transfer("TRACES")
		return true, o
	}
	o, err := otlphttp.Environment()
	if err != nil {
		r.errs = append(r.errs, err)
	}
	return false, o
}

// ofSignal returns the name of the variable of a signal, or of all signals if it is not set.
func ofSignal(signal, suffix string) string {
	if name := "OTEL_EXPORTER_OTLP_" + signal + "_" + suffix; strings.TrimSpace(os.Getenv(name)) != "" {
		return name
	}
	return "OTEL_EXPORTER_OTLP_" + suffix
}

func (r *reader) propagators() propagation.TextMapPropagator {
	const name = "OTEL_PROPAGATORS"
	var all []propagation.TextMapPropagator
	seen := map[string]bool{}
	for _, p := range strings.Split(cmp.Or(r.get(name), "tracecontext,baggage"), ",") {
		p = strings.ToLower(strings.TrimSpace(p))
		if seen[p] {
			continue
		}
		seen[p] = true
		switch p {
		case "tracecontext":
			all = append(all, propagation.TraceContext{})
		case "baggage":
			all = append(all, propagation.Baggage{})
		case "none", "":
		default:
			r.wrong(name, "tracecontext, baggage or none, separated by commas")
			return nil
		}
	}
	return propagation.NewCompositeTextMapPropagator(all...)
}

func (r *reader) resource(opts *Options) *resource.Resource {
	const name = "OTEL_RESOURCE_ATTRIBUTES"
	if v := r.get(name); v != "" {
		for _, pair := range strings.Split(v, ",") {
			key, value, ok := strings.Cut(pair, "=")
			if _, err := url.PathUnescape(value); err != nil || !ok || strings.TrimSpace(key) == "" {
				r.wrong(name, "key=value, separated by commas, values percent-encoded")
				return nil
			}
		}
	}
	own := slices.Clone(opts.Attributes)
	if opts.Service != "" {
		own = append(own, attribute.String("service.name", opts.Service))
	}
	res, err := resource.Merge(resource.Default(), resource.Environment())
	if err == nil {
		res, err = resource.Merge(res, resource.NewSchemaless(own...))
	}
	if err != nil {
		r.errs = append(r.errs, fmt.Errorf("lifecycle: the resource: %w", err))
	}
	return res
}

// sampler reads the sampler; nil is the default, parentbased_always_on.
func (r *reader) sampler() sdktrace.Sampler {
	const name, arg = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
	kind, parentBased := strings.CutPrefix(strings.ToLower(r.get(name)), "parentbased_")
	var s sdktrace.Sampler
	switch {
	case kind == "jaeger_remote" || kind == "xray" && !parentBased:
		r.wrong(name, "a sampler that Setup has: always_on, always_off or traceidratio, or one of them after "+
			"parentbased_")
		return nil
	case kind == "" && !parentBased, kind == "always_on" && parentBased:
		return nil
	case kind == "always_on":
		s = sdktrace.AlwaysSample()
	case kind == "always_off":
		s = sdktrace.NeverSample()
	case kind == "traceidratio":
		ratio, err := strconv.ParseFloat(cmp.Or(r.get(arg), "1"), 64)
		if err != nil || !(ratio >= 0 && ratio <= 1) {
			r.wrong(arg, "a number from 0 to 1")
		}
		s = sdktrace.TraceIDRatioBased(ratio)
	default:
		r.wrong(name, "always_on, always_off or traceidratio, or one of them after parentbased_")
		return nil
	}
	if parentBased {
		return sdktrace.ParentBased(s)
	}
	return s
}
