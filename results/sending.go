package results

import (
	"fmt"
	"math"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
)

// A Sending is what a visit sent to a receiver of spans in another process, and what its own process used meanwhile:
// from the first due call until the receiver had every span.
type Sending struct {
	Spans       uint64        `json:"spans"` // that the receiver got
	Elapsed     time.Duration `json:"elapsed_ns"`
	Processors  int           `json:"processors"`      // that the process could use at once
	ReceiverCPU time.Duration `json:"receiver_cpu_ns"` // which is no cost of the visit
	// Samples were taken of this process. PeakCPU is the most cores in use from one to the next; 0 if it is unknown.
	Samples int     `json:"samples"`
	PeakCPU float64 `json:"peak_cores"`
	// MeanHeap and PeakHeap are of the memory of objects beyond that of before the load.
	MeanHeap uint64 `json:"mean_heap_bytes"`
	PeakHeap uint64 `json:"peak_heap_bytes"`
}

// check returns an error if a value is impossible.
func (s *Sending) check() error {
	if s == nil {
		return nil
	}
	if s.Elapsed <= 0 || s.Processors < 1 || !(s.PeakCPU >= 0) || math.IsInf(s.PeakCPU, 0) || s.Samples < 0 ||
		s.ReceiverCPU < 0 {
		return fmt.Errorf("sending of %v on %d processors, %v cores, %d samples, and %v of the receiver: want none "+
			"below 0", s.Elapsed, s.Processors, s.PeakCPU, s.Samples, s.ReceiverCPU)
	}
	return nil
}

// sendingMeasurements returns the measurements of a visit that sent spans. How many spans a core can make is told by a
// closed loop alone, and what a given number of spans costs by an open one.
func (v *Visit) sendingMeasurements() []Measurement {
	s := v.Sending
	if s == nil {
		return nil
	}
	seconds := s.Elapsed.Seconds()
	if v.Record.Loop == record.ClosedLoop {
		return []Measurement{{"spans/s/core", math.Round(float64(s.Spans) / seconds / float64(s.Processors))}}
	}
	var all []Measurement
	if v.Cost.CPU > 0 {
		all = append(all, Measurement{"cpu-mcores", round3(1e3 * v.Cost.CPU.Seconds() / seconds)})
	}
	if s.PeakCPU > 0 {
		all = append(all, Measurement{"peak-cpu-mcores", round3(1e3 * s.PeakCPU)})
	}
	return append(all, Measurement{"heap-bytes", float64(s.MeanHeap)}, Measurement{"peak-heap-bytes",
		float64(s.PeakHeap)})
}
