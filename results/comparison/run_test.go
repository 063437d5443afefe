package comparison_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/internal/property"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

func TestRoundsArePairedIfBothHaveThem(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		rounds := rapid.SliceOfNDistinct(rapid.IntRange(1, 12), 0, 12, rapid.ID[int])
		a, b := rounds.Draw(t, "a"), rounds.Draw(t, "b")
		last, both := 0, 0
		for _, p := range comparison.PairRounds(a, b) {
			if a[p[0]] != b[p[1]] || a[p[0]] <= last {
				t.Fatalf("after round %d, round %d is paired with %d", last, a[p[0]], b[p[1]])
			}
			last = a[p[0]]
			both++
		}
		for _, round := range a {
			if slices.Contains(b, round) {
				both--
			}
		}
		if both != 0 {
			t.Fatalf("%d rounds too many are paired", both)
		}
	})
}

// constant returns a histogram of 400 equal values.
func constant(d time.Duration) *quantile.HDR {
	h := quantile.NewHDR()
	for range 400 {
		h.Add(d)
	}
	return h
}

var (
	none  = quantile.NewHDR()
	quick = constant(time.Millisecond)
	slow  = constant(2 * time.Millisecond)
)

// made returns a run of a scenario with invented visits. Each visit has 400 calls that take 1 ms and allocate 1,000 B
// in 10 objects. The function visit may change it.
func made(t *testing.T, text string, visit func(v *results.Visit)) *results.Run {
	t.Helper()
	s, err := scenarios.Decode("made.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	run := &results.Run{Header: results.Header{Scenario: s, Environment: results.Environment{GOMAXPROCS: 2}},
		Status: results.Complete}
	for round := 1; round <= s.Rounds; round++ {
		for i, c := range s.Cells() {
			r := &record.Record{Offered: 400, Done: 400, Scheduled: time.Second, Elapsed: time.Second,
				Latency: quick, Service: quick, Queue: quick, Generator: quick, FailedLatency: none, Hiccups: none}
			v := &results.Visit{Round: round, Order: i + 1, Cell: c, Record: r,
				Cost: results.Cost{CPU: 400 * time.Microsecond, Bytes: 400_000, Allocs: 4000}}
			visit(v)
			run.Visits = append(run.Visits, v)
		}
	}
	return run
}

// ofRun returns the contests of a run.
func ofRun(t *testing.T, run *results.Run, o comparison.Options) []*comparison.Contest {
	t.Helper()
	contests, err := comparison.OfRun(run, o)
	if err != nil {
		t.Fatal(err)
	}
	return contests
}

const twoArms = "qps: [1000, 2000]\nduration: 1s\nspans: [none, sdk]\nrounds: 12\n"

// Every pair is compared at every level and in every dimension, for targets of the user, too.
func TestARunIsComparedInAllItsDimensions(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       []string
	}{
		{"two arms at two rates", twoArms, []string{"sdk vs none/qps=1000", "sdk vs none/qps=2000"}},
		{"each arm with the first", "qps: 1000\nduration: 1s\nmetrics: [none, otel, own]",
			[]string{"otel vs none/qps=1000", "own vs none/qps=1000"}},
		{"two dimensions", "qps: 1000\nduration: 1s\nspans: [none, sdk]\nsampling: [always, never]\n" +
			"compare: [sdk vs none, never vs always]", []string{"sdk vs none/sampling=always/qps=1000",
			"sdk vs none/sampling=never/qps=1000", "never vs always/spans=sdk/qps=1000"}},
		{"a live estimator", "qps: 1000\nduration: 1s\nlive: true\nquantile: [none, hdr]",
			[]string{"hdr vs none/qps=1000"}},
		{"a closed loop", "target: look-up\nclosed: true\nduration: 1s\nspans: [none, sdk]",
			[]string{"sdk vs none/loop=closed"}},
		{"one arm has nothing to compare", "target: look-up\nqps: 1000\nduration: 1s", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			var names []string
			for _, c := range ofRun(t, made(t, row.text, func(*results.Visit) {}), comparison.Options{}) {
				names = append(names, c.Name)
				if len(c.Rounds) != 12 || c.Figure("B/op") == nil ||
					c.Figure("B/op").Verdict != comparison.Equivalent || c.Figure("offered-qps") != nil {
					t.Errorf("%s: %+v", c.Name, c)
				}
			}
			if !slices.Equal(names, row.want) {
				t.Errorf("it compares %q, want %q", names, row.want)
			}
		})
	}
}

