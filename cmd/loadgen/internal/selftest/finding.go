package selftest

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// A Finding is one figure of a check, with its expected and its measured value.
type Finding struct {
	What   string `json:"what"`
	Unit   Unit   `json:"unit"`
	Passed bool   `json:"passed"`
	// Got must lie from Least to Most. Want is the value without any error, and 0 if only the bounds are known.
	Want  float64 `json:"want"`
	Least float64 `json:"least"`
	Most  float64 `json:"most"`
	Got   float64 `json:"got"`
	// Problem is why there is no figure.
	Problem string `json:"problem,omitempty"`
	// Timing is true if a busy machine can make the figure fail.
	Timing bool `json:"timing"`

	margin string // the bounds as text, after the value
}

// A Unit is the unit of a figure.
type Unit string

// The units of figures.
const (
	Nanoseconds Unit = "ns"
	Calls       Unit = "calls"
	PerSecond   Unit = "calls/s"
	AtOnce      Unit = "calls at once"
	Distance    Unit = "distance" // of Kolmogorov and Smirnov, from 0 to 1
)

// MarshalJSON writes f with what Expected and Measured say.
func (f Finding) MarshalJSON() ([]byte, error) {
	type plain Finding // without this method
	return json.Marshal(struct {
		plain
		Expected string `json:"expected"`
		Measured string `json:"measured"`
	}{plain(f), f.Expected(), f.Measured()})
}

// judged tells whether f passes. What is no number cannot be written to a file.
func (f Finding) judged() Finding {
	if math.IsNaN(f.Got) || math.IsInf(f.Got, 0) || math.IsNaN(f.Want) || math.IsInf(f.Want, 0) {
		return unknown(f.What, fmt.Errorf("%v, where %v was expected", f.Got, f.Want))
	}
	f.Passed = f.Got >= f.Least && f.Got <= f.Most
	return f
}

// unknown returns the finding of a figure that could not be measured.
func unknown(what string, err error) Finding { return Finding{What: what, Problem: err.Error()} }

// exactly returns the finding of a number of calls, which must not depend on the machine.
func exactly(what string, want, got uint64) Finding {
	x := float64(want)
	return Finding{What: what, Unit: Calls, Want: x, Least: x, Most: x, Got: float64(got)}.judged()
}

// near returns the finding of a figure that may be off by the share tolerance.
func near(what string, unit Unit, want, got, tolerance float64) Finding {
	return Finding{What: what, Unit: unit, Want: want, Least: want * (1 - tolerance), Most: want * (1 + tolerance),
		Got: got, Timing: true,
		margin: format.Within(tolerance, format.Given)}.judged()
}

// around returns the finding of a duration that may differ by off.
func around(what string, want, got, off time.Duration) Finding {
	return Finding{What: what, Unit: Nanoseconds, Want: float64(want), Least: float64(want - off),
		Most: float64(want + off), Got: float64(got), Timing: true,
		margin: format.Within(float64(off), Nanoseconds.text)}.judged()
}

// atMost returns the finding of a figure with an upper bound.
func atMost(what string, unit Unit, most, got float64) Finding {
	return Finding{What: what, Unit: unit, Most: most, Got: got, Timing: true}.judged()
}

// percentile returns the finding of the q-quantile of latency.
func percentile(r *record.Record, q float64, want, off time.Duration) Finding {
	what := "latency " + record.PercentileName(q)
	got, err := r.Percentile(q)
	if err != nil {
		return unknown(what, err)
	}
	return around(what, want, got, off)
}

// Expected returns the text of what the figure must be.
func (f *Finding) Expected() string {
	switch {
	case f.Problem != "":
		return format.None // there is nothing to set against it
	case f.Least == f.Most:
		return f.Unit.text(f.Want)
	case f.Want == 0:
		return "at most " + f.Unit.text(f.Most)
	}
	return f.Unit.text(f.Want) + " " + f.margin
}

// Measured returns the text of what the figure is, and by how much it differs from what is expected.
func (f *Finding) Measured() string {
	switch {
	case f.Problem != "":
		return f.Problem
	case f.Want == 0 || math.Abs(f.Got/f.Want-1) < 0.0005:
		return f.Unit.text(f.Got)
	}
	return fmt.Sprintf("%s (%s)", f.Unit.text(f.Got), format.Change(f.Got/f.Want-1))
}

// sentence says what was measured and what was expected, or why nothing could be measured.
func (f *Finding) sentence() string {
	if f.Problem != "" {
		return fmt.Sprintf("%s could not be measured: %s", f.What, f.Problem)
	}
	return fmt.Sprintf("%s: %s, expected %s", f.What, f.Measured(), f.Expected())
}

// text writes a figure with its unit, unless that is in the name of the figure.
func (u Unit) text(x float64) string {
	switch u {
	case Nanoseconds:
		return format.Duration(time.Duration(x))
	case PerSecond:
		return format.Rate(x)
	case AtOnce, Distance:
		return format.Digits(x, 3)
	}
	return format.Count(x)
}
