package page

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
)

// Names at the ends of lines do not overlap, stay within the height and in the order of the lines, and are where their
// lines end if there is room.
func TestNamesOfLinesAreSpread(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		height := 300.0
		list := make([]end, rapid.IntRange(0, int(height/lineHeight)).Draw(t, "names"))
		for i := range list {
			list[i].top = rapid.Float64Range(-50, height+50).Draw(t, "top")
		}
		slices.SortFunc(list, func(a, b end) int { return int(a.top) - int(b.top) })
		slices.SortFunc(list, func(a, b end) int {
			if a.top < b.top {
				return -1
			}
			return 1
		})
		before := slices.Clone(list)
		spread(list, height)
		free := true
		for i := range list {
			if list[i].top < lineHeight/2-1e-9 || list[i].top > height-lineHeight/2+1e-9 {
				t.Fatalf("a name is at %v", list[i].top)
			}
			if i > 0 && list[i].top-list[i-1].top < lineHeight-1e-9 {
				t.Fatalf("names are at %v and %v", list[i-1].top, list[i].top)
			}
			free = free && before[i].top >= lineHeight*(float64(i)+0.5) &&
				before[i].top <= height-lineHeight*(float64(len(list)-i)-0.5) &&
				(i == 0 || before[i].top-before[i-1].top >= lineHeight)
		}
		for i := range list {
			if free && math.Abs(list[i].top-before[i].top) > 1e-9 {
				t.Fatalf("a name with room is moved from %v to %v", before[i].top, list[i].top)
			}
		}
	})
}

// The colour of an arm is that of its name, and base and head differ from each other and from all others.
func TestLooksOfArms(t *testing.T) {
	spans := []string{"none", "noop", "sdk", "pooled-off", "pooled", "pooled-value"}
	for _, c := range []struct {
		name       string
		arms       []string
		base, head string
		want       string
	}{
		{"spans", spans, "sdk", "pooled", "[ln c0 ln c1 d1 ln c2 hi ln c3 d2 ln c4 hi ln c5 d3]"},
		{"spans in another order", []string{"pooled", "sdk"}, "sdk", "pooled", "[ln c4 hi ln c2 hi]"},
		{"spans without the base", []string{"none", "pooled"}, "none", "pooled", "[ln c0 hi ln c4 hi]"},
		{"own arms", []string{"a", "b", "c"}, "a", "b", "[ln c2 hi ln c4 hi ln c0]"},
		{"one arm", []string{"a"}, "", "", "[ln c0]"},
		{"more arms than colours", []string{"a", "b", "c", "d", "e", "f", "g", "h"}, "a", "b",
			"[ln c2 hi ln c4 hi ln c0 ln c3 d2 ln c1 d1 ln c5 d3 ln c0 d4 ln c3 d4]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			looks := looksOf(c.arms, c.base, c.head)
			var got []string
			for _, arm := range c.arms {
				got = append(got, looks[arm].Line())
			}
			if fmt.Sprint(got) != c.want {
				t.Errorf("%v, want %s", got, c.want)
			}
		})
	}
}

// An axis of ratios has "same", and says how far it reaches to both sides.
func TestTicksOfRatios(t *testing.T) {
	for _, c := range []struct {
		ratios []float64
		want   string
	}{
		{nil, "[same −5% +5% −10% +10%]"},
		{[]float64{0.98, 1.01}, "[same −5% +5% −10% +10%]"},
		{[]float64{0.7, 1.3}, "[same −10% +10% −20% +20%]"},
		{[]float64{0.1, 20}, "[same ÷2 ×2 ÷5 ×5 ÷10 ×10 ×20]"},
		{[]float64{1e-6, 1}, "[same ÷10 ÷100 ÷1,000 ÷100,000]"},
		{[]float64{0, math.Inf(1), math.NaN(), 2}, "[same −10% +20% +50% ×2]"},
	} {
		t.Run(fmt.Sprint(c.ratios), func(t *testing.T) {
			var got []string
			for _, tick := range ratioTicks(ratioScale(c.ratios)) {
				got = append(got, tick.Label)
			}
			if fmt.Sprint(got) != c.want {
				t.Errorf("%v, want %s", got, c.want)
			}
		})
	}
}

