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

// Options say what to search for, and how.
type Options struct {
	Arms      []string      `json:"arms"`      // the others are compared with the first
	Start     float64       `json:"start"`     // rate of the first probe, in calls per second
	Least     float64       `json:"least"`     // lowest rate of a probe
	Most      float64       `json:"most"`      // highest rate of a probe
	Precision float64       `json:"precision"` // half the width of the interval, such as 0.03 for 3%
	Probe     time.Duration `json:"probe"`     // shortest duration of a probe
	Calls     uint64        `json:"calls"`     // smallest number of calls of a probe; at low rates it lasts longer
	Budget    time.Duration `json:"budget"`    // longest duration of all probes together
	Seed      uint64        `json:"seed"`      // of the order of the arms within a round
}

// mostRate is the highest rate of any search, in calls per second.
const mostRate = 1e12

// check returns an error that reports all options that are wrong.
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
	wrong(!(o.Least >= 1e-6), "the least rate is %v: it must be at least 1e-6", o.Least)
	wrong(!(o.Start >= o.Least && o.Start <= o.Most), "the rate to start from, %v, is not within %v and %v",
		o.Start, o.Least, o.Most)
	wrong(!(o.Most <= mostRate), "the highest rate is %v: it must be at most %v", o.Most, mostRate)
	wrong(!(o.Precision >= 0.001 && o.Precision <= 0.25), "the precision is %v: it must be between 0.001 and 0.25",
		o.Precision)
	wrong(o.Probe <= 0, "a probe lasts %v: it must last longer", o.Probe)
	wrong(o.Budget < o.Probe, "the budget is %v: not even one probe of %v fits", o.Budget, o.Probe)
	return errors.Join(errs...)
}

// Lasting returns the duration of a probe at a rate.
func (o *Options) Lasting(rate float64) time.Duration {
	need := float64(o.Calls) / rate * float64(time.Second)
	return max(o.Probe, time.Duration(min(need, 1e18)).Round(time.Millisecond))
}

// A Search is the state of a search: its options and the evidence so far. It has no clock, and derives everything
// else from these, so that a search restored from JSON continues as if it had not been interrupted. It is not safe for
// concurrent use.
type Search struct {
	options  Options
	evidence []*Evidence
	arms     map[string]*armSearch
}

// New returns a search without evidence. The error reports all options that are wrong.
func New(o Options) (*Search, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o.Arms = slices.Clone(o.Arms)
	s := &Search{options: o, arms: map[string]*armSearch{}}
	for _, name := range o.Arms {
		s.arms[name] = newArm(&s.options)
	}
	return s, nil
}

// Require ends the search of an arm once it is known whether the arm carries a rate, in calls per second. Each arm is
// probed at that rate first. 0 requires nothing. The rate is not part of the JSON.
func (s *Search) Require(rate float64) {
	for _, a := range s.arms {
		a.require = rate
	}
}

// Next returns the next probe to make. It returns the same probe until Add is called. It returns false if
// the answer is complete, or if the rest of the budget is too short for the probe.
//
// Each round visits every unfinished arm once, in random order.
func (s *Search) Next() (Ask, bool) {
	left, begin := s.options.Budget-s.Spent(), s.beginning()
	arms := time.Duration(len(s.options.Arms))
	for _, name := range s.order() {
		a := s.arms[name]
		x, what, ok := a.next(left/arms, s.options.Budget/arms)
		if !ok {
			continue
		}
		ask := Ask{Arm: name, Rate: s.options.rate(x), Step: what}
		if ask.Duration = s.options.Lasting(ask.Rate); begin+ask.Duration <= left {
			return ask, true
		}
	}
	return Ask{}, false
}

// beginning returns the mean time by which probes exceeded their duration, over those that exceeded it.
func (s *Search) beginning() (mean time.Duration) {
	var n time.Duration
	for _, e := range s.evidence {
		if e.Took > e.Duration {
			mean, n = mean+e.Took-e.Duration, n+1
		}
	}
	return mean / max(n, 1)
}

// order returns the arms, beginning with those that have the fewest probes.
func (s *Search) order() []string {
	turns := make(map[string]uint64)
	probes := func(name string) int { return len(s.arms[name].evidence) }
	for i, name := range s.options.Arms {
		turns[name] = rand.New(rand.NewPCG(s.options.Seed+uint64(i), uint64(probes(name)))).Uint64()
	}
	arms := slices.Clone(s.options.Arms)
	slices.SortStableFunc(arms, func(a, b string) int {
		return cmp.Or(cmp.Compare(probes(a), probes(b)), cmp.Compare(turns[a], turns[b]))
	})
	return arms
}

// Add adds the result of a probe.
func (s *Search) Add(e Evidence) {
	if e.Took <= 0 { // otherwise a search might never end
		e.Took = max(e.Duration, s.options.Probe)
	}
	s.evidence = append(s.evidence, &e)
	if a := s.arms[e.Arm]; a != nil {
		a.add(&e)
	}
}

// Spent returns the total time of the probes so far.
func (s *Search) Spent() (d time.Duration) {
	for _, e := range s.evidence {
		d += e.Took
	}
	return d
}

// Options returns the options of the search.
func (s *Search) Options() Options {
	o := s.options
	o.Arms = slices.Clone(o.Arms)
	return o
}

// Evidence returns the results of the probes so far, in order.
func (s *Search) Evidence() []Evidence {
	list := make([]Evidence, len(s.evidence))
	for i, e := range s.evidence {
		list[i] = *e
	}
	return list
}

// state is the JSON of a Search.
type state struct {
	Options  Options     `json:"options"`
	Evidence []*Evidence `json:"evidence"`
}

// MarshalJSON encodes the options and the evidence.
func (s *Search) MarshalJSON() ([]byte, error) {
	return json.Marshal(state{s.options, s.evidence})
}

// UnmarshalJSON decodes the output of MarshalJSON. It returns an error if the options or the evidence are not valid.
func (s *Search) UnmarshalJSON(data []byte) error {
	var from state
	if err := json.Unmarshal(data, &from); err != nil {
		return err
	}
	read, err := New(from.Options)
	if err != nil {
		return err
	}
	for i, e := range from.Evidence {
		switch {
		case e == nil || !(e.Rate > 0):
			return fmt.Errorf("probe %d has no rate above 0", i+1)
		case e.Took > math.MaxInt64/time.Duration(len(from.Evidence)): // the sum could overflow
			return fmt.Errorf("probe %d took %v, which is too long", i+1, e.Took)
		}
		read.Add(*e)
	}
	*s = *read
	return nil
}
