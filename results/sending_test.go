package results_test

import (
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/results"
)

// A visit of 2 s on 4 processors that sent 80,000 spans, in 0.5 s of CPU time.
func TestWhatSendingSpansCosts(t *testing.T) {
	sending := results.Sending{Spans: 80_000, Elapsed: 2 * time.Second, Processors: 4, PeakCPU: 0.75, MeanHeap: 1000,
		PeakHeap: 3000, Samples: 20}
	for loop, want := range map[string]map[string]float64{
		record.ClosedLoop: {"spans/s/core": 10_000},
		record.OpenLoop: {"cpu-mcores": 250, "peak-cpu-mcores": 750, "heap-bytes": 1000,
			"peak-heap-bytes": 3000},
	} {
		v := visit(t, "sdk", 1)
		before := map[string]bool{}
		for _, m := range v.Measurements() {
			before[m.Unit] = true
		}
		v.Record.Loop, v.Sending, v.Cost.CPU = loop, &sending, 500*time.Millisecond
		got := map[string]float64{}
		for _, m := range v.Measurements() {
			if !before[m.Unit] {
				got[m.Unit] = m.Value
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s loop: %v, want %v", loop, got, want)
		}
	}
}

func TestAnImpossibleSendingIsAnError(t *testing.T) {
	for name, change := range map[string]func(*results.Sending){
		"no time":          func(s *results.Sending) { s.Elapsed = 0 },
		"no processor":     func(s *results.Sending) { s.Processors = 0 },
		"cores are NaN":    func(s *results.Sending) { s.PeakCPU = math.NaN() },
		"cores below 0":    func(s *results.Sending) { s.PeakCPU = -1 },
		"endless cores":    func(s *results.Sending) { s.PeakCPU = math.Inf(1) },
		"samples below 0":  func(s *results.Sending) { s.Samples = -1 },
		"CPU time below 0": func(s *results.Sending) { s.ReceiverCPU = -1 },
	} {
		v := visit(t, "sdk", 1)
		v.Sending = &results.Sending{Elapsed: 1, Processors: 1}
		if err := v.Check(); err != nil {
			t.Fatal(err)
		}
		change(v.Sending)
		if err := v.Check(); err == nil || !strings.Contains(err.Error(), "sending") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
