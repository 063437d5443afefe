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
	propagator      propagation.TextMapPropagator
	resource        *resource.Resource
	sampler         sdktrace.Sampler // nil is the default
	delay           time.Duration    // between exports, at least 1 ms; 0 is the default
	otlp            otlphttp.Options
}

// builtin tells whether autoexport has the exporter of that name.
func builtin(name string) bool {
	return slices.Contains([]string{"", "otlp", "console", "none", "prometheus"}, name)
}

// A reader reads variables and gathers what is wrong with them.
type reader struct{ errs []error }

func (r *reader) wrong(name, want string) {
	r.errs = append(r.errs, fmt.Errorf("lifecycle: %s is %q: want %s", name, os.Getenv(name), want))
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

func (r *reader) oneOf(name string, want ...string) string {
	v := r.get(name)
	if v != "" && !slices.Contains(want, v) {
		r.wrong(name, strings.Join(want, " or "))
	}
	return v
}

func readEnviron(opts *Options) (*environ, error) {
	var r reader
	env := &environ{
		traces:  r.get("OTEL_TRACES_EXPORTER"),
		metrics: r.get("OTEL_METRICS_EXPORTER"),
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
		"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
		"OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
	} {
		r.number(name, -1, math.MaxInt32) // -1 is no limit
	}
	if opts.Pooled {
		r.oneOf("OTEL_TRACES_EXPORTER", "otlp", "none")
	}
	if env.traces == "" || env.traces == "otlp" {
		env.otlp = r.otlp(opts.Pooled)
	}
	if opts.Metrics {
		r.number("OTEL_METRIC_EXPORT_INTERVAL", 1, math.MaxInt32)
		r.number("OTEL_METRIC_EXPORT_TIMEOUT", 1, math.MaxInt32)
		switch env.metrics {
		case "", "otlp":
			r.protocol("METRICS", "grpc", "http/protobuf")
		case "prometheus":
			r.number("OTEL_EXPORTER_PROMETHEUS_PORT", 0, math.MaxUint16)
		}
	}
	return env, errors.Join(r.errs...)
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

// otlp reads where spans go. Over gRPC, the exporter's own checks must do.
func (r *reader) otlp(pooled bool) otlphttp.Options {
	want := []string{"http/protobuf", "grpc"}
	if pooled {
		want = want[:1]
	}
	if r.protocol("TRACES", want...) == "grpc" {
		return otlphttp.Options{}
	}
	o, err := otlphttp.Environment()
	if err != nil {
		r.errs = append(r.errs, err)
	}
	return o
}

// protocol reads the protocol of a signal, that of all signals if it has none.
func (r *reader) protocol(signal string, want ...string) string {
	name := "OTEL_EXPORTER_OTLP_" + signal + "_PROTOCOL"
	if r.get(name) == "" {
		name = "OTEL_EXPORTER_OTLP_PROTOCOL"
	}
	return r.oneOf(name, want...)
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
		r.wrong(name, "a sampler that Setup has: always_on, always_off or traceidratio, or one of them after parentbased_")
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
