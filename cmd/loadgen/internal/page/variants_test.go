package page_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// variants returns pages of unusual runs and plans, which must be drawn all the same. They are made once.
var variants = sync.OnceValue(func() map[string]string {
	pages := map[string]string{}
	for name, run := range variantRuns(new(testing.T)) {
		pages[name] = draw(new(testing.T), run)
	}
	for name, p := range variantPlans(new(testing.T)) {
		pages[name] = drawPlan(new(testing.T), p)
	}
	for name, r := range variantReports(new(testing.T)) {
		pages[name] = drawReport(new(testing.T), r)
	}
	return pages
})

// variantRuns returns the runs of variants, by name.
func variantRuns(t testing.TB) map[string]*results.Run {
	whole := made(t, question)
	runs := map[string]*results.Run{"whole": whole}
	runs["one round"] = made(t, strings.Replace(question, "rounds: 6", "rounds: 1", 1))
	lost := copied(whole)
	for _, v := range lost.Visits {
		if v.Cell.Value("spans") == "sdk" {
			*v = results.Visit{Round: v.Round, Order: v.Order, Cell: v.Cell, Error: "the process of the visit failed"}
		}
	}
	runs["one empty arm"] = lost
	cut := copied(whole)
	cut.Visits, cut.Status = cut.Visits[:7], results.Partial
	runs["interrupted"] = cut
	nothing := copied(whole)
	nothing.Visits, nothing.Status = nil, results.Partial
	runs["nothing"] = nothing
	bare := copied(whole)
	for _, v := range bare.Visits {
		v.Record.Windows, v.Estimates = nil, nil
	}
	runs["no windows"] = bare
	for name, service := range map[string]func(uint64) time.Duration{
		"constant":     func(uint64) time.Duration { return time.Millisecond },
		"zero":         func(uint64) time.Duration { return 0 },
		"heavy-tailed": func(i uint64) time.Duration { return time.Duration(1000 * (1 + 1e9/(1+i*i*i))) },
	} {
		run := copied(whole)
		for i, v := range run.Visits {
			run.Visits[i] = madeVisit(run.Scenario, v.Cell, v.Round, v.Order, service)
		}
		runs[name] = run
	}
	dropped := copied(whole)
	for _, v := range dropped.Visits {
		v.Record.Dropped, v.Record.Offered = v.Record.Done/2, v.Record.Done+v.Record.Done/2
		v.Verdict = []record.Reason{{Name: record.GeneratorLimited, Detail: "late"}}
	}
	runs["dropped"] = dropped
	for name, apart := range map[string]bool{"failing": false, "failing apart": true} {
		run := copied(whole)
		for _, v := range run.Visits {
			v.Record.Failed, v.Record.Offered = v.Record.Done/2, v.Record.Done+v.Record.Done/2
			v.Record.FailedApart = apart
		}
		runs[name] = run
	}
	runs["one arm"] = armed(t, "[1000, 10k]", "none")
	runs["twelve arms"] = armed(t, "1000", "sdk", "pooled", "none", "noop", "a", "b", "c", "d", "e", "f", "g", "h")
	runs["hostile names"] = armed(t, "[1000, 10k]", "<script>alert(1)</script>&\"'`", "שלום עולם \u202e dlrow",
		"👩‍👩‍👧 emoji", strings.Repeat("long", 10), strings.Repeat("wide words ",
			5), "bell\a\x1b\x00 csi\u009b end", "a;}body{display:none}")
	runs["hostile names"].Scenario.Name = "turned \u202e name"
	runs["many levels"] = armed(t, "[1000, 1100, 1200, 1300, 1400, 1500, 1600, 1700]", "none", "sdk")
	far := copied(whole) // an arm that costs a million times as much
	for _, v := range far.Visits {
		if v.Cell.Value("spans") == "sdk" {
			v.Cost.Bytes *= 1_000_000
			v.Cost.CPU *= 1_000
		}
	}
	runs["far apart"] = far
	doubtful := copied(whole)
	doubtful.Environment.Warnings = []string{"the machine was busy: 47% of the last 10 s something waited for a CPU"}
	for i, v := range doubtful.Visits {
		if i%5 == 0 {
			v.Verdict = []record.Reason{{Name: record.GeneratorLimited, Detail: "late"},
				{Name: "noisy-machine", Detail: "x"}}
		}
	}
	runs["doubtful"] = doubtful
	runs["closed loop"] = made(t, strings.Replace(question, "qps: [1000, 10k]", "closed: true", 1))
	runs["profiles"] = made(t, strings.NewReplacer("qps: [1000, 10k]",
		"load: [ramp:0..1k/s@1s + const:1k/s@1s + ramp:1k..0/s@1s, const:500/s@1s]", "duration: 500ms\n", "",
		"arrivals: constant\n", "").Replace(question))
	long := copied(whole)
	for _, v := range long.Visits {
		v.Record.Windows = windows(rand.New(rand.NewPCG(3, 4)), time.Minute)
	}
	runs["many windows"] = long
	runs["live"] = made(t, strings.NewReplacer("quantile: [exact, hdr, dws]", "quantile: [none, hdr]\nlive: true",
		"sdk vs none", "hdr vs none").Replace(question))
	own := made(t, strings.NewReplacer("[none, sdk]", "none", "compare: sdk vs none\n", "").Replace(question))
	own.Scenario.Name = "look-up"
	runs["own function"] = own
	runs["single point"] = made(t, strings.NewReplacer("[1000, 10k]", "8", "rounds: 6", "rounds: 1").Replace(question))
	return runs
}

