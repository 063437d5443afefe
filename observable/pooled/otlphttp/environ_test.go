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

// setenv sets variables whose names begin with OTEL_EXPORTER_OTLP_, and unsets the others.
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
		{"the endpoint of traces is complete",
			map[string]string{"ENDPOINT": "http://a", "TRACES_ENDPOINT": "http://c/spans"},
			otlphttp.Options{Endpoint: "http://c/spans"}},
		{"an empty path is /", map[string]string{"TRACES_ENDPOINT": "http://c"},
			otlphttp.Options{Endpoint: "http://c/"}},
		{"compression, timeout and headers", map[string]string{"COMPRESSION": "gzip", "TIMEOUT": "1500",
			"HEADERS": "a=1, key=two%20words%3D,"},
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
		`OTEL_EXPORTER_OTLP_HEADERS has an invalid header, number 1:`,
		`OTEL_EXPORTER_OTLP_CERTIFICATE is "/missing/ca.pem": want a PEM file`,
		`OTEL_EXPORTER_OTLP_CLIENT_KEY is "/missing/key.pem": want the PEM files of a certificate`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error contains the value of a header: %v", err)
	}
}

func TestEverythingWrongInTheOptionsIsReportedAtOnce(t *testing.T) {
	_, err := otlphttp.New(otlphttp.Options{
		Endpoint: "c:1", Compression: "br", Headers: map[string]string{"a b": "c"}, Timeout: -1,
		MinBackoff: time.Hour, MaxBackoff: -1,
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
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // discards the error of the failed handshake
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
			_ = e.Shutdown(never) // its error depends on when the span was dropped
			lost := watched()
			if got := e.Counts(); got != tc.want || tc.want.Dropped > 0 &&
				!strings.Contains(fmt.Sprint(lost), "certificate") {
				t.Errorf("%+v, want %+v: %v", got, tc.want, lost)
			}
		})
	}
}

// The server gets exactly the spans that a provider exports through a real connection.
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
	if err := p.Shutdown(never); err != nil { // also shuts e down
		t.Error(err)
	}
	if c := p.Counts(); c.HandedOver != 1000 || c.Exported != 0 {
		t.Errorf("the provider counted %+v", c)
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
