package capacity

import (
	"strings"
	"time"
)

// A Step is what a probe is made for.
type Step string

const (
	Bracket Step = "bracket" // to find a rate that holds, and one that does not within a factor of 2
	Refine  Step = "refine"  // to find the rate at which half of the visits hold
	Confirm Step = "confirm" // to see that visits at a rate hold, one after the other
	Recheck Step = "recheck" // to see whether a rate that held before still does
)

// An Ask is a probe to make: one visit, which may be ended early once a miss is certain.
type Ask struct {
	Arm      string        `json:"arm"`
	Rate     float64       `json:"rate"` // calls a second
	Duration time.Duration `json:"duration"`
	Step     Step          `json:"step"`
}

// An Evidence is what came of a probe.
type Evidence struct {
	Ask
	Took time.Duration `json:"took"` // by the clock, with the start of its process and the warm-up

	// Met is whether the visit as a whole met its objectives. Due, Bad and Burn are those of
	// the objective with the highest burn: see record.SLOResult.
	Met  bool    `json:"met"`
	Due  uint64  `json:"due"`
	Bad  uint64  `json:"bad"`
	Burn float64 `json:"burn"`

	// Spoiled is why the rate does not hold even if the visit met its objectives: "saturated: ...", "not-stationary:
	// ...".
	// Limited is why the probe says nothing of the target: "generator-limited: ...", "noisy-machine: ...".
	Spoiled string `json:"spoiled,omitempty"`
	Limited string `json:"limited,omitempty"`

	Achieved float64 `json:"achieved"`           // calls a second that ended
	Resource string  `json:"resource,omitempty"` // what ran out, with the evidence: "CPU: 1.97 of 2 cores", ...
}

// Telling reports whether the probe says anything of the target.
func (e *Evidence) Telling() bool { return e.Limited == "" }

// Held reports whether the rate held in the probe.
func (e *Evidence) Held() bool { return e.Telling() && e.Met && e.Spoiled == "" }

// Failed reports whether the rate did not hold in the probe.
func (e *Evidence) Failed() bool { return e.Telling() && !e.Held() }

// Word returns what the probe says of its rate, as the answer counts it.
func (e *Evidence) Word() string {
	name := func(reason string) string {
		name, _, _ := strings.Cut(reason, ":")
		return name
	}
	switch {
	case !e.Telling():
		return "says nothing of the target: " + name(e.Limited)
	case e.Held():
		return "holds"
	case e.Met:
		return "does not hold, though it kept the objectives: " + name(e.Spoiled)
	}
	return "fails"
}
