package quantiles

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/perf/benchfmt"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
)

// A toy is an exact estimator that is off by a factor, and whose cost advances a fake clock. It does not depend on the
// estimators of the module.
type toy struct {
	*quantile.Exact
	clock *fakeClock
	cost  time.Duration
	off   float64
}

func (t *toy) Add(d time.Duration) { t.clock.now += t.cost; t.Exact.Add(d) }
func (t *toy) Quantile(q float64) time.Duration {
	t.clock.now += 10_000 * t.cost // so that few reads are enough
	return time.Duration(float64(t.Exact.Quantile(q)) * t.off)
}

func (t *toy) Merge(other quantile.Estimator) error {
	t.clock.now += 100 * t.cost
	return t.Exact.Merge(other.(*toy).Exact)
}

func (t *toy) StateBytes() int { return int(1000 * t.cost) }

// A wired toy has an encoding, a mute one does not report its size, and a lonely one does not merge.
type (
	wired  struct{ toy }
	mute   struct{ quantile.Estimator }
	lonely struct{ toy }
)

func (w *wired) MarshalBinary() ([]byte, error)       { return make([]byte, 40), nil }
func (l *lonely) Merge(quantile.Estimator) error      { return quantile.ErrMerge }
func (w *wired) Merge(other quantile.Estimator) error { return w.toy.Merge(&other.(*wired).toy) }

type fakeClock struct{ now time.Duration }

func (c *fakeClock) clock() Clock {
	return Clock{"made-up time", func() time.Duration { return c.now }}
}

func (c *fakeClock) toy(cost time.Duration, off float64) toy {
	return toy{quantile.NewExact(0), c, cost, off}
}

func (c *fakeClock) arm(name string, cost time.Duration, off float64) Arm {
	return Arm{Name: name, New: func(uint64) (quantile.Estimator, error) { t := c.toy(cost, off); return &t, nil }}
}

// ramp returns 1 to n us.
func ramp(name string, n int) Data {
	return Data{Name: name, N: n, Make: func() (values []time.Duration) {
		for i := range n {
			values = append(values, time.Duration(i+1)*time.Microsecond)
		}
		return values
	}}
}

// stepped returns n values, a tenth of which are a thousand times as long.
func stepped(name string, n int) Data {
	return Data{Name: name, About: "made for a test", N: n, Make: func() (values []time.Duration) {
		for i := range n {
			v := time.Microsecond
			if i >= n-n/10 {
				v = time.Millisecond
			}
			values = append(values, v+time.Duration(i))
		}
		return values
	}}
}

// testPlan returns a plan with an estimator of each kind, a gap at p90, and too few values for p99.9.
func testPlan() *Plan {
	c := &fakeClock{}
	return &Plan{
		Arms: []Arm{
			c.arm("right", 20, 1),
			{Name: "encoded", New: func(uint64) (quantile.Estimator, error) { return &wired{c.toy(8, 1.004)}, nil }},
			c.arm("rough", 2, 0.7),
			{Name: "lonely", New: func(uint64) (quantile.Estimator, error) { return &lonely{c.toy(1, 2)}, nil }},
		},
		Anchor:    c.arm("anchor", 4, 1),
		Data:      []Data{ramp("ramp", 1000), stepped("stepped", 2000)},
		Quantiles: []float64{0.5, 0.9, 0.99, 0.999},
		Rounds:    3,
		Shards:    4,
		Seed:      7,
		Limits:    Limits{MaxError: 0.01, MaxBytes: 10_000},
		Clock:     c.clock(),
	}
}

var testEnvironment = results.Environment{GoVersion: "go1.26", GOOS: "linux", GOARCH: "amd64", CPU: "Test CPU",
	GOMAXPROCS: 2, Version: "v1"}

