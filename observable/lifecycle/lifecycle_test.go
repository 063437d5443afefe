package lifecycle_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable/lifecycle"
)

// exporter is registered as "test" for OTEL_TRACES_EXPORTER.
type exporter struct {
	takes  time.Duration
	err    error
	spans  atomic.Int64
	last   atomic.Value // a sdktrace.ReadOnlySpan
	closed atomic.Bool
}

func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	select {
	case <-time.After(e.takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	if e.err != nil {
		return e.err
	}
	e.last.Store(spans[len(spans)-1])
	e.spans.Add(int64(len(spans)))
	return nil
}

func (e *exporter) Shutdown(context.Context) error { e.closed.Store(true); return nil }

var (
	opened *exporter               // exporter of the next Setup
	manual *sdkmetric.ManualReader // reader of the latest Setup with metrics
)

func init() {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	autoexport.RegisterSpanExporter("test", func(context.Context) (sdktrace.SpanExporter, error) {
		return opened, nil
	})
	autoexport.RegisterMetricReader("test", func(context.Context) (sdkmetric.Reader, error) {
		manual = sdkmetric.NewManualReader()
		return manual, nil
	})
}

// setenv sets variables whose names begin with OTEL_, and unsets the others. It also raises the
// timeouts, since real endpoints may be slow on a busy machine.
func setenv(t *testing.T, vars ...string) {
	t.Helper()
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
		}
	}
	for _, kv := range append([]string{"EXPORTER_OTLP_TIMEOUT=3600000"}, vars...) {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv("OTEL_"+name, value)
	}
}

func setup(t *testing.T, opts lifecycle.Options) *lifecycle.Lifecycle {
	t.Helper()
	opts.Timeout = cmp.Or(opts.Timeout, time.Hour)
	l, err := lifecycle.Setup(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func end(p trace.TracerProvider, n int) {
	for range n {
		_, s := p.Tracer("t").Start(context.Background(), "x")
		s.End()
	}
}

func shutdown(t *testing.T, l *lifecycle.Lifecycle) {
	t.Helper()
	if err := l.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

func wantAll(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, want := range parts {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error: %v\nlacks: %s", err, want)
		}
	}
}

func TestSpansThatTheBatchProcessorDropsAreCounted(t *testing.T) {
	setenv(t, "TRACES_EXPORTER=test")
	synctest.Test(t, func(t *testing.T) {
		opened = &exporter{takes: 20 * time.Millisecond}
		l := setup(t, lifecycle.Options{})
		for range 100 { // 50,000 spans a second
			end(l.TracerProvider, 500)
			time.Sleep(10 * time.Millisecond)
			c := l.Counts()
			if c.Ended != c.Exported+c.Failed+c.Dropped+c.Waiting || c.Dropped != 0 {
				t.Fatalf("while running: %+v", c)
			}
		}
		_, unended := l.TracerProvider.Tracer("t").Start(context.Background(), "x")
		err := l.Shutdown(context.Background())
		unended.End()
		c := l.Counts()
		if c.Started != 50_001 || c.Ended != 50_000 || int64(c.Exported) != opened.spans.Load() ||
			c.Exported+c.Dropped != c.Ended || c.Waiting != 0 {
			t.Errorf("%+v, %d exported", c, opened.spans.Load())
		}
		if c.Dropped < c.Ended*35/100 || c.Dropped > c.Ended*50/100 {
			t.Errorf("%+v: want about 45 %% dropped", c)
		}
		wantAll(t, err, fmt.Sprintf("%d of 50000 spans were lost", c.Dropped), "raise OTEL_BSP_MAX_QUEUE_SIZE")
		if again := l.Shutdown(context.Background()); again != err {
			t.Errorf("the second Shutdown = %v", again)
		}
	})
}

func TestSpansThatFailToExportAreCounted(t *testing.T) {
	setenv(t, "TRACES_EXPORTER=test")
	synctest.Test(t, func(t *testing.T) {
		opened = &exporter{err: errors.New("down")}
		l := setup(t, lifecycle.Options{})
		end(l.TracerProvider, 10)
		wantAll(t, l.Shutdown(context.Background()), "10 of 10 spans were lost", "10 failed to export")
		if c := l.Counts(); c.Failed != 10 {
			t.Errorf("%+v", c)
		}
	})
}

func TestShutdownKeepsToItsDeadline(t *testing.T) {
	setenv(t, "TRACES_EXPORTER=test", "BSP_EXPORT_TIMEOUT=3600000")
	for _, tc := range []struct {
		name string
		ctx  func() (context.Context, context.CancelFunc)
		want time.Duration
	}{
		{"of the context", func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), time.Second)
		}, time.Second},
		{"of the options", func() (context.Context,
			context.CancelFunc) {
			return context.WithCancel(context.Background())
		}, 3 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opened = &exporter{takes: time.Minute}
				l := setup(t, lifecycle.Options{Timeout: 3 * time.Second})
				end(l.TracerProvider, 5)
				ctx, cancel := tc.ctx()
				defer cancel()
				began := time.Now()
				wantAll(t, l.Shutdown(ctx), "5 of 5 spans were lost", "give Shutdown more time")
				if d := time.Since(began); d != tc.want {
					t.Errorf("Shutdown took %v, want %v", d, tc.want)
				}
				if c := l.Counts(); c.Dropped != 5 {
					t.Errorf("%+v", c)
				}
				time.Sleep(time.Hour) // lets the batch processor end
			})
		})
	}
}

