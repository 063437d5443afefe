package selftest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// noisy returns a cell of a unit, with the head greater than the base by a factor. Noise is the standard deviation of
// the values as a share of them.
func noisy(unit string, rounds int, factor, noise float64) comparison.Cell {
	random := rand.New(rand.NewPCG(7, uint64(rounds)))
	c := comparison.Cell{Name: "arm", Rule: comparison.DefaultRule(unit), Paired: true}
	for range rounds {
		c.Base = append(c.Base, 1000*(1+noise*random.NormFloat64()))
		c.Head = append(c.Head, 1000*factor*(1+noise*random.NormFloat64()))
	}
	return c
}

// judged returns the results of cells. The unit p50-latency-sec is exploratory.
func judged(t *testing.T, cells ...comparison.Cell) (judged []*comparison.Result) {
	t.Helper()
	for i := range cells {
		cells[i].Exploratory = cells[i].Rule.Unit == "p50-latency-sec"
	}
	found, err := comparison.Judge(cells)
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		judged = append(judged, &found[i])
	}
	return judged
}

// everything returns the whole text of a report.
func everything(r *AA) string { return r.Text(screen(80, "never"), terminal.Detail{All: true}) }

func TestAnArmThatIsTheSameHasItsNoiseAndRaisesNoAlarm(t *testing.T) {
	zero := noisy("err-ppm", 12, 1, 0)
	for i := range zero.Base {
		zero.Base[i], zero.Head[i] = 0, 0
	}
	cells := []comparison.Cell{noisy("sec/op", 12, 1, 0.01), noisy("p99-latency-sec", 12, 1, 0.4), zero,
		noisy("p50-latency-sec", 12, 1, 0.1), noisy("mean-latency-sec", 5, 1, 0.1)}
	r, err := NewAA(results.Environment{}, "spans=sdk", judged(t, cells...), 12, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Passed || r.FalseAlarms > comparison.Alpha || len(r.Units) != 4 || r.Splits != maxSplits {
		t.Errorf("%+v", r)
	}
	// The standard deviation of an estimated shift is about sqrt(2/12) of the noise.
	if f := r.Units[0]; f.Median < 0.001 || f.Median > 0.006 || f.P90 <= f.Median || f.P90 > 0.015 || !f.Fine {
		t.Errorf("%+v", f)
	}
	if f := r.Units[1]; f.Fine {
		t.Errorf("noise of 40%% is within a margin of 10%%: %+v", f)
	}
	if f := r.Units[2]; !f.Absolute || f.Median != 0 || f.P90 != 0 || !f.Fine {
		t.Errorf("%+v", f)
	}
	if f := r.Units[3]; !f.Exploratory || f.FalseAlarms != 0 || f.P90 == 0 {
		t.Errorf("%+v", f)
	}
	golden.Check(t, "aa.txt", everything(r))
	golden.Check(t, "aa-80.txt", r.Text(screen(80, "never"), terminal.Detail{}))
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "aa.json", string(data)+"\n")
}

// An arm may differ from itself if its second visit of a round is always slower, for example.
func TestAnArmThatDiffersFromItselfFails(t *testing.T) {
	r, err := NewAA(results.Environment{}, "spans=sdk", judged(t, noisy("sec/op", 12, 1.5, 0.01)), 12, 1)
	if err != nil || r.Passed || len(r.Regressed) != 1 ||
		!strings.Contains(everything(r), "1 unit\nregressed (sec/op)") ||
		!strings.Contains(everything(r), "NOT VALID: an arm was called worse than itself: ") {
		t.Errorf("%v, %+v", err, r)
	}
}

func TestTooFewRoundsForAGateToFireAreReported(t *testing.T) {
	var cells []comparison.Cell
	for i := range 12 {
		c := noisy("sec/op", 6, 1, 0.01)
		c.Rule.Unit = fmt.Sprintf("%d-sec/op", i)
		cells = append(cells, c)
	}
	r, err := NewAA(results.Environment{}, "spans=sdk", judged(t, cells...), 6, 1)
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(strings.Fields(everything(r)), " "); r.Splits != 64 || !strings.Contains(text,
		"with 6 rounds and 12 units a gate sees only what is far beyond the noise, and false alarms say little") ||
		!strings.Contains(text, "Next: loadgen selftest --aa 7 ") {
		t.Error(everything(r))
	}
	if _, err := NewAA(results.Environment{}, "spans=sdk", judged(t, noisy("sec/op", 5, 1, 0)), 5, 1); err == nil {
		t.Error("5 rounds were enough")
	}
}