func mustMeasure(t *testing.T, p *Plan) *Report {
	t.Helper()
	r, err := Measure(t.Context(), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Environment = testEnvironment
	return r
}

func TestFormats(t *testing.T) {
	for as, file := range map[string]string{"text": "report.txt", "tsv": "report.tsv", "bench": "report.bench",
		"json":     "report.json",
		"markdown": "report.md"} {
		t.Run(as, func(t *testing.T) {
			var b strings.Builder
			if err := mustMeasure(t, testPlan()).Write(&b, as, screen(80, "never"), terminal.Detail{}); err != nil {
				t.Fatal(err)
			}
			golden.Check(t, file, b.String())
		})
	}
	if err := mustMeasure(t, testPlan()).Write(new(strings.Builder), "xml", nil, terminal.Detail{}); err == nil ||
		!strings.Contains(err.Error(), "want one of text, bench, json, markdown, tsv") {
		t.Errorf("%v", err)
	}
}

// Times are the time on the clock, divided by the number of operations.
func TestTimesArePerValuePerFiveReadsAndPerShard(t *testing.T) {
	r := mustMeasure(t, testPlan())
	c := r.Sets[0].Cells[0]
	for name, x := range map[string][2]float64{
		"insert":     {c.Insert.Median, 20},
		"first read": {c.FirstRead.Median, 200_000},
		"query":      {c.Query.Median, 1_000_000},
		"merge":      {c.Merge.Median, 2000},
		"x anchor":   {c.TimesAnchor.Median, 5},
		"state":      {float64(c.StateBytes), 20_000},
	} {
		if x[0] != x[1] {
			t.Errorf("%s: %v, want %v", name, x[0], x[1])
		}
	}
	if n := len(c.Insert.Rounds); n != 3 {
		t.Errorf("%d rounds", n)
	}
	if e := r.Sets[0].Cells[1]; e.Serialized != 40 || c.Serialized != 0 {
		t.Errorf("%d and %d bytes encoded, want 40 and 0", e.Serialized, c.Serialized)
	}
	if l := r.Sets[0].Cells[3]; l.MergeError == "" || l.Merge.Rounds != nil {
		t.Errorf("one that does not merge has %+v, %q", l.Merge, l.MergeError)
	}
}

// The worst answer of several rounds counts, in whichever round it occurred.
func TestTheWorstAnswerOfAllRoundsCounts(t *testing.T) {
	truth := quantile.NewExact(1)
	truth.Add(1000)
	points := []Point{newPoint(0.5, truth.Sorted())}
	var all []sample
	for _, d := range []time.Duration{1001, 980, 1010} {
		all = append(all, sample{answers: []time.Duration{d}})
	}
	if c := newCell("x", all, points, truth); c.Answers[0].Estimate != 980 {
		t.Errorf("%+v", c.Answers)
	}
}

// A growing toy takes more memory after it was read.
type growing struct {
	toy
	read bool
}

func (g *growing) Quantile(q float64) time.Duration { g.read = true; return g.toy.Quantile(q) }
func (g *growing) Merge(quantile.Estimator) error   { return nil }
func (g *growing) StateBytes() int {
	if g.read {
		return 2000
	}
	return 1000
}

func TestTheStateIsTheMostOfBeforeAndAfterReading(t *testing.T) {
	p, c := testPlan(), &fakeClock{}
	s, err := p.visit(func() (quantile.Estimator, error) { return &growing{toy: c.toy(1, 1)}, nil }, p.Data[0].Make(),
		nil)
	if err != nil || s.state != 2000 {
		t.Errorf("%v, %d bytes", err, s.state)
	}
}

// Each value is in one shard, and a merge is timed with all shards.
func TestShardsShareTheValues(t *testing.T) {
	p, c := testPlan(), &fakeClock{}
	var made []*toy
	arm := func() (quantile.Estimator, error) { e := c.toy(1, 1); made = append(made, &e); return &e, nil }
	if _, refused, err := p.merge(arm, p.Data[0].Make()); err != nil || refused != nil {
		t.Fatal(err, refused)
	}
	if len(made) != p.Shards+1 || made[0].Count() != 1000 || made[1].Count() != 250 {
		t.Errorf("%d estimators, %d values in all, %d in the first shard", len(made), made[0].Count(), made[1].Count())
	}
}

func TestAnUnknownSizeIsBlank(t *testing.T) {
	p := testPlan()
	p.Arms = []Arm{{Name: "mute", New: func(uint64) (quantile.Estimator, error) {
		return mute{quantile.NewHDR()},
			nil
	}}}
	r := mustMeasure(t, p)
	bench, err := r.Bench()
	if err != nil || r.Sets[0].Cells[0].StateBytes != 0 || strings.Contains(bench, "op 0 state-bytes") ||
		r.Recommendation.Candidates[0].Meets() {
		t.Errorf("%v, %s\n%s", err, bench, everything(r))
	}
}

// The garbage of one estimator is not collected while another is timed.
func TestTheCollectorRunsBeforeEachTiming(t *testing.T) {
	p := testPlan()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := p.visit(p.Arms[0].from(rand.New(rand.NewPCG(1, 2))), p.Data[0].Make(), nil); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	const timings = 4 // insertion, first read, five reads, merge
	if n := after.NumForcedGC - before.NumForcedGC; n < timings {
		t.Errorf("%d collections, want %d", n, timings)
	}
}

// A watching is a watcher that remembers what it is told.
type watching struct{ visits, made []string }

func (w *watching) Next(_, what string, _ time.Duration) { w.visits = append(w.visits, what) }

func (w *watching) Doing(what string) (done func()) {
	w.made = append(w.made, what)
	return func() {}
}

func TestTheSeedSetsTheOrderOfEveryRound(t *testing.T) {
	order := func(seed uint64) string {
		p := testPlan()
		p.Seed = seed
		var w watching
		if _, err := p.report(t.Context(), &w); err != nil {
			t.Fatal(err)
		}
		all := w.visits
		if len(all) != p.visits() || len(w.made) != len(p.Data) {
			t.Errorf("%d visits, want %d; made %v", len(all), p.visits(), w.made)
		}
		first, second := strings.Join(all[:5], " "), strings.Join(all[5:10], " ")
		if first == second {
			t.Errorf("seed %d: two rounds of the order %s", seed, first)
		}
		for _, round := range []string{first, second} {
			for _, arm := range p.arms() {
				if strings.Count(round, arm.Name+" on ramp") != 1 {
					t.Errorf("%s is not measured once in a round: %s", arm.Name, round)
				}
			}
		}
		return strings.Join(all, " ")
	}
	one, again, two := order(1), order(1), order(2)
	if one != again || one == two {
		t.Errorf("the order is not that of the seed:\n%s\n%s\n%s", one, again, two)
	}
}

// An anchor that was not requested is measured, but not shown.
func TestTheAnchorIsMeasuredOnce(t *testing.T) {
	p := testPlan()
	if r := mustMeasure(t, p); len(r.Sets[0].Cells) != 4 || len(r.Recommendation.Candidates) != 4 {
		t.Errorf("the anchor is shown: %d cells", len(r.Sets[0].Cells))
	}
	p.Anchor = p.Arms[0]
	if r := mustMeasure(t, p); len(p.arms()) != 4 || r.Sets[0].Cells[0].TimesAnchor.Median != 1 {
		t.Errorf("%d arms, the anchor is %v times itself", len(p.arms()), r.Sets[0].Cells[0].TimesAnchor.Median)
	}
	p.Anchor = Arm{}
	r := mustMeasure(t, p)
	if r.Sets[0].Cells[0].TimesAnchor.Median != 0 || strings.Contains(everything(r), "x anchor") ||
		strings.Contains(r.Markdown(), "x anchor") {
		t.Errorf("there are ratios without an anchor:\n%s", everything(r))
	}
}

// A percentile without enough values is not measured, and the report says why.
func TestPercentilesWithoutEnoughValuesAreRefused(t *testing.T) {
	p := testPlan()
	p.Data = []Data{ramp("few", 3687), ramp("enough", 3688)}
	r := mustMeasure(t, p)
	few, enough := &r.Sets[0], &r.Sets[1]
	if len(few.Refused) != 1 || few.Refused[0] != (Refusal{0.999, 3688}) || len(few.Cells[0].Answers) != 3 {
		t.Errorf("of 3687 values: %+v", few.Refused)
	}
	if len(enough.Refused) != 0 || len(enough.Cells[0].Answers) != 4 {
		t.Errorf("of 3688 values: %+v", enough.Refused)
	}
	if want := "p99.9 is blank: it needs 3,688 values, there are 3,687"; !strings.Contains(everything(r), want) {
		t.Errorf("%q is not in\n%s", want, everything(r))
	}
	bench, err := r.Bench()
	if err != nil || strings.Count(bench, " p99.9-rank-error-ppm\n") != 12 {
		t.Errorf("%v, p99.9 is not left out for few alone:\n%s", err, bench)
	}
}

func TestBenchmarkTextIsReadByBenchfmt(t *testing.T) {
	r := mustMeasure(t, testPlan())
	text, err := r.Bench()
	if err != nil {
		t.Fatal(err)
	}
	rd := benchfmt.NewReader(strings.NewReader(text), "x")
	names := map[string]int{}
	for rd.Scan() {
		switch rec := rd.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Error(rec)
		case *benchfmt.Result:
			names[string(rec.Name)]++
			for _, unit := range []string{"insert-sec/op", "query-sec/op", "state-bytes", "p99-error-ppm",
				"p99-rank-error-ppm"} {
				if x, ok := rec.Value(unit); !ok || math.IsNaN(x) || math.IsInf(x, 0) {
					t.Errorf("%s: %s is %v, %v", rec.Name, unit, x, ok)
				}
			}
		}
	}
	if err := rd.Err(); err != nil {
		t.Error(err)
	}
	if len(names) != 8 || names["Quantiles/est=encoded/dist=ramp/n=1000-2"] != 3 {
		t.Errorf("results are %v", names)
	}
}