func TestPooledSpansAreOneFieldAway(t *testing.T) {
	for _, pooled := range []bool{false, true} {
		t.Run(fmt.Sprintf("pooled=%v", pooled), func(t *testing.T) {
			var requests atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/v1/traces" {
					requests.Add(1)
				}
			}))
			defer server.Close()
			setenv(t, "EXPORTER_OTLP_ENDPOINT="+server.URL)
			l := setup(t, lifecycle.Options{Pooled: pooled, Service: "shop"})
			end(l.TracerProvider, 100)
			if err := l.ForceFlush(context.Background()); err != nil {
				t.Error(err)
			}
			want := lifecycle.Counts{Started: 100, Ended: 100, Exported: 100}
			if c := l.Counts(); c != want || requests.Load() == 0 {
				t.Errorf("%+v in %d requests", c, requests.Load())
			}
			shutdown(t, l)
		})
	}
}

func TestEverythingWrongIsReportedAtOnceAndNothingIsLeft(t *testing.T) {
	before := otel.GetTracerProvider()
	for _, tc := range []struct {
		name string
		opts lifecycle.Options
		env  []string
		want []string
	}{
		{"options", lifecycle.Options{Timeout: -1, BufferBytes: -1, QueueBytes: 5,
			Attributes: []attribute.KeyValue{{}}}, []string{"TRACES_EXPORTER=test"},
			[]string{"Timeout is -1ns", "BufferBytes is -1", "QueueBytes is 5 without Pooled", "Attributes[0]"}},
		{"numbers", lifecycle.Options{Metrics: true}, []string{"TRACES_EXPORTER=test", "METRICS_EXPORTER=test",
			"BSP_MAX_QUEUE_SIZE=-1", "BSP_MAX_EXPORT_BATCH_SIZE=4096",
			"BSP_SCHEDULE_DELAY=5s", "BSP_EXPORT_TIMEOUT=x", "SPAN_EVENT_COUNT_LIMIT=many",
			"METRIC_EXPORT_INTERVAL=0", "TRACES_SAMPLER=traceidratio", "TRACES_SAMPLER_ARG=2"},
			[]string{`OTEL_BSP_MAX_QUEUE_SIZE is "-1": want a whole number from 1`,
				`OTEL_BSP_MAX_EXPORT_BATCH_SIZE is "4096": want at most OTEL_BSP_MAX_QUEUE_SIZE, 2048`,
				`OTEL_BSP_SCHEDULE_DELAY is "5s"`, `OTEL_BSP_EXPORT_TIMEOUT is "x"`,
				`OTEL_SPAN_EVENT_COUNT_LIMIT is "many"`, `OTEL_METRIC_EXPORT_INTERVAL is "0"`,
				`OTEL_TRACES_SAMPLER_ARG is "2": want a number from 0 to 1`}},
		{"names", lifecycle.Options{Metrics: true}, []string{"TRACES_EXPORTER=zipkin", "METRICS_EXPORTER=statsd",
			"PROPAGATORS=b3", "TRACES_SAMPLER=parentbased_sometimes",
			"RESOURCE_ATTRIBUTES=a", "SDK_DISABLED=yes"},
			[]string{`OTEL_TRACES_EXPORTER is "zipkin"`, `OTEL_METRICS_EXPORTER is "statsd"`,
				`OTEL_PROPAGATORS is "b3": want tracecontext`, `OTEL_TRACES_SAMPLER is "parentbased_sometimes"`,
				`OTEL_RESOURCE_ATTRIBUTES is "a": want key=value`, `OTEL_SDK_DISABLED is "yes"`}},
		{"known and not here", lifecycle.Options{}, []string{"TRACES_EXPORTER=none", "CONFIG_FILE=otel.yaml",
			"TRACES_SAMPLER=parentbased_jaeger_remote"},
			[]string{`OTEL_CONFIG_FILE is "otel.yaml": want it unset`,
				`OTEL_TRACES_SAMPLER is "parentbased_jaeger_remote": want a sampler that Setup supports`}},
		{"OTLP", lifecycle.Options{Metrics: true}, []string{"EXPORTER_OTLP_ENDPOINT=host:4318",
			"EXPORTER_OTLP_TIMEOUT=1s", "EXPORTER_OTLP_METRICS_PROTOCOL=http/json"},
			[]string{`OTEL_EXPORTER_OTLP_ENDPOINT is "host:4318"`, `OTEL_EXPORTER_OTLP_TIMEOUT is "1s"`,
				`OTEL_EXPORTER_OTLP_METRICS_PROTOCOL is "http/json": want grpc or http/protobuf`}},
		{"gRPC", lifecycle.Options{Metrics: true}, []string{"EXPORTER_OTLP_PROTOCOL=GRPC",
			"EXPORTER_OTLP_COMPRESSION=zstd", "EXPORTER_OTLP_METRICS_TIMEOUT=1s",
			"EXPORTER_OTLP_TRACES_TIMEOUT=x"},
			[]string{`OTEL_EXPORTER_OTLP_COMPRESSION is "zstd": want "gzip" or "none"`,
				`OTEL_EXPORTER_OTLP_METRICS_TIMEOUT is "1s": want a number of milliseconds`,
				`OTEL_EXPORTER_OTLP_TRACES_TIMEOUT is "x"`}},
		{"pooled", lifecycle.Options{Pooled: true}, []string{"EXPORTER_OTLP_PROTOCOL=grpc"},
			[]string{`OTEL_EXPORTER_OTLP_PROTOCOL is "grpc": want http/protobuf`}},
		{"pooled to another exporter", lifecycle.Options{Pooled: true}, []string{"TRACES_EXPORTER=console"},
			[]string{`OTEL_TRACES_EXPORTER is "console": want otlp or none`}},
		{"the last part fails", lifecycle.Options{Metrics: true},
			[]string{"TRACES_EXPORTER=test", "METRICS_EXPORTER=statsd"},
			[]string{`OTEL_METRICS_EXPORTER is "statsd"`}},
		{"pooled, the last part fails", lifecycle.Options{Pooled: true, Metrics: true},
			[]string{"METRICS_EXPORTER=statsd"}, []string{`OTEL_METRICS_EXPORTER is "statsd"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			setenv(t, tc.env...)
			synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left
				opened = &exporter{}
				tc.opts.Global = true
				l, err := lifecycle.Setup(context.Background(), tc.opts)
				if err == nil || l != nil {
					t.Fatalf("Setup = %v, %v", l, err)
				}
				wantAll(t, err, tc.want...)
				if slices.Contains(tc.env, "TRACES_EXPORTER=test") && !opened.closed.Load() {
					t.Error("the exporter was left open")
				}
			})
			if otel.GetTracerProvider() != before {
				t.Error("a global was changed")
			}
		})
	}
}

func TestWhatTheEnvironmentTurnsOff(t *testing.T) {
	for _, env := range []string{"SDK_DISABLED=true", "TRACES_EXPORTER=none", "TRACES_SAMPLER=always_off"} {
		for _, pooled := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s pooled=%v", env, pooled), func(t *testing.T) {
				setenv(t, env)
				l := setup(t, lifecycle.Options{Pooled: pooled})
				end(l.TracerProvider, 10)
				shutdown(t, l)
				if c := l.Counts(); c != (lifecycle.Counts{}) {
					t.Errorf("%+v", c)
				}
				if len(l.Propagator.Fields()) != 3 {
					t.Error("no propagation")
				}
			})
		}
	}
}

func TestAParentThatIsNotSampledIsFollowed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	setenv(t, "EXPORTER_OTLP_ENDPOINT="+server.URL)
	for _, pooled := range []bool{false, true} {
		t.Run(fmt.Sprintf("pooled=%v", pooled), func(t *testing.T) {
			l := setup(t, lifecycle.Options{Pooled: pooled})
			for flags, records := range map[string]bool{"00": false, "01": true} {
				ctx := l.Propagator.Extract(context.Background(), propagation.MapCarrier{
					"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-" +
						flags, "tracestate": "a=b"})
				_, s := l.TracerProvider.Tracer("t").Start(ctx, "x")
				if s.IsRecording() != records || s.SpanContext().TraceState().Get("a") != "b" {
					t.Errorf("with the flags %s of the parent, recording is %v, context %+v", flags, s.IsRecording(),
						s.SpanContext())
				}
				s.End()
			}
			shutdown(t, l)
			if want := (lifecycle.Counts{Started: 1, Ended: 1, Exported: 1}); l.Counts() != want {
				t.Errorf("%+v, want %+v", l.Counts(), want)
			}
		})
	}
}

func TestPropagators(t *testing.T) {
	for value, want := range map[string][]string{
		"":                          {"baggage", "traceparent", "tracestate"},
		"tracecontext":              {"traceparent", "tracestate"},
		"baggage, tracecontext, ":   {"baggage", "traceparent", "tracestate"},
		"TraceContext,tracecontext": {"traceparent", "tracestate"},
		"none":                      {},
	} {
		t.Run(fmt.Sprintf("%q", value), func(t *testing.T) {
			setenv(t, "TRACES_EXPORTER=none", "PROPAGATORS="+value)
			l := setup(t, lifecycle.Options{})
			got := l.Propagator.Fields()
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
			shutdown(t, l)
		})
	}
}

// The SDK's exporters send without compression if it is "GZIP", and autoexport does not accept "OTLP".
func TestNamesCountInAnyCase(t *testing.T) {
	vars := []string{"TRACES_EXPORTER=Otlp", "METRICS_EXPORTER= OTLP", "EXPORTER_OTLP_PROTOCOL=HTTP/Protobuf",
		"EXPORTER_OTLP_COMPRESSION=GZIP"}
	for _, pooled := range []bool{false, true} {
		t.Run(fmt.Sprintf("pooled=%v", pooled), func(t *testing.T) {
			var encodings sync.Map // encodings by path
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				encodings.Store(r.URL.Path, r.Header.Get("Content-Encoding"))
			}))
			defer server.Close()
			setenv(t, append(vars, "EXPORTER_OTLP_ENDPOINT="+server.URL)...)
			l := setup(t, lifecycle.Options{Pooled: pooled, Metrics: true})
			end(l.TracerProvider, 1)
			counter, err := l.MeterProvider.Meter("m").Int64Counter("n")
			if err != nil {
				t.Fatal(err)
			}
			counter.Add(context.Background(), 1)
			shutdown(t, l)
			for _, path := range []string{"/v1/traces", "/v1/metrics"} {
				if got, _ := encodings.Load(path); got != "gzip" {
					t.Errorf("the request to %s has the encoding %v, want gzip", path, got)
				}
			}
			for _, kv := range vars {
				if name, want, _ := strings.Cut(kv, "="); os.Getenv("OTEL_"+name) != want {
					t.Errorf("OTEL_%s is left at %q", name, os.Getenv("OTEL_"+name))
				}
			}
		})
	}
}

func TestADelayOfNothingIsLegal(t *testing.T) {
	setenv(t, "TRACES_EXPORTER=test", "BSP_SCHEDULE_DELAY=0")
	synctest.Test(t, func(t *testing.T) {
		opened = &exporter{}
		l := setup(t, lifecycle.Options{})
		end(l.TracerProvider, 5)
		time.Sleep(time.Second)
		if n := opened.spans.Load(); n != 5 {
			t.Errorf("%d spans were exported, want 5", n)
		}
		shutdown(t, l)
	})
}

func TestOptionsWinOverTheEnvironmentInTheResource(t *testing.T) {
	setenv(t, "TRACES_EXPORTER=test", "METRICS_EXPORTER=test", "SERVICE_NAME=env",
		"RESOURCE_ATTRIBUTES=region=north,zone=a%2C1")
	opened = &exporter{}
	l := setup(t, lifecycle.Options{Metrics: true, Service: "shop",
		Attributes: []attribute.KeyValue{attribute.String("region", "south")}})
	end(l.TracerProvider, 1)
	counter, err := l.MeterProvider.Meter("m").Int64Counter("n")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(context.Background(), 3)
	var rm metricdata.ResourceMetrics
	if err := manual.Collect(context.Background(), &rm); err != nil || len(rm.ScopeMetrics) != 1 {
		t.Fatalf("Collect = %v, %+v", err, rm)
	}
	shutdown(t, l)
	res := opened.last.Load().(sdktrace.ReadOnlySpan).Resource()
	if !res.Equal(rm.Resource) {
		t.Errorf("metrics have the resource %v, spans have %v", rm.Resource, res)
	}
	for key, want := range map[attribute.Key]string{"service.name": "shop", "region": "south", "zone": "a,1",
		"telemetry.sdk.name": "opentelemetry"} {
		if v, _ := res.Set().Value(key); v.AsString() != want {
			t.Errorf("%s is %q, want %q", key, v.AsString(), want)
		}
	}
}

// A pooled span makes one allocation. Counting the spans that start must add none.
func TestCountingPooledSpansAllocatesNothing(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	setenv(t, "EXPORTER_OTLP_ENDPOINT="+server.URL, "BSP_SCHEDULE_DELAY=3600000")
	l := setup(t, lifecycle.Options{Pooled: true})
	defer l.Shutdown(context.Background())
	tr := l.TracerProvider.Tracer("t")
	allocs := testing.AllocsPerRun(1000, func() {
		_, s := tr.Start(context.Background(), "x")
		s.End()
	})
	if allocs > 1 && !raceEnabled {
		t.Errorf("%v allocations per span, want 1", allocs)
	}
}

func TestAFlushKeepsToItsDeadline(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close() // nothing listens at its address any more
	for _, pooled := range []bool{false, true} {
		t.Run(fmt.Sprintf("pooled=%v", pooled), func(t *testing.T) {
			setenv(t, "EXPORTER_OTLP_ENDPOINT="+server.URL)
			l := setup(t, lifecycle.Options{Pooled: pooled, Timeout: time.Second})
			end(l.TracerProvider, 1)
			wantAll(t, l.ForceFlush(context.Background()), "connection refused")
			_ = l.Shutdown(context.Background())
		})
	}
}
