package cli

import (
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// sampleScenario is that of a run in which everything occurs that a document tells of.
const sampleScenario = `
name: sample
about: What spans cost.
qps: [400]
duration: 1s
spans: [none, sdk, pooled]
quantile: [hdr]
rounds: 7
slo: p99 < 5ms
seed: 1
`

// sampleRun is the directory of a run that is made up: calls of sdk fail, a visit of pooled is not valid, and one of
// none was not measured.
func sampleRun(t *testing.T) string {
	t.Helper()
	s, err := scenarios.Decode("sample.yaml", []byte(sampleScenario))
	if err != nil {
		t.Fatal(err)
	}
	return writtenRun(t, s, func(v *results.Visit) {
		factor := time.Duration(100 + v.Round)
		switch v.Cell.Value("spans") {
		case "none":
			cost(v, 10*time.Microsecond*factor, 30*factor, 272, 1)
			if v.Round == 7 {
				*v = results.Visit{Round: v.Round, Order: v.Order, Cell: v.Cell, Error: "exit status 3\nout of luck"}
				return
			}
		case "sdk":
			cost(v, 15*time.Microsecond*factor, 60*factor, 1916, 15)
			failing(v, 20)
		case "pooled":
			cost(v, 12*time.Microsecond*factor, 40*factor, 415, 3)
			if v.Round == 2 {
				v.Verdict = []record.Reason{{Name: record.NoisyMachine,
					Detail: "half of it was stolen: use a quieter one"}}
			}
		}
		r := v.Record
		r.Intervals = []record.Interval{{Quantile: 0.99, Low: time.Millisecond, High: 1100 * time.Microsecond}}
		r.Runtime = record.Runtime{GCPause: time.Millisecond, WaitP99: 20 * time.Microsecond, HeapObjects: 4 << 20,
			Goroutines: 15, CPU: 1100 * time.Millisecond}
		r.Slowest = []record.SlowCall{{Overlapped: []string{record.GC}}, {}}
		budget := float64(r.Offered) / 100
		r.SLOs = []record.SLOResult{{SLO: "p99 < 5ms", Judged: true, Met: r.Failed == 0, Due: r.Offered, Bad: r.Failed,
			Budget: budget, Burn: float64(r.Failed) / budget, Detail: "p99 is 1.5ms"}}
		v.Estimates = []results.Estimate{{Quantile: "hdr", N: 400, InsertNS: 5.45, QueryNS: 20_800,
			StateBytes: 265 << 10,
			Answers: []results.Answer{{Q: 0.5, Estimate: 1001, Exact: 1000, Value: 0.001, Rank: 0.0025},
				{Q: 0.99, Estimate: 1999, Exact: 2000, Value: -0.0005, Rank: 0}}}}
	})
}

// failing adds calls that failed to a visit.
func failing(v *results.Visit, calls uint64) {
	r := v.Record
	r.Failed, r.Offered = calls, r.Offered+calls
	r.FailedLatency, r.Queue, r.Generator = quantile.NewHDR(), quantile.NewHDR(), quantile.NewHDR()
	for i := range calls {
		r.FailedLatency.Add(time.Duration(100+i) * time.Millisecond)
	}
	for range r.Done + r.Failed {
		r.Queue.Add(0)
		r.Generator.Add(0)
	}
	r.Failures = []record.Failure{{Kind: "unexpected EOF", Count: calls, First: "reading the answer: unexpected EOF"}}
}
