package record

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
)

// seen returns the counts of calls done with the given latencies, and of other calls.
func seen(s SLO, failed, never, late uint64, latencies ...time.Duration) *Calls {
	latency := new(Buckets)
	c := &Calls{Done: uint64(len(latencies)), Failed: failed, Never: never, Late: late + never, Latency: latency}
	for _, d := range latencies {
		latency.Add(d)
		c.Sum += d
		if d > s.Longest() {
			c.Slow++
		}
	}
	c.Due = c.Done + c.Failed + c.Never
	return c
}

func readSLO(t interface {
	Helper()
	Fatal(...any)
}, text string) SLO {
	t.Helper()
	s, err := ParseSLO(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// repeat returns d n times.
func repeat(n int, d time.Duration) []time.Duration {
	return slices.Repeat([]time.Duration{d}, n)
}

func TestAnObjectiveIsABudgetOfBadCalls(t *testing.T) {
	const ms = time.Millisecond
	five := repeat(400, 5*ms)
	mixed := func(n, of int, bad time.Duration) []time.Duration { return append(repeat(of-n, ms), repeat(n, bad)...) }
	for _, c := range []struct {
		name                string
		slo                 string
		failed, never, late uint64
		done                []time.Duration
		want                string // met, missed or unjudged
		says                string
		bad                 uint64
		burn                float64
	}{
		{"the bound itself", "p99 < 5ms", 0, 0, 0, five, "missed", "p99 is 5ms", 400, 100},
		{"the bound itself, allowed", "p99 <= 5ms", 0, 0, 0, five, "met", "p99 is 5ms", 0, 0},
		{"1 ns below", "p99 < 5.000001ms", 0, 0, 0, five, "met", "p99 is 5ms", 0, 0},
		{"1 ns above", "p99 <= 4.999999ms", 0, 0, 0, five, "missed", "p99 is 5ms", 400, 100},
		{"near the bound, by four digits", "p99 < 5ms", 0, 0, 0, repeat(400, 5*ms-1), "met",
			"p99 is 4.999999ms", 0, 0},
		{"all of the budget", "p99 < 6ms", 0, 0, 0, mixed(10, 1000, 6*ms), "met", "p99 is 1.008ms", 10, 1},
		{"one call more", "p99 < 6ms", 0, 0, 0, mixed(11, 1000, 6*ms), "missed", "p99 is 6ms", 11, 1.1},
		{"a budget that is not whole", "p99 < 6ms", 0, 0, 0, mixed(10, 1099, 6*ms), "met", "", 10, 10 / 10.99},
		{"the same, one more", "p99 < 6ms", 0, 0, 0, mixed(11, 1099, 6*ms), "missed", "", 11, 11 / 10.99},
		{"p99.9", "p99.9 < 6ms", 0, 0, 0, mixed(4, 4000, 6*ms), "met", "", 4, 1},
		{"p99.9, one more", "p99.9 < 6ms", 0, 0, 0, mixed(5, 4000, 6*ms), "missed", "p99.9 is 6ms", 5, 1.25},
		{"too few calls", "p99 < 6ms", 0, 0, 0, five[:367], "unjudged", "p99 needs 368 calls, there are 367", 0, 0},
		{"too few, of which too many for any number are bad", "p99 < 6ms", 4, 0, 0, five[:100], "missed",
			"p99 is infinite", 4, 4 / 1.04},
		{"too few, of which others could make up for the bad ones", "p99 < 6ms", 3, 0, 0, five[:100], "unjudged",
			"there are 103", 3, 0},
		{"too few, all failed", "p99 < 6ms", 100, 0, 0, nil, "missed", "p99 is infinite", 100, 100},
		{"few, of a mean", "mean < 4ms", 0, 0, 0, five[:3], "missed", "mean is 5ms", 0, 1.25},
		{"just enough", "p99 < 6ms", 0, 0, 0, five[:368], "met", "", 0, 0},
		{"just enough, of which some failed", "p99 < 6ms", 3, 0, 0, five[:365], "met", "p99 is 5ms", 3, 3 / 3.68},
		{"too many failed", "p99 < 6ms", 4, 0, 0, five[:364], "missed", "p99 is infinite", 4, 4 / 3.68},
		{"some never began", "p99 < 6ms", 0, 3, 0, repeat(397, 5*ms), "met", "", 3, .75},
		{"too many never began", "p99 < 6ms", 0, 5, 0, repeat(395, 5*ms), "missed", "p99 is infinite", 5, 1.25},
		{"all failed", "p99 < 6ms", 400, 0, 0, nil, "missed", "p99 is infinite", 400, 100},
		{"of each kind", "p99 < 6ms", 2, 1, 0, mixed(1, 397, 6*ms), "met", "p99 is 1.008ms", 4, 1},
		{"of each kind, one more", "p99 < 6ms", 2, 1, 0, mixed(2, 397, 6*ms), "missed", "", 5, 1.25},
		{"half", "p50 < 6ms", 0, 0, 0, mixed(499, 999, 7*ms), "met", "", 499, 499 / 499.5},
		{"more than half", "p50 < 6ms", 0, 0, 0, mixed(500, 999, 7*ms), "missed", "", 500, 500 / 499.5},
		{"max", "max < 7ms", 0, 0, 0, []time.Duration{5 * ms, 7 * ms}, "missed", "max is 7ms", 1, 2},
		{"max, allowed", "max <= 7ms", 0, 0, 0, []time.Duration{5 * ms, 7 * ms}, "met", "max is 7ms", 0, 0},
		{"max, and one never began", "max <= 7ms", 0, 1, 0, []time.Duration{5 * ms}, "missed",
			"max is infinite", 1, 2},
		{"max, and one failed", "max <= 7ms", 1, 0, 0, []time.Duration{5 * ms}, "missed", "max is infinite", 1, 2},
		{"mean", "mean < 6ms", 0, 0, 0, []time.Duration{5 * ms, 7 * ms}, "missed", "mean is 6ms", 0, 1},
		{"mean, allowed", "mean <= 6ms", 0, 0, 0, []time.Duration{5 * ms, 7 * ms}, "met", "mean is 6ms", 0, 1},
		{"mean, 1 ns in all above", "mean <= 6ms", 0, 0, 0, []time.Duration{5 * ms, 7*ms + 1}, "missed", "", 0,
			1 + 1/12e6},
		{"mean, and one never began", "mean < 6ms", 0, 1, 0, []time.Duration{ms}, "missed",
			"mean is infinite", 1, 1e9},
		{"mean, and one failed", "mean < 6ms", 1, 0, 0, []time.Duration{ms}, "missed", "mean is infinite", 1, 1e9},
		{"errors", "errors < 10%", 1, 0, 0, repeat(9, ms), "missed", "errors is 10%", 1, 1},
		{"errors, allowed", "errors <= 10%", 1, 0, 0, repeat(9, ms), "met", "", 1, 1},
		{"errors, of those due", "errors < 10%", 1, 1, 0, repeat(9, ms), "met", "errors is 9.091%", 1, 1 / 1.1},
		{"no error", "errors <= 0", 0, 0, 0, []time.Duration{ms}, "met", "errors is 0%", 0, 0},
		{"an error of none", "errors <= 0", 1, 0, 0, []time.Duration{ms}, "missed", "errors is 50%", 1, 2},
		{"drops", "drops < 10%", 0, 1, 0, repeat(9, ms), "missed", "drops is 10%", 1, 1},
		{"drops, allowed", "drops <= 10%", 0, 1, 0, repeat(9, ms), "met", "", 1, 1},
		{"achieved", "achieved > 80%", 1, 1, 1, repeat(8, ms), "missed", "achieved is 80%", 2, 1},
		{"achieved, allowed", "achieved >= 80%", 1, 1, 1, repeat(8, ms), "met", "", 2, 1},
		{"no call", "errors < 1%", 0, 0, 0, nil, "unjudged", "no call was due", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := readSLO(t, c.slo)
			v := seen(s, c.failed, c.never, c.late, c.done...)
			r := s.judge(func(yield func(time.Duration, *Calls) bool) { yield(0, v) })
			got := map[[2]bool]string{{true, true}: "met", {true, false}: "missed",
				{false, false}: "unjudged"}[[2]bool{r.Judged, r.Met}]
			if got != c.want || r.Missed() != (c.want == "missed") || !strings.Contains(r.Detail, c.says) ||
				r.SLO != s.String() {
				t.Errorf("%s: %s, %+v; want %s that says %q", c.slo, got, r, c.want, c.says)
			}
			if r.Due != v.Due || r.Bad != c.bad || math.Abs(r.Burn-c.burn) > 1e-12*c.burn {
				t.Errorf("%s: %+v, want %d due, %d bad, and a burn of %v", c.slo, r, v.Due, c.bad, c.burn)
			}
		})
	}
}

// Big integers check the arithmetic of 128 bits.
func TestTheCallsThatMayBeBadAreCountedExactly(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		due := rapid.Uint64Range(1, 1<<50).Draw(t, "due")
		parts := rapid.Int64Range(1, 1e9-1).Draw(t, "billionths")
		share := strconv.FormatFloat(float64(parts)/1e7, 'f', 7, 64)
		for text, strict := range map[string]bool{
			"errors < " + share + "%": true, "errors <= " + share + "%": false,
			"p" + strconv.FormatFloat(float64(1e9-parts)/1e7, 'f', 7, 64) + " < 1ms":       false,
			"achieved >= " + strconv.FormatFloat(float64(1e9-parts)/1e7, 'f', 7, 64) + "%": false,
		} {
			want := new(big.Int).Mul(big.NewInt(parts), new(big.Int).SetUint64(due))
			if strict {
				want.Sub(want, big.NewInt(1))
			}
			want.Div(want, big.NewInt(1e9))
			if got := readSLO(t, text).allowed(due); got != want.Uint64() {
				t.Fatalf("%s: %d of %d calls may be bad, want %d", text, got, due, want)
			}
		}
	})
}

