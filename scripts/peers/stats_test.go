package main

import (
	"math"
	"slices"
	"testing"
	"time"
)

const us = time.Microsecond

func TestASpreadIsTheMedianAndTheExtremesOfWhatIsKnown(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []float64
		want   spread
		ok     bool
	}{
		{"no values", nil, spread{}, false},
		{"all missing", []float64{missing, missing}, spread{}, false},
		{"one value", []float64{7}, spread{7, 7, 7}, true},
		{"two values", []float64{9, 1}, spread{5, 1, 9}, true},
		{"an odd number", []float64{9, 1, 2}, spread{2, 1, 9}, true},
		{"an even number", []float64{4, 3, 9, 1}, spread{3.5, 1, 9}, true},
		{"some missing", []float64{missing, 3, 1, missing, 8}, spread{3, 1, 8}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := slices.Clone(c.values)
			if got, ok := spreadOf(c.values); got != c.want || ok != c.ok {
				t.Errorf("spreadOf(%v) = %v, %t: want %v, %t", c.values, got, ok, c.want, c.ok)
			}
			for i, v := range c.values {
				if v != before[i] && !math.IsNaN(v) {
					t.Errorf("spreadOf has changed %v to %v", before, c.values)
				}
			}
		})
	}
}

func TestAPercentileIsTheNearestRankInMicroseconds(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i+1) * us
	}
	for _, c := range []struct {
		name    string
		sorted  []time.Duration
		q, want float64
	}{
		{"one value", []time.Duration{1500}, 0.5, 1.5},
		{"the lower of two", []time.Duration{1 * us, 2 * us}, 0.5, 1},
		{"the middle of three", []time.Duration{1 * us, 2 * us, 3 * us}, 0.5, 2},
		{"p50 of a hundred", hundred, 0.5, 50},
		{"p99 of a hundred", hundred, 0.99, 99},
		{"the maximum", hundred, 1, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := percentile(c.sorted, c.q); got != c.want {
				t.Errorf("percentile(%v, %v) = %v: want %v", c.sorted, c.q, got, c.want)
			}
		})
	}
	if got := percentile(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("percentile of nothing = %v: want missing", got)
	}
}

func TestLatenessIsFromTheInstantThatACallIsDue(t *testing.T) {
	const end = 1000 * us
	for _, c := range []struct {
		name   string
		s      timetable
		t      timeline
		sorted []time.Duration
		early  int
		inTime float64
	}{
		{"on time", timetable{100 * us, 10 * us, 1}, timeline{100 * us, 110 * us}, []time.Duration{0, 0}, 0, 1},
		{"the delay of a call does not carry over to the next", timetable{100 * us, 10 * us, 1},
			timeline{109 * us, 110 * us, 123 * us}, []time.Duration{0, 3 * us, 9 * us}, 0, 1},
		{"early counts, and is 0 late", timetable{100 * us, 10 * us, 1},
			timeline{100 * us, 109 * us}, []time.Duration{0, 0}, 1, 1},
		{"a call that was never made is as late as it was at the end", timetable{100 * us, 10 * us, 1},
			timeline{100 * us, 0, 125 * us, 0}, []time.Duration{0, 5 * us, 870 * us, 890 * us}, 0, 0.5},
		{"a call as the schedule ends is not in time", timetable{100 * us, 10 * us, 1},
			timeline{100 * us, 120 * us}, []time.Duration{0, 10 * us}, 0, 0.5},
		{"calls of several threads are due together", timetable{100 * us, 10 * us, 2},
			timeline{100 * us, 101 * us, 120 * us, 119 * us}, []time.Duration{0, 0, 0, 1 * us}, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			sorted, early := c.s.late(c.t, end)
			if !slices.Equal(sorted, c.sorted) || early != c.early {
				t.Errorf("late = %v, %d early: want %v, %d", sorted, early, c.sorted, c.early)
			}
			if got := c.s.inTime(c.t); got != c.inTime {
				t.Errorf("inTime = %v: want %v", got, c.inTime)
			}
		})
	}
}

func TestTheFirstOfATimelineIsTheEarliestThatHappened(t *testing.T) {
	for _, c := range []struct {
		name string
		t    timeline
		want time.Duration
	}{
		{"calls in another order", timeline{0, 30, 20, 0}, 20},
		{"none happened", timeline{0, 0}, 99},
		{"no calls", nil, 99},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.t.first(99); got != c.want {
				t.Errorf("%v.first(99) = %d: want %d", c.t, got, c.want)
			}
		})
	}
}

func TestCoresAreCPUTimeOverTime(t *testing.T) {
	if got := cores(reading{time: 10, cpu: 5}, reading{time: 30, cpu: 35}); got != 1.5 {
		t.Errorf("cores = %v: want 1.5", got)
	}
	if got := cores(reading{time: 10}, reading{time: 10}); !math.IsNaN(got) {
		t.Errorf("cores over no time = %v: want missing", got)
	}
}

func TestStatmTellsThePagesThatAreInUse(t *testing.T) {
	if got := parseStatm([]byte("400 25 10 1 0 50 0\n"), 4096); got != 25*4096 {
		t.Errorf("parseStatm = %v: want the second field in bytes, %v", got, 25*4096)
	}
	for _, bad := range []string{"", "400", "400 x", "400 -1"} {
		if got := parseStatm([]byte(bad), 4096); !math.IsNaN(got) {
			t.Errorf("parseStatm(%q) = %v: want missing", bad, got)
		}
	}
}

func TestTheNameOfTheProcessorIsThatOfTheFirst(t *testing.T) {
	for cpuinfo, want := range map[string]string{
		"processor\t: 0\nmodel name\t: A: b\nmodel name\t: C\n": "A: b",
		"processor\t: 0\n": "unknown model",
		"":                 "unknown model",
	} {
		if got := modelName(cpuinfo); got != want {
			t.Errorf("modelName(%q) = %q: want %q", cpuinfo, got, want)
		}
	}
}
