package machine

import (
	"testing"
	"time"
)

func TestThePeakIsTheMostCoresBetweenTwoSamples(t *testing.T) {
	var seen Watched
	for _, used := range []time.Duration{50, 150, 100} {
		seen.addCPU(used*time.Millisecond, 100*time.Millisecond)
	}
	if seen.PeakCPU != 1.5 {
		t.Errorf("%v cores, want 1.5", seen.PeakCPU)
	}
}

func TestTheHeapIsWhatIsBeyondThatOfBefore(t *testing.T) {
	var seen Watched
	for _, heap := range []uint64{150, 90, 250} { // from a base of 100: 50, 0 and 150
		seen.addHeap(heap, 100)
	}
	if seen.Samples != 3 || seen.PeakHeap != 150 || seen.MeanHeap != (25*2+150)/3 {
		t.Errorf("%+v", seen)
	}
}

func TestAWatchTakesASampleAtItsEnd(t *testing.T) {
	if seen := StartWatch().Stop(); seen.Samples < 1 || seen.PeakCPU < 0 {
		t.Errorf("%+v", seen)
	}
}