func TestTheMarginTellsMetFromMissed(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		s := readSLO(t, rapid.SampledFrom([]string{"p50 < 5ms", "p99 <= 5ms", "max < 5ms", "mean < 5ms", "mean <= 5ms",
			"errors < 1%", "errors <= 1%", "errors <= 0", "drops < 10%", "achieved > 99%",
			"achieved >= 100%"}).Draw(t, "objective"))
		var done []time.Duration
		for range rapid.IntRange(0, 1000).Draw(t, "done") {
			done = append(done, time.Duration(rapid.Int64Range(0, 10).Draw(t, "ms"))*time.Millisecond)
		}
		few := rapid.Uint64Range(0, 3)
		v := seen(s, few.Draw(t, "failed"), few.Draw(t, "never"), 0, done...)
		if v.Due < s.need() {
			return
		}
		r := s.result(v)
		m := r.Margin()
		finite := !math.IsNaN(m+r.Burn) && !math.IsInf(m+r.Burn, 0)
		if !finite || m > 0 && !r.Met || m < 0 && r.Met || r.Met && r.Burn > 1 {
			t.Fatalf("%s: a margin of %v, and %+v", s, m, r)
		}
		if got, want := m, -math.Log(max(float64(r.Bad), .5)/r.Budget); r.Budget > 0 && got != want {
			t.Fatalf("%s: a margin of %v, want %v", s, got, want)
		}
	})
}

