package capacity

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
)

// Unmet returns the arms that do not carry the required rate, and sentences about those of which that is not known or,
// without a requirement, that have no complete answer. If both are empty, the question is answered.
func (f *File) Unmet() (fails, open []string) {
	_, names := f.names()
	for i := range f.Answer.Arms {
		a := &f.Answer.Arms[i]
		switch name := names[a.Arm]; {
		case f.Require == 0:
			if why := a.Unanswered(); why != "" {
				open = append(open, name+" "+why)
			}
		case a.Refused:
			fails = append(fails, name)
		case !f.carries(a):
			open = append(open, fmt.Sprintf("%s may or may not carry %s", name, format.GivenRate(f.Require)))
		}
	}
	if len(f.Answer.Arms) == 0 {
		open = append(open, "there is no answer")
	}
	return fails, open
}

// carries reports whether an arm surely carries the required rate.
func (f *File) carries(a *Arm) bool { return a.Told >= f.Require*(1-1e-9) }

// Unanswered returns the reason why an arm has no answer that is as precise as requested, or "" if it has one.
func (a *Arm) Unanswered() string {
	switch a.Verdict {
	case GeneratorLimited, Undecided:
		if a.machineBusy() {
			return "has no answer on a machine that is busy with something else: close other programs"
		}
	}
	switch a.Verdict {
	case GeneratorLimited:
		return "is generator-limited: the generator ran out before the target"
	case HoldsThroughout:
		return "was not seen to fail: raise --budget, or --from"
	case FailsThroughout:
		return fmt.Sprintf("misses the objective down to %s: loosen it, mend what makes calls slow there, or lower "+
			"--from",
			format.Rate(a.Fails))
	case FailsNow:
		return "fails at a rate that it held before: restart it, and begin with a higher --from"
	case Undecided:
		return "has no answer: raise --budget"
	}
	switch {
	case a.Told == 0:
		return "has no rate that was confirmed by visits: raise --budget"
	case !a.Precise:
		return "has a capacity that is less precise than asked: raise --budget, --probe or --precision"
	}
	return ""
}

// ending returns the last lines of the text.
func (f *File) ending(s *terminal.Screen, r Reading) string {
	answer := f.answerText()
	if f.partial() {
		answer = "PARTIAL: the search has not ended, and this is what it knows so far. " + answer
	}
	e := terminal.Ending{Answer: answer, Doubt: strings.Join(f.doubts(), "; "),
		Rest: filepath.Join(r.Dir, FileName), Exit: r.Exit}
	e.Advice, e.Next, e.Why = f.next(r)
	if !r.All && !f.partial() {
		e.Rest = "loadgen show --all " + format.Argument(r.Dir)
	}
	return s.Ending(e)
}

// answerText returns the answer in sentences, those without an answer or that do not carry what is required first.
func (f *File) answerText() string {
	_, names := f.names()
	if f.Require > 0 {
		return f.required(names)
	}
	var shares, rest []string
	var known, none []*Arm
	for i := range f.Answer.Arms {
		a := &f.Answer.Arms[i]
		name := names[a.Arm]
		switch {
		case a.Verdict == GeneratorLimited, a.Verdict == Undecided:
			none = append(none, a)
			if a.Told > 0 {
				rest = append(rest, fmt.Sprintf("%s surely holds at %s", name, format.Rate(a.Told)))
			}
		case a.Verdict == Found && a.Told > 0:
			known = append(known, a)
		default:
			rest = append(rest, name+" "+a.sentence())
		}
		if a.Taken != nil {
			full := len(shares) == 0 || !strings.Contains(shares[0], " takes ")
			shares = append(shares, taking(name, a.Taken, names[f.Answer.Arms[0].Arm], full))
		}
	}
	var sentences []string
	if len(none) > 0 {
		sentences = append(sentences, f.nothing(none, names, len(known)+len(shares) > 0))
	}
	for _, part := range []string{strings.Join(shares, ", "), held(known, names), strings.Join(rest, ", ")} {
		if part != "" {
			sentences = append(sentences, part+".")
		}
	}
	if len(sentences) == 0 {
		return "NOT VALID: there is no answer."
	}
	return strings.Join(sentences, " ")
}

// held returns at which rates arms hold, or "" if there are none.
func held(arms []*Arm, names map[string]string) string {
	var parts []string
	for i, a := range arms {
		verb, visits := " at ", fmt.Sprintf(" (%d of %d visits)", a.Visits, a.Visits)
		if i == 0 {
			verb = " holds at "
		} else if a.Visits == arms[0].Visits {
			visits = ""
		}
		parts = append(parts, names[a.Arm]+verb+format.Rate(a.Told)+visits)
	}
	text := format.And(parts)
	if len(arms) == 1 {
		text += "; " + arms[0].half()
	}
	return text
}

// taking returns which share of the first arm's capacity an arm takes. The first clause names what the share is of.
func taking(name string, share *Share, first string, full bool) string {
	switch {
	case share.Low <= 0 && share.High >= 0:
		return fmt.Sprintf("%s has the capacity of %s, as far as this can tell", name, first)
	case share.Share < 0:
		return fmt.Sprintf("%s carries %s more than %s", name, format.Rough(-share.Share), first)
	case full:
		return fmt.Sprintf("%s takes %s of the capacity of %s", name, format.Rough(share.Share), first)
	}
	return name + " " + format.Rough(share.Share)
}

