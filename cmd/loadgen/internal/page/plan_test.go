package page_test

import (
	"bytes"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/fleet"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/page"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
)

const measuredCapacity = "../cli/testdata/capacity-plan/capacity.json"

// planned returns the plan of a peak of 250,000/s.
func planned(t testing.TB, m *fleet.Measured) *fleet.Plan {
	t.Helper()
	p, err := fleet.New(fleet.Ask{Peak: 250_000, Headroom: 0.3, Failures: 1}, m)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// readPlan returns the plan of a measured capacity.
func readPlan(t testing.TB) *fleet.Plan {
	t.Helper()
	m, err := fleet.Read(measuredCapacity)
	if err != nil {
		t.Fatal(err)
	}
	return planned(t, m)
}

// drawPlan returns the page of a plan.
func drawPlan(t testing.TB, p *fleet.Plan) string {
	t.Helper()
	var b bytes.Buffer
	if err := page.WritePlan(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// variantPlans returns unusual plans, whose pages must have drawings all the same.
func variantPlans(t testing.TB) map[string]*fleet.Plan {
	plans := map[string]*fleet.Plan{"plan": readPlan(t), "plan given": planned(t, fleet.Given(40600, 41900)),
		"plan of a search": planned(t, searched())}

	scales := readPlan(t)
	scales.Curves = scales.Curves[:1]
	scales.Curves[0].Fit.PeakInterval = nil
	plans["plan that scales"] = scales

	endless := readPlan(t)
	endless.Curves[0].Fit.PeakInterval.High, endless.Curves[0].Fit.GreatestInterval.High = math.Inf(1), math.Inf(1)
	plans["plan with an endless interval"] = endless

	poor := readPlan(t)
	for i := range poor.Curves {
		c := &poor.Curves[i]
		c.Latencies = append(c.Latencies, fleet.Latency{Offered: 1, Achieved: 1e-300, Mean: 1e300},
			fleet.Latency{Offered: 1, Achieved: 1, Mean: math.Inf(1)})
		c.Of, c.Fit, c.Law, c.Refused = "workers", nil, nil, "n is below 0\nx is not"
		c.Points = []usl.Point{{N: -5, X: -1e300}, {N: 3, X: 1e300}, {N: 1, X: 5}}
	}
	plans["plan of nonsense"] = poor
	return plans
}

func TestThePageOfAPlan(t *testing.T) {
	golden.Check(t, "plan.html", content(drawPlan(t, readPlan(t))))
}

func TestThePageOfAPlanSaysWhatIsMissing(t *testing.T) {
	given := planned(t, fleet.Given(40600, 41900))
	undrawn := readPlan(t)
	curve := &undrawn.Curves[0]
	curve.Points, curve.Law, curve.Fit, curve.Refused = nil, nil, nil, "no points"
	scaling := func(x func(n float64) float64) *fleet.Plan {
		p := readPlan(t)
		var points []usl.Point
		for _, n := range []float64{1, 2, 3, 4, 6, 8, 12, 16} {
			points = append(points, usl.Point{N: n, X: x(n)})
		}
		p.Curves[0] = fleet.Fitted("spans=none", "workers", points)
		return p
	}
	plateau := scaling(func(n float64) float64 { return 1000 * min(n, 4) })
	peakless := scaling(func(n float64) float64 { return 1000 * n / (1 + 0.1*(n-1)) * (1 + 0.01*math.Sin(n)) })
	for _, c := range []struct {
		name string
		plan *fleet.Plan
		want []string
	}{
		{"given", given, []string{"It takes 10 instances of as given", "--capacity has not",
			"was not measured at several numbers of workers"}},
		{"no peak", peakless, []string{"The points show no peak, so the law is not drawn beyond them."}},
		{"a plateau", plateau,
			[]string{"No fit: the law does not fit, but a plateau does: 1,000/s for each up to 4, and 4,000/s from " +
				"there on."}},
		{"no points", undrawn, []string{"No point can be drawn.", "No fit: no points."}},
		{"all", readPlan(t), []string{"How many instances carry 250,000/s?",
			"It takes 10 instances of spans=none, 13 of spans=sdk, up to 11 of spans=pooled (not seen to fail), or " +
				"up to 11 of spans=noop (generator-limited)",
			"holds at 39,800/s or more", "capacity 33,100/s, 95% interval 32,100 to 34,000 shaded; the plan is for " +
				"32,100/s", "No fit: 4 different concurrencies", "objective p99 &lt; 500µs"}},
		{"a search", planned(t, searched()), []string{"no capacity: it held at no rate", "✗ bad: no capacity",
			`title="generator-limited: late"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := drawPlan(t, c.plan)
			if c.plan == plateau && strings.Contains(text, `class="ln hi law`) {
				t.Error("a law is drawn for a plateau")
			}
			if c.plan == peakless &&
				(strings.Contains(text, `class="ln beyond`) || strings.Contains(text, "extrapolated")) {
				t.Error("a law that shows no peak is drawn beyond the points")
			}
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("the page does not say %q", want)
				}
			}
		})
	}
}

