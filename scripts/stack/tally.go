package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
)

// A tally receives the collector's metrics of itself, over OTLP. The collector sends them regularly, and a last time
// when it has stopped, so that no count is lost when it is started again.
type tally struct {
	url    string
	server *http.Server

	mu   sync.Mutex
	sums map[sumKey]int64 // latest values
	errs []error
}

// A sumKey is a counter of one collector, from one start to its stop.
type sumKey struct{ instance, metric, component string }

// startTally starts a tally.
func startTally() (*tally, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("receiving metrics of the collector: %w", err)
	}
	t := &tally{url: "http://" + l.Addr().String(), sums: map[sumKey]int64{}}
	t.server = &http.Server{Handler: t}
	go func() { _ = t.server.Serve(l) }() // ends with stop
	return t, nil
}

// stop ends the tally.
func (t *tally) stop() error { return t.server.Close() }

// ServeHTTP receives metrics.
func (t *tally) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	request := pmetricotlp.NewExportRequest()
	if err == nil {
		err = request.UnmarshalProto(body)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.errs = append(t.errs, fmt.Errorf("the metrics of the collector: %w", err))
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	t.add(request.Metrics())
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// add keeps the latest values of all sums.
func (t *tally) add(metrics pmetric.Metrics) {
	for _, rm := range metrics.ResourceMetrics().All() {
		instance, _ := rm.Resource().Attributes().Get("service.instance.id")
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				if m.Type() != pmetric.MetricTypeSum {
					continue
				}
				for _, p := range m.Sum().DataPoints().All() {
					t.sums[sumKey{instance.Str(), m.Name(), componentOf(p.Attributes())}] = p.IntValue()
				}
			}
		}
	}
}

// componentOf returns the component of the collector that a metric is of.
func componentOf(attributes pcommon.Map) string {
	for _, key := range []string{"receiver", "exporter"} {
		if v, ok := attributes.Get(key); ok {
			return v.Str()
		}
	}
	return ""
}

// sum returns the sum of a metric of a component over all starts of the collector.
func (t *tally) sum(metric, component string) (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, v := range t.sums {
		if k.metric == metric && k.component == component {
			n += int(v)
		}
	}
	return n
}