// nothing says why arms have no capacity.
func (f *File) nothing(arms []*Arm, names map[string]string, others bool) string {
	probes, silent, busy := 0, 0, false
	var list []string
	for _, a := range arms {
		probes, silent, busy = probes+a.Probes, silent+a.Silent.Probes, busy || a.machineBusy()
		list = append(list, names[a.Arm])
	}
	what := "No capacity"
	if others {
		what += " of " + format.And(list)
	}
	switch {
	case f.partial():
		return what + " yet."
	case silent == 0:
		return what + ": the budget was too small for an answer."
	case busy:
		return fmt.Sprintf("NOT VALID: %s: %d of %s say nothing of the target, most often because other programs had "+
			"the machine.", lower(what), silent, format.Plural(probes, "probe"))
	}
	return fmt.Sprintf("%s: %d of %s say nothing of the target, most often because the generator was late.", what,
		silent, format.Plural(probes, "probe"))
}

// lower returns a sentence that continues another one.
func lower(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// required returns which arms carry the required rate.
func (f *File) required(names map[string]string) string {
	rate := format.GivenRate(f.Require)
	var fails, open, carry []string
	for i := range f.Answer.Arms {
		a := &f.Answer.Arms[i]
		switch name := names[a.Arm]; {
		case a.Refused:
			fails = append(fails, name)
		case f.carries(a):
			carry = append(carry, name)
		default:
			open = append(open, name)
		}
	}
	var sentences []string
	for _, part := range []struct {
		names        []string
		one, several string
	}{{fails, "does not carry", "do not carry"}, {open, "may or may not carry", "may or may not carry"},
		{carry, "carries", "carry"}} {
		verb := part.one
		if len(part.names) > 1 {
			verb = part.several
		}
		if len(part.names) > 0 {
			sentences = append(sentences, fmt.Sprintf("%s %s %s.", format.And(part.names), verb, rate))
		}
	}
	return strings.Join(sentences, " ")
}

// doubts returns what makes the answer doubtful, for each arm.
func (f *File) doubts() (parts []string) {
	_, names := f.names()
	for i := range f.Answer.Arms {
		a := &f.Answer.Arms[i]
		var own []string
		add := func(format string, args ...any) { own = append(own, fmt.Sprintf(format, args...)) }
		if a.Verdict == Found && !a.Fitted {
			add("the interval is a bracket")
		}
		if failed := a.Below.Visits - a.Below.Held; a.Told > 0 && failed > 0 {
			add("%d of %s up to holds/s failed", failed, format.Plural(a.Below.Visits, "visit"))
		}
		if a.Fitted && !a.Precise {
			add("less precise than asked")
		}
		name := func(r Remark) string { name, _, _ := strings.Cut(r.Last, ":"); return name }
		unanswered := a.Verdict == GeneratorLimited || a.Verdict == Undecided // the answer says why
		if n := a.Silent.Probes; 4*n >= a.Probes && n > 0 && !unanswered {
			add("%d of %s say nothing of the target (%s)", n, format.Plural(a.Probes, "probe"), name(a.Silent))
		}
		if n := a.Spoiled.Probes; n > 0 {
			add("%s met the objectives and do not hold (%s)", format.Plural(n, "probe"), name(a.Spoiled))
		}
		if n := a.Unsteady.Probes; n > 0 && 4*n >= a.Below.Visits {
			add("latency changed in the course of %s", format.Plural(n, "visit"))
		}
		if len(own) > 0 {
			parts = append(parts, names[a.Arm]+": "+strings.Join(own, ", "))
		}
	}
	return parts
}

// next returns what to do, a command, and why.
func (f *File) next(r Reading) (advice, command, why string) {
	dir := format.Argument(r.Dir)
	resume := "loadgen capacity --resume " + dir
	longer := resume
	if f.Search != nil {
		longer += fmt.Sprintf(" --budget %v", 2*f.Search.Options().Budget)
	}
	if f.partial() {
		return "", resume, "goes on"
	}
	fails, open := f.Unmet()
	for i := range f.Answer.Arms {
		a := &f.Answer.Arms[i]
		limited := a.Verdict == GeneratorLimited || a.Verdict == Undecided
		switch {
		case len(open) == 0 || f.Require > 0 && f.carries(a):
		case limited && a.machineBusy():
			return "close other programs, then", longer, ""
		case a.Verdict == GeneratorLimited:
			return "", "loadgen selftest --quick", "what the generator can do on this machine"
		case a.Verdict == FailsThroughout, a.Verdict == FailsNow:
			return a.Unanswered()[strings.Index(a.Unanswered(), ": ")+2:], "", ""
		}
	}
	switch {
	case len(fails) > 0:
		return "loadgen capacity, without --require", "", "what it does carry"
	case len(open) > 0:
		return "", longer, "a longer search"
	}
	return "", "loadgen capacity plan --peak RATE " + dir, "instances for a peak"
}
