package report_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// made returns a run with invented visits. Calls with the arm sdk take three times as long as calls with none, pooled
// is in between, and rounds differ a little.
func made(t *testing.T, text string) *results.Run {
	t.Helper()
	s, err := scenarios.Decode("made.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return madeOf(s)
}

// madeOf returns the invented run of a scenario.
func madeOf(s *scenarios.Scenario) *results.Run {
	run := &results.Run{
		Header: results.Header{Schema: 1, Scenario: s, Environment: results.Environment{
			GoVersion: "go1.26", GOOS: "linux", GOARCH: "amd64", CPU: "Imaginary CPU", NumCPU: 2, GOMAXPROCS: 2}},
		Status: results.Complete,
	}
	for round := 1; round <= s.Rounds; round++ {
		for i, c := range s.Cells() {
			run.Visits = append(run.Visits, madeVisit(s, c, round, i+1))
		}
	}
	return run
}

// madeVisit returns an invented visit.
func madeVisit(s *scenarios.Scenario, c scenarios.Cell, round, order int) *results.Visit {
	factor := map[string]float64{"none": 1, "pooled": 1.4, "sdk": 3}[c.Value("spans")] *
		(1 + 0.01*float64(round*order%5))
	n := s.Calls(c.Level)
	r := &record.Record{Offered: n, Done: n, Scheduled: s.Duration, Elapsed: s.Duration, Waiting: time.Millisecond,
		Latency: quantile.NewHDR(), Service: quantile.NewHDR(), Queue: quantile.NewHDR(),
		Generator: quantile.NewHDR(), FailedLatency: quantile.NewHDR(), Hiccups: quantile.NewHDR()}
	for i := range n {
		service := time.Duration(factor * float64(2000+i%1000))
		lag := time.Duration(i % 300 * 100)
		r.Service.Add(service)
		r.Queue.Add(0)
		r.Generator.Add(lag)
		r.Latency.Add(service + lag)
	}
	if p99, err := r.Percentile(0.99); err == nil {
		r.Intervals = []record.Interval{{Quantile: 0.99, Low: p99 - p99/20, High: p99 + p99/10}}
		if round == 1 {
			r.Intervals[0] = record.Interval{Quantile: 0.99, Why: "the run is too short to tell"}
		}
	}
	v := &results.Visit{Round: round, Order: order, Cell: c, Record: r, Cost: results.Cost{
		CPU: time.Duration(factor * 3000 * float64(n)), Bytes: uint64(factor*256) * n, Allocs: n, GCCycles: 3,
		PeakRSS: 20 << 20}}
	if c.Value("spans") != "none" {
		v.Spans = &results.SpanCount{Made: n, Exported: n, Bytes: 180 * n}
	}
	for _, arm := range s.Arms("quantile") {
		e := results.Estimate{Quantile: arm, N: n, InsertNS: 12.3, QueryNS: 4560, StateBytes: 270_404}
		for _, q := range results.EstimatePercentiles() {
			if n >= quantile.SamplesFor(q) {
				e.Answers = append(e.Answers, results.Answer{Q: q, Value: -0.0123, Rank: 0.0004})
			}
		}
		v.Estimates = append(v.Estimates, e)
	}
	return v
}

const question = `
name: made-up
about: What made-up spans cost.
qps: [1000, 10k]
spans: [none, sdk, pooled]
quantile: [exact, hdr]
compare: [pooled vs sdk, sdk vs none]
duration: 500ms
rounds: 6
arrivals: constant
seed: 7
`

// text returns the report of a run with default options.
func text(t *testing.T, run *results.Run) string {
	t.Helper()
	contests, err := comparison.OfRun(run, comparison.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return report.Text(run, contests, place, screen("120"))
}

// screen returns the screen of a pipe with so many columns.
func screen(columns string) *terminal.Screen {
	return terminal.New(&bytes.Buffer{}, terminal.Options{}, func(name string) string {
		return map[string]string{"COLUMNS": columns}[name]
	})
}

func TestTheReportOfARun(t *testing.T) {
	run := made(t, question)
	golden.Check(t, "run.txt", text(t, run))
}

func TestTheReportOfALiveScenario(t *testing.T) {
	run := made(t, strings.NewReplacer("quantile: [exact, hdr]", "quantile: [none, hdr]\nlive: true",
		"compare: [pooled vs sdk, sdk vs none]", "compare: hdr vs none",
		"spans: [none, sdk, pooled]", "spans: [none, sdk]").Replace(question))
	golden.Check(t, "live.txt", text(t, run))
}

// The report shows everything that went wrong, and still shows the rest.
func TestTheReportOfARunThatWentWrong(t *testing.T) {
	run := made(t, strings.Replace(question, "rounds: 6", "rounds: 3", 1))
	run.Status = results.Partial
	crashed := run.Visits[1]
	*crashed = results.Visit{Round: crashed.Round, Order: crashed.Order, Cell: crashed.Cell,
		Error: "the process of the visit failed: exit status 2\nfatal error: concurrent map writes" +
			strings.Repeat("\ngoroutine 1", 20)}
	run.Visits[4].Record.Interrupted = true
	run.Visits[4].Log = "exporter: something to know"
	for _, v := range run.Visits[6:12] {
		v.Record.Failed, v.Record.Dropped = 30, 50
		v.Record.Offered += 80
		for i := range v.Record.Failed {
			v.Record.FailedLatency.Add(600*time.Millisecond + time.Duration(i)*time.Millisecond)
		}
		v.Record.Failures = []record.Failure{{Kind: "unexpected EOF", Count: 20},
			{Kind: "panic: boom", Count: 10, Place: "target.go:33"}}
		v.Verdict = []record.Reason{{Name: "noisy-machine", Detail: "half of it was stolen: use a quieter one"},
			{Name: "generator-limited", Detail: "it was late: lower the rate"}}
		if v.Spans != nil {
			v.Spans.Exported -= 100
		}
	}
	golden.Check(t, "wrong.txt", text(t, run))
}

// The report shows the outcomes of objectives, with the failed calls beside them.
func TestTheReportOfObjectives(t *testing.T) {
	run := made(t, question+"slo: p99 < 20us\nslo-visits: 80%\n")
	run.Visits[1].Record.Failed, run.Visits[1].Record.Offered = 400, run.Visits[1].Record.Offered+400
	for i := range 400 {
		run.Visits[1].Record.FailedLatency.Add(time.Duration(i) * time.Millisecond)
	}
	for _, v := range run.Visits {
		bad := uint64(0)
		switch {
		case v.Cell.Value("spans") == "sdk":
			bad = v.Record.Offered / 10
		case v.Cell.Value("spans") == "pooled" && v.Round == 2:
			bad = v.Record.Offered / 8
		}
		budget := float64(v.Record.Offered) / 100
		detail := map[bool]string{true: "p99 is 19µs", false: "p99 is 31µs"}[bad == 0]
		v.Record.SLOs = []record.SLOResult{{SLO: "p99 < 20µs", Judged: true, Met: bad == 0, Detail: detail,
			Due: v.Record.Offered, Bad: bad, Budget: budget, Burn: float64(bad) / budget}}
	}
	_, after, _ := strings.Cut(text(t, run), "\nObjectives")
	golden.Check(t, "objectives.txt", "Objectives"+after)

	run.Scenario.FailedApart = true
	if text := strings.Join(strings.Fields(text(t, run)), " "); strings.Count(text,
		"of calls that did not fail (failed: apart)") != 2 ||
		!strings.Contains(text, "failed calls are left out of latency (failed: apart)") {
		t.Errorf("a header does not say what is left out:\n%s", text)
	}
}

// A latency that depends on the length of the run, or that is infinite, is not compared. Other figures are.
func TestTheReportOfATargetThatDoesNotKeepUp(t *testing.T) {
	run := made(t, question)
	for _, v := range run.Visits {
		r := v.Record
		switch {
		case v.Cell.Value("spans") == "sdk" && v.Cell.QPS.Num == 10_000:
			v.Verdict = []record.Reason{{Name: record.Saturated,
				Detail: "the last call waited 80ms for a worker: lower the rate"}}
		case v.Cell.Value("spans") == "none" && v.Cell.QPS.Num == 1000 && v.Round > 2:
			r.Dropped, r.Offered = 100, r.Offered+100
		}
	}
	golden.Check(t, "saturated.txt", text(t, run))
}

func TestEstimatorsAreJudgedAtTheHighestRateThatWasVisited(t *testing.T) {
	run := made(t, question)
	run.Visits, run.Status = run.Visits[:3], results.Partial // of the first rate
	if got := text(t, run); !strings.Contains(got, "Estimators, each on the latencies of every visit at 1,000/s") {
		t.Error(got)
	}
}

// advice is what a scenario will not be able to tell.
func advice(s *scenarios.Scenario) []string { return report.WarningsOf(report.Checks(s)) }

// Whoever follows the advice is not given it again.
func TestAdviceIsEnough(t *testing.T) {
	lasting := regexp.MustCompile(`--duration (\S+)\.\n?`)
	for _, qps := range []string{"1", "90", "100", "110", "300", "1k", "3k"} {
		for _, arrivals := range []string{"constant", "poisson", "gamma(cv=3)"} {
			s, err := scenarios.Decode("x.yaml", []byte("rounds: 6\nduration: 1s\nqps: "+qps+"\narrivals: "+arrivals))
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // p99, and then p99.9
				all := advice(s)
				if len(all) == 0 {
					break
				}
				m := lasting.FindStringSubmatch(all[0])
				if m == nil {
					t.Fatalf("%s, %s: %v", qps, arrivals, all)
				}
				if s.Duration, err = time.ParseDuration(m[1]); err != nil {
					t.Fatal(err)
				}
			}
			if all := advice(s); len(all) > 0 {
				t.Errorf("%s/s, %s: with --duration %v there is still %v", qps, arrivals, s.Duration, all)
			}
		}
	}
}

// The number of rounds that is needed depends on the number of cells that are judged together.
func TestAdviceSaysHowManyRoundsACellTakes(t *testing.T) {
	const many = "\nspans: [none, sdk, noop, pooled, pooled-off]"
	for _, row := range []struct{ name, text, want string }{
		{"no interval", "rounds: 5\nspans: [none, sdk]",
			"5 rounds: too few for an interval, which needs at least 6 (--rounds 6)."},
		{"enough for few cells", "rounds: 6\nspans: [none, sdk]", ""},
		{"enough only for a wide gap", "rounds: 6" + many,
			"6 rounds show only large differences among 16 numbers: want 7 (--rounds 7)."},
		{"enough for many cells", "rounds: 7" + many, ""},
		{"too few for any difference", "rounds: 6" + many + "\nattributes: [0, 2, 6]",
			"6 rounds show no difference among 64 numbers, however large: want 8 (--rounds 8)."},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := scenarios.Decode("x.yaml", []byte("duration: 1s\nqps: 10k\n"+row.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(advice(s), "\n"); got != row.want {
				t.Errorf("%q, want %q", got, row.want)
			}
		})
	}
}

// The advice never names a duration that a scenario does not accept.
func TestAdviceCanBeFollowed(t *testing.T) {
	s, err := scenarios.Decode("x.yaml", []byte("rounds: 6\nduration: 24h\nqps: 1/m\narrivals: constant\n"))
	if err != nil {
		t.Fatal(err)
	}
	if all := advice(s); len(all) != 1 || !strings.HasSuffix(all[0], ": want a higher rate.") {
		t.Errorf("%q", all)
	}
}

func TestTheCommandForBenchstatSurvivesAShell(t *testing.T) {
	run := made(t, question)
	for dir, want := range map[string]string{
		"results/a-1": " results/a-1/run.bench\n",
		"my results":  " 'my results/run.bench'\n",
		"it's":        ` 'it'\''s/run.bench'`,
		"$HOME":       " '$HOME/run.bench'\n",
		"-dash":       " ./-dash/run.bench\n",
		"a\x1b[2J":    " 'a?[2J/run.bench'\n",
	} {
		t.Run(dir, func(t *testing.T) {
			got := report.Text(run, nil, report.Place{Program: "loadgen", Run: dir}, screen("80"))
			if !strings.Contains(got, want) {
				t.Errorf("%q is not in:\n%s", want, got)
			}
		})
	}
}

// Names of arms are of users, who may have pasted anything: they reach neither the terminal nor the shell.
func TestNamesOfArmsInTheCommandForBenchstat(t *testing.T) {
	for name, row := range map[string]struct{ arm, want string }{
		"plain":              {"one", " -col '/spans@(one)' "},
		"control characters": {"a\x1b]0;b\x00\u009b\u202e", " -col '/spans@(a?]0;b???)' "},
		"a quote":            {"it's", ` -col '/spans@(it'\''s)' `},
	} {
		t.Run(name, func(t *testing.T) {
			s := made(t, "spans: none\nqps: 1000\nduration: 500ms\nrounds: 1\n").Scenario
			s.SetArms("spans", row.arm)
			got := report.Text(madeOf(s), nil, report.Place{Program: "loadgen", Run: "r"}, screen("80"))
			if !strings.Contains(got, row.want) {
				t.Errorf("%q is not in:\n%s", row.want, got)
			}
			if strings.ContainsAny(got, "\x00\x1b\u009b\u202e") {
				t.Errorf("control characters in %q", got)
			}
		})
	}
}

func TestARunOfNothingHasAReport(t *testing.T) {
	run := made(t, question)
	run.Visits, run.Status = nil, results.Partial
	golden.Check(t, "nothing.txt", text(t, run))
}

func TestNoColourAndNoControlCharacters(t *testing.T) {
	run := made(t, question)
	run.Visits[0].Log = "\x1b[31mred\a and\rover"
	run.Visits[1].Record.Failures = []record.Failure{{Kind: "\x1b[31mred\a", Count: 1}}
	for _, r := range text(t, run) {
		if r < ' ' && r != '\n' {
			t.Fatalf("control character %q", r)
		}
	}
}
