package page_test

import (
	"bytes"
	"math"
	"regexp"
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
	plans := map[string]*fleet.Plan{"plan": readPlan(t)}

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
	golden.Check(t, "plan.html", drawPlan(t, readPlan(t)))
}

func TestThePageOfAPlanSaysWhatIsMissing(t *testing.T) {
	given := planned(t, fleet.Given(40600, 41900))
	partly := readPlan(t)
	partly.Curves = partly.Curves[:1]
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
		{"given", given, []string{"It takes 10 instances of as given.", "no probe has both its throughput",
			"--capacity has neither", "was not measured at several numbers of workers"}},
		{"one curve", partly, []string{"No probe has the latency of spans=sdk, spans=pooled, spans=noop."}},
		{"no peak", peakless, []string{"The points show no peak, so the law is not drawn beyond them."}},
		{"a plateau", plateau,
			[]string{"No fit: the law does not fit, but a plateau does: 1,000/s for each up to 4, and 4,000/s from " +
				"there on."}},
		{"no points", undrawn, []string{"No point can be drawn.", "No fit: no points."}},
		{"all", readPlan(t), []string{"How many instances carry 250,000/s?",
			"It takes 10 instances of spans=none, 13 of spans=sdk, up to 11 of spans=pooled (not seen to fail), or " +
				"up to 11 of spans=noop (generator-limited).",
			"capacity of spans=pooled: 39,800/s or more", "capacity of spans=sdk: 33,100/s, 95% interval 32,100 to " +
				"34,000; the plan is for 32,100/s", "No fit: 4 different concurrencies"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := drawPlan(t, c.plan)
			if c.plan == plateau && strings.Contains(text, `class="line law`) {
				t.Error("a law is drawn for a plateau")
			}
			if c.plan == peakless &&
				(strings.Contains(text, `class="line beyond`) || strings.Contains(text, "extrapolated")) {
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
		m := regexp.MustCompile(`<polyline class="line `+class+` s0" points="([^"]*)"`).FindAllStringSubmatch(text, -1)
		if len(m) != 1 {
			t.Fatalf("%d lines of %s", len(m), class)
		}
		return strings.Fields(m[0][1])
	}
	law, beyond := line("law"), line("beyond")
	if len(law) < 50 || len(beyond) < 2 || law[len(law)-1] != beyond[0] {
		t.Errorf("the law ends at %s, and goes on from %s with %d points", law[len(law)-1], beyond[0], len(beyond))
	}
	if !strings.Contains(text, ".line.beyond { stroke-dasharray: 3 5; }") {
		t.Error("it is not dashed")
	}
}

func TestNamesInAPlanAreEscaped(t *testing.T) {
	const bad = `<b>&"'`
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
	if at := strings.Index(text, "<b>"); at >= 0 {
		t.Errorf("a name is markup: %q", text[at-100:][:200])
	}
	for _, what := range []string{"spans=none</td>", "of</text>", "refused", "source", "cpu", "warning"} {
		if !strings.Contains(text, "&lt;b&gt;&amp;&#34;&#39;"+what) {
			t.Errorf("%s is not in the page", what)
		}
	}
	for _, svg := range svgs.FindAllString(text, -1) {
		if err := inside(svg); err != nil {
			t.Errorf("%v\n%.300s", err, svg)
		}
	}
}
