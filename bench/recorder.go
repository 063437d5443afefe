package bench

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/quantile"
)

// A recorder is the account of one worker, or of several if there are many.
type recorder struct {
	mu     sync.Mutex
	shared bool // several workers, or crew.watch, use the recorder: hold mu

	latency, service *quantile.HDR // for calls done
	failed           *quantile.HDR // the latency of failed calls
	phases           record.Phases // for calls done; nil histograms unless the target is Timed
	lags             *lags         // for all calls; nil if a lagAccount computes them
	failures         record.Failures
	window           windowTally
	kept             *kept
	slowest          *slowest
	endedSum         uint64        // the sum of the instants at which calls ended, in ns, modulo 2^64
	latencySum       uint64        // the sum of latencies, in ns, modulo 2^64
	end              time.Duration // the end of the schedule
	inTime           uint64        // calls that ended before the end of the schedule
	last             time.Duration // when the last call ended
}

// kept holds the first latencies of all recorders.
type kept struct {
	n   atomic.Int64
	all []keptLatency
}

type keptLatency struct{ ended, latency time.Duration }

func newKept(room int) *kept {
	k := &kept{all: make([]keptLatency, room)}
	clear(k.all) // touches the pages now rather than during a call
	return k
}

func (k *kept) add(ended, latency time.Duration) {
	if i := k.n.Add(1) - 1; i < int64(len(k.all)) {
		k.all[i] = keptLatency{ended, latency}
	}
}

// latencies returns the latencies, in the order in which the calls ended.
func (k *kept) latencies() []time.Duration {
	all := k.all[:min(k.n.Load(), int64(len(k.all)))]
	slices.SortStableFunc(all, func(a, b keptLatency) int { return cmp.Compare(a.ended, b.ended) })
	latencies := make([]time.Duration, len(all))
	for i := range all {
		latencies[i] = all[i].latency
	}
	return latencies
}

func newRecorder(k *kept, w *windows, slow *slowest, l *lags) *recorder {
	return &recorder{
		latency:  quantile.NewHDR(),
		service:  quantile.NewHDR(),
		failed:   quantile.NewHDR(),
		lags:     l,
		failures: record.Failures{},
		window:   windowTally{windows: w, counts: counts{slow: make([]uint64, len(w.plan.SLOs))}},
		kept:     k,
		slowest:  slow,
	}
}

// add adds a call that has ended. At has its instants if the target is Timed, and is nil otherwise.
func (r *recorder) add(c *call, at *Instants, err error) {
	if r.shared {
		r.mu.Lock()
		defer r.mu.Unlock()
	}
	latency := c.ended - c.due
	r.endedSum += uint64(c.ended)
	r.latencySum += uint64(latency)
	r.last = max(r.last, c.ended)
	if c.ended <= r.end {
		r.inTime++
	}
	if r.lags != nil {
		r.lags.add(c)
	}
	r.window.add(c, err != nil)
	r.slowest.offer(c, err != nil)
	if err != nil {
		r.failed.Add(latency)
		r.failures.Add(c.ended, err)
		return
	}
	r.latency.Add(latency)
	r.service.Add(c.ended - c.begun)
	if at != nil {
		r.addPhases(at)
	}
	if len(r.kept.all) > 0 {
		r.kept.add(c.ended, latency)
	}
}

// addPhases adds the phases of a call done. A call whose target did not report them has none.
func (r *recorder) addPhases(at *Instants) {
	if at.First <= 0 {
		return
	}
	first := min(at.First, at.Ended)
	wrote := min(max(at.Wrote, 0), first)
	r.phases.Write.Add(wrote)
	r.phases.Wait.Add(first - wrote)
	r.phases.Read.Add(at.Ended - first)
}

// merge adds the account of another recorder.
func (r *recorder) merge(o *recorder) {
	r.phases.Merge(&o.phases)
	for _, pair := range [][2]*quantile.HDR{{r.latency, o.latency}, {r.service, o.service}, {r.failed, o.failed}} {
		if err := pair[0].Merge(pair[1]); err != nil {
			panic(err) // impossible: both have the same buckets
		}
	}
	o.window.pass()
	r.endedSum += o.endedSum
	r.latencySum += o.latencySum
	r.inTime += o.inTime
	r.last = max(r.last, o.last)
	if o.lags != nil {
		r.lags.merge(o.lags)
	}
	r.failures.Merge(o.failures)
}