func TestTheWindowThatBurnsMostIsShown(t *testing.T) {
	for _, c := range []struct {
		name   string
		slo    string
		values []time.Duration
		want   string
		missed bool
		due    uint64
	}{
		{"one is missed more than another", "p50 < 5ms over every 1s", []time.Duration{1, 9, 7, 2},
			"p50 is 9ms in the 1s from 1s on", true, 10},
		{"all are met", "max < 5ms over every 1s", []time.Duration{1, 4, 0, 3}, "max is 4ms in the 1s from 1s on",
			false, 10}, // 0: no call
		{"no call", "max < 5ms over every 1s", []time.Duration{0, 0}, "cannot be judged: no call was due", false, 0},
		{"no window", "max < 5ms over every 1s", nil, "cannot be judged: there is no whole window", false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := readSLO(t, c.slo)
			r := s.judge(func(yield func(time.Duration, *Calls) bool) {
				for i, ms := range c.values {
					n := 10
					if ms == 0 {
						n = 0
					}
					if !yield(time.Duration(i)*time.Second, seen(s, 0, 0, 0, repeat(n, ms*time.Millisecond)...)) {
						return
					}
				}
			})
			if r.Detail != c.want || r.Missed() != c.missed || r.Due != c.due {
				t.Errorf("%v: %+v; want %q, %d due", c.values, r, c.want, c.due)
			}
		})
	}
	s := readSLO(t, "achieved > 90% over every 1s")
	r := s.judge(func(yield func(time.Duration, *Calls) bool) {
		for i, late := range []uint64{0, 5, 3} {
			yield(time.Duration(i)*time.Second, seen(s, 0, 0, late, repeat(10, 1)...))
		}
	})
	if r.Detail != "achieved is 50% in the 1s from 1s on" || !r.Missed() || r.Bad != 5 {
		t.Errorf("%+v", r)
	}
}

func TestAnObjectiveAboutWindowsIsJudgedByThoseThatAreWhole(t *testing.T) {
	const ms = time.Millisecond
	r := inWindows(10, time.Second)
	for i := range r.Windows {
		r.addCall(time.Duration(i)*100*ms, time.Duration(i+1)*ms)
		r.Windows[i].Slow = []uint64{0}
		if i >= 4 {
			r.Windows[i].Slow[0] = 1
		}
	}
	plan := Plan{SLOs: []SLO{readSLO(t, "max < 5ms over every 200ms")}, Windows: 10}
	for _, c := range []struct {
		name string
		over time.Duration
		want string
	}{
		{"all", time.Second, "max is 10ms in the 200ms from 800ms on"},
		{"the last is cut", time.Second - 1, "max is 8ms in the 200ms from 600ms on"},
		{"one", 399 * ms, "max is 2ms in the 200ms from 0s on"},
		{"none", 199 * ms, "cannot be judged: there is no whole window"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.Scheduled = c.over
			if got := r.judge(&plan, 0); got.Detail != c.want {
				t.Errorf("%q, want %q", got.Detail, c.want)
			}
		})
	}
}
