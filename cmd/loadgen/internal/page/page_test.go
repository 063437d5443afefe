package page_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/buckets"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/page"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/quantiles"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

const question = `
name: made-up
about: What made-up spans cost.
qps: [1000, 10k]
spans: [none, sdk]
quantile: [exact, hdr, dws]
compare: sdk vs none
duration: 500ms
rounds: 6
workers: 1
arrivals: constant
seed: 7
`

// made returns a run with invented visits. Calls with sdk take twice as long as calls with none, and rounds differ a
// little.
func made(t testing.TB, text string) *results.Run {
	t.Helper()
	s, err := scenarios.Decode("made.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	run := &results.Run{
		Header: results.Header{Schema: results.Schema, Scenario: s, Began: time.Unix(1700000000, 0),
			Environment: results.Environment{
				GoVersion: "go1.26", GOOS: "linux", GOARCH: "amd64", CPU: "Imaginary CPU", NumCPU: 2, GOMAXPROCS: 2,
				Version: "v0"}},
		Status: results.Complete,
	}
	for round := 1; round <= s.Rounds; round++ {
		for i, c := range s.Cells() {
			run.Visits = append(run.Visits, madeVisit(s, c, round, i+1,
				func(i uint64) time.Duration { return time.Duration(2000 + i%1000) }))
		}
	}
	return run
}

// empty is a shared histogram without values, since creating histograms takes a while.
var empty = quantile.NewHDR()

// copied returns a copy of a run, with copies of its visits and records.
func copied(run *results.Run) *results.Run {
	to := *run
	to.Visits = slices.Clone(run.Visits)
	for i, v := range to.Visits {
		visit, record := *v, *v.Record
		visit.Record = &record
		to.Visits[i] = &visit
	}
	return &to
}

// madeVisit returns an invented visit.
func madeVisit(s *scenarios.Scenario, c scenarios.Cell, round, order int,
	service func(uint64) time.Duration) *results.Visit {
	factor := 1.0
	if c.Value("spans") == "sdk" {
		factor = 2
	}
	factor *= 1 + 0.01*float64(round*order%5)
	n := s.Calls(c.Level)
	r := &record.Record{Offered: n, Done: n, Scheduled: s.Duration, Elapsed: s.Duration, Waiting: time.Millisecond,
		Latency: quantile.NewHDR(), Service: quantile.NewHDR(), Queue: quantile.NewHDR(),
		Generator: quantile.NewHDR(), FailedLatency: empty, Hiccups: empty}
	for i := range n {
		took, lag := time.Duration(factor*float64(service(i))), time.Duration(i%300*100)
		r.Service.Add(took)
		r.Queue.Add(0)
		r.Generator.Add(lag)
		r.Latency.Add(took + lag)
	}
	for i := range 5 {
		w := record.Window{From: time.Duration(i) * 100 * time.Millisecond, Length: 100 * time.Millisecond,
			Offered: n / 5, Done: n / 5,
			P50: 20 * time.Microsecond, Max: time.Duration(30+i) * time.Microsecond}
		if n >= 5000 {
			w.P99 = 29 * time.Microsecond
		}
		if i == 2 {
			w.Runtime = &record.RuntimeWindow{From: w.From, To: w.From + w.Length,
				Runtime: record.Runtime{GCCycles: 1, GCPause: 50 * time.Microsecond}}
		}
		r.Windows = append(r.Windows, w)
	}
	v := &results.Visit{Round: round, Order: order, Cell: c, Record: r, Cost: results.Cost{
		CPU: time.Duration(factor * 3000 * float64(n)), Bytes: uint64(factor*256) * n, Allocs: n, GCCycles: 3,
		PeakRSS: 20 << 20}}
	for i, arm := range s.Arms("quantile") {
		e := results.Estimate{Quantile: arm, N: n, InsertNS: 12.3, QueryNS: 4560, StateBytes: 270_404 >> (2 * i)}
		for _, q := range results.EstimatePercentiles() {
			if n >= quantile.SamplesFor(q) {
				e.Answers = append(e.Answers, results.Answer{Q: q, Value: -0.0123 * float64(i),
					Rank: 0.0004 * float64(i)})
			}
		}
		v.Estimates = append(v.Estimates, e)
	}
	return v
}

// adviseOn returns the bounds of buckets for a run.
func adviseOn(run *results.Run) (*buckets.Advice, error) {
	before, err := buckets.ParseBounds("default")
	if err != nil {
		return nil, err
	}
	data, err := quantiles.OfRun(run, "results/made-up")
	if err != nil {
		return nil, err
	}
	o := &buckets.Options{Quantiles: []float64{.5, .95, .99}, Buckets: 12, Drift: 2, Before: before}
	x := buckets.NewSample(data.Name, data.About, data.Make())
	if err := x.Check(o.Quantiles); err != nil {
		return nil, err
	}
	return buckets.Choose(x, o), nil
}

