package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/loadgen-go/loadgen/observable/lifecycle"
)

func TestPooledSpansThatAreLostAreCounted(t *testing.T) {
	status := http.StatusBadRequest
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter,
		r *http.Request) {
		w.WriteHeader(status)
	}))
	defer server.Close()
	setenv(t, "EXPORTER_OTLP_TRACES_ENDPOINT="+server.URL)

	l := setup(t, lifecycle.Options{Pooled: true})
	end(l.TracerProvider, 100)
	wantAll(t, l.Shutdown(context.Background()), "100 of 100 spans were lost", "100 failed to export",
		"400 Bad Request")
	if c := l.Counts(); c.Failed != 100 {
		t.Errorf("%+v", c)
	}

	status = http.StatusServiceUnavailable
	l = setup(t, lifecycle.Options{Pooled: true, QueueBytes: 1, Timeout: time.Second})
	end(l.TracerProvider, 100)
	err := l.Shutdown(context.Background())
	wantAll(t, err, "100 of 100 spans were lost", "100 were dropped: raise Options.QueueBytes",
		"did not accept 100 in time", "503 Service Unavailable")
	if strings.Contains(err.Error(), "BufferBytes") {
		t.Errorf("Shutdown = %v: it names a limit that dropped nothing", err)
	}
	if c := l.Counts(); c.Dropped != 100 {
		t.Errorf("%+v", c)
	}
}

// The usual advice, a larger queue, would not help: it would fill as well.
func TestAnEndpointThatDoesNotSpeakGRPCIsNamed(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	for _, tc := range []struct {
		name  string
		spans int
		want  []string
	}{
		{"dropped", 10_000, []string{"were dropped: find out why the endpoint does not accept them (does the " +
			"endpoint speak gRPC?)"}},
		{"failed", 5, []string{"5 of 5 spans were lost",
			"exports failed (does the endpoint speak gRPC?), the last with: ", "Unavailable"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			setenv(t, "EXPORTER_OTLP_PROTOCOL=grpc", "EXPORTER_OTLP_ENDPOINT="+server.URL, "EXPORTER_OTLP_TIMEOUT=300")
			l := setup(t, lifecycle.Options{Timeout: 10 * time.Second})
			end(l.TracerProvider, tc.spans)
			err := l.Shutdown(context.Background())
			wantAll(t, err, tc.want...)
			if strings.Contains(fmt.Sprint(err), "MAX_QUEUE_SIZE") {
				t.Errorf("Shutdown = %v", err)
			}
		})
	}
}

// The endpoint accepts everything, and one span is larger than a buffer.
func TestOneLimitOfPooledSpansDoesNotDefeatTheOther(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer server.Close()
	setenv(t, "EXPORTER_OTLP_ENDPOINT="+server.URL, "BSP_SCHEDULE_DELAY=3600000")
	for _, tc := range []struct {
		name        string
		opts        lifecycle.Options
		spans, size int
	}{
		{"buffers larger than the queue", lifecycle.Options{Pooled: true, QueueBytes: 1 << 20, BufferBytes: 32 << 20},
			500, 8 << 10},
		{"a span larger than a buffer", lifecycle.Options{Pooled: true}, 1, 600 << 10},
		{"a span larger than both", lifecycle.Options{Pooled: true, QueueBytes: 4 << 10, BufferBytes: 1}, 1,
			600 << 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := setup(t, tc.opts)
			name := strings.Repeat("x", tc.size)
			for range tc.spans {
				_, s := l.TracerProvider.Tracer("t").Start(context.Background(), name)
				s.End()
			}
			shutdown(t, l)
			n := uint64(tc.spans)
			if want := (lifecycle.Counts{Started: n, Ended: n, Exported: n}); l.Counts() != want {
				t.Errorf("%+v, want %+v", l.Counts(), want)
			}
		})
	}
}

func TestAdviceNamesTheLimitThatDroppedSpans(t *testing.T) {
	answer := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-answer }))
	defer server.Close()
	setenv(t, "EXPORTER_OTLP_ENDPOINT="+server.URL, "BSP_SCHEDULE_DELAY=3600000")
	l := setup(t, lifecycle.Options{Pooled: true, BufferBytes: 100})
	end(l.TracerProvider, 100)
	close(answer)
	err := l.Shutdown(context.Background())
	wantAll(t, err, "spans were lost",
		fmt.Sprintf("raise Options.BufferBytes (512 KiB unless set), which was full for %d", l.Counts().Dropped))
	if strings.Contains(fmt.Sprint(err), "QueueBytes") {
		t.Errorf("Shutdown = %v: it names a limit that dropped nothing", err)
	}
}

// The SDK's exporter returns an error also for a warning of the collector.
func TestAPartialSuccessLosesWhatWasRejected(t *testing.T) {
	for _, tc := range []struct {
		name     string
		partial  *coltrace.ExportTracePartialSuccess
		exported uint64
	}{
		{"a warning", &coltrace.ExportTracePartialSuccess{ErrorMessage: "slow down"}, 5},
		{"three rejected", &coltrace.ExportTracePartialSuccess{RejectedSpans: 3, ErrorMessage: "too old"}, 2},
		{"more than there were", &coltrace.ExportTracePartialSuccess{RejectedSpans: 30}, 0},
	} {
		for _, pooled := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s pooled=%v", tc.name, pooled), func(t *testing.T) {
				partial := proto.CloneOf(tc.partial)
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					body, err := proto.Marshal(&coltrace.ExportTraceServiceResponse{PartialSuccess: partial})
					if n := spansIn(t, r); partial.RejectedSpans <= 5 { // larger numbers are wrong on purpose
						// the rest is rejected in the next request
						partial.RejectedSpans -= min(n, partial.RejectedSpans)
					}
					if err != nil {
						t.Error(err)
					}
					w.Header().Set("Content-Type", "application/x-protobuf")
					_, _ = w.Write(body)
				}))
				defer server.Close()
				setenv(t, "EXPORTER_OTLP_ENDPOINT="+server.URL)
				l := setup(t, lifecycle.Options{Pooled: pooled})
				end(l.TracerProvider, 5)
				err := l.Shutdown(context.Background())
				want := lifecycle.Counts{Started: 5, Ended: 5, Exported: tc.exported, Failed: 5 - tc.exported}
				if c := l.Counts(); c != want {
					t.Errorf("%+v, want %+v", c, want)
				}
				if want.Failed > 0 {
					wantAll(t, err, fmt.Sprintf("%d of 5 spans were lost", want.Failed))
				}
			})
		}
	}
}

// spansIn returns the number of spans in a request. Five spans may come in several requests, one per shard.
func spansIn(t *testing.T, r *http.Request) (n int64) {
	body, err := io.ReadAll(r.Body)
	var m coltrace.ExportTraceServiceRequest
	if err := errors.Join(err, proto.Unmarshal(body, &m)); err != nil {
		t.Error(err)
	}
	for _, rs := range m.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			n += int64(len(ss.Spans))
		}
	}
	return n
}

// Nothing is expected to answer there; if something does, it must not be asked for TLS.
func TestSpansOfTheSDKGoToPort4318OfThisHostWithoutTLS(t *testing.T) {
	setenv(t)
	l := setup(t, lifecycle.Options{})
	end(l.TracerProvider, 1)
	const want = `Post "http://localhost:4318/v1/traces"`
	if err := l.Shutdown(context.Background()); err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("%v\nwant an error with %s", err, want)
	}
}
