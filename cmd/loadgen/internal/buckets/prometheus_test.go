package buckets

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/scrape"
)

// wantPrometheus is the variable that makes a missing Prometheus a failure, where it should be installed.
const wantPrometheus = "LOADGEN_WANT_PROMETHEUS"

// startPrometheus starts a Prometheus that scrapes a target every second, and returns its URL.
func startPrometheus(t *testing.T, target string) string {
	t.Helper()
	path, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv(wantPrometheus) != "" {
			t.Fatalf("%v, and %s is set", err, wantPrometheus)
		}
		t.Skip("prometheus is not installed")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") // a free port
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	dir := t.TempDir()
	config := fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs:\n"+
		"  - {job_name: test, static_configs: [{targets: [%q]}]}\n", target)
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := child.Command(t.Context(), path, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--enable-feature=native-histograms", "--log.level=warn")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // an error says that it has ended
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("prometheus says\n%s", &log)
		}
	})
	return "http://" + address
}

// answer returns the number that Prometheus answers a query with, and whether it has an answer.
func answer(t *testing.T, server, query string) (float64, bool) {
	t.Helper()
	response, err := http.Get(server + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return 0, false // it has not started yet
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var a struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	if err := json.Unmarshal(text, &a); err != nil || len(a.Data.Result) == 0 {
		return 0, false
	}
	x, err := strconv.ParseFloat(fmt.Sprint(a.Data.Result[0].Value[1]), 64)
	return x, err == nil
}

// awaitScrape waits until Prometheus has scraped n latencies. It first scrapes some seconds after its start.
func awaitScrape(t *testing.T, server string, n float64) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	for tick := time.Tick(100 * time.Millisecond); ; <-tick {
		if got, ok := answer(t, server, "histogram_count(native_seconds)"); ok && got == n {
			return
		}
		if ctx.Err() != nil {
			t.Fatal("prometheus has scraped nothing")
		}
	}
}

// The same latencies in three histograms: a real Prometheus reads of them what this package says that it reads, and
// misses the quantiles of the data by as little as promised.
func TestPrometheusReadsWhatIsPromised(t *testing.T) {
	x := NewSample("lognormal", "", lognormal(100_000))
	o := Options{Quantiles: []float64{.5, .95, .99}, Buckets: 10, Drift: 2}
	bounds := boundsFor(x, &o)
	schemes := map[string]Scheme{"before_seconds": known[2], "chosen_seconds": {Bounds: bounds},
		"native_seconds": native}
	registry := prometheus.NewRegistry()
	for name, s := range schemes {
		options := prometheus.HistogramOpts{Name: name, Help: "Latencies.", Buckets: inSeconds(s.Bounds)}
		if s.Bounds == nil {
			options.NativeHistogramBucketFactor = 1.1
		}
		h := prometheus.NewHistogram(options)
		registry.MustRegister(h)
		for _, v := range x.values {
			h.Observe(v.Seconds())
		}
	}
	service := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer service.Close()
	server := startPrometheus(t, strings.TrimPrefix(service.URL, "http://"))
	awaitScrape(t, server, float64(x.N()))
	for name, s := range schemes {
		for _, q := range o.Quantiles {
			metric, within := name+"_bucket", 1e-9
			if s.Bounds == nil { // Prometheus 2 reads a bucket of a native histogram linearly, and 3 exponentially
				metric, within = name, .005
			}
			got, ok := answer(t, server, fmt.Sprintf("histogram_quantile(%v, %s)", q, metric))
			if want := s.estimate(x, q, 1) / 1e9; !ok || math.Abs(off(got, want)) > within {
				t.Errorf("%s, q=%v: prometheus reads %v, and %v was expected", name, q, got, want)
			}
			e, most := off(1e9*got, float64(x.Quantile(q))), map[float64]float64{.5: .02, .95: .02, .99: .03}[q]
			if name == "chosen_seconds" && math.Abs(e) > most {
				t.Errorf("q=%v is off by %+.4f", q, e)
			}
			if name == "before_seconds" && q == .95 && math.Abs(e-.337) > .001 {
				t.Errorf("p95 was off by %+.4f, want +0.337", e)
			}
		}
		source, err := scrape.NewSource(name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		h, err := source.Query(t.Context(), server, 0)
		if err != nil {
			t.Fatal(err)
		}
		back := FromHistogram(h)
		if e := off(float64(back.Quantile(.95)), float64(x.Quantile(.95))); h.Count() != 100_000 ||
			h.Native != (s.Bounds == nil) || math.Abs(e) > .01 {
			t.Errorf("%s has counted %v, and p95 of what was read back is off by %+.4f", name, h.Count(), e)
		}
	}
}