func TestWhatIsNotFiniteIsNeverWritten(t *testing.T) {
	for _, x := range []float64{math.NaN(), math.Inf(1)} {
		r := mustMeasure(t, testPlan())
		r.Sets[1].Cells[2].Insert.Rounds[0] = x
		for _, format := range []string{"bench", "json"} {
			var b strings.Builder
			if err := r.Write(&b, format, screen(80, "never"), terminal.Detail{}); err == nil || b.Len() > 0 {
				t.Errorf("%v is written as %s: %v", x, format, err)
			}
		}
	}
}

// If a coarse clock does not advance, there is no ratio and no time, and no infinite value.
func TestAClockThatStandsStillIsNoDivisionByZero(t *testing.T) {
	p := testPlan()
	p.Clock.Now = func() time.Duration { return 0 }
	r := mustMeasure(t, p)
	for _, format := range Formats() {
		var b strings.Builder
		err := r.Write(&b, format, screen(80, "never"), terminal.Detail{})
		if err != nil || strings.Contains(b.String(), "NaN") ||
			strings.Contains(b.String(), "Inf") {
			t.Errorf("%s: %v\n%s", format, err, &b)
		}
	}
}

func TestJSONHasAVersionAndReadsBack(t *testing.T) {
	r := mustMeasure(t, testPlan())
	s, err := r.json()
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal([]byte(s), &back); err != nil || back.Schema != 1 ||
		back.Recommendation.Estimator != "encoded" {
		t.Errorf("%v: schema %d, recommends %q", err, back.Schema, back.Recommendation.Estimator)
	}
}

