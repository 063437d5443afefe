package fleet

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
)

// probed returns a file of one arm that holds at 1000/s, with probes.
func probed(probes ...string) []byte {
	return fmt.Appendf(nil, `{"schema":2,"status":"complete","answer":{"arms":[{"arm":"spans=sdk","verdict":"found","holds":1000,"low":950,"high":1050,"confirmed":950},
		{"arm":"spans=none","verdict":"found","holds":1200,"low":1150,"high":1250,"confirmed":1150}]},"probes":[%s]}`, strings.Join(probes, ","))
}

func probeOf(rate, achieved, cores, inSystem float64, limited string) string {
	return fmt.Sprintf(`{"evidence":{"arm":"spans=sdk","rate":%v,"achieved":%v,"limited":%q},"cores":%v,`+
		`"in_system":%v}`, rate, achieved, limited, cores, inSystem)
}

func TestTheArmWithoutSpansIsTheBaseline(t *testing.T) {
	m, err := parse("x", probed())
	if err != nil || m.Arms[0].Arm != "spans=none" || m.Arms[1].Arm != "spans=sdk" {
		t.Errorf("%v in %+v", err, m)
	}
}

// Probes far from the capacity do not count, nor do probes where the generator was the limit.
func TestTheCPUTimeOfACallIsThatOfProbesNearTheCapacity(t *testing.T) {
	m, err := parse("x", probed(probeOf(100, 100, 0.9, 1, ""), probeOf(900, 900, 0.009, 1, ""),
		probeOf(1000, 1000, 0.02, 1, ""),
		probeOf(1100, 1000, 0.03, 1, ""), probeOf(1000, 1000, 0.9, 1, "generator-limited"), probeOf(1000, 0, 0.9, 1,
			"")))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Arms[1].CPU; math.Abs(got-20000) > 1e-6 {
		t.Errorf("%v ns: want the median of 10, 20 and 30 us", got)
	}
	if got := m.Arms[1].Cores(); math.Abs(got-20) > 1e-9 {
		t.Errorf("%v cores per million calls a second: want 20", got)
	}
	if got := m.Arms[0].CPU; got != 0 {
		t.Errorf("%v ns of an arm without probes: want 0", got)
	}
}

func TestLatencyIsInTheOrderOfRates(t *testing.T) {
	m, err := parse("x", probed(probeOf(1000, 990, 1, 9.9, ""), probeOf(500, 500, 1, 1, ""),
		probeOf(2000, 1000, 1, 50, "generator-limited")))
	if err != nil {
		t.Fatal(err)
	}
	want := []Latency{{500, 500, 0.002}, {1000, 990, 0.01}}
	if len(m.Curves) != 1 || fmt.Sprint(m.Curves[0].Latencies) != fmt.Sprint(want) {
		t.Errorf("%+v: want %v", m.Curves, want)
	}
}

// plain returns the screen of a pipe.
func plain() *terminal.Screen {
	return terminal.New(io.Discard, terminal.Options{}, func(string) string { return "" })
}

