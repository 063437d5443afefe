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

// environ holds the values of the OTEL_* variables. The SDK and autoexport read most of them
// themselves. They are checked here because the SDK and autoexport only log what is wrong, or panic
// (for a negative OTEL_BSP_MAX_QUEUE_SIZE).
//
// Source: OpenTelemetry specification, "Environment Variable Specification".
type environ struct {
	disabled        bool
	traces, metrics string // names of exporters
	grpc            bool   // whether spans are exported over gRPC
	propagator      propagation.TextMapPropagator
	resource        *resource.Resource
	sampler         sdktrace.Sampler // nil: the default
	delay           time.Duration    // time between exports, at least 1 ms; 0: the default
	otlp            otlphttp.Options
}

// enumerations are the variables whose case the specification ignores, but autoexport and the SDK's
// exporters do not. They do not even log that "GZIP" is not "gzip": they send without compression.
var enumerations = []string{
	"OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER",
	"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
	"OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
	"OTEL_EXPORTER_OTLP_METRICS_COMPRESSION",
}

// canonical returns the value of an enumeration in the case that autoexport and the SDK expect. It
// does not change the names of exporters that the program has registered.
func canonical(name string) string {
	v := strings.TrimSpace(os.Getenv(name))
	if lower := strings.ToLower(v); !strings.HasSuffix(name, "_EXPORTER") || builtin(lower) {
		return lower
	}
	return v
}

// canonicalise sets the enumerations to their canonical values, and the endpoints of the exporters to open to their
// defaults. The function that it returns restores the previous values.
func canonicalise(opts *Options, env *environ) (restore func(), err error) {
	wanted := defaultEndpoints(opts, env)
	for _, name := range enumerations {
		if want := canonical(name); want != os.Getenv(name) {
			wanted[name] = want
		}
	}
	var undo []func() error
	restore = func() {
		for _, f := range undo {
			_ = f() // cannot fail: the variable could be set before
		}
	}
	for name, want := range wanted {
		before, set := os.LookupEnv(name)
		if err := os.Setenv(name, want); err != nil {
			restore()
			return nil, fmt.Errorf("lifecycle: %s is %q: want %q, but the variable cannot be changed: %w",
				name, before, want, err)
		}
		undo = append(undo, func() error {
			if set {
				return os.Setenv(name, before)
			}
			return os.Unsetenv(name)
		})
	}
	return restore, nil
}

// defaultEndpoints returns the endpoints of the SDK's exporters whose variables are not set. By the specification they
// begin with http://, but without a variable the SDK's exporters use https://.
func defaultEndpoints(opts *Options, env *environ) map[string]string {
	endpoints := map[string]string{}
	for _, e := range []struct {
		signal, exporter string
		opened           bool
	}{{"TRACES", env.traces, !opts.Pooled}, {"METRICS", env.metrics, opts.Metrics}} {
		isSet := strings.TrimSpace(os.Getenv(ofSignal(e.signal, "ENDPOINT"))) != ""
		if !e.opened || isSet || e.exporter != "" && e.exporter != "otlp" {
			continue
		}
		endpoint := "http://localhost:4318/v1/" + strings.ToLower(e.signal)
		if canonical(ofSignal(e.signal, "PROTOCOL")) == "grpc" {
			endpoint = "http://localhost:4317"
		}
		endpoints["OTEL_EXPORTER_OTLP_"+e.signal+"_ENDPOINT"] = endpoint
	}
	return endpoints
}

// builtin reports whether autoexport has an exporter of that name.
func builtin(name string) bool {
	return slices.Contains([]string{"", "otlp", "console", "none", "prometheus"}, name)
}

// A reader reads variables and collects errors.
type reader struct{ errs []error }

// wrong adds the error that a variable has not the wanted value. It adds the error only once if two
// signals share the variable.
func (r *reader) wrong(name, want string) {
	r.add(fmt.Errorf("lifecycle: %s is %q: want %s", name, os.Getenv(name), want))
}

// add notes an error, or each of several that are joined; once, if two signals share the variable that it is of.
func (r *reader) add(err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			r.add(one)
		}
		return
	}
	if err != nil && !slices.ContainsFunc(r.errs, func(e error) bool { return e.Error() == err.Error() }) {
		r.errs = append(r.errs, err)
	}
}