// The labels at the ends of an axis stay near it, and the others are at their ticks.
func TestLabelsOfAnAxisStayInside(t *testing.T) {
	for name, row := range map[string]struct {
		tick tick
		want string
	}{
		"amid":              {tick{500, "×1,000,000"}, "left:50%"},
		"at the end":        {tick{990, "×1,000,000"}, "left:min(99%,100% + 7px - 5ch)"},
		"at the beginning":  {tick{10, "÷1,000,000"}, "left:max(1%,5ch - 7px)"},
		"a short one":       {tick{990, "×2"}, "left:99%"},
		"a short beginning": {tick{0, "0"}, "left:0%"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(row.tick.place()); got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

// The colours of windows reach up to the longest latency, by thirds of decades.
func TestColoursOfWindows(t *testing.T) {
	for longest, want := range map[time.Duration]string{
		8 * time.Millisecond: "[under 30 µs 30 µs to 100 µs 100 µs to 300 µs 300 µs to 1 ms 1 ms to 3 ms over 3 ms]",
		time.Second:          "[under 10 ms 10 ms to 30 ms 30 ms to 100 ms 100 ms to 300 ms 300 ms to 1 s over 1 s]",
		0:                    "[under 1 ns 1 ns to 3 ns 3 ns to 10 ns 10 ns to 30 ns 30 ns to 100 ns over 100 ns]",
	} {
		if got := fmt.Sprint(newHeatSteps(longest).names()); got != want {
			t.Errorf("%v: %s, want %s", longest, got, want)
		}
	}
	h := newHeatSteps(8 * time.Millisecond)
	if h.of(0) != 0 || h.of(30*time.Microsecond) != 1 || h.of(8*time.Millisecond) != 5 {
		t.Errorf("steps %d, %d and %d", h.of(0), h.of(30*time.Microsecond), h.of(8*time.Millisecond))
	}
}

func TestTheFirstSentenceIsTheAnswer(t *testing.T) {
	for answer, want := range map[string][2]string{
		"a takes 1.5 us.":                    {"a takes 1.5 us", ""},
		"No: p99.9 is 3 ms. See the doubts.": {"No: p99.9 is 3 ms", "See the doubts."},
		"":                                   {"", ""},
		"Fin. École. More.":                  {"Fin", "École. More."},
	} {
		if first, others := split(answer); first != want[0] || others != want[1] {
			t.Errorf("%q: %q and %q", answer, first, others)
		}
	}
}

func TestUnitsAreShownAsPeopleWriteThem(t *testing.T) {
	for _, c := range []struct {
		unit  string
		value float64
		want  string
	}{
		{"cpu-ns/op", 16_242, "CPU: 16.2 µs/op"}, {"cpu-sec/op", 16.242e-6, "CPU: 16.2 µs/op"},
		{"sec/op", 1.5, "Time: 1.50 s/op"}, {"p99-latency-ns", 631_295, "Latency p99: 631 µs"},
		{"p99.9-latency-sec", 0.0012, "Latency p99.9: 1.20 ms"}, {"p50-service-ns", 3110, "Service time p50: 3.11 µs"},
		{"p99-generator-lag-us", 434, "Generator lag p99: 434 µs"},
		{"peak-RSS-bytes", 35_067_904, "Peak memory: 33.4 MiB"},
		{"B/op", 1915, "Bytes: 1,915 B/op"}, {"achieved-qps", 1000, "Achieved rate: 1,000 /s"},
		{"err-ppm", 12, "Failed calls: 12.0 ppm"}, {"gc-cycles", 9, "Collections: 9.00"},
		{"widgets/op", 3, "widgets/op: 3.00 widgets/op"},
	} {
		q := quantityOf(c.unit, c.value)
		if got := q.name + ": " + q.text(c.value); got != c.want {
			t.Errorf("%s: %q, want %q", c.unit, got, c.want)
		}
	}
}

// Values that are shown beside each other keep their digits, however far apart they are.
func TestValuesBesideEachOtherKeepTheirDigits(t *testing.T) {
	for name, row := range map[string]struct {
		unit      string
		base, now float64
		want      string
	}{
		"a time":         {"cpu-ns/op", 11_300, 5.557e9, "11.3 to 5,557,000 µs/op"},
		"bytes":          {"peak-RSS-bytes", 3 << 30, 2048, "3,145,728 to 2.00 KiB"},
		"alike":          {"p99-latency-ns", 1.2e6, 13e6, "1.20 to 13.0 ms"},
		"one is 0":       {"p99-latency-ns", 0, 13e6, "0 to 13.0 ms"},
		"both are 0":     {"p99-latency-ns", 0, 0, "0 to 0 ns"},
		"one is unknown": {"p99-latency-ns", math.Inf(1), 13e6, "infinite to 13.0 ms"},
	} {
		t.Run(name, func(t *testing.T) {
			q := quantityOf(row.unit, row.base, row.now)
			if got := q.number(row.base) + " to " + q.text(row.now); got != row.want {
				t.Errorf("%q, want %q", got, row.want)
			}
		})
	}
	t.Run("a row of a chart", func(t *testing.T) {
		cost := func(ns float64) string {
			v := &cell{name: "a", values: []map[string]float64{{"cpu-ns/op": ns}}}
			return dotOf(v, "cpu-ns/op", quantityOf("cpu-ns/op", 5.557e9), linearScale([]float64{0, 6}, 0, 100)).Value
		}
		if got := cost(5.557e9) + ", " + cost(11_300); got != "5.56, 11.3 µs/op" {
			t.Errorf("%q, want a unit with the number that would have no digits", got)
		}
	})
}
