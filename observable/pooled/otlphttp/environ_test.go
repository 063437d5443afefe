package otlphttp_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loadgen-go/loadgen/observable/pooled"
	"github.com/loadgen-go/loadgen/observable/pooled/otlphttp"
)

// setenv sets OTEL_EXPORTER_OTLP_ variables, and clears what else is set.
func setenv(t *testing.T, vars map[string]string) {
	t.Helper()
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
		}
	}
	for name, value := range vars {
		t.Setenv("OTEL_EXPORTER_OTLP_"+name, value)
	}
}

func TestEnvironment(t *testing.T) {
	for _, tc := range []struct {
		name string
		vars map[string]string
		want otlphttp.Options
	}{
		{"nothing", nil, otlphttp.Options{}},
		{"the general endpoint is a base", map[string]string{"ENDPOINT": "https://c:4318/base/"},
			otlphttp.Options{Endpoint: "https://c:4318/base/v1/traces"}},
		{"that of traces is whole", map[string]string{"ENDPOINT": "http://a", "TRACES_ENDPOINT": "http://c/spans"},
			otlphttp.Options{Endpoint: "http://c/spans"}},
		{"an empty path is /", map[string]string{"TRACES_ENDPOINT": "http://c"},
			otlphttp.Options{Endpoint: "http://c/"}},
		{"the rest", map[string]string{"COMPRESSION": "gzip", "TIMEOUT": "1500", "HEADERS": "a=1, key=two%20words%3D,"},
			otlphttp.Options{Compression: "gzip", Timeout: 1500 * time.Millisecond,
				Headers: map[string]string{"a": "1", "key": "two words="}}},
		{"any case, and no limit", map[string]string{"COMPRESSION": "GZIP", "TIMEOUT": "0"},
			otlphttp.Options{Compression: "gzip", Timeout: math.MaxInt64}},
		{"traces win", map[string]string{"TIMEOUT": "1", "TRACES_TIMEOUT": "2", "COMPRESSION": "gzip",
			"TRACES_COMPRESSION": "none"},
			otlphttp.Options{Compression: "none", Timeout: 2 * time.Millisecond}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			setenv(t, tc.vars)
			got, err := otlphttp.Environment()
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestEverythingWrongInTheEnvironmentIsReportedAtOnce(t *testing.T) {
	setenv(t, map[string]string{
		"ENDPOINT": "localhost:4318", "TRACES_COMPRESSION": "zstd", "TIMEOUT": "10s", "HEADERS": "secret",
		"CERTIFICATE": "/missing/ca.pem", "CLIENT_KEY": "/missing/key.pem",
	})
	_, err := otlphttp.Environment()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`OTEL_EXPORTER_OTLP_ENDPOINT is "localhost:4318": want a URL`,
		`OTEL_EXPORTER_OTLP_TRACES_COMPRESSION is "zstd": want "gzip" or "none"`,
		`OTEL_EXPORTER_OTLP_TIMEOUT is "10s": want a number of milliseconds`,
		`OTEL_EXPORTER_OTLP_HEADERS has a header, number 1,`,
		`OTEL_EXPORTER_OTLP_CERTIFICATE is "/missing/ca.pem": want a PEM file`,
		`OTEL_EXPORTER_OTLP_CLIENT_KEY is "/missing/key.pem": want the PEM files of a pair`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("a header's value is shown: %v", err)
	}
}

func TestEverythingWrongInTheOptionsIsReportedAtOnce(t *testing.T) {
	_, err := otlphttp.New(otlphttp.Options{
		Endpoint: "c:1", Compression: "br", Headers: map[string]string{"a b": "c"}, Timeout: -1, MinBackoff: time.Hour, MaxBackoff: -1,
		MaxAge: -1, QueueBytes: -1, RequestBytes: -1,
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"Endpoint is", "Compression is", "Headers has", "Timeout is", "MinBackoff is",
		"MaxBackoff is", "MaxAge is", "QueueBytes is", "RequestBytes is"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %q", err, want)
		}
	}
}

func TestTheCertificateOfTheEnvironmentIsTrusted(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that fails
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
		0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, certificate string
		want              otlphttp.Counts
	}{
		{"none", "", otlphttp.Counts{Given: 1, Dropped: 1}},
		{"the server's", file, otlphttp.Counts{Given: 1, Sent: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			setenv(t, map[string]string{"ENDPOINT": server.URL, "CERTIFICATE": tc.certificate, "TIMEOUT": "3600000"})
			opts, err := otlphttp.Environment()
			if err != nil {
				t.Fatal(err)
			}
			opts.MinBackoff, opts.MaxBackoff, opts.MaxAge = time.Nanosecond, time.Nanosecond, time.Nanosecond
			e := start(t, opts)
			watched := e.Watch()
			if err := e.Export(never, encoded("x", 1), 1); err != nil {
				t.Fatal(err)
			}
			_ = e.Shutdown(never) // whose error depends on whether the span was dropped before
			lost := watched()
			if got := e.Counts(); got != tc.want || tc.want.Dropped > 0 &&
				!strings.Contains(fmt.Sprint(lost), "certificate") {
				t.Errorf("%+v, want %+v: %v", got, tc.want, lost)
			}
		})
	}
}

// Through a real server, from a provider: what is sent is what the server gets.
func TestSpansOfAProviderReachAServer(t *testing.T) {
	ep := &endpoint{}
	path := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.Path
		resp, err := ep.RoundTrip(r)
		if err != nil {
			t.Error(err)
			return
		}
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		w.WriteHeader(resp.StatusCode)
	}))
	defer server.Close()
	setenv(t, map[string]string{
		"ENDPOINT": server.URL, "COMPRESSION": "gzip", "HEADERS": "tenant=blue", "TIMEOUT": "3600000",
	})
	opts, err := otlphttp.Environment()
	if err != nil {
		t.Fatal(err)
	}
	e := start(t, opts)
	p, err := pooled.New(pooled.Options{Exporter: e})
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		_, s := p.Tracer("t").Start(context.Background(), "x")
		s.End()
	}
	if err := p.Shutdown(never); err != nil { // and that of e
		t.Error(err)
	}
	if c := p.Counts(); c.HandedOver != 1000 || c.Exported != 0 {
		t.Errorf("of the provider: %+v", c)
	}
	if c := e.Counts(); c.Sent != 1000 || ep.accepted["x"] != 1000 || path != "/v1/traces" {
		t.Errorf("%+v, the server took %v at %s", c, ep.accepted, path)
	}
	for name, want := range map[string]string{"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip",
		"Tenant": "blue"} {
		if got := ep.headers.Get(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