// armed returns a run of arms with any names. The second is compared with the first.
func armed(t testing.TB, qps string, names ...string) *results.Run {
	t.Helper()
	run := made(t, strings.NewReplacer("[1000, 10k]", qps, "[none, sdk]", "[none]", "compare: sdk vs none\n", "").
		Replace(question))
	s := run.Scenario
	s.SetArms(scenarios.Spans, names...)
	if s.Compare = nil; len(names) > 1 {
		s.Compare = []scenarios.Pair{{A: names[1], B: names[0]}}
	}
	run.Visits = nil
	for round := 1; round <= s.Rounds; round++ {
		for i, c := range s.Cells() {
			run.Visits = append(run.Visits, madeVisit(s, c, round, i+1,
				func(n uint64) time.Duration { return time.Duration(2000 + n%1000 + 100*uint64(i)) }))
		}
	}
	return run
}

// The page of the default run is small enough to be sent in a message.
func TestThePageOfTheDefaultRunHasAtMost400KB(t *testing.T) {
	s, err := scenarios.Load("span-reuse", scenarios.Setting{Key: "seed", Value: "1", Where: "--seed"})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	run := &results.Run{Header: results.Header{Schema: results.Schema, Scenario: s, Began: time.Unix(1700000000, 0)},
		Status: results.Complete}
	for round := 1; round <= s.Rounds; round++ {
		for i, c := range s.Cells() {
			v := madeVisit(s, c, round, i+1, func(n uint64) time.Duration {
				return time.Duration(2000 * math.Exp(1.5*random.NormFloat64()))
			})
			v.Record.Windows = windows(random, s.Duration)
			run.Visits = append(run.Visits, v)
		}
	}
	if n := len(run.Visits); n != 144 {
		t.Fatalf("%d visits, want 144", n)
	}
	const most = 400 << 10
	if n := len(draw(t, run)); n > most || n < most/3 {
		t.Errorf("it has %d bytes: want at most %d, and not much less", n, most)
	}
}

// windows returns the windows of a visit, whose values vary as those of a busy machine do.
func windows(random *rand.Rand, duration time.Duration) (list []record.Window) {
	const length = 10 * time.Millisecond
	for from := time.Duration(0); from < duration; from += length {
		w := record.Window{From: from, Length: length, Offered: 500, Done: 500,
			P50: time.Duration(5000 * math.Exp(0.1*random.NormFloat64())),
			P99: time.Duration(40_000 * math.Exp(0.5*random.NormFloat64())),
			Max: time.Duration(80_000 * math.Exp(1.5*random.NormFloat64()))}
		w.Runtime = &record.RuntimeWindow{From: from, To: from + length}
		if random.IntN(5) == 0 {
			w.Runtime.GCCycles = 1
		}
		list = append(list, w)
	}
	return list
}
