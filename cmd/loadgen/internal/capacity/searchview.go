package capacity

import (
	"math"
	"slices"
)

// width is the distance, in natural logarithms, of rates next to each other on the grid: at
// most half the precision, and an octave is a whole number of them.
func (o *Options) width() float64 { return math.Ln2 / float64(o.octave()) }

// octave is how many places of the grid there are between a rate and its double.
func (o *Options) octave() int { return 1 << int(math.Ceil(math.Log2(2*math.Ln2/o.Precision))) }

// rate is that of a place on the grid; the outermost places are Least and Most themselves.
func (o *Options) rate(at int) float64 {
	return min(max(o.Start*math.Exp2(float64(at)/float64(o.octave())), o.Least), o.Most)
}

// first and last are the outermost places of the grid.
func (o *Options) first() int { return int(math.Floor(math.Log(o.Least/o.Start)/o.width() + 1e-9)) }
func (o *Options) last() int  { return int(math.Ceil(math.Log(o.Most/o.Start)/o.width() - 1e-9)) }

// place is where a rate is on the grid.
func (o *Options) place(rate float64) int {
	switch {
	case rate <= o.Least:
		return o.first()
	case rate >= o.Most:
		return o.last()
	}
	return int(math.Round(math.Log(rate/o.Start) / o.width()))
}

// A level is the probes of one arm at one place of the grid.
type level struct {
	at      int
	probes  []probe
	limited int     // how many more said nothing of the target
	score   float64 // the sum of their votes
}

// A view is what is known of one arm.
type view struct {
	*Options
	levels []level // from the lowest rate
	cut    int     // the levels before it hold, those from it on fail

	limited string   // why the last probe that said nothing of the target did not
	spent   []string // the resources that ran out in probes that failed
}

func (s *Search) view(arm string) *view {
	v := &view{Options: &s.options}
	for i := range s.evidence {
		if s.evidence[i].Arm == arm {
			v.add(&s.evidence[i])
		}
	}
	// The cut at which the fewest votes are on the wrong side is where their running sum is highest.
	var sum, best float64
	for i := range v.levels {
		if sum += v.levels[i].score; sum > best {
			best, v.cut = sum, i+1
		}
	}
	return v
}

func (v *view) add(e *Evidence) {
	if len(e.Margins) == 0 && e.Limited == "" {
		return
	}
	at := v.place(e.Rate)
	i, ok := slices.BinarySearchFunc(v.levels, at, func(l level, at int) int { return l.at - at })
	if !ok {
		v.levels = slices.Insert(v.levels, i, level{at: at})
	}
	l := &v.levels[i]
	if e.Limited != "" {
		l.limited++
		v.limited = e.Limited
		l.score-- // the rate is out of reach, whatever the target could do
		return
	}
	p := newProbe(e, v.Start)
	l.probes = append(l.probes, p)
	l.score += p.vote()
	if p.margin < 0 && e.Resource != "" {
		v.spent = append(v.spent, e.Resource)
	}
}

func (l *level) count() int { return len(l.probes) + l.limited }

// margin is the median over probes.
func (l *level) margin() float64 {
	var margins []float64
	for _, p := range l.probes {
		margins = append(margins, p.margin)
	}
	return median(margins)
}

// relied tells whether a level that failed did so twice over, or is worth no more probes.
func (l *level) relied() bool { return l.score <= -1.9 || l.count() >= 5 }

// coarse is how wide a bracket is, in places, while it is still bisected.
func (v *view) coarse() int { return max(int(4*v.Precision/v.width()), 2) }

// A step is a probe to make of an arm.
type step struct {
	at      int
	confirm bool
}