func (r *reader) get(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// number returns an integer variable, or 0 if it is not set.
func (r *reader) number(name string, least, most int) int {
	v := os.Getenv(name)
	if v == "" {
		return 0
	}
	n, err := strconv.Atoi(v) // like the SDK, accepts no surrounding space
	if err != nil || n < least || n > most {
		r.wrong(name, fmt.Sprintf("a whole number from %d to %d", least, most))
		return 0
	}
	return n
}

// oneOf returns a variable whose value must be one of want. It ignores case.
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
		r.wrong(name, "it unset: Setup reads no file, but by the specification a file wins over all other variables")
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
		r.number(name, -1, math.MaxInt32) // -1 is unlimited
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

// meters checks the variables that the SDK reads to export metrics.
func (r *reader) meters(exporter string) {
	r.number("OTEL_METRIC_EXPORT_INTERVAL", 1, math.MaxInt32)
	r.number("OTEL_METRIC_EXPORT_TIMEOUT", 1, math.MaxInt32)
	r.oneOf("OTEL_METRICS_EXEMPLAR_FILTER", "trace_based", "always_on", "always_off")
	switch exporter {
	case "", "otlp":
		protocol := r.oneOf(ofSignal("METRICS", "PROTOCOL"), "grpc", "http/protobuf")
		r.add(otlphttp.CheckEnvironment("METRICS", protocol == "grpc"))
		r.oneOf("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "cumulative", "delta", "lowmemory")
		r.oneOf("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
			"explicit_bucket_histogram", "base2_exponential_bucket_histogram")
	case "prometheus":
		r.number("OTEL_EXPORTER_PROMETHEUS_PORT", 0, math.MaxUint16)
	}
}

// batches checks the variables that the batch processor reads, and returns the time between exports.
func (r *reader) batches() time.Duration {
	const most = 1 << 24 // the memory of the whole queue is allocated at the start
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

// otlp returns how to export spans.
func (r *reader) otlp(pooled bool) (grpc bool, o otlphttp.Options) {
	want := []string{"http/protobuf", "grpc"}
	if pooled {
		want = want[:1]
	}
	if r.oneOf(ofSignal("TRACES", "PROTOCOL"), want...) == "grpc" {
		r.add(otlphttp.CheckEnvironment("TRACES", true))
		return true, o
	}
	o, err := otlphttp.Environment()
	r.add(err)
	return false, o
}

// ofSignal returns the name of the variable of a signal, or the general name if that is not set.
func ofSignal(signal, suffix string) string {
	if name := "OTEL_EXPORTER_OTLP_" + signal + "_" + suffix; strings.TrimSpace(os.Getenv(name)) != "" {
		return name
	}
	return "OTEL_EXPORTER_OTLP_" + suffix
}

func (r *reader) propagators() propagation.TextMapPropagator {
	const name = "OTEL_PROPAGATORS"
	var selected []propagation.TextMapPropagator
	seen := map[string]bool{}
	for _, p := range strings.Split(cmp.Or(r.get(name), "tracecontext,baggage"), ",") {
		p = strings.ToLower(strings.TrimSpace(p))
		if seen[p] {
			continue
		}
		seen[p] = true
		switch p {
		case "tracecontext":
			selected = append(selected, propagation.TraceContext{})
		case "baggage":
			selected = append(selected, propagation.Baggage{})
		case "none", "":
		default:
			r.wrong(name, "tracecontext, baggage or none, separated by commas")
			return nil
		}
	}
	return propagation.NewCompositeTextMapPropagator(selected...)
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
		r.errs = append(r.errs, fmt.Errorf("lifecycle: cannot make the resource: %w", err))
	}
	return res
}

// sampler returns the sampler, or nil for the default, parentbased_always_on.
func (r *reader) sampler() sdktrace.Sampler {
	const name, arg = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
	kind, parentBased := strings.CutPrefix(strings.ToLower(r.get(name)), "parentbased_")
	var s sdktrace.Sampler
	switch {
	case kind == "jaeger_remote" || kind == "xray" && !parentBased:
		r.wrong(name, "a sampler that Setup supports: always_on, always_off or traceidratio, or one of them after "+
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
