package capacity

import (
	"fmt"
	"math"
	"strings"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// sentence returns the answer for an arm as a sentence that continues the name of the arm.
func (a *Arm) sentence() string {
	told := ""
	if a.Told > 0 {
		told = fmt.Sprintf("holds at %s (%d of %d visits)", format.Rate(a.Told), a.Visits, a.Visits)
	}
	switch a.Verdict {
	case Found:
		if told == "" {
			told = "holds surely at no rate that was tried"
		}
		return told + "; " + a.half()
	case HoldsThroughout:
		if told == "" {
			return fmt.Sprintf("holds throughout: up to %s no rate failed", format.Rate(a.Low))
		}
		return told + ", and was not seen to fail"
	case FailsThroughout:
		if a.Required.Visits > 0 {
			return fmt.Sprintf("fails at %s: %d of %d visits held", format.Rate(a.Fails), a.Required.Held,
				a.Required.Visits)
		}
		return fmt.Sprintf("fails throughout: down to %s no rate held", format.Rate(a.Fails))
	case FailsNow:
		return fmt.Sprintf("held before, fails now: five visits in a row failed at %s, where it held at first; "+
			"it has not recovered from an overload", format.Rate(a.Fails))
	case GeneratorLimited:
		if told == "" {
			told = "no rate was confirmed"
		} else {
			told = "it " + told
		}
		if a.machineBusy() {
			return "was not measured further: " + told + ", and at more the machine was busy with something else"
		}
		return "is generator-limited: " + told + ", and more the generator cannot offer"
	}
	return "is undecided: too few probes said anything of the target"
}

// machineBusy reports whether other load on the machine is the most frequent reason why probes of an arm say nothing
// about the target.
func (a *Arm) machineBusy() bool { return strings.HasPrefix(a.Silent.Last, record.NoisyMachine) }

// half returns the clause about the rate at which half of the visits hold.
func (a *Arm) half() string {
	interval := format.PerSecond(a.Low) + " to " + format.PerSecond(a.High)
	switch {
	case !a.Fitted:
		return fmt.Sprintf("half of the visits hold somewhere between %s and %s (bracket, no interval)",
			format.PerSecond(a.Low), format.Rate(a.High))
	case a.Precise:
		return fmt.Sprintf("half of the visits hold at %s (95%% interval %s)", format.Rate(a.Capacity), interval)
	}
	return fmt.Sprintf("half of the visits hold at about %s: "+
		"they come out both ways between %s and %s, where %d of %d held",
		format.Rate(a.Capacity), format.PerSecond(a.Low), format.Rate(a.High), a.Within.Held, a.Within.Visits)
}

// notes returns the notes below the sentence about an arm, one per line.
func (a *Arm) notes() (notes []string) {
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	failed := a.Below.Visits - a.Below.Held
	switch {
	case a.Told > 0 && failed > 0:
		note("%d of %d visits at that rate and below failed", failed, a.Below.Visits)
	case a.Verdict == Found && a.Told == 0:
		note("no rate was confirmed: %d of %d visits at %s and below failed", failed, a.Below.Visits,
			format.Rate(a.Low))
	}
	if a.Fitted && !a.Precise {
		note("less precise than asked: visits differ too much for the budget")
	}
	for _, r := range []struct {
		what string
		Remark
	}{{"said nothing of the target", a.Silent}, {"kept the objectives and do not hold all the same", a.Spoiled}} {
		if r.Probes > 0 {
			note("%d of %s %s: %s", r.Probes, format.Plural(a.Probes, "probe"), r.what, r.Last)
		}
	}
	if a.Unsteady.Probes > 0 && 4*a.Unsteady.Probes >= a.Below.Visits {
		note("latency changed in the course of %d of %s at that rate and below: %s",
			a.Unsteady.Probes, format.Plural(a.Below.Visits, "visit"), a.Unsteady.Last)
	}
	if a.Resource != "" {
		note("what ran out: %s", a.Resource)
	}
	return notes
}

// sharePercent formats a share in percent, rounded to a ten-thousandth of a percent. A share that rounds to 0 has no
// sign.
func sharePercent(share float64) string {
	return format.Percent(math.Round(1e6*share) / 1e6)
}