func TestAPlanThatIsNotValidReportsAllThatIsWrong(t *testing.T) {
	_, err := Measure(t.Context(), &Plan{Rounds: 0, Shards: -1, Quantiles: []float64{1, 0.5, math.NaN()},
		Limits: Limits{MaxError: math.NaN(), MaxBytes: -1}}, nil)
	for _, want := range []string{"no estimator: want", "no data: want", "0 rounds: want", "-1 shards: want",
		"quantile 1: want", "quantile NaN: want", "want them rising", "largest error of NaN: want", "-1 bytes at " +
			"most: want"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	p := testPlan()
	p.Data = []Data{ramp("few", 5)}
	if err := p.Check(); err == nil || !strings.Contains(err.Error(), "p50 needs 6, few has 5") {
		t.Errorf("%v", err)
	}
}

func TestAnInterruptionAndAnEstimatorThatCannotBeMadeAreErrors(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Measure(ctx, testPlan(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	p, broken := testPlan(), errors.New("out of stock")
	p.Arms[0].New = func(uint64) (quantile.Estimator, error) { return nil, broken }
	if _, err := Measure(t.Context(), p, nil); !errors.Is(err, broken) ||
		!strings.Contains(err.Error(), "right on ramp") {
		t.Errorf("%v", err)
	}
}

// A stuck toy does not return from its first value until it is released.
type stuck struct {
	lonely
	begun chan<- struct{}
	stop  <-chan struct{}
}

func (s *stuck) Add(time.Duration) {
	select {
	case s.begun <- struct{}{}:
	default:
	}
	<-s.stop
}

func TestAnInterruptionDoesNotWaitForTheVisit(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	begun, stop := make(chan struct{}, 1), make(chan struct{})
	defer close(stop)
	p, c := testPlan(), &fakeClock{}
	p.Arms = []Arm{{Name: "stuck", New: func(uint64) (quantile.Estimator, error) {
		return &stuck{lonely{c.toy(1, 1)}, begun, stop}, nil
	}}}
	p.Anchor = Arm{}
	go func() {
		<-begun
		cancel()
	}()
	if _, err := Measure(ctx, p, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// Every estimator has its own seed, derived from that of the plan.
func TestEstimatorsDrawFromTheSeedOfThePlan(t *testing.T) {
	seeds := func(seed uint64) (all []uint64) {
		p, c := testPlan(), &fakeClock{}
		p.Seed, p.Anchor = seed, Arm{}
		p.Arms = []Arm{{Name: "seeded", New: func(seed uint64) (quantile.Estimator, error) {
			all = append(all, seed)
			e := c.toy(1, 1)
			return &e, nil
		}}}
		mustMeasure(t, p)
		return all
	}
	one, again, two := seeds(1), seeds(1), seeds(2)
	if !slices.Equal(one, again) || slices.Equal(one, two) || slices.Contains(one, 0) {
		t.Errorf("seeds are not those of the plan: %v, %v, %v", one[:3], again[:3], two[:3])
	}
	slices.Sort(one)
	if len(slices.Compact(one)) != len(again) {
		t.Errorf("two of %d estimators have one seed", len(again))
	}
}

func TestTheClockOfTheThreadMovesWithWork(t *testing.T) {
	c := ThreadCPU()
	if c.Name == "" {
		t.Error("it has no name")
	}
	for start := c.Now(); c.Now() == start; {
	}
}
