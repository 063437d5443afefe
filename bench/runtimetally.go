package bench

import (
	"runtime/debug"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
)

// A tally holds counters at some instant. The runtime and the system count since the process began, and
// the machine since it was started. The activity of a part of a run is the difference between two
// tallies, so that parts add up to the whole.
type tally struct {
	at time.Duration

	gcCycles                     uint64
	gcPause, otherPause          time.Duration
	gcAssist, gcCPU              time.Duration
	waits                        []uint64 // the counts of the histogram of scheduler waits
	mutexWait, cpu               time.Duration
	heapLive, heapObjects, alive uint64 // bytes, bytes, number of goroutines
	stalls                       stalls
}

// set makes t a copy of another.
func (t *tally) set(o *tally) {
	waits := append(t.waits[:0], o.waits...)
	*t = *o
	t.waits = waits
}

// A teller reads tallies. It does not stop the world.
type teller struct {
	meter    *meter
	gc       debug.GCStats // reused
	pressure pressureFiles
}

// tell sets t to the counters at now. It uses the histograms of the meter's last tick.
func (r *teller) tell(t *tally, now time.Duration) {
	t.at = now
	// The histogram of pauses is exact only to an eighth.
	debug.ReadGCStats(&r.gc)
	t.gcCycles, t.gcPause = uint64(r.gc.NumGC), r.gc.PauseTotal
	t.otherPause = r.meter.otherPauses.sum()
	t.waits = append(t.waits[:0], r.meter.waits.last...)
	r.meter.read(t)
	t.cpu = processCPU()
	t.stalls = r.pressure.read()
}

var waitQuantiles = [...]float64{0.5, 0.99, 1}

// since returns the activity between two tallies.
func (t *tally) since(before *tally, waits *histogram) record.Runtime {
	r := record.Runtime{
		GCCycles:    t.gcCycles - before.gcCycles,
		GCPause:     t.gcPause - before.gcPause,
		OtherPause:  t.otherPause - before.otherPause,
		GCAssist:    t.gcAssist - before.gcAssist,
		GCCPU:       t.gcCPU - before.gcCPU,
		MutexWait:   t.mutexWait - before.mutexWait,
		HeapLive:    t.heapLive,
		HeapObjects: t.heapObjects,
		Goroutines:  t.alive,
		CPU:         t.cpu - before.cpu,
		Pressure:    t.stalls.since(&before.stalls, t.at-before.at),
	}
	waits.quantiles(t.waits, before.waits, waitQuantiles, [...]*time.Duration{&r.WaitP50, &r.WaitP99, &r.WaitMax})
	return r
}

// stalls are the times for which some task on the machine has waited for a resource.
type stalls struct {
	known           bool
	cpu, memory, io time.Duration
}

// since returns the shares of elapsed in which some task waited.
func (s *stalls) since(before *stalls, elapsed time.Duration) record.Pressure {
	if !s.known || !before.known || elapsed <= 0 {
		return record.Pressure{}
	}
	// The kernel counts up to the instant of reading, but with another clock than ours.
	share := func(d time.Duration) float64 { return min(max(float64(d)/float64(elapsed), 0), 1) }
	return record.Pressure{
		Known:  true,
		CPU:    share(s.cpu - before.cpu),
		Memory: share(s.memory - before.memory),
		IO:     share(s.io - before.io),
	}
}
