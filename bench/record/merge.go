package record

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// Merge returns the record of runs that shared one load and ran at the same time, as the shards
// of a generator do. Counts are added, histograms and windows are merged, and percentiles,
// intervals, the trend and objectives are worked out anew from all calls. Of what cannot be
// added it has the worst: the fidelity that is farthest off, the longest backlog, the longest
// waits of a scheduler, the highest pressure.
//
// Lost names what it lacks, and why. The error says why the records are not of one load: they
// differ in their loop, their objectives, the length of their windows, or in whether failed
// calls are left out. The records are not changed.
func Merge(records ...*Record) (merged *Record, lost []string, err error) {
	if err := ofOneLoad(records); err != nil {
		return nil, nil, err
	}
	first := records[0]
	m := &Record{Loop: first.Loop, Pace: first.Pace, Overload: first.Overload, FailedApart: first.FailedApart,
		WindowLength: first.WindowLength, Fidelity: first.Fidelity}
	failures := Failures{}
	inSystem := 0.0 // calls times ns
	for i, r := range records {
		m.addCounts(r)
		inSystem += r.InSystem * float64(r.Elapsed)
		m.Runtime.add(&r.Runtime)
		m.addWindows(r.Windows)
		for _, f := range r.Failures {
			failures.count(f.Kind, &failure{f, time.Duration(i)}) // those of the first record come first
		}
		m.Slowest = append(m.Slowest, r.Slowest...)
		if f := r.Fidelity; f != nil && (m.Fidelity == nil || f.Distance > m.Fidelity.Distance) {
			m.Fidelity = f
		}
		if len(r.Kept) > 0 {
			lost = []string{"latencies one by one: nothing says in which order the calls of different records ended"}
		}
	}
	m.mergeHistograms(records)
	m.Failures = failures.List()
	if m.Elapsed > 0 {
		m.InSystem = inSystem / float64(m.Elapsed)
	}
	slices.SortStableFunc(m.Slowest, func(a, b SlowCall) int { return cmp.Compare(b.Latency(), a.Latency()) })
	m.Slowest = m.Slowest[:min(len(m.Slowest), mostSlowest)]
	return m, append(lost, m.conclude(records)...), nil
}

// mostSlowest is how many of the slowest calls a merged record has.
const mostSlowest = 32

// ofOneLoad reports why the records cannot be of one load.
func ofOneLoad(records []*Record) error {
	if len(records) == 0 {
		return errors.New("record: nothing to merge: want one record at least")
	}
	var errs []error
	for i, r := range records[1:] {
		for _, field := range []struct {
			name        string
			first, here any
		}{
			{"loop", records[0].Loop, r.Loop},
			{"failed calls left out", records[0].FailedApart, r.FailedApart},
			{"length of windows", records[0].WindowLength, r.WindowLength},
			{"objectives", objectives(records[0]), objectives(r)},
		} {
			if field.first != field.here {
				errs = append(errs, fmt.Errorf("record: record %d differs from the first: %s: %v, and %v: want records of one load",
					i+2, field.name, field.first, field.here))
			}
		}
	}
	return errors.Join(errs...)
}

// objectives returns the texts of the objectives of r.
func objectives(r *Record) string {
	var texts []string
	for _, s := range r.SLOs {
		texts = append(texts, s.SLO)
	}
	return strings.Join(texts, ", ")
}

// addCounts adds the counts of r, and keeps the longer of durations.
func (m *Record) addCounts(r *Record) {
	m.Workers += r.Workers
	m.Offered += r.Offered
	m.Done += r.Done
	m.Failed += r.Failed
	m.Dropped += r.Dropped
	m.Missed += r.Missed
	m.GivenUp += r.GivenUp
	m.InTime += r.InTime
	m.Waiting += r.Waiting
	m.Scheduled = max(m.Scheduled, r.Scheduled)
	m.Elapsed = max(m.Elapsed, r.Elapsed)
	m.Backlog = max(m.Backlog, r.Backlog)
	m.Behind = max(m.Behind, r.Behind)
	m.Interrupted = m.Interrupted || r.Interrupted
	m.Aborted = cmp.Or(m.Aborted, r.Aborted)
	for _, part := range []struct {
		into *string
		from string
	}{{&m.Pace, r.Pace}, {&m.Overload, r.Overload}} {
		if !slices.Contains(strings.Split(*part.into, ", "), part.from) {
			*part.into += ", " + part.from
		}
	}
}

