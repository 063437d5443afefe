package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/loadgen-go/loadgen/observable/pooled"
	"github.com/loadgen-go/loadgen/observable/pooled/otlphttp"
)

// refusing is an endpoint that refuses everything.
type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusBadRequest, Status: "400 Bad Request", Body: http.NoBody}, nil
}

// slow is a processor whose ForceFlush and Shutdown take a second, so that the exporter is idle before
// the provider calls it.
type slow struct{ sdktrace.SpanProcessor }

func (slow) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (slow) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (slow) ForceFlush(context.Context) error                { time.Sleep(time.Second); return nil }
func (slow) Shutdown(context.Context) error                  { time.Sleep(time.Second); return nil }

func TestSpansThatAreRefusedWhileTheProviderIsEmptiedAreReported(t *testing.T) {
	for name, do := range map[string]func(*pooledSpans) error{
		"ForceFlush": func(s *pooledSpans) error { return s.ForceFlush(context.Background()) },
		"Shutdown":   func(s *pooledSpans) error { return s.Shutdown(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				exporter, err := otlphttp.New(otlphttp.Options{Transport: refusing{}})
				if err != nil {
					t.Fatal(err)
				}
				provider, err := pooled.New(pooled.Options{Exporter: exporter,
					Processors: []sdktrace.SpanProcessor{slow{}}})
				if err != nil {
					t.Fatal(err)
				}
				s := &pooledSpans{provider: provider, exporter: exporter, starts: &starts{}}
				_, span := provider.Tracer("t").Start(context.Background(), "x")
				span.End()
				if err := do(s); err == nil || strings.Count(err.Error(), "400 Bad Request") != 1 {
					t.Errorf("%s = %v, want the refusal, once", name, err)
				}
				if err := s.Shutdown(context.Background()); err != nil {
					t.Errorf("Shutdown without further spans = %v", err)
				}
			})
		})
	}
}

func TestTheQuestionOfGRPCIsAskedIfTheEndpointMayNotSpeakIt(t *testing.T) {
	for _, tc := range []struct {
		name string
		grpc bool
		why  error
		want bool
	}{
		{"no answer yet", true, nil, true},
		{"no connection", true, fmt.Errorf("traces export: %w",
			status.Error(codes.Unavailable, "connection refused")), true},
		{"no status", true, errors.New("broken"), true},
		{"refused by a server of gRPC", true, fmt.Errorf("traces export: %w",
			status.Error(codes.PermissionDenied, "who are you?")), false},
		{"over HTTP", false, errors.New("connection refused"), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &sdkSpans{grpc: tc.grpc, why: tc.why}
			if got := strings.Contains(s.advice(), "does the endpoint speak gRPC?"); got != tc.want {
				t.Errorf("%q: it asks: %v, want %v", s.advice(), got, tc.want)
			}
		})
	}
}
