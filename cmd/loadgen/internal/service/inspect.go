package service

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/loadgen-go/loadgen/results"
)

// What Options.Inspect may be instead of a URL.
const (
	auto = "auto"
	none = "none"
)

const (
	inspectTime = 10 * time.Second // an endpoint that takes longer is an error
	inspectMost = 64 << 20         // bytes of an answer
)

// An endpoint is where a Go service tells what it has allocated.
type endpoint struct {
	url    string
	before heap
	own    heap // what one question allocates
}

// A heap is what a Go service has allocated since it was started.
type heap struct {
	source        string
	bytes, allocs uint64
	cycles        uint64
	pause         *time.Duration // of all cycles; nil: unknown
	pauses        []uint64       // of the last cycles in ns, in a ring as in runtime.MemStats.PauseNs
}

// findEndpoint looks for the endpoint, once.
func (s *Service) findEndpoint(ctx context.Context) error {
	if s.window.looked || s.options.Inspect == none {
		return nil
	}
	s.window.looked = true
	if s.options.Inspect != "" && s.options.Inspect != auto {
		target, err := s.Expand(s.options.Inspect)
		if err != nil {
			return err
		}
		s.window.endpoint = &endpoint{url: heapProfile(target)}
		return nil
	}
	place, err := s.web()
	if err != nil {
		return err
	}
	if place == nil { // other protocols are not asked in HTTP
		s.note("allocations: unknown, since Ready names no HTTP endpoint: set Inspect to the URL of one")
		return nil
	}
	for _, path := range []string{"/debug/pprof", "/debug/vars", "/metrics"} {
		root := url.URL{Scheme: place.Scheme, Host: place.Host, Path: path}
		e := &endpoint{url: heapProfile(root.String())}
		if _, err := e.read(ctx); err == nil {
			s.window.endpoint = e
			return nil
		}
	}
	s.note("allocations: unknown, since nothing answers at /debug/pprof, /debug/vars or /metrics: " +
		"import net/http/pprof, or set Inspect to a URL")
	return nil
}

// web returns a URL of the service whose root has the usual endpoints, or nil if none is known.
func (s *Service) web() (*url.URL, error) {
	var root string
	var err error
	switch {
	case s.options.Web != "":
		root, err = s.Expand(s.options.Web)
	case s.options.Ready.HTTP != "":
		root, err = s.options.readyURL(s.names)
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return url.Parse(root)
}

// heapProfile returns the URL of the heap profile in text, for that of all profiles.
func heapProfile(target string) string {
	if base := strings.TrimSuffix(target, "/"); strings.HasSuffix(base, "/debug/pprof") {
		return base + "/heap?debug=1"
	}
	return target
}

// read asks the endpoint.
func (e *endpoint) read(ctx context.Context) (heap, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectTime)
	defer cancel()
	response, err := get(ctx, e.url)
	if err != nil {
		return heap{}, fmt.Errorf("reading %s: %w", e.url, err)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, inspectMost+1))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return heap{}, fmt.Errorf("reading %s: %w", e.url, err)
	}
	if len(data) > inspectMost {
		return heap{}, fmt.Errorf("reading %s: it has more than %d bytes", e.url, inspectMost)
	}
	h, err := parseHeap(data)
	if err != nil {
		return heap{}, fmt.Errorf("reading %s: %w", e.url, err)
	}
	return h, nil
}

// begin reads the heap before the load, and what one question allocates. The first of three questions is not counted,
// since it may allocate what the others use again.
func (e *endpoint) begin(ctx context.Context) error {
	var last, before heap
	var err error
	for range 3 {
		last = before
		if before, err = e.read(ctx); err != nil {
			return err
		}
	}
	e.before = before
	e.own = heap{bytes: before.bytes - last.bytes, allocs: before.allocs - last.allocs}
	return nil
}

// end reads the heap after the load, and records what the load added.
func (e *endpoint) end(ctx context.Context, cost *results.ServiceCost) error {
	after, err := e.read(ctx)
	if err != nil {
		return err
	}
	if after.bytes < e.before.bytes || after.allocs < e.before.allocs || after.cycles < e.before.cycles {
		return fmt.Errorf("reading %s: it tells less than before the load: want the same process each time", e.url)
	}
	cost.Source = after.source
	cost.Bytes = new(less(after.bytes-e.before.bytes, e.own.bytes))
	cost.Allocs = new(less(after.allocs-e.before.allocs, e.own.allocs))
	cost.GCCycles = new(after.cycles - e.before.cycles)
	cost.GCPause = after.pauseSince(&e.before)
	return nil
}

// less returns a-b, or 0 if b is larger.
func less(a, b uint64) uint64 { return a - min(a, b) }

