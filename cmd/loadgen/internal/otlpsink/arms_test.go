//go:build unix

package otlpsink_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/otlpsink"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/service"
	"github.com/loadgen-go/loadgen/results"
)

// asVariable makes the test binary a traced service.
const asVariable = "OTLPSINK_TEST_AS_SERVICE"

func TestMain(m *testing.M) {
	if servesSink() {
		if err := otlpsink.Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getenv(asVariable) != "" {
		if err := serveTraced(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil { // a service need not wait for reports of races
		panic(err)
	}
	os.Exit(m.Run())
}

// serveTraced makes two spans for each request, and exports what is left when it is asked to end.
func serveTraced() error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	exporter, err := autoexport.NewSpanExporter(context.Background())
	if err != nil {
		return err
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter))
	tracer := provider.Tracer("shop")
	http.HandleFunc("/items", func(w http.ResponseWriter, r *http.Request) {
		ctx, outer := tracer.Start(r.Context(), "GET /items")
		_, inner := tracer.Start(ctx, "query")
		inner.End()
		outer.End()
		fmt.Fprint(w, "[]")
	})
	failed := make(chan error, 1)
	go func() { failed <- http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil) }()
	select {
	case err := <-failed:
		return err
	case <-stop:
		return provider.Shutdown(context.Background())
	}
}

const calls = 50

// visit runs an arm of the traced service, and returns what it exported.
func visit(t *testing.T, sink *otlpsink.Sink, env map[string]*string) results.Exported {
	t.Helper()
	env[asVariable], env["OTEL_EXPORTER_OTLP_ENDPOINT"] = new("1"), new("{{otlp}}")
	before := sink.Counts()
	s, err := service.Start(t.Context(), &service.Options{
		Command: []string{os.Args[0]},
		Env:     env,
		Values:  map[string]string{"otlp": sink.URL()},
		Ready:   service.Ready{TCP: true, Timeout: time.Minute},
		Inspect: "none",
	})
	if err != nil {
		t.Fatal(err)
	}
	for range calls {
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/items", s.Port()))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(response.Body); err != nil {
			t.Error(err)
		}
		response.Body.Close()
	}
	if exit, err := s.Stop(t.Context()); err != nil || exit.Code != 0 {
		t.Errorf("%+v, %v", exit, err)
	}
	return results.Exported{Exports: sink.Counts().Since(before), Calls: calls}
}

// A user who disables the SDK with this variable, and finds that this saves little, has compared tracing with tracing.
func TestDisablingTheSDKForGoByVariableHasNoEffect(t *testing.T) {
	sink := start(t)
	traced := visit(t, sink, map[string]*string{})
	if traced.Traces.Items != 2*calls {
		t.Errorf("%+v: want two spans for each call, %v", traced, sink.Err())
	}
	for name, row := range map[string]struct {
		env  map[string]*string
		want string
	}{
		"OTEL_SDK_DISABLED": {map[string]*string{"OTEL_SDK_DISABLED": new("true")}, "arm-without-effect"},
		"a sampler":         {map[string]*string{"OTEL_TRACES_SAMPLER": new("always_off")}, "different"},
	} {
		t.Run(name, func(t *testing.T) {
			arm := visit(t, sink, row.env)
			if got := results.EffectOf(traced, arm).String(); got != row.want {
				t.Errorf("%s: %+v and %+v: want %s", got, traced, arm, row.want)
			}
		})
	}
}