// headline returns the answer of the plan of a file, for 1000/s without headroom and failures.
func headline(t *testing.T, data string) string {
	t.Helper()
	m, err := parse("x", []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(Ask{Peak: 1000}, m)
	if err != nil {
		t.Fatal(err)
	}
	_, answer := p.Headline()
	text, err := p.Format("markdown", nil, terminal.Detail{})
	if err != nil || !strings.HasPrefix(text, "It takes ") {
		t.Errorf("Markdown begins with %.20q, %v", text, err)
	}
	text, err = p.Format("text", plain(), terminal.Detail{})
	if err != nil || !strings.Contains(strings.ReplaceAll(text, "\n", " "), " "+answer) {
		t.Errorf("%q is not in\n%s%v", answer, text, err)
	}
	return answer
}

func TestCaveatsOfTheSearchAreInTheAnswer(t *testing.T) {
	const sure = `{"arm":"a","verdict":"found","holds":1000,"low":950,"high":1050,"precise":true,"confirmed":940}`
	file := func(arms, rest string) string {
		return `{"schema":2,"status":"complete","answer":{"arms":[` + arms + `]}` + rest + `}`
	}
	with := func(old, new string) string { return file(strings.Replace(sure, old, new, 1), "") }
	for _, c := range []struct{ name, file, want string }{
		{"none", file(sure, ""), "It takes 2 instances of a."},
		{"a scenario of one arm", file(strings.Replace(sure, `"a"`, `"target=http"`, 1),
			`,"scenario":{"name":"shop"}`),
			"It takes 2 instances of shop."},
		{"not precise", with(`"precise":true`, `"precise":false`), "It takes 2 instances of a (not precise)."},
		{"unconfirmed", file(sure+`,{"arm":"b","verdict":"found","holds":1000,"low":950,"high":1050,"precise":true}`,
			""), "It takes 2 instances of a; b left out."},
		{"no failure", with(`"found"`, `"holds-throughout"`), "It takes up to 2 instances of a (not seen to fail)."},
		{"generator-limited", with(`"found"`, `"generator-limited"`),
			"It takes up to 2 instances of a (generator-limited)."},
		{"generator-limited from the start", file(sure+`,{"arm":"b","verdict":"generator-limited"}`, ""),
			"It takes 2 instances of a; b left out."},
		{"no rate held",
			file(sure+`,{"arm":"b","verdict":"fails-throughout","fails":5},{"arm":"c","verdict":"undecided"}`,
				""), "It takes 2 instances of a; b, c left out."},
		{"interrupted", strings.Replace(file(sure, ""), "complete", "partial", 1),
			"It takes 2 instances of a; the search has not ended."},
		{"still running, or killed", strings.Replace(file(sure, ""), "complete", "", 1),
			"It takes 2 instances of a; the search has not ended."},
		{"even arrivals", file(sure, `,"scenario":{"arrivals":"constant"}`),
			"It takes 2 instances of a; arrivals were constant, not poisson."},
		{"random arrivals", file(sure, `,"scenario":{"arrivals":"poisson"}`), "It takes 2 instances of a."},
		{"visits both ways", file(sure, `,"probes":[
			{"evidence":{"arm":"a","rate":900,"achieved":900},"objectives":[{"met":true},{"met":false}]},
			{"evidence":{"arm":"a","rate":940,"achieved":940},"objectives":[{"met":true}]},
			{"evidence":{"arm":"a","rate":940,"achieved":940,"limited":"generator-limited"},"objectives":[{"met":false}]},
			{"evidence":{"arm":"b","rate":900,"achieved":940},"objectives":[{"met":false}]},
			{"evidence":{"arm":"a","rate":1000,"achieved":940},"objectives":[{"met":false}]}]`), "It takes 2 instances of a (1 of 2 visits missed)."},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := headline(t, c.file); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

// A plan never exceeds the reported rate, even if the middle or the low end of the interval is greater.
func TestAPlanIsForTheReportedRate(t *testing.T) {
	for _, c := range []struct {
		name      string
		confirmed float64
		want      float64
	}{
		{"confirmed below the interval", 940, 940},
		{"confirmed within the interval", 960, 950},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := parse("x",
				fmt.Appendf(nil,
					`{"schema":2,"answer":{"arms":[{"arm":"a","verdict":"found","holds":1000,"low":950,"high":1050,`+
						`"confirmed":%v}]}}`, c.confirmed))
			if err != nil || m.Arms[0].Told != c.want {
				t.Errorf("%v in %+v: want %v", err, m, c.want)
			}
		})
	}
}

// A visit is as long as a probe near the capacity, or as long as --probe says if there is none.
func TestVisitIsAsLongAsAProbe(t *testing.T) {
	const arm = `"answer":{"arms":[{"arm":"a","verdict":"found","holds":1000,"low":950,"high":1050,"confirmed":950}]}`
	const search = `,"search":{"options":{"probe":1000000000}}`
	probe := func(rate, scheduled int) string {
		return fmt.Sprintf(`{"evidence":{"arm":"a","rate":%d,"achieved":%d},"scheduled_ns":%d}`, rate, rate, scheduled)
	}
	for _, c := range []struct {
		name, rest string
		want       time.Duration
	}{
		{"of no probe", "", 2 * time.Second},
		{"of the options", search, time.Second},
		{"of the shortest near the capacity", search + `,"probes":[` + probe(1000, 9e9) + "," + probe(1010, 3e9) +
			"," + probe(100, 2e9) + `]`, 3 * time.Second},
		{"of one that was cut", search + `,"probes":[` + probe(1000, 1e8) + `]`, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := parse("x", []byte(`{"schema":2,`+arm+c.rest+`}`))
			if err != nil || m.Arms[0].Visit != c.want {
				t.Errorf("%v in %+v: want %v", err, m, c.want)
			}
		})
	}
}

// Every file results in an error, or in a plan that can be written.
func FuzzPlan(f *testing.F) {
	f.Add(probed(probeOf(1000, 990, 1, 9.9, "")))
	f.Add([]byte(`{"schema":2,"answer":{"arms":[{"arm":"a","holds":1e-300,"low":1e-300,"high":1e12}]},` +
		`"scaling":[{"arm":"a","points":[{"n":1,"x":1},{"n":2,"x":1},{"n":3,"x":1},{"n":4,"x":1},{"n":5,"x":1},` +
		`{"n":6,"x":1}]}]}`))
	f.Add([]byte(`{"schema":2,"answer":{"arms":[{"arm":"a","holds":5,"low":5,"high":5}]},"scaling":[{"arm":"a",` +
		`"points":[{"n":1,"x":1},{"n":2,"x":2},{"n":3,"x":3},{"n":4,"x":4},{"n":5,"x":5},{"n":6,"x":6}]}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parse("x", data)
		if err != nil {
			return
		}
		p, err := New(Ask{Peak: 1000, Headroom: 0.3, Failures: 1}, m)
		if err != nil {
			return
		}
		for _, format := range Formats() {
			text, err := p.Format(format, plain(), terminal.Detail{All: true})
			if err != nil || text == "" || format == "json" && !json.Valid([]byte(text)) {
				t.Errorf("%s: %v in %q", format, err, text)
			}
		}
	})
}