// pauseSince returns how long garbage collections stopped the program since before, or nil if it is unknown.
func (h *heap) pauseSince(before *heap) *time.Duration {
	if h.pause != nil && before.pause != nil {
		return new(max(*h.pause-*before.pause, 0))
	}
	size, cycles := uint64(len(h.pauses)), h.cycles-before.cycles
	if size == 0 || cycles > size || h.cycles < before.cycles {
		return nil
	}
	var total uint64
	for i := before.cycles; i < h.cycles; i++ {
		total += h.pauses[i%size]
	}
	return new(time.Duration(total))
}

// parseHeap parses an answer of one of the three kinds of endpoint.
func parseHeap(data []byte) (heap, error) {
	trimmed := bytes.TrimSpace(data)
	switch {
	case bytes.HasPrefix(trimmed, []byte("heap profile:")):
		return parsePprof(trimmed)
	case bytes.HasPrefix(trimmed, []byte("{")):
		return parseExpvar(trimmed)
	}
	return parsePrometheus(data)
}

// parsePprof parses a heap profile in text, which ends with fields of runtime.MemStats.
func parsePprof(data []byte) (heap, error) {
	h := heap{source: "pprof"}
	want := map[string]*uint64{"TotalAlloc": &h.bytes, "Mallocs": &h.allocs, "NumGC": &h.cycles}
	s := bufio.NewScanner(bytes.NewReader(data))
	s.Buffer(nil, len(data)+1)
	for s.Scan() {
		name, value, _ := strings.Cut(strings.TrimPrefix(s.Text(), "# "), " = ")
		if name == "PauseNs" {
			h.pauses = parseNumbers(strings.Trim(value, "[]"))
		}
		into := want[name]
		if into == nil || !strings.HasPrefix(s.Text(), "# ") {
			continue
		}
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return heap{}, fmt.Errorf("the heap profile has %q: %w", s.Text(), err)
		}
		*into = n
		delete(want, name)
	}
	if len(want) > 0 {
		return heap{}, fmt.Errorf("the heap profile has no %s: want one with debug=1, of Go",
			strings.Join(sortedKeys(want), ", "))
	}
	return h, nil
}

// parseNumbers returns numbers that are separated by spaces, or nil if one is none.
func parseNumbers(text string) []uint64 {
	fields := strings.Fields(text)
	numbers := make([]uint64, len(fields))
	for i, field := range fields {
		var err error
		if numbers[i], err = strconv.ParseUint(field, 10, 64); err != nil {
			return nil
		}
	}
	return numbers
}

// parseExpvar parses what package expvar shows.
func parseExpvar(data []byte) (heap, error) {
	var vars struct {
		Memstats *struct {
			TotalAlloc, Mallocs, PauseTotalNs *uint64
			NumGC                             *uint32
		} `json:"memstats"`
	}
	if err := json.Unmarshal(data, &vars); err != nil {
		return heap{}, fmt.Errorf("it is no JSON of package expvar: %w", err)
	}
	m := vars.Memstats
	if m == nil || m.TotalAlloc == nil || m.Mallocs == nil || m.NumGC == nil || m.PauseTotalNs == nil {
		return heap{}, errors.New("it has no memstats with TotalAlloc, Mallocs, NumGC and PauseTotalNs: " +
			"want those of package expvar")
	}
	return heap{source: "expvar", bytes: *m.TotalAlloc, allocs: *m.Mallocs, cycles: uint64(*m.NumGC),
		pause: new(time.Duration(min(*m.PauseTotalNs, math.MaxInt64)))}, nil
}

// parsePrometheus parses the metrics of the Go collector of Prometheus's client, in its text format.
func parsePrometheus(data []byte) (heap, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(data))
	if err != nil {
		return heap{}, fmt.Errorf("it is no heap profile, JSON or text of Prometheus: %w", err)
	}
	const bytesTotal, allocsTotal, pauses = "go_memstats_alloc_bytes_total", "go_memstats_mallocs_total",
		"go_gc_duration_seconds"
	allocated, ok := counter(families[bytesTotal])
	objects, also := counter(families[allocsTotal])
	gc := families[pauses].GetMetric()
	if !ok || !also || len(gc) == 0 || gc[0].GetSummary() == nil {
		return heap{}, fmt.Errorf("it has no %s, %s and %s: want the Go collector of Prometheus's client",
			bytesTotal, allocsTotal, pauses)
	}
	h := heap{source: "prometheus", bytes: allocated, allocs: objects, cycles: gc[0].GetSummary().GetSampleCount()}
	if ns := math.Round(gc[0].GetSummary().GetSampleSum() * float64(time.Second)); ns >= 0 && ns < 1<<63 {
		h.pause = new(time.Duration(ns))
	}
	return h, nil
}

// counter returns the value of a counter without labels.
func counter(family *dto.MetricFamily) (uint64, bool) {
	metrics := family.GetMetric()
	if len(metrics) != 1 || metrics[0].GetCounter() == nil {
		return 0, false
	}
	value := metrics[0].GetCounter().GetValue()
	return uint64(value), value >= 0 && value < 1<<63
}
