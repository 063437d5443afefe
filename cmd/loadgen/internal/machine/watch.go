package machine

import (
	"runtime/metrics"
	"time"
)

// watchEvery is the time between two looks at what this process uses.
const watchEvery = 100 * time.Millisecond

// A Watched is what a [Watch] saw. Heap is the memory of objects beyond that of before, in bytes.
type Watched struct {
	Samples            int
	PeakCPU            float64 // the most cores in use from one sample to the next; 0 if it is unknown
	MeanHeap, PeakHeap uint64
}

// A Watch looks at the CPU time and the heap of this process ten times a second. It stops no goroutine.
type Watch struct {
	ended, done chan struct{}
	seen        Watched
}

// StartWatch starts to watch. The caller must call Stop.
func StartWatch() *Watch {
	w := &Watch{ended: make(chan struct{}), done: make(chan struct{})}
	first, _ := CPU() // the peak stays unknown without it
	go w.watch(first, heapObjects(), time.Now())
	return w
}

// Stop returns what was seen.
func (w *Watch) Stop() Watched {
	close(w.ended)
	<-w.done
	return w.seen
}

// watch takes samples until w.ended is closed. The last sample counts for the CPU time only if enough time has passed
// since the one before it: in a short time, the CPU time says little.
func (w *Watch) watch(cpu time.Duration, base uint64, last time.Time) {
	defer close(w.done)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for more := true; more; {
		select {
		case <-tick.C:
		case <-w.ended:
			more = false
		}
		w.seen.addHeap(heapObjects(), base)
		passed := time.Since(last)
		if passed < watchEvery/2 {
			continue
		}
		now, err := CPU()
		if err == nil && cpu > 0 {
			w.seen.addCPU(now-cpu, passed)
		}
		cpu, last = now, last.Add(passed)
	}
}

// addCPU adds the CPU time that was used in the time that has passed since the sample before.
func (s *Watched) addCPU(used, passed time.Duration) {
	s.PeakCPU = max(s.PeakCPU, float64(used)/float64(passed))
}

// addHeap adds a sample of the heap, in bytes, where base is the one of before.
func (s *Watched) addHeap(heap, base uint64) {
	heap -= min(heap, base)
	s.PeakHeap = max(s.PeakHeap, heap)
	n := uint64(s.Samples)
	s.Samples++
	s.MeanHeap = (s.MeanHeap*n + heap) / (n + 1)
}

// heapObjects returns the memory of the objects on the heap, in bytes, with those that are not yet collected.
func heapObjects() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}
