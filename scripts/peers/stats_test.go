package main

import (
	"math"
	"slices"
	"testing"
	"time"
)

const us = time.Microsecond

func TestASpreadIsTheMedianAndTheExtremesOfWhatIsKnown(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   spread
		ok     bool
	}{
		{nil, spread{}, false},
		{[]float64{missing, missing}, spread{}, false},
		{[]float64{7}, spread{7, 7, 7}, true},
		{[]float64{9, 1}, spread{5, 1, 9}, true},
		{[]float64{9, 1, 2}, spread{2, 1, 9}, true},
		{[]float64{4, 3, 9, 1}, spread{3.5, 1, 9}, true},
		{[]float64{missing, 3, 1, missing, 8}, spread{3, 1, 8}, true},
	} {
		before := slices.Clone(test.values)
		if got, ok := spreadOf(test.values); got != test.want || ok != test.ok {
			t.Errorf("spreadOf(%v) = %v, %t: want %v, %t", test.values, got, ok, test.want, test.ok)
		}
		for i, v := range test.values {
			if v != before[i] && !math.IsNaN(v) {
				t.Errorf("spreadOf has changed %v to %v", before, test.values)
			}
		}
	}
}

func TestAPercentileIsTheNearestRankInMicroseconds(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i+1) * us
	}
	for _, test := range []struct {
		sorted  []time.Duration
		q, want float64
	}{
		{[]time.Duration{1500}, 0.5, 1.5},
		{[]time.Duration{1 * us, 2 * us}, 0.5, 1},
		{[]time.Duration{1 * us, 2 * us, 3 * us}, 0.5, 2},
		{hundred, 0.5, 50},
		{hundred, 0.99, 99},
		{hundred, 1, 100},
	} {
		if got := percentile(test.sorted, test.q); got != test.want {
			t.Errorf("percentile(%v, %v) = %v: want %v", test.sorted, test.q, got, test.want)
		}
	}
	if got := percentile(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("percentile of nothing = %v: want it missing", got)
	}
}

func TestLatenessIsFromTheInstantThatACallIsDue(t *testing.T) {
	const end = 1000 * us
	for _, test := range []struct {
		name   string
		s      timetable
		t      timeline
		sorted []time.Duration
		early  int
		inTime float64
	}{
		{"on time", timetable{100 * us, 10 * us, 1}, timeline{100 * us, 110 * us}, []time.Duration{0, 0}, 0, 1},
		{"the delay of a call is not that of the next", timetable{100 * us, 10 * us, 1},
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
		t.Run(test.name, func(t *testing.T) {
			sorted, early := test.s.late(test.t, end)
			if !slices.Equal(sorted, test.sorted) || early != test.early {
				t.Errorf("late = %v, %d early: want %v, %d", sorted, early, test.sorted, test.early)
			}
			if got := test.s.inTime(test.t); got != test.inTime {
				t.Errorf("inTime = %v: want %v", got, test.inTime)
			}
		})
	}
}

func TestTheFirstOfATimelineIsTheEarliestThatHappened(t *testing.T) {
	for _, test := range []struct {
		t    timeline
		want time.Duration
	}{
		{timeline{0, 30, 20, 0}, 20},
		{timeline{0, 0}, 99},
		{nil, 99},
	} {
		if got := test.t.first(99); got != test.want {
			t.Errorf("%v.first(99) = %d: want %d", test.t, got, test.want)
		}
	}
}

func TestCoresAreCPUTimeOverTime(t *testing.T) {
	if got := cores(reading{at: 10, cpu: 5}, reading{at: 30, cpu: 35}); got != 1.5 {
		t.Errorf("cores = %v: want 1.5", got)
	}
	if got := cores(reading{at: 10}, reading{at: 10}); !math.IsNaN(got) {
		t.Errorf("cores over no time = %v: want it missing", got)
	}
}

func TestStatmTellsThePagesThatAreInUse(t *testing.T) {
	if got := parseStatm([]byte("400 25 10 1 0 50 0\n"), 4096); got != 25*4096 {
		t.Errorf("parseStatm = %v: want the second field in bytes, %v", got, 25*4096)
	}
	for _, bad := range []string{"", "400", "400 x", "400 -1"} {
		if got := parseStatm([]byte(bad), 4096); !math.IsNaN(got) {
			t.Errorf("parseStatm(%q) = %v: want it missing", bad, got)
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
