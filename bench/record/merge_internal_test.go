package record

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
	"github.com/loadgen-go/loadgen/quantile"
)

// shards adds each of many calls to one of n records, chosen at random, and to the record of the
// whole, and completes all records with the same plan.
func shards(r *rand.Rand, n, calls int, slos []SLO, apart bool) (parts []*Record, whole *Record) {
	all := make([]*Record, n+1)
	failures := make([]Failures, n+1)
	for i := range all {
		all[i] = inWindows(20, time.Second)
		all[i].Loop, all[i].Pace, all[i].Overload, all[i].FailedApart = OpenLoop, "sleep", "queue", apart
		all[i].Scheduled, all[i].Elapsed = time.Second, 2*time.Second
		all[i].Service, all[i].Queue, all[i].Generator = quantile.NewHDR(), quantile.NewHDR(), quantile.NewHDR()
		all[i].FailedLatency, all[i].Hiccups = quantile.NewHDR(), quantile.NewHDR()
		failures[i] = Failures{}
		for k := range all[i].Windows {
			w := &all[i].Windows[k]
			w.From, w.Length, w.Slow = time.Duration(k)*50*time.Millisecond, 50*time.Millisecond,
				make([]uint64, len(slos))
		}
	}
	for range calls {
		due := time.Duration(r.Int64N(int64(time.Second)))
		latency := time.Duration(r.ExpFloat64() * 1e6)
		fate, shard := r.IntN(20), r.IntN(n)
		for _, i := range []int{shard, n} {
			m := all[i]
			w := &m.Windows[due/m.WindowLength]
			switch fate {
			case 0:
				w.Dropped, m.Dropped, w.Offered, m.Offered = w.Dropped+1, m.Dropped+1, w.Offered+1, m.Offered+1
				continue
			case 1:
				w.Failed, m.Failed, w.Offered, m.Offered = w.Failed+1, m.Failed+1, w.Offered+1, m.Offered+1
				m.FailedLatency.Add(latency)
				failures[i].count("refused", &failure{Failure{Count: 1}, 0})
				continue
			}
			m.addCall(due, latency)
			m.InTime++
			m.InSystem += float64(latency) / float64(m.Elapsed)
			w.Max, w.LatencySum = max(w.Max, latency), w.LatencySum+latency
			for k, s := range slos {
				if latency > s.Longest() {
					w.Slow[k]++
				}
			}
		}
	}
	for i, m := range all {
		m.Workers = 1
		m.Failures = failures[i].List()
		m.Complete(Plan{SLOs: slos, Windows: 20})
	}
	all[n].Workers = n
	return all[:n], all[n]
}