// Every embedded scenario has enough rounds to show a change.
func TestEmbeddedScenariosHaveRoundsEnoughForVerdicts(t *testing.T) {
	for _, name := range scenarios.Names() {
		t.Run(name, func(t *testing.T) {
			s, err := scenarios.Load(name)
			if err != nil {
				t.Fatal(err)
			}
			cells := len(s.Comparisons()) * len(comparison.PrimaryUnits())
			if need := comparison.Need(cells, true); cells == 0 || s.Rounds < need {
				t.Errorf("%d rounds for %d cells, which need %d", s.Rounds, cells, need)
			}
		})
	}
}

// The primary units of all comparisons at all levels are one family. An additional exploratory unit does not change
// the results of the family.
func TestPrimaryUnitsAreOneFamily(t *testing.T) {
	worse := func(v *results.Visit) {
		if v.Cell.Value("spans") == "sdk" && v.Cell.QPS == schedule.PerSecond(1000) {
			v.Cost.Bytes *= 2
		}
	}
	plain := ofRun(t, made(t, twoArms, worse), comparison.Options{})
	more := ofRun(t, made(t, twoArms, func(v *results.Visit) {
		worse(v)
		v.Cost.PeakRSS = uint64(v.Round) << 20
	}), comparison.Options{})
	judged := 0
	for i, c := range plain {
		for _, f := range c.Figures {
			if other := more[i].Figure(f.Unit); f.Verdict != other.Verdict || f.Adjusted != other.Adjusted &&
				!math.IsNaN(f.Adjusted) {
				t.Errorf("%s, %s: %s (%v), and %s (%v) beside one more unit", c.Name, f.Unit, f.Verdict, f.Adjusted,
					other.Verdict, other.Adjusted)
			}
			if !f.Exploratory {
				judged++
			} else if f.Verdict != comparison.Exploratory || !math.IsNaN(f.Adjusted) {
				t.Errorf("%s, %s: %+v", c.Name, f.Unit, f.Result)
			}
		}
	}
	if f := plain[0].Figure("B/op"); judged != 8 || f.Verdict != comparison.Regressed || f.Adjusted != min(1, 8*f.P) {
		t.Errorf("%d cells are judged, p is %v and %v among them", judged, f.P, f.Adjusted)
	}
	only := func(unit string) bool { return unit == "p50-latency-sec" }
	if c := ofRun(t, made(t, twoArms, worse),
		comparison.Options{Primary: only})[0]; c.Figure("B/op").Verdict != comparison.Exploratory ||
		c.Figure("p50-latency-ns").Verdict != comparison.Equivalent {
		t.Errorf("of p50 alone: %+v", c.Figure("p50-latency-ns"))
	}
}