// draw returns the page of a run.
func draw(t testing.TB, run *results.Run) string {
	t.Helper()
	contests, err := comparison.OfRun(run, comparison.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	var extras page.Extras
	extras.Buckets, extras.NoBuckets = adviseOn(run)
	place := report.Place{Program: "loadgen", Run: "results/made-up"}
	if err := page.Write(&b, run, contests, place, extras); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// content returns a page without its style and its script, which are files of their own.
func content(text string) string {
	return regexp.MustCompile(`(?s)<(style|script)>.*?</`).ReplaceAllString(text, "<$1></")
}

func TestThePageOfARun(t *testing.T) {
	golden.Check(t, "run.html", content(draw(t, made(t, question))))
}

func TestTheSameRunMakesTheSameBytes(t *testing.T) {
	run := made(t, question)
	first := draw(t, run)
	for range 2 {
		if draw(t, run) != first {
			t.Fatal("the page differs from one time to the next")
		}
	}
}

var svgs = regexp.MustCompile(`(?s)<svg [^>]*preserveAspectRatio.*?</svg>`)

// Every drawing is XML, nothing of it lies outside its view box, and it is beside a label that says what it shows, or
// beside its values.
func TestDrawingsAreWholeAndInsideTheirViewBox(t *testing.T) {
	for name, text := range variants() {
		drawings := svgs.FindAllString(text, -1)
		bare := []string{"nothing", "plan given", "compared benchmarks of one value"}
		if len(drawings) == 0 && !slices.Contains(bare, name) {
			t.Errorf("%s: no drawing", name)
		}
		ids := map[string]bool{}
		for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(text, -1) {
			if ids[m[1]] {
				t.Errorf("%s: id %q is there twice", name, m[1])
			}
			ids[m[1]] = true
		}
		for _, svg := range drawings {
			if err := inside(svg); err != nil {
				t.Errorf("%s: %v\n%.300s", name, err, svg)
			}
		}
	}
}

// inside checks the coordinates of a drawing. Lines to labels may reach beside it.
func inside(svg string) error {
	const beside = 18
	d := xml.NewDecoder(strings.NewReader(svg))
	var w, h float64
	for {
		token, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range e.Attr {
			switch a.Name.Local {
			case "viewBox":
				if _, err := fmt.Sscanf(a.Value, "0 0 %f %f", &w, &h); err != nil {
					return err
				}
			case "d":
				if err := walk(a.Value, func(x, y float64) bool {
					return x >= 0 && x <= w+beside && y >= 0 && y <= h
				}); err != nil {
					return err
				}
			}
		}
	}
}

var commands = regexp.MustCompile(`([MLHVhvZ])([^MLHVhvZ]*)`)

// walk follows a path and returns an error at the first point that may not be.
func walk(path string, may func(x, y float64) bool) error {
	x, y := 0.0, 0.0
	for _, m := range commands.FindAllStringSubmatch(path, -1) {
		var n []float64
		for word := range strings.FieldsSeq(m[2]) {
			v, err := strconv.ParseFloat(word, 64)
			if err != nil {
				return fmt.Errorf("%q in %q", word, m[0])
			}
			n = append(n, v)
		}
		switch {
		case (m[1] == "M" || m[1] == "L") && len(n) == 2:
			x, y = n[0], n[1]
		case m[1] == "H" && len(n) == 1:
			x = n[0]
		case m[1] == "h" && len(n) == 1:
			x += n[0]
		case m[1] == "V" && len(n) == 1:
			y = n[0]
		case m[1] == "Z" && len(n) == 0:
		default:
			return fmt.Errorf("%q is no command", m[0])
		}
		if !may(x, y) {
			return fmt.Errorf("%v,%v, after %q, is outside", x, y, m[0])
		}
	}
	return nil
}

// The page contains nothing that a browser would load.
func TestThePageLoadsNothing(t *testing.T) {
	for name, text := range variants() {
		for _, pattern := range []string{`https?:`, `(?i)\bsrc\s*=`, `(?i)href\s*=`, `@import`, `(?i)url\([^#]`,
			`<link`, `<iframe`, `fetch\(`} {
			if at := regexp.MustCompile(pattern).FindStringIndex(text); at != nil {
				t.Errorf("%s: %q", name, text[max(at[0]-40, 0):min(at[1]+40, len(text))])
			}
		}
	}
}

// The names that users choose appear as text everywhere.
func TestNamesOfUsersAreEscaped(t *testing.T) {
	const bad = `<u>&"'`
	run := made(t, question)
	s := run.Scenario
	s.Name, s.About = bad+"name", bad+"about"
	s.SetArms(scenarios.Target, bad+"target")
	arms, quantiles := s.Arms(scenarios.Spans), s.Arms(scenarios.Quantile)
	arms[1], s.Compare[0].A, quantiles[1] = bad+"arm", bad+"arm", bad+"estimator"
	s.SetArms(scenarios.Spans, arms...)
	s.SetArms(scenarios.Quantile, quantiles...)
	e := &run.Environment
	e.CPU, e.Kernel, e.Version, e.Commit, e.GoVersion = bad+"cpu", bad+"kernel", bad+"version", bad+"commit", bad+"go"
	for _, v := range run.Visits {
		if v.Cell.Value("spans") == "sdk" {
			v.Cell = v.Cell.With("spans", bad+"arm")
		}
		v.Estimates[1].Quantile = bad + "estimator"
		v.Verdict = []record.Reason{{Name: bad + "reason", Detail: bad + "detail"}}
		v.Record.Failures = []record.Failure{{Kind: bad + "failure", Count: 1}}
	}
	run.Visits[0].Log = bad + "log"
	text := draw(t, run)
	if strings.Contains(text, "<u>") {
		t.Errorf("a name is markup: %q", text[strings.Index(text, "<u>")-100:][:200])
	}
	for _, what := range []string{"name", "about", "arm", "estimator", "cpu", "kernel", "version", "commit", "go",
		"reason", "detail", "failure", "log"} {
		if !strings.Contains(text, "&lt;u&gt;&amp;&#34;&#39;"+what) {
			t.Errorf("%s is not in the page", what)
		}
	}
	for _, svg := range svgs.FindAllString(text, -1) {
		if err := inside(svg); err != nil {
			t.Errorf("%v\n%.300s", err, svg)
		}
	}
}

// A name must not turn the text beside it, nor have characters that HTML forbids. The scenario keeps the name.
func TestNamesDoNotTurnThePage(t *testing.T) {
	text := variants()["hostile names"]
	for _, r := range text {
		if r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' ||
			unicode.IsControl(r) && !strings.ContainsRune("\n\t", r) || r == unicode.ReplacementChar {
			t.Fatalf("%U is in the page", r)
		}
	}
	for _, want := range []string{"turned ? name", `turned \u202e name`, "bell??? csi? end",
		"👩‍👩‍👧 emoji", "שלום עולם"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
}

// A page says which parts are missing, and why.
func TestThePageSaysWhatIsMissing(t *testing.T) {
	pages := variants()
	for name, want := range map[string][]string{
		"one round": {"no interval: 1 round, want at least 6", "1 round: too few for an interval"},
		"one empty arm": {"sdk: not measured at 1,000/s.", "12 of 24 visits were completed",
			"12 of 24 visits could not be measured", "partial: 12 of 24 visits measured"},
		"interrupted":   {"PARTIAL", "partial: 7 of 24 visits measured"},
		"nothing":       {"There is no answer: no visit was completed", "partial: 0 of 24 visits measured"},
		"no windows":    {"There are no charts over time: the run has no windows of time."},
		"dropped":       {"<td>infinite</td>", "not valid"},
		"failing":       {"<td>infinite</td>"},
		"failing apart": {"due to ended, of calls that did not fail (failed: apart); medians over rounds"},
		"whole":         {"which assume independent samples", "too few calls", "all 24 visits valid"},
		"own function":  {">look-up<", " µs at p50 and "},
		"plan given":    {"--capacity has not", "was not measured at several numbers of workers"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, w := range want {
				if !strings.Contains(pages[name], w) {
					t.Errorf("the page does not say %q", w)
				}
			}
		})
	}
	if strings.Contains(pages["failing"], "failed: apart)") ||
		strings.Contains(pages["failing apart"], "<td>infinite</td>") {
		t.Error("the page shows failed calls in the wrong way")
	}
	if own := content(pages["own function"]); strings.Contains(own, ">none<") || strings.Contains(own, " us at p50") {
		t.Error("the page of an own function calls it none, or writes us for µs")
	}
}

// The table of all numbers has the costs that were measured: of a service, the CPU time of the client.
func TestThePageHasTheCostsThatWereMeasured(t *testing.T) {
	for name, c := range map[string]struct {
		text      string
		have, not []string
	}{
		"a service": {"target: http\nhttp: {url: http://a/}\nqps: 100\nduration: 1s\nquantile: none\n",
			[]string{"client CPU µs/op"}, []string{"B/op", "allocs/op", "RSS MiB", ">CPU µs/op"}},
		"a service that was started": {"target: http\nhttp: {url: 'http://a:{{port}}/'}\nservice: {command: " +
			"a}\nqps: 100\n" +
			"duration: 1s\nquantile: none\n", []string{"client CPU µs/op", ">CPU µs/op", "startup ms", "idle mcores",
			"exported spans/op", "CPU of the service", "collections unknown"},
			[]string{"B/op", "allocs/op", "RSS MiB", "CPU of the process"}},
		"a function": {question, []string{"<th>CPU µs/op", "<th>B/op", "<th>RSS MiB"}, []string{"client CPU"}},
	} {
		t.Run(name, func(t *testing.T) {
			run := made(t, c.text)
			for _, v := range run.Visits {
				if run.Scenario.HTTP != nil {
					v.Connections = &httptarget.Connections{DNS: empty, Connect: empty, TLS: empty}
				}
				if run.Scenario.Service != nil {
					v.Service = &results.Service{Calls: 1, Exports: &results.Exports{},
						ServiceCost: results.ServiceCost{
							CPU: new(time.Second), Idle: new(1.0), LateCPU: new(time.Second)}}
				}
			}
			text := content(draw(t, run))
			for _, want := range c.have {
				if !strings.Contains(text, want) {
					t.Errorf("the page has no %q", want)
				}
			}
			for _, not := range c.not {
				if strings.Contains(text, not) {
					t.Errorf("the page has %q", not)
				}
			}
		})
	}
}

// The page has the same sentences about objectives as the text.
func TestThePageSaysOfObjectivesWhatTheTextSays(t *testing.T) {
	run := made(t, question+"slo: p99 < 20us\n")
	for _, v := range run.Visits {
		bad := v.Record.Offered / 10 * uint64(v.Round%2)
		v.Record.Failed, v.Record.Offered = 400, v.Record.Offered+400
		v.Record.SLOs = []record.SLOResult{{SLO: "p99 < 20µs", Judged: true, Met: bad == 0, Due: v.Record.Offered,
			Bad:    bad,
			Budget: float64(v.Record.Offered) / 100}}
	}
	page := draw(t, run)
	sentences := report.SentencesOf(run, nil).Objectives
	if len(sentences) != 2*len(run.Scenario.Cells()) {
		t.Errorf("%d sentences", len(sentences))
	}
	for _, want := range append(sentences, ": MISSED, held in 3 of 6 visits; together p99 infinite.",
		": failed: 2,400 of ") {
		if !strings.Contains(page, template.HTMLEscapeString(want)) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// The scenario in the page can be run again.
func TestTheScenarioOfThePageRunsAgain(t *testing.T) {
	run := made(t, question)
	m := regexp.MustCompile(`(?s)<pre id="scenario">(.*?)</pre>`).FindStringSubmatch(draw(t, run))
	if m == nil {
		t.Fatal("there is none")
	}
	text := strings.NewReplacer("&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(m[1])
	again, err := scenarios.Decode("scenario.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if again.Seed != 7 || again.Visits() != run.Scenario.Visits() || again.Name != "made-up" ||
		again.Duration != run.Scenario.Duration {
		t.Errorf("it is another: %+v", again)
	}
}

// The chart of buckets has a curve for the bounds before and one for the chosen bounds, with a dot for each bound
// among the latencies, and the table has their errors. If there are too few calls, the page says so.
func TestThePageShowsHowBucketsSitOnTheLatencies(t *testing.T) {
	run := made(t, question)
	advice, err := adviseOn(run)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(draw(t, run), `<details id="buckets">`)
	text, _, _ = strings.Cut(text, "</details>")
	_, curves := advice.Curves(nil)
	for i, c := range curves {
		colour, want := []string{"c2", "c4"}[i], []int{0, 6}[i]
		if n := strings.Count(text, `<path class="dot small `+colour+`"`); n != want {
			t.Errorf("%s: %d dots, want %d of the bounds %v", c.Name, n, want, c.Bounds)
		}
	}
	if len(curves) != 2 {
		t.Errorf("the curves are %v", curves)
	}
	for _, want := range []string{"Use these 12 bounds: ", `<td>&#43;14,662%</td>`, "12 visits of spans=none",
		"loadgen buckets results/made-up --as go", "exact</th><td>-</td><td>"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	few := made(t, strings.Replace(question, "[1000, 10k]", "8", 1))
	if text := draw(t, few); !strings.Contains(text, "No bounds were chosen: p95 needs 72 values, made-up has 24") {
		t.Errorf("it does not say why there are no bounds")
	}
}