// next says which probe the arm needs; false: none, its answer is there.
func (v *view) next() (step, bool) {
	if len(v.levels) == 0 {
		return step{at: 0}, true
	}
	if doubted, _ := v.reversed(func(l *level) bool { return len(l.probes) < 2 && l.count() < 5 }); doubted != nil {
		return step{at: doubted.at}, true
	}
	switch {
	case v.cut == len(v.levels):
		top := v.levels[v.cut-1].at
		if top >= v.last() {
			return v.confirm(v.last())
		}
		return step{at: min(top+v.octave(), v.last())}, true
	case !v.levels[v.cut].relied() && (v.cut == 0 || v.gap() > v.coarse()):
		return step{at: v.levels[v.cut].at}, true
	case v.cut == 0:
		bottom := v.levels[0].at
		return step{at: max(bottom-v.octave(), v.first())}, bottom > v.first()
	case v.gap() > v.coarse():
		return step{at: v.levels[v.cut-1].at + v.gap()/2}, true
	case v.generatorLimited():
		if v.gap() > v.coarse()/2 {
			return step{at: v.levels[v.cut-1].at + v.gap()/2}, true
		}
		return v.confirm(v.levels[v.cut-1].at)
	}
	f, ok := v.fit()
	if !ok || !f.precise(v.Precision) {
		return step{at: v.beside(&f)}, true
	}
	return v.confirm(v.floor(f.low()))
}

// gap is how wide the bracket is.
func (v *view) gap() int { return v.levels[v.cut].at - v.levels[v.cut-1].at }

// reversed are two levels of which the lower rate keeps the objectives surely less well than the
// higher one, which holds. They must be well apart: close by, it is noise.
func (v *view) reversed(doubted func(*level) bool) (lower, higher *level) {
	for j := range v.levels {
		high := &v.levels[j]
		worst := math.Inf(1) // of the higher one
		for _, p := range high.probes {
			worst = min(worst, p.margin-2*p.err())
		}
		if len(high.probes) == 0 || worst <= 0 {
			continue
		}
		for i := range v.levels[:j] {
			low := &v.levels[i]
			best := math.Inf(-1)
			for _, p := range low.probes {
				best = max(best, p.margin+2*p.err())
			}
			if len(low.probes) > 0 && high.at-low.at > v.coarse()/2 && best < worst-0.1 && doubted(low) {
				return low, high
			}
		}
	}
	return nil, nil
}

// generatorLimited tells whether it is the generator that ran out at the upper end of the bracket.
func (v *view) generatorLimited() bool {
	limited, failed := 0, 0
	for _, l := range v.levels[v.cut:] {
		if l.at <= v.levels[v.cut].at+v.coarse() {
			limited += l.limited
			failed += len(l.probes)
		}
	}
	return limited >= 2 && limited >= failed
}

// beside is a place a little to that side of the boundary on which there are fewer batches. While
// no probes agree on a boundary among them, or not with the votes, it is an end of the bracket, and once both ends
// were probed twice, its middle.
func (v *view) beside(f *fit) int {
	low, high := &v.levels[v.cut-1], &v.levels[v.cut]
	slack := v.Precision / 2
	within := f.at > v.width()*float64(low.at)-slack && f.at < v.width()*float64(high.at)+slack
	if !f.held || !f.failed || !within {
		switch {
		case min(low.count(), high.count()) >= 2 && v.gap() > 1:
			return low.at + v.gap()/2
		case low.count() < high.count():
			return low.at
		}
		return high.at
	}
	offset := 0.75 * v.Precision
	if f.above > f.below {
		offset = -offset
	}
	at := int(math.Round((f.at + offset) / v.width()))
	return min(max(at, v.first()), v.last())
}

// floor is the last place at or below a logarithm of a rate beside Start.
func (v *view) floor(x float64) int {
	return min(max(int(math.Floor(x/v.width()+1e-9)), v.first()), v.last())
}

// confirm asks for a long probe at a place, or below where one has failed; false if one has held.
func (v *view) confirm(at int) (step, bool) {
	failed, held := v.confirmations()
	if !math.IsInf(failed, 1) {
		at = min(at, v.place(failed)-1)
	}
	if at < v.first() {
		return step{}, false
	}
	// Where the interval has moved up a little since, what held is near enough.
	for _, rate := range held {
		if rate < failed && v.place(rate) >= at-v.coarse()/2 {
			return step{}, false
		}
	}
	return step{at: at, confirm: true}, true
}
