package page

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/fleet"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// A planPage holds what the template of a plan shows.
type planPage struct {
	head
	Answer             string
	Cards              []card
	Believe            []chip
	Next               []step
	Objective, Missing string
	Searches           []searchChart
	Probes             table
	Laws               []lawChart
	Needed, Rest       []fleet.Part
}

// WritePlan writes the page of a plan.
func WritePlan(w io.Writer, p *fleet.Plan) error {
	question, answer := p.Headline()
	d := &planPage{Answer: strings.TrimSuffix(answer, "."), Cards: planCards(p), Believe: planBelief(p),
		Needed: p.Parts()}
	if i := slices.IndexFunc(d.Needed, func(s fleet.Part) bool { return s.Title != "" }); i >= 0 {
		d.Needed, d.Rest = d.Needed[:i], d.Needed[i:]
	}
	if len(p.Warnings) > 0 {
		d.Next = []step{{Why: strings.TrimSuffix(p.Warnings[0], ".")}}
	}
	meta := []string{"peak " + format.GivenRate(p.Peak), p.Source}
	if e := p.Environment; e != nil {
		meta = append(meta, e.GoVersion, format.Plural(e.NumCPU, "CPU"))
	}
	d.head = head{Title: question + ": loadgen capacity plan", Name: "loadgen capacity plan",
		Meta: strings.Join(meta, " · ")}
	looks := planLooks(p)
	d.search(p, looks)
	d.Laws = lawCharts(p, looks)
	return write(w, "plan.html", d)
}

// planLooks returns how the arms of a plan are drawn. The names of arms may begin with their dimension.
func planLooks(p *fleet.Plan) map[string]look {
	var names []string
	for _, a := range p.Arms {
		names = append(names, bare(a.Arm))
	}
	for _, s := range p.Searches {
		if name := bare(s.Arm); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	looks := looksOf(names, "", "")
	for _, name := range names {
		l := looks[name]
		l.dash = 0
		looks[name] = l
	}
	return looks
}

// bare returns the name of an arm without its dimension.
func bare(arm string) string {
	if _, name, ok := strings.Cut(arm, "="); ok && !strings.Contains(name, "=") {
		return name
	}
	return arm
}

// planCards returns the numbers of a plan: of the only arm, or one of each arm.
func planCards(p *fleet.Plan) (cards []card) {
	if len(p.Arms) == 1 {
		return armCards(p, &p.Arms[0])
	}
	for i := range p.Arms[:min(len(p.Arms), mostCards)] {
		a := &p.Arms[i]
		k := card{Name: bare(a.Arm), Big: a.Shown(), Interval: "one carries " + carries(a),
			Extra: fmt.Sprintf("%s busy, %s after %s", format.Rough(a.Utilisation),
				format.Rough(a.UtilisationInFailure), lost(p.Failures))}
		if len(a.Caveats) > 0 {
			k.Word = &chip{Tone: "doubt", Text: "! " + a.Caveats[0], More: strings.Join(a.Caveats, "; ")}
		}
		cards = append(cards, k)
	}
	return cards
}

// lost returns how many instances are lost.
func lost(failures int) string {
	if failures == 0 {
		return "none is lost"
	}
	return fmt.Sprintf("%d lost", failures)
}

// carries returns what an instance carries.
func carries(a *fleet.ArmPlan) string {
	if a.Bound {
		return format.PerSecond(a.Holds) + "/s or more"
	}
	return format.PerSecond(a.Low) + " to " + format.PerSecond(a.High) + "/s"
}

// armCards returns the numbers of the only arm of a plan.
func armCards(p *fleet.Plan, a *fleet.ArmPlan) []card {
	cards := []card{
		{Name: "Instances", Big: a.Shown(), Interval: fmt.Sprintf("%s, %s headroom", lost(p.Failures),
			format.Given(p.Headroom)), Extra: bare(a.Arm)},
		{Name: "One carries", Big: format.Rate(a.Told), Interval: carries(a), Extra: "of " + format.GivenRate(p.Peak)},
		{Name: "Busy", Big: format.Rough(a.Utilisation), Interval: format.Rough(a.UtilisationInFailure) + " after " +
			lost(p.Failures), Extra: format.Rough(a.Busiest) + " the busiest"},
	}
	if a.CPU > 0 {
		cards = append(cards, card{Name: "Cores", Big: format.Number(a.Cores()), Interval: "per million calls/s",
			Extra: "near the capacity"})
	}
	return cards
}

// planBelief returns the reasons to believe or to doubt a plan.
func planBelief(p *fleet.Plan) (chips []chip) {
	for i := range p.Arms {
		a := &p.Arms[i]
		if len(a.Caveats) == 0 {
			chips = append(chips, chip{Tone: "good", Text: "✓ " + bare(a.Arm) + ": held at " + format.Rate(a.Told)})
		}
		for _, c := range a.Caveats {
			chips = append(chips, chip{Tone: "doubt", Text: "! " + bare(a.Arm) + ": " + c})
		}
	}
	for _, c := range p.Caveats {
		chips = append(chips, chip{Tone: "doubt", Text: "! " + c})
	}
	for _, s := range p.Searches {
		if s.Why != "" {
			chips = append(chips, chip{Tone: "bad", Text: "✗ " + bare(s.Arm) + ": no capacity", More: s.Why})
		}
	}
	return chips
}