// text returns the JSON of r, with values that depend on the order of summing rounded.
func text(t interface {
	Helper()
	Fatal(...any)
}, r *Record) string {
	t.Helper()
	rounded := *r
	rounded.InSystem = float64(int64(r.InSystem*1e6+0.5)) / 1e6
	data, err := json.MarshalIndent(&rounded, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestMergedRecordsAreTheRecordOfAllCalls(t *testing.T) {
	slos := []SLO{readSLO(t, "p99 < 5ms"), readSLO(t, "mean < 1ms over every 100ms"), readSLO(t, "errors < 7%"),
		readSLO(t, "achieved > 80%")}
	property.Check(t, func(t *rapid.T) {
		n, calls := rapid.IntRange(1, 4).Draw(t, "records"), rapid.IntRange(0, 500).Draw(t, "calls")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		parts, whole := shards(r, n, calls, slos, rapid.Bool().Draw(t, "failed apart"))
		before := text(t, parts[0])
		for _, from := range []string{"memory", "a file"} {
			merged, lost, err := Merge(parts...)
			if err != nil || lost != nil {
				t.Fatalf("from %s: %v, lost %q", from, err, lost)
			}
			if diff := cmp.Diff(text(t, whole), text(t, merged)); diff != "" {
				t.Fatalf("from %s: -want +got:\n%s", from, diff)
			}
			for i, p := range parts {
				data, err := json.Marshal(p)
				parts[i] = new(Record)
				if err := errors.Join(err, json.Unmarshal(data, parts[i])); err != nil {
					t.Fatal(err)
				}
			}
		}
		if text(t, parts[0]) != before {
			t.Fatal("a record was changed")
		}
	})
}

func TestWhatCannotBeMergedIsNamed(t *testing.T) {
	slos := []SLO{readSLO(t, "p99 < 5ms")}
	for _, c := range []struct {
		name   string
		change func(parts []*Record)
		want   string
	}{
		{"single latencies", func(p []*Record) { p[1].Kept = []time.Duration{1} }, "single latencies"},
		{"windows of an older file", func(p []*Record) { p[1].Windows[3].Latency = nil }, "percentiles of windows"},
		{"the runtime in windows", func(p []*Record) { p[0].Windows[0].Runtime = new(RuntimeWindow) },
			"the activity of the runtime in each window"},
		{"an objective that is none", func(p []*Record) { p[0].SLOs[0].SLO, p[1].SLOs[0].SLO = "p99", "p99" },
			"an objective that is not valid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			parts, whole := shards(rand.New(rand.NewPCG(1, 1)), 2, 3000, slos, false)
			c.change(parts)
			merged, lost, err := Merge(parts...)
			if err != nil || len(lost) != 1 || !strings.HasPrefix(lost[0], c.want) {
				t.Fatalf("%v, lost %q, want %q", err, lost, c.want)
			}
			if merged.Offered != whole.Offered || merged.Latency.Quantile(0.99) != whole.Latency.Quantile(0.99) {
				t.Errorf("of %d calls, want %d", merged.Offered, whole.Offered)
			}
		})
	}
}

func TestRecordsOfDifferentLoadsDoNotMerge(t *testing.T) {
	slos := []SLO{readSLO(t, "p99 < 5ms")}
	for _, c := range []struct {
		name   string
		change func(r *Record)
		want   string
	}{
		{"loops", func(r *Record) { r.Loop = ClosedLoop }, "records 1 and 2 differ in loop: open, and closed"},
		{"failed calls", func(r *Record) { r.FailedApart = true }, "failed calls left out: false, and true"},
		{"windows", func(r *Record) { r.WindowLength = time.Second }, "length of windows: 50ms, and 1s"},
		{"objectives", func(r *Record) { r.SLOs = nil }, "objectives: p99 < 5ms, and : want"},
	} {
		t.Run(c.name, func(t *testing.T) {
			parts, _ := shards(rand.New(rand.NewPCG(1, 1)), 2, 100, slos, false)
			c.change(parts[1])
			if m, _, err := Merge(parts...); err == nil || m != nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if _, _, err := Merge(); err == nil {
		t.Error("no record merges")
	}
}

// The file of a record holds its objectives, so that the lag of the generator is judged by them after
// reading too.
func TestAVerdictIsTheSameAfterReading(t *testing.T) {
	parts, _ := shards(rand.New(rand.NewPCG(1, 1)), 1, 3000, []SLO{readSLO(t, "p99 < 900us")}, false)
	written := parts[0]
	written.Dropped, written.Offered = 0, written.Offered-written.Dropped // or that would be the reason
	for range written.Done {
		written.Generator.Add(400 * time.Microsecond) // is much of what the objective allows
	}
	var read Record
	if err := json.Unmarshal([]byte(text(t, written)), &read); err != nil {
		t.Fatal(err)
	}
	before, after := written.Verdict(0.99), read.Verdict(0.99)
	if len(before) != 1 || before[0].Name != GeneratorLimited || !strings.Contains(before[0].Detail, "p99 < 900µs") {
		t.Errorf("%+v, want the lag to be too much for the objective", before)
	}
	if !slices.Equal(after, before) {
		t.Errorf("%+v after reading, %+v before", after, before)
	}
}
