package fleet

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
)

// probed is a file of one arm that holds at 1000/s, and of probes.
func probed(probes ...string) []byte {
	return fmt.Appendf(nil, `{"schema":2,"status":"complete","answer":{"arms":[{"arm":"spans=sdk","verdict":"found","holds":1000,"low":950,"high":1050,"confirmed":950},
		{"arm":"spans=none","verdict":"found","holds":1200,"low":1150,"high":1250}]},"probes":[%s]}`, strings.Join(probes, ","))
}

func probeOf(rate, achieved, cores, inSystem float64, limited string) string {
	return fmt.Sprintf(`{"evidence":{"arm":"spans=sdk","rate":%v,"achieved":%v,"limited":%q},"cores":%v,"in_system":%v}`, rate, achieved, limited, cores, inSystem)
}

func TestArmWithoutSpansIsWhatOthersAreSetAgainst(t *testing.T) {
	m, err := parse("x", probed())
	if err != nil || m.Arms[0].Arm != "spans=none" || m.Arms[1].Arm != "spans=sdk" {
		t.Errorf("%v in %+v", err, m)
	}
}

// Those that are far from the capacity, or of which the generator was the limit, do not count.
func TestCPUOfACallIsThatOfProbesNearTheCapacity(t *testing.T) {
	m, err := parse("x", probed(probeOf(100, 100, 0.9, 1, ""), probeOf(900, 900, 0.009, 1, ""), probeOf(1000, 1000, 0.02, 1, ""),
		probeOf(1100, 1000, 0.03, 1, ""), probeOf(1000, 1000, 0.9, 1, "generator-limited"), probeOf(1000, 0, 0.9, 1, "")))
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
	m, err := parse("x", probed(probeOf(1000, 990, 1, 9.9, ""), probeOf(500, 500, 1, 1, ""), probeOf(2000, 1000, 1, 50, "generator-limited")))
	if err != nil {
		t.Fatal(err)
	}
	want := []Latency{{500, 500, 0.002}, {1000, 990, 0.01}}
	if len(m.Curves) != 1 || fmt.Sprint(m.Curves[0].Latencies) != fmt.Sprint(want) {
		t.Errorf("%+v: want %v", m.Curves, want)
	}
}

func TestSearchThatHasNotEndedIsWarnedOf(t *testing.T) {
	m, err := parse("x", []byte(strings.Replace(string(probed()), `"complete"`, `"partial"`, 1)))
	if err != nil || !strings.Contains(strings.Join(m.Warnings, "\n"), "the search has not ended") {
		t.Errorf("%v in %+v", err, m)
	}
}

// Whatever a file holds, it is an error or a plan, and the plan can be written.
func FuzzPlan(f *testing.F) {
	f.Add(probed(probeOf(1000, 990, 1, 9.9, "")))
	f.Add([]byte(`{"schema":2,"answer":{"arms":[{"arm":"a","holds":1e-300,"low":1e-300,"high":1e12}]},"scaling":[{"arm":"a","points":[{"n":1,"x":1},{"n":2,"x":1},{"n":3,"x":1},{"n":4,"x":1},{"n":5,"x":1},{"n":6,"x":1}]}]}`))
	f.Add([]byte(`{"schema":2,"answer":{"arms":[{"arm":"a","holds":5,"low":5,"high":5}]},"scaling":[{"arm":"a","points":[{"n":1,"x":1},{"n":2,"x":2},{"n":3,"x":3},{"n":4,"x":4},{"n":5,"x":5},{"n":6,"x":6}]}]}`))
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
		for _, format := range Formats {
			text, err := p.Format(format)
			if err != nil || text == "" || format == "json" && !json.Valid([]byte(text)) {
				t.Errorf("%s: %v in %q", format, err, text)
			}
		}
	})
}