// A law is dashed from the last point on, since nothing was measured there.
func TestALawIsDashedWhereItIsExtrapolated(t *testing.T) {
	text := drawPlan(t, readPlan(t))
	line := func(class string) []string {
		m := regexp.MustCompile(`<path class="`+class+` c0" d="M([^"]*)"`).FindAllStringSubmatch(text, -1)
		if len(m) != 1 {
			t.Fatalf("%d lines of %s", len(m), class)
		}
		return strings.Split(m[0][1], "L")
	}
	law, beyond := line("ln hi law"), line("ln beyond d2")
	if len(law) < 50 || len(beyond) < 2 || law[len(law)-1] != beyond[0] {
		t.Errorf("the law ends at %s, and goes on from %s with %d points", law[len(law)-1], beyond[0], len(beyond))
	}
	if !strings.Contains(text, ".d2 { stroke-dasharray: 7 3; }") {
		t.Error("it is not dashed")
	}
}

// searched returns a search whose marks are of every kind: held, missed, and saying nothing.
func searched() *fleet.Measured {
	m := fleet.Given(10_000, 12_000)
	m.Arms[0].Arm = "spans=good"
	probe := func(rate, ms float64, held bool, limited string) fleet.Probe {
		return fleet.Probe{Rate: rate, Achieved: rate, Value: ms * 1e6, Known: true, Held: held, Limited: limited}
	}
	m.Searches = []fleet.Search{
		{Arm: "spans=good", SLO: "p99 < 1ms", Limit: 1e6, Probes: []fleet.Probe{probe(1000, 0.2, true, ""),
			probe(8000, 0.5, true, ""), probe(12_000, 3, false, ""), probe(16_000, 40, false, ""),
			probe(13_000, math.Inf(1), false, ""), probe(14_000, 2, true, "generator-limited: late")}},
		{Arm: "spans=bad", Why: "it held at no rate that was tried: begin with a lower rate", SLO: "p99 < 1ms",
			Limit: 1e6, Probes: []fleet.Probe{probe(1000, 5, false, ""), {Rate: 500, Limited: "noisy-machine: busy"}}},
	}
	return m
}

// A probe is drawn at the objective's own quantity: below its line if it held.
func TestASearchDrawsWhatItDecidesOn(t *testing.T) {
	text := drawPlan(t, planned(t, searched()))
	_, chart, _ := strings.Cut(text, `aria-label="p99 &lt; 1ms of each probe of good`)
	chart, _, _ = strings.Cut(chart, "</svg>")
	limit := regexp.MustCompile(`class="limit" d="M0 ([0-9.]+)H1000"`).FindStringSubmatch(chart)
	dots := regexp.MustCompile(`class="dot (\w+)" d="M[0-9.]+ ([0-9.]+)h`).FindAllStringSubmatch(chart, -1)
	if limit == nil || len(dots) != 5+3 {
		t.Fatalf("the line is at %q, and there are %d dots in\n%s", limit, len(dots), chart)
	}
	line, _ := strconv.ParseFloat(limit[1], 64)
	hollow := 0
	for i, m := range dots {
		y, _ := strconv.ParseFloat(m[2], 64)
		if m[1] == "core" {
			hollow++
			if y >= line {
				t.Errorf("a missed probe is drawn at %v, below the line at %v", y, line)
			}
		} else if i < 2 && y <= line {
			t.Errorf("a probe that held is drawn at %v, above the line at %v", y, line)
		}
	}
	if hollow != 3 {
		t.Errorf("%d probes are hollow, want 3", hollow)
	}
}

func TestNamesInAPlanAreEscaped(t *testing.T) {
	const bad = `<u>&"'`
	p := readPlan(t)
	for i := range p.Arms {
		p.Arms[i].Arm = bad + p.Arms[i].Arm
	}
	for i := range p.Curves {
		c := &p.Curves[i]
		c.Arm = bad + c.Arm
		if c.Of != "" {
			c.Of, c.Refused = bad+"of", bad+"refused"
		}
	}
	p.Source, p.Environment.CPU, p.Warnings = bad+"source", bad+"cpu", []string{bad + "warning"}
	text := drawPlan(t, p)
	if at := strings.Index(text, "<u>"); at >= 0 {
		t.Errorf("a name is markup: %q", text[at-100:][:200])
	}
	for i := range p.Searches {
		p.Searches[i].Arm, p.Searches[i].Why = bad+p.Searches[i].Arm, bad+"why"
	}
	text = drawPlan(t, p)
	for _, what := range []string{"spans=none</td>", "of</span>", "why", "refused", "source", "cpu", "warning"} {
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
