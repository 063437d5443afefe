// Package promtest runs the programs of Prometheus in tests: promtool, and the server. A test is skipped if they
// are not installed, or fails if LOADGEN_WANT_PROMETHEUS is set.
package promtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// want is the variable that makes a missing program a failure, where it should be installed.
const want = "LOADGEN_WANT_PROMETHEUS"

// program returns the path of a program.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv(want) != "" {
		t.Fatalf("%v, and %s is set", err, want)
	}
	if err != nil {
		t.Skipf("%s is not installed (apt-get install prometheus)", name)
	}
	return path
}

// Promtool runs promtool with arguments and standard input in a directory, and fails the test unless it exits with 0.
func Promtool(t testing.TB, dir string, stdin io.Reader, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), program(t, "promtool"), args...)
	c.Dir, c.Stdin = dir, stdin
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("promtool %q: %v\n%s", args, err, out)
	}
}

// Lint fails the test if promtool objects to the metrics at a URL: to their names, units or help texts.
func Lint(t testing.TB, url string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || !bytes.Contains(text, []byte("# HELP ")) {
		t.Fatalf("%s: %s, %v, and no metrics in\n%s", url, response.Status, err, text)
	}
	Promtool(t, "", bytes.NewReader(text), "check", "metrics")
}

// A Server is a server of Prometheus that runs until the end of a test.
type Server struct{ URL string }

// Start starts a server that scrapes targets, each HOST:PORT, every second. It has the rules of a file, unless that is
// "". It first scrapes some seconds after its start.
func Start(t testing.TB, rules string, targets ...string) *Server {
	t.Helper()
	path := program(t, "prometheus")
	l, err := net.Listen("tcp", "127.0.0.1:0") // a free port
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	config := map[string]any{
		"global": map[string]string{"scrape_interval": "1s", "evaluation_interval": "1s"},
		"scrape_configs": []any{map[string]any{"job_name": "test", "static_configs": []any{
			map[string][]string{"targets": targets}}}},
	}
	if rules != "" {
		config["rule_files"] = []string{rules}
	}
	text, err := json.Marshal(config) // which is YAML, too
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	c := exec.CommandContext(ctx, path, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--enable-feature=native-histograms", "--log.level=warn")
	var log bytes.Buffer
	c.Stdout, c.Stderr = &log, &log
	if err := start(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = c.Wait() // an error says that it was killed
		if t.Failed() {
			t.Logf("prometheus says\n%s", &log)
		}
	})
	return &Server{"http://" + address}
}

// A Sample is a series of the answer to a query.
type Sample struct {
	Labels map[string]string
	Value  float64 // 0 if it is a native histogram
}

// Query returns the answer to a query, at the time of now.
func (s *Server) Query(query string) ([]Sample, error) {
	response, err := http.Get(s.URL + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var a struct {
		Error string
		Data  struct{ Result json.RawMessage }
	}
	if err := json.NewDecoder(response.Body).Decode(&a); err != nil {
		return nil, fmt.Errorf("%s: %w", response.Status, err)
	}
	if a.Error != "" {
		return nil, fmt.Errorf("%s: %s", query, a.Error)
	}
	var vector []struct {
		Metric map[string]string
		Value  [2]any
	}
	if err := json.Unmarshal(a.Data.Result, &vector); err != nil {
		return nil, fmt.Errorf("%s: want an instant vector: %w", query, err)
	}
	var list []Sample
	for _, v := range vector {
		sample := Sample{Labels: v.Metric}
		if text, ok := v.Value[1].(string); ok {
			if sample.Value, err = strconv.ParseFloat(text, 64); err != nil {
				return nil, fmt.Errorf("%s: %w", query, err)
			}
		}
		list = append(list, sample)
	}
	return list, nil
}

// Await waits until a query has an answer that done accepts, and fails the test if none comes for a minute.
func (s *Server) Await(t testing.TB, query string, done func([]Sample) bool) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var samples []Sample
	var err error
	for tick := time.Tick(100 * time.Millisecond); ctx.Err() == nil; <-tick {
		samples, err = s.Query(query) // fails until the server has started
		if err == nil && done(samples) {
			return
		}
	}
	t.Fatalf("%s has no such answer: %v, %v", query, samples, err)
}

// A Rule is a rule of the server.
type Rule struct {
	Name, Query, Health, LastError string
}

// Rules returns all rules of the server.
func (s *Server) Rules(t testing.TB) (list []Rule) {
	t.Helper()
	response, err := http.Get(s.URL + "/api/v1/rules")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var a struct {
		Data struct{ Groups []struct{ Rules []Rule } }
	}
	if err := json.NewDecoder(response.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	for _, g := range a.Data.Groups {
		list = append(list, g.Rules...)
	}
	return list
}
