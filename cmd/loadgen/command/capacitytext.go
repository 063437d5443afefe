package command

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/scenarios"
)

// print writes the answer.
func (c *capacitySearch) print() error {
	text := []byte(capacityText(c.File, c.dir))
	if c.options.format == "json" {
		var err error
		if text, err = c.JSON(); err != nil {
			return err
		}
	}
	_, err := c.options.stdout.Write(text)
	return err
}

// capacityText is what a search has found, in words.
func capacityText(f *capacity.File, dir string) string {
	var b strings.Builder
	objectives := make([]string, len(f.Scenario.SLOs))
	for i, s := range f.Scenario.SLOs {
		objectives[i] = s.String()
	}
	name := f.Scenario.Name
	if t := f.Scenario.Target; t != scenarios.MapTarget && t != name {
		name += ", target " + t
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
				sharePercent(a.Taken.Share), f.Answer.Arms[0].Arm, sharePercent(a.Taken.Low), sharePercent(a.Taken.High))
		}
	}
	if !strings.HasSuffix(b.String(), "\n") {
		b.WriteByte('\n')
	}
	b.WriteString(scalingText(f))
	fmt.Fprintf(&b, "\n%s, %v of %v, in %s\n", report.Plural(len(f.Probes), "probe"),
		f.Search.Spent().Round(time.Millisecond), f.Search.Options().Budget, dir)
	return b.String()
}

// capacitySentence is the answer for an arm. A bound is never called a capacity.
func capacitySentence(a *capacity.Arm) string {
	switch a.Verdict {
	case capacity.Found:
		s := fmt.Sprintf("holds at %s (95%% interval %s to %s)", perSecond(a.Holds), count(a.Low), count(a.High))
		if a.Fails > 0 {
			s += ", fails at " + perSecond(a.Fails)
		}
		return s
	case capacity.HoldsThroughout:
		return fmt.Sprintf("holds at %s, and was not seen to fail", perSecond(a.Holds))
	case capacity.FailsThroughout:
		return fmt.Sprintf("fails at %s, and was not seen to hold", perSecond(a.Fails))
	case capacity.GeneratorLimited:
		return fmt.Sprintf("is generator-limited: it holds at %s, and more the generator cannot offer", perSecond(a.Holds))
	}
	return "is undecided: no probe said anything of the target"
}

// capacityNotes are what is to be known besides of an arm.
func capacityNotes(a *capacity.Arm) (notes []string) {
	if a.Verdict == capacity.Found {
		if a.Confirmed > 0 {
			notes = append(notes, fmt.Sprintf("confirmed at %s by a probe three times as long", perSecond(a.Confirmed)))
		} else {
			notes = append(notes, "not confirmed by a longer probe")
		}
		if !a.Precise {
			notes = append(notes, "less precise than asked")
		}
	}
	for _, n := range []struct{ what, text string }{{"what ran out: ", a.Resource}, {"a probe said nothing of the target: ", a.Limited}, {"not monotone: ", a.NotMonotone}} {
		if n.text != "" {
			notes = append(notes, n.what+n.text)
		}
	}
	return notes
}

// probeLine is what is told of a probe once it has ended.
func probeLine(n int, p *capacity.Probe, s *capacity.Search) string {
	e := &p.Evidence
	verdict := "fails"
	switch {
	case e.Limited != "":
		verdict = "generator-limited"
	case p.Held():
		verdict = "holds"
	}
	kept := 0
	for _, m := range e.Margins {
		if m > 0 {
			kept++
		}
	}
	details := make([]string, len(p.Objectives))
	for i, o := range p.Objectives {
		details[i] = o.Detail
	}
	long := p.Scheduled.Round(time.Millisecond).String()
	of := "in all"
	if p.Visits > 1 {
		of = fmt.Sprintf("in the worst of %d visits", p.Visits)
	}
	if p.Stopped {
		long += ", enough to tell"
	}
	if e.Confirm {
		long += ", to confirm"
	}
	return fmt.Sprintf("probe %d: %s at %s for %s: %s, %d of %d parts kept the objectives; %s %s; %v of %v", n, e.Arm, perSecond(e.Rate), long,
		verdict, kept, len(e.Margins), of, strings.Join(details, ", "), s.Spent().Round(time.Millisecond), s.Options().Budget)
}

// perSecond writes a rate with no more digits than it is worth.
func perSecond(rate float64) string { return count(rate) + "/s" }

// count rounds to four digits: fewer would hide an interval of some percent.
func count(rate float64) string {
	if rate < 1000 {
		return fmt.Sprintf("%.4g", rate)
	}
	step := math.Pow(10, math.Floor(math.Log10(rate))-3)
	return report.Count(uint64(math.Round(rate/step) * step))
}

// sharePercent rounds to a ten-thousandth of a percent: what is less is 0, without a sign.
func sharePercent(share float64) string {
	return fmt.Sprintf("%.3g%%", math.Round(1e6*share)/1e4+0)
}