// A figure that cannot be compared is inconclusive, says why, and does not belong to the family.
func TestWhatCannotBeComparedIsInconclusive(t *testing.T) {
	saturated := []record.Reason{{Name: record.Saturated}}
	for name, c := range map[string]struct {
		visit      func(v *results.Visit)
		unit, want string
		rounds     int
	}{
		"saturated in half of the rounds": {func(v *results.Visit) {
			if v.Cell.Value("spans") == "sdk" && v.Round%2 == 0 {
				v.Verdict = saturated
			}
		}, "p99-latency-ns", "spans=sdk did not keep up with the load (saturated in 6 of 12 visits)", 12},
		"known in a few rounds": {func(v *results.Visit) {
			if v.Round > 5 {
				v.Cost.CPU = 0
			}
		}, "cpu-ns/op", "it is known in 5 of 12 rounds", 12},
		"too short for its clock in most rounds": {func(v *results.Visit) {
			if v.Round > 5 {
				v.Cost.CPU = 1 // 1 ns for 400 calls rounds to 0 per call
			}
		}, "cpu-ns/op", "it is known in 5 of 12 rounds", 12},
		"too few calls": {func(v *results.Visit) {
			v.Record.Offered, v.Record.Done = 20, 20
		}, "p99-latency-ns", "it is known in 0 of 12 rounds: too few calls, or too many dropped", 12},
		"no round of both": {func(v *results.Visit) {
			if (v.Cell.Value("spans") == "sdk") == (v.Round%2 == 0) {
				v.Error = "lost"
			}
		}, "B/op", "no round measured both", 0},
	} {
		t.Run(name, func(t *testing.T) {
			contests := ofRun(t, made(t, twoArms, c.visit), comparison.Options{})
			f := contests[0].Figure(c.unit)
			if f.Verdict != comparison.Inconclusive || f.Why != c.want || f.Incomparable != c.want ||
				!math.IsNaN(f.Shift) || !math.IsNaN(f.Adjusted) || len(contests[0].Rounds) != c.rounds {
				t.Errorf("%d rounds: %+v", len(contests[0].Rounds), f)
			}
			family := 0
			for _, r := range comparison.Results(contests) {
				if !r.Exploratory && r.Incomparable == "" {
					family++
				}
			}
			for _, r := range comparison.Results(contests) {
				if !r.Exploratory && (r.Incomparable == "" && r.Family != family || r.Incomparable != "" &&
					r.Family != 0) {
					t.Errorf("%s, %s is of a family of %d, want %d", r.Name, r.Rule.Unit, r.Family, family)
				}
			}
		})
	}
}

// A cost that a service never tells is left out. One that it stops to tell is not.
func TestACostThatAServiceNeverTellsIsLeftOut(t *testing.T) {
	for name, c := range map[string]struct {
		service func(round int) *results.Service
		want    string // why B/op cannot be compared; "-" if it is left out
	}{
		"never": {func(int) *results.Service { return &results.Service{} }, "-"},
		"at first": {func(round int) *results.Service {
			s := &results.Service{}
			if round < 3 {
				s.Bytes = new(uint64(1000))
			}
			return s
		}, "it is known in 2 of 12 rounds"},
	} {
		t.Run(name, func(t *testing.T) {
			contests := ofRun(t, made(t, twoArms, func(v *results.Visit) {
				v.Connections, v.Service = &httptarget.Connections{}, c.service(v.Round)
			}), comparison.Options{})
			switch f := contests[0].Figure("B/op"); {
			case c.want == "-" && f != nil, c.want != "-" && (f == nil || f.Incomparable != c.want):
				t.Errorf("%+v: want %q", f, c.want)
			}
			if contests[0].Figure("p99-latency-ns") == nil {
				t.Error("latency is left out")
			}
		})
	}
}

// Each cell of the head is compared with the same cell of the base, in the rounds in which both were measured.
func TestTwoRunsAreComparedCellByCell(t *testing.T) {
	base := made(t, twoArms, func(v *results.Visit) {
		if v.Round == 3 {
			v.Record.Interrupted = true
		}
	})
	head := made(t, twoArms, func(v *results.Visit) {
		if v.Cell.Value("spans") == "sdk" {
			v.Record.Latency = slow
		}
		if v.Round == 12 {
			v.Error = "lost"
		}
	})
	slices.Reverse(head.Visits)
	contests, err := comparison.OfRuns(base, head, comparison.Options{})
	if err != nil || len(contests) != 4 {
		t.Fatalf("%d contests, %v", len(contests), err)
	}
	for _, c := range contests {
		want := comparison.Equivalent
		if strings.Contains(c.Name, "spans=sdk") {
			want = comparison.Regressed
		}
		if f := c.Figure("p99-latency-ns"); f.Verdict != want || fmt.Sprint(f.Rounds) != "[1 2 4 5 6 7 8 9 10 11]" {
			t.Errorf("%s: %s in rounds %v", c.Name, f.Verdict, f.Rounds)
		}
		if want := head.BenchName(c.CellA); c.Name != want {
			t.Errorf("%s, in run.bench it is %s", c.Name, want)
		}
	}
}
