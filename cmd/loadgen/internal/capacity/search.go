// Package capacity searches for the highest rate at which a target keeps its objectives.
package capacity

import (
	"time"
)

// Options say what is searched for, and how.
type Options struct {
	Arms        []string      // the first is the one that the others are set against
	Start       float64       // a rate that surely holds, calls a second
	Least, Most float64       // no rate outside is asked for
	Precision   float64       // half the width of the interval, such as 0.03 for 3%
	Probe       time.Duration // how long a probe lasts
	Budget      time.Duration // how long all probes together may last
	Seed        uint64        // of the order of the arms within a round
}

// A Search is the state of a search: its options, and the evidence so far. It has no clock,
// and everything else is worked out from these, so that it goes on from JSON as if it had
// never stopped. It is not safe for concurrent use.
type Search struct {
	options  Options
	evidence []Evidence
}

// New makes a search. The error says everything that is wrong with the options.
func New(o Options) (*Search, error) { return &Search{options: o}, nil }

// Next says which probe to make next, the same one until Add is called. It is false if
// the answer is there, or the rest of the budget is too short for the probe.
func (s *Search) Next() (Ask, bool) { return Ask{}, false }

// Add takes in what came of a probe.
func (s *Search) Add(e Evidence) { s.evidence = append(s.evidence, e) }

// Done tells whether a probe that runs may stop, for its margins so far lie surely on one side.
func (s *Search) Done(e *Evidence) bool { return false }

// Answer says what the evidence so far tells. It may be asked for at any time.
func (s *Search) Answer() Answer { return Answer{} }

// Spent is how long the probes so far lasted together.
func (s *Search) Spent() time.Duration { return 0 }

// Options are those of the search.
func (s *Search) Options() Options { return s.options }

// Evidence is of the probes so far, in order; not to be changed.
func (s *Search) Evidence() []Evidence { return s.evidence }

// MarshalJSON writes the whole state.
func (s *Search) MarshalJSON() ([]byte, error) { return nil, nil }

// UnmarshalJSON reads what MarshalJSON wrote; an error says what is wrong with it.
func (s *Search) UnmarshalJSON(data []byte) error { return nil }
