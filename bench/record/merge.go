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

// Merge returns one record for several runs that shared one load and ran at the same time, such as
// the shards of a generator. Counts are added, histograms and windows are merged, and percentiles,
// intervals, the trend and the results of objectives are computed from all calls. For values that
// cannot be added, Merge takes the worst: the largest distance of the gaps, the longest backlog, the
// longest scheduler waits, the highest pressure.
//
// Lost names what the merged record lacks, and why. Merge returns an error if the records differ in
// their loop, their objectives, the length of their windows, or in whether failed calls are left
// out. It does not change the records.
func Merge(records ...*Record) (merged *Record, lost []string, err error) {
	if err := checkMergeable(records); err != nil {
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
			failures.count(f.Kind, &failure{f, time.Duration(i)}) // the first record's failure stays the first
		}
		m.Slowest = append(m.Slowest, r.Slowest...)
		if f := r.Fidelity; f != nil && (m.Fidelity == nil || f.Distance > m.Fidelity.Distance) {
			m.Fidelity = f
		}
		if len(r.Kept) > 0 {
			lost = []string{"single latencies: the order in which the calls of different records ended is not known"}
		}
	}
	m.mergeHistograms(records)
	m.Phases = mergePhases(records)
	m.Failures = failures.List()
	if m.Elapsed > 0 {
		m.InSystem = inSystem / float64(m.Elapsed)
	}
	slices.SortStableFunc(m.Slowest, func(a, b SlowCall) int { return cmp.Compare(b.Latency(), a.Latency()) })
	m.Slowest = m.Slowest[:min(len(m.Slowest), mostSlowest)]
	return m, append(lost, m.conclude(records)...), nil
}

// mostSlowest is the largest number of slowest calls in a merged record.
const mostSlowest = 32

// checkMergeable returns an error if the records cannot belong to one load.
func checkMergeable(records []*Record) error {
	if len(records) == 0 {
		return errors.New("record: nothing to merge: want at least one record")
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
				errs = append(errs, fmt.Errorf("record: records 1 and %d differ in %s: %v, and %v: want records of "+
					"one load", i+2, field.name, field.first, field.here))
			}
		}
	}
	return errors.Join(errs...)
}

// objectives returns the objectives of r as one text.
func objectives(r *Record) string {
	var texts []string
	for _, s := range r.SLOs {
		texts = append(texts, s.SLO)
	}
	return strings.Join(texts, ", ")
}

// addCounts adds the counts of r, and keeps the longer durations.
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

// mergeHistograms merges each histogram of the records, unless a record lacks it.
func (m *Record) mergeHistograms(records []*Record) {
	merge := func(field func(*Record) **quantile.HDR) {
		merged := quantile.NewHDR()
		for _, r := range records {
			h := *field(r)
			if h == nil {
				return
			}
			if err := merged.Merge(h); err != nil {
				panic(err) // impossible: a histogram can count more calls than runs can make
			}
		}
		*field(m) = merged
	}
	merge(func(r *Record) **quantile.HDR { return &r.Latency })
	merge(func(r *Record) **quantile.HDR { return &r.Service })
	merge(func(r *Record) **quantile.HDR { return &r.Queue })
	merge(func(r *Record) **quantile.HDR { return &r.Generator })
	merge(func(r *Record) **quantile.HDR { return &r.FailedLatency })
	merge(func(r *Record) **quantile.HDR { return &r.Hiccups })
	merge(func(r *Record) **quantile.HDR { return &r.Lag })
}

// addWindows adds windows to the windows of m at the same times.
func (m *Record) addWindows(windows []Window) {
	for i := range windows {
		w := &windows[i]
		if i == len(m.Windows) {
			m.Windows = append(m.Windows,
				Window{From: w.From, Latency: new(Buckets), Slow: make([]uint64, len(w.Slow))})
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
		if w.Latency == nil || len(w.Slow) != len(into.Slow) { // read from an old file without them
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

// conclude computes everything that follows from the calls, and returns what it cannot compute.
func (m *Record) conclude(records []*Record) (lost []string) {
	plan := Plan{Windows: len(m.Windows)}
	for _, result := range records[0].SLOs {
		s, err := ParseSLO(result.SLO)
		if err != nil {
			lost = append(lost, fmt.Sprintf("an objective that is not valid: %v", err))
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
		lost = append(lost, "percentiles of windows, the trend and intervals: a record has no histograms of its "+
			"windows")
	}
	if len(records) > 1 && slices.ContainsFunc(records[0].Windows, func(w Window) bool { return w.Runtime != nil }) {
		lost = append(lost, "the activity of the runtime in each window: the records are from different processes")
	}
	return lost
}

// add adds the values of another process, and keeps the longer waits and the higher pressure.
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
