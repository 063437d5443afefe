package capacity_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
	"github.com/loadgen-go/loadgen/scenarios"
)

// scaled returns the file of a search whose throughputs have not been measured yet.
func scaled(t *testing.T, seed uint64, workers ...int) *capacity.File {
	t.Helper()
	s, err := capacity.New(capacity.Options{Arms: []string{"none", "sdk"}, Start: 100, Least: 1, Most: 1e6,
		Precision: 0.1, Probe: time.Second, Budget: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return &capacity.File{Scenario: &scenarios.Scenario{Seed: seed}, Search: s, Workers: workers}
}

func TestEveryThroughputIsMeasuredOnceARoundInTheOrderOfTheSeed(t *testing.T) {
	f := scaled(t, 1, 1, 2, 3, 4, 6, 8)
	turns := f.Unscaled()
	seen := map[capacity.Throughput]bool{}
	for i, turn := range turns {
		seen[turn] = true
		if want := 1 + i/12; turn.Round != want {
			t.Errorf("visit %d is of round %d, want %d: rounds are interleaved arms", i+1, turn.Round, want)
		}
	}
	if len(turns) != 2*6*3 || len(seen) != len(turns) {
		t.Fatalf("%d visits, %d of them different", len(turns), len(seen))
	}
	if reflect.DeepEqual(turns, scaled(t, 2, 1, 2, 3, 4, 6, 8).Unscaled()) {
		t.Error("another seed has the same order")
	}
	// Throughputs that were measured before an interrupt are not measured again.
	for n := range len(turns) + 1 {
		f.Throughputs = turns[:n]
		if left := f.Unscaled(); len(left) != len(turns)-n || n < len(turns) && !reflect.DeepEqual(left, turns[n:]) {
			t.Fatalf("after %d visits: %v", n, left)
		}
	}
	if left := scaled(t, 1).Unscaled(); len(left) != 0 {
		t.Errorf("no numbers of workers are given, and %v is to be measured", left)
	}
}

func TestScalingIsTheVisitsWithTheLawOfTheirMedians(t *testing.T) {
	f := scaled(t, 1, 1, 2, 3, 4, 6, 8)
	law := usl.Law{Lambda: 2000, Sigma: 0.05, Kappa: 0.02}
	for _, turn := range f.Unscaled() {
		turn.Achieved = law.Throughput(float64(turn.Workers))
		if turn.Round == 2 {
			turn.Achieved /= 10 // the machine was busy
		}
		if turn.Arm == "sdk" && turn.Workers == 8 {
			continue // an interrupt
		}
		f.Throughputs = append(f.Throughputs, turn)
	}
	f.Scale()
	if len(f.Scaling) != 2 || f.Scaling[0].Arm != "none" || f.Scaling[0].Of != "workers" || f.Scaling[0].Fit == nil ||
		len(f.Scaling[0].Law) > 0 {
		t.Fatalf("%+v", f.Scaling)
	}
	if n := len(f.Scaling[0].Points); n != 3*len(f.Workers) {
		t.Errorf("%d points, want every visit", n)
	}
	for i, p := range usl.Medians(f.Scaling[0].Points) {
		if p.N != float64(f.Workers[i]) || p.X != law.Throughput(p.N) {
			t.Errorf("median %d is %+v, want the value of the law", i+1, p)
		}
	}
	if s := f.Scaling[0].Scales(); !strings.HasPrefix(s, "none: 2,000/s alone (") ||
		!strings.Contains(s, "sigma 0.05 (") || !strings.Contains(s, "; the peak is ") {
		t.Error(s)
	}
	if s := f.Scaling[1].Scales(); len(f.Scaling[1].Points) != 15 ||
		s != "sdk: no fit. 5 different concurrencies: the law has three unknowns, and is fitted to 6 or more." {
		t.Error(s)
	}
	f.Throughputs = nil
	if f.Scale(); f.Scaling != nil {
		t.Errorf("nothing was measured, and it scales as %+v", f.Scaling)
	}
}

// Only the spread of the rounds distinguishes a plateau that wavers from a law. Their medians alone may fit either.
func TestScalingIsJudgedByItsRounds(t *testing.T) {
	f := scaled(t, 1, 1, 2, 3, 4, 6, 8)
	steps := map[int]float64{1: 1000, 2: 1900, 3: 2250, 4: 3300, 6: 4000, 8: 5400}
	for _, turn := range f.Unscaled() {
		turn.Achieved = steps[turn.Workers] * (1 + 0.002*float64(turn.Round))
		if turn.Arm == "sdk" {
			turn.Achieved = steps[turn.Workers] * (1 + 0.12*float64(turn.Round-2))
		}
		f.Throughputs = append(f.Throughputs, turn)
	}
	f.Scale()
	if s := f.Scaling[0].Refused; !strings.Contains(s, "visits at one concurrency differ by less than that") {
		t.Errorf("rounds that agree: %q", s)
	}
	if s := f.Scaling[1].Refused; s != "" {
		t.Errorf("rounds that differ by as much: %q", s)
	}
}
