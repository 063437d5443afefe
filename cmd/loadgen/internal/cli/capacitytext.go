package cli

import (
	"fmt"
	"math"
	"strings"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/scenarios"
)

// print prints the answer in the format of --format.
func (c *capacitySearch) print() error {
	text := []byte(capacityText(c.File, c.dir))
	if c.options.format == formatJSON {
		var err error
		if text, err = c.JSON(); err != nil {
			return err
		}
	}
	_, err := c.options.stdout.Write(text)
	return err
}

// capacityText returns the answer of the search in dir as text.
func capacityText(f *capacity.File, dir string) string {
	var b strings.Builder
	objectives := make([]string, len(f.Scenario.SLOs))
	for i, s := range f.Scenario.SLOs {
		objectives[i] = s.String()
	}
	name := f.Scenario.Name
	if targets := f.Scenario.Arms(scenarios.Target); len(targets) == 1 && targets[0] != scenarios.MapTarget &&
		targets[0] != name {
		name += ", target " + targets[0]
	}
	fmt.Fprintf(&b, "%s: the capacity at which %s; seed %d\n\n", name, strings.Join(objectives, ", "), f.Scenario.Seed)
	for i := range f.Answer.Arms {
		a := &f.Answer.Arms[i]
		fmt.Fprintf(&b, "%s %s\n", a.Arm, capacitySentence(a))
		for _, line := range capacityNotes(a) {
			fmt.Fprintf(&b, "    %s\n", line)
		}
	}
	for _, a := range f.Answer.Arms {
		if a.Taken != nil {
			fmt.Fprintf(&b, "\n%s takes %s of the capacity of %s (95%% interval %s to %s)", a.Arm,
				sharePercent(a.Taken.Share), f.Answer.Arms[0].Arm, sharePercent(a.Taken.Low),
				sharePercent(a.Taken.High))
		}
	}
	if !strings.HasSuffix(b.String(), "\n") {
		b.WriteByte('\n')
	}
	b.WriteString(scalingText(f))
	fmt.Fprintf(&b, "\n%s, %v of %v, in %s\n", format.Plural(len(f.Probes), "probe"),
		format.Duration(f.Search.Spent()), f.Search.Options().Budget, dir)
	return b.String()
}

// capacitySentence returns the answer for an arm as a sentence that continues the name of the arm.
func capacitySentence(a *capacity.Arm) string {
	told := ""
	if a.Told > 0 {
		told = fmt.Sprintf("holds at %s (%d of %d visits)", format.Rate(a.Told), a.Visits, a.Visits)
	}
	switch a.Verdict {
	case capacity.Found:
		if told == "" {
			told = "holds surely at no rate that was tried"
		}
		return told + "; " + capacityHalf(a)
	case capacity.HoldsThroughout:
		if told == "" {
			return fmt.Sprintf("holds throughout: up to %s no rate failed", format.Rate(a.Low))
		}
		return told + ", and was not seen to fail"
	case capacity.FailsThroughout:
		if a.Required.Visits > 0 {
			return fmt.Sprintf("fails at %s: %d of %d visits held", format.Rate(a.Fails), a.Required.Held,
				a.Required.Visits)
		}
		return fmt.Sprintf("fails throughout: down to %s no rate held", format.Rate(a.Fails))
	case capacity.FailsNow:
		return fmt.Sprintf("held before, fails now: five visits in a row failed at %s, where it held at first; "+
			"it has not recovered from an overload", format.Rate(a.Fails))
	case capacity.GeneratorLimited:
		if told == "" {
			told = "no rate was confirmed"
		} else {
			told = "it " + told
		}
		if machineBusy(a) {
			return "was not measured further: " + told + ", and at more the machine was busy with something else"
		}
		return "is generator-limited: " + told + ", and more the generator cannot offer"
	}
	return "is undecided: too few probes said anything of the target"
}

// machineBusy reports whether other load on the machine is the most frequent reason why probes of an arm say nothing
// about the target.
func machineBusy(a *capacity.Arm) bool { return strings.HasPrefix(a.Silent.Last, record.NoisyMachine) }

// capacityHalf returns the clause about the rate at which half of the visits hold.
func capacityHalf(a *capacity.Arm) string {
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

// capacityNotes returns the notes below the sentence about an arm, one per line.
func capacityNotes(a *capacity.Arm) (notes []string) {
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	failed := a.Below.Visits - a.Below.Held
	switch {
	case a.Told > 0 && failed > 0:
		note("%d of %d visits at that rate and below failed", failed, a.Below.Visits)
	case a.Verdict == capacity.Found && a.Told == 0:
		note("no rate was confirmed: %d of %d visits at %s and below failed", failed, a.Below.Visits,
			format.Rate(a.Low))
	}
	if a.Fitted && !a.Precise {
		note("less precise than asked: visits differ too much for the budget")
	}
	for _, r := range []struct {
		what string
		capacity.Remark
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

// probeLine returns the progress line for a finished probe, which is the n-th one of the search.
func probeLine(n int, p *capacity.Probe, s *capacity.Search) string {
	e := &p.Evidence
	var details []string
	for _, o := range p.Objectives {
		if o.Judged || !p.Stopped { // skip an objective that was not judged because another one ended the probe
			details = append(details, o.Detail)
		}
	}
	long := format.Duration(p.Scheduled)
	if p.Stopped {
		long += ", when a miss was certain"
	}
	switch e.Step {
	case capacity.Confirm:
		long += ", to confirm"
	case capacity.Recheck:
		long += ", to see whether it still holds"
	}
	return fmt.Sprintf("probe %d: %s at %s for %s: %s; %s (%s of what is allowed); %v of %v",
		n, e.Arm, format.Rate(e.Rate), long, e.Word(), strings.Join(details, ", "), format.Rough(e.Burn),
		format.Duration(s.Spent()), s.Options().Budget)
}

// sharePercent formats a share in percent, rounded to a ten-thousandth of a percent. A share that rounds to 0 has no
// sign.
func sharePercent(share float64) string {
	return format.Percent(math.Round(1e6*share) / 1e6)
}