// mergeHistograms merges the histograms of the records. One that a record lacks is lacking.
func (m *Record) mergeHistograms(records []*Record) {
	histogram := func(of func(*Record) **quantile.HDR) {
		h := quantile.NewHDR()
		for _, r := range records {
			one := *of(r)
			if one == nil {
				return
			}
			if err := h.Merge(one); err != nil {
				panic(err) // no more calls are ever made
			}
		}
		*of(m) = h
	}
	histogram(func(r *Record) **quantile.HDR { return &r.Latency })
	histogram(func(r *Record) **quantile.HDR { return &r.Service })
	histogram(func(r *Record) **quantile.HDR { return &r.Queue })
	histogram(func(r *Record) **quantile.HDR { return &r.Generator })
	histogram(func(r *Record) **quantile.HDR { return &r.FailedLatency })
	histogram(func(r *Record) **quantile.HDR { return &r.Hiccups })
	histogram(func(r *Record) **quantile.HDR { return &r.Lag })
}

// addWindows adds windows to those of m that lie at the same times.
func (m *Record) addWindows(windows []Window) {
	for i := range windows {
		w := &windows[i]
		if i == len(m.Windows) {
			m.Windows = append(m.Windows, Window{From: w.From, Latency: new(Buckets), Slow: make([]uint64, len(w.Slow))})
		}
		into := &m.Windows[i]
		into.Length = max(into.Length, w.Length)
		into.Offered += w.Offered
		into.Done += w.Done
		into.Failed += w.Failed
		into.Dropped += w.Dropped
		into.Missed += w.Missed
		into.Late += w.Late
		into.Max = max(into.Max, w.Max)
		into.LatencySum += w.LatencySum
		if w.Latency == nil || len(w.Slow) != len(into.Slow) { // written before windows had them
			into.Latency, into.Slow = nil, nil
		}
		if into.Latency != nil {
			into.Latency.Merge(w.Latency)
		}
		for k, n := range w.Slow[:len(into.Slow)] {
			into.Slow[k] += n
		}
	}
}

// conclude works out what follows from all calls, and returns what does not.
func (m *Record) conclude(records []*Record) (lost []string) {
	plan := Plan{Windows: len(m.Windows)}
	for _, one := range records[0].SLOs {
		s, err := ParseSLO(one.SLO)
		if err != nil {
			lost = append(lost, fmt.Sprintf("an objective that cannot be read: %v", err))
			continue
		}
		plan.SLOs = append(plan.SLOs, s)
	}
	known := m.WindowLength > 0
	for i := range m.Windows {
		known = known && m.Windows[i].Latency != nil
	}
	if known && m.Aborted == "" {
		m.Complete(plan)
	} else {
		for _, s := range plan.SLOs {
			m.SLOs = append(m.SLOs, s.Together(records))
		}
	}
	if !known && len(m.Windows) > 0 {
		lost = append(lost, "percentiles of windows, the trend and intervals: a record has no histograms of its windows")
	}
	if len(records) > 1 && slices.ContainsFunc(records[0].Windows, func(w Window) bool { return w.Runtime != nil }) {
		lost = append(lost, "what the runtime did in each window: the records are of different processes")
	}
	return lost
}

// add adds what another process did, and keeps the longer waits and the higher pressure.
func (r *Runtime) add(o *Runtime) {
	r.GCCycles += o.GCCycles
	r.GCPause += o.GCPause
	r.OtherPause += o.OtherPause
	r.GCAssist += o.GCAssist
	r.GCCPU += o.GCCPU
	r.MutexWait += o.MutexWait
	r.HeapLive += o.HeapLive
	r.HeapObjects += o.HeapObjects
	r.Goroutines += o.Goroutines
	r.CPU += o.CPU
	r.WaitP50 = max(r.WaitP50, o.WaitP50)
	r.WaitP99 = max(r.WaitP99, o.WaitP99)
	r.WaitMax = max(r.WaitMax, o.WaitMax)
	r.Pressure.Known = r.Pressure.Known || o.Pressure.Known
	r.Pressure.CPU = math.Max(r.Pressure.CPU, o.Pressure.CPU)
	r.Pressure.Memory = math.Max(r.Pressure.Memory, o.Pressure.Memory)
	r.Pressure.IO = math.Max(r.Pressure.IO, o.Pressure.IO)
}
