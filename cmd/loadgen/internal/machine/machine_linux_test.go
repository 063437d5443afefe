package machine

import (
	"testing"
	"time"
)

func TestCPUTimeOfTheMachineIsReadInItsParts(t *testing.T) {
	got, ok := parseTicks("cpu  100 20 30 1000 50 3 7 40 0 0")
	want := ticks{total: 12500 * time.Millisecond, busy: 1600 * time.Millisecond, stolen: 400 * time.Millisecond}
	if !ok || got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, line := range []string{"", "cpu", "cpu0 1 2 3 4 5 6 7 8", "cpu a b c d e f g h"} {
		t.Run("refused: "+line, func(t *testing.T) {
			if _, ok := parseTicks(line); ok {
				t.Error("it is accepted")
			}
		})
	}
}
