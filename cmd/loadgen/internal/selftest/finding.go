package selftest

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
)

// A Finding is one figure: what it must be, and what it is.
type Finding struct {
	What   string `json:"what"`
	Unit   Unit   `json:"unit"`
	Passed bool   `json:"passed"`
	// The figure must lie from Least to Most; Want is what it is without any error, and
	// 0 if only the bounds are known.
	Want  float64 `json:"want"`
	Least float64 `json:"least"`
	Most  float64 `json:"most"`
	Got   float64 `json:"got"`
	// Problem is why there is no figure.
	Problem string `json:"problem,omitempty"`
	// Timing tells that a busy machine can make it fail.
	Timing bool `json:"timing"`

	margin string // the bounds, as one says them
}

// A Unit is that of a figure.
type Unit string

// The units there are.
const (
	Nanoseconds Unit = "ns"
	Calls       Unit = "calls"
	PerSecond   Unit = "calls/s"
	AtOnce      Unit = "calls at once"
	Distance    Unit = "distance" // Kolmogorov's and Smirnov's, from 0 to 1
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

// unknown is a figure that there is none of.
func unknown(what string, err error) Finding { return Finding{What: what, Problem: err.Error()} }

// exactly is a number of calls, which no machine may change.
func exactly(what string, want, got uint64) Finding {
	x := float64(want)
	return Finding{What: what, Unit: Calls, Want: x, Least: x, Most: x, Got: float64(got)}.judged()
}

// near is a figure that a share of it may be missing.
func near(what string, unit Unit, want, got, tolerance float64) Finding {
	return Finding{What: what, Unit: unit, Want: want, Least: want * (1 - tolerance), Most: want * (1 + tolerance),
		Got: got, Timing: true,
		margin: fmt.Sprintf(" ± %.2g%%", 100*tolerance)}.judged()
}

// around is a duration that may be off by so much.
func around(what string, want, got, off time.Duration) Finding {
	return Finding{What: what, Unit: Nanoseconds, Want: float64(want), Least: float64(want - off),
		Most: float64(want + off), Got: float64(got), Timing: true,
		margin: " ± " + milliseconds(float64(off))}.judged()
}

// atMost is a figure that has a bound.
func atMost(what string, unit Unit, most, got float64) Finding {
	return Finding{What: what, Unit: unit, Most: most, Got: got, Timing: true}.judged()
}

// percentile is one of latency, against what it must be.
func percentile(r *record.Record, q float64, want, off time.Duration) Finding {
	what := fmt.Sprintf("latency p%g", 100*q)
	got, err := r.Percentile(q)
	if err != nil {
		return unknown(what, err)
	}
	return around(what, want, got, off)
}

// Expected says what the figure must be.
func (f *Finding) Expected() string {
	switch {
	case f.Problem != "":
		return "-" // there is nothing to set against it
	case f.Least == f.Most:
		return f.Unit.text(f.Want)
	case f.Want == 0:
		return "at most " + f.Unit.text(f.Most)
	}
	return f.Unit.text(f.Want) + f.margin
}

// Measured says what it is, and by how much it misses what was wanted.
func (f *Finding) Measured() string {
	switch {
	case f.Problem != "":
		return f.Problem
	case f.Want == 0 || math.Abs(f.Got/f.Want-1) < 0.0005:
		return f.Unit.text(f.Got)
	}
	return fmt.Sprintf("%s (%+.1f%%)", f.Unit.text(f.Got), 100*(f.Got/f.Want-1))
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
		return milliseconds(x)
	case PerSecond:
		return report.Count(math.Round(x)) + "/s"
	case AtOnce, Distance:
		return fmt.Sprintf("%.3f", x)
	}
	return report.Count(x)
}

// milliseconds writes a duration with as many digits as matter, in us below 1 ms.
func milliseconds(ns float64) string {
	switch {
	case ns < 1e3:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.3g us", ns/1e3)
	case ns < 100e6:
		return fmt.Sprintf("%.3g ms", ns/1e6)
	}
	return fmt.Sprintf("%.1f ms", ns/1e6)
}
