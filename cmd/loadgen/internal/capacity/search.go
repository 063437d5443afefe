package capacity

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Options say what is searched for, and how.
type Options struct {
	Arms      []string      `json:"arms"`      // the first is the one that the others are set against
	Start     float64       `json:"start"`     // a rate that surely holds, calls a second
	Least     float64       `json:"least"`     // no rate below is asked for
	Most      float64       `json:"most"`      // no rate above is asked for
	Precision float64       `json:"precision"` // half the width of the interval, such as 0.03 for 3%
	Probe     time.Duration `json:"probe"`     // how long a probe lasts
	Budget    time.Duration `json:"budget"`    // how long all probes together may last
	Seed      uint64        `json:"seed"`      // of the order of the arms within a round
}

// confirmations is how many times as long as another probe one is that confirms an answer.
const confirmations = 3

// check says everything that is wrong.
func (o *Options) check() error {
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(len(o.Arms) == 0, "no arms: name at least one")
	for i, arm := range o.Arms {
		wrong(slices.Contains(o.Arms[:i], arm), "arm %q is named twice", arm)
	}
	wrong(!(o.Least > 0), "the least rate is %v: it must be above 0", o.Least)
	wrong(!(o.Start >= o.Least && o.Start <= o.Most), "the rate to start from, %v, is not within %v and %v", o.Start, o.Least, o.Most)
	wrong(!(o.Most <= 1e12), "the highest rate is %v: it must be at most 1e12", o.Most)
	wrong(!(o.Least >= 1e-6), "the least rate is %v: it must be at least 1e-6", o.Least)
	wrong(!(o.Precision >= 0.001 && o.Precision <= 0.25), "the precision is %v: it must be between 0.001 and 0.25", o.Precision)
	wrong(o.Probe <= 0, "a probe lasts %v: it must last longer", o.Probe)
	wrong(o.Budget < o.Probe, "the budget is %v: not even one probe of %v fits", o.Budget, o.Probe)
	return errors.Join(errs...)
}

// A Search is the state of a search: its options, and the evidence so far. It has no clock,
// and everything else is worked out from these, so that it goes on from JSON as if it had
// never stopped. It is not safe for concurrent use.
type Search struct {
	options  Options
	evidence []Evidence
}

// New makes a search. The error says everything that is wrong with the options.
func New(o Options) (*Search, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o.Arms = slices.Clone(o.Arms)
	return &Search{options: o}, nil
}

// Next says which probe to make next, the same one until Add is called. It is false if
// the answer is there, or the rest of the budget is too short for the probe.
//
// Each round visits every arm that is not done once, in an order of the round's own. Rates
// are of one grid, so that arms that can carry alike are asked for the same rates.
func (s *Search) Next() (Ask, bool) {
	for _, arm := range s.order() {
		step, ok := s.view(arm).next()
		if !ok {
			continue
		}
		ask := Ask{Arm: arm, Rate: s.options.rate(step.at), Duration: s.options.Probe, Confirm: step.confirm}
		if ask.Confirm {
			ask.Duration *= confirmations
		}
		return ask, s.Spent()+ask.Duration <= s.options.Budget
	}
	return Ask{}, false
}

// order is of the arms, those with the fewest visits first.
func (s *Search) order() []string {
	visits := make(map[string]int)
	for i := range s.evidence {
		visits[s.evidence[i].Arm]++
	}
	turns := make(map[string]uint64)
	for i, arm := range s.options.Arms {
		turns[arm] = rand.New(rand.NewPCG(s.options.Seed+uint64(i), uint64(visits[arm]))).Uint64()
	}
	arms := slices.Clone(s.options.Arms)
	slices.SortStableFunc(arms, func(a, b string) int {
		return cmp.Or(cmp.Compare(visits[a], visits[b]), cmp.Compare(turns[a], turns[b]))
	})
	return arms
}

// Add takes in what came of a probe. A margin that is not a number is left out.
func (s *Search) Add(e Evidence) {
	e.Margins = slices.DeleteFunc(slices.Clone(e.Margins), math.IsNaN)
	for i, m := range e.Margins {
		e.Margins[i] = min(max(m, -MaxMargin), MaxMargin)
	}
	if e.Duration <= 0 { // else a search might never end
		e.Duration = s.options.Probe
	}
	s.evidence = append(s.evidence, e)
}

// Spent is how long the probes so far lasted together.
func (s *Search) Spent() time.Duration {
	var d time.Duration
	for i := range s.evidence {
		d += s.evidence[i].Duration
	}
	return d
}

// Options are those of the search.
func (s *Search) Options() Options { return s.options }

// Evidence is of the probes so far, in order; not to be changed.
func (s *Search) Evidence() []Evidence { return s.evidence }

// state is a Search on disk.
type state struct {
	Options  Options    `json:"options"`
	Evidence []Evidence `json:"evidence"`
}

// MarshalJSON writes the whole state.
func (s *Search) MarshalJSON() ([]byte, error) {
	return json.Marshal(state{s.options, s.evidence})
}

// UnmarshalJSON reads what MarshalJSON wrote; an error says what is wrong with it.
func (s *Search) UnmarshalJSON(data []byte) error {
	var from state
	if err := json.Unmarshal(data, &from); err != nil {
		return err
	}
	read, err := New(from.Options)
	if err != nil {
		return err
	}
	for i := range from.Evidence {
		if !(from.Evidence[i].Rate > 0) {
			return fmt.Errorf("probe %d has a rate of %v: it must be above 0", i+1, from.Evidence[i].Rate)
		}
		read.Add(from.Evidence[i])
	}
	*s = *read
	return nil
}
