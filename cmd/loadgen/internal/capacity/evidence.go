package capacity

import (
	"strings"
	"time"
)

// A Step is the purpose of a probe.
type Step string

const (
	Bracket Step = "bracket" // finds a rate that holds, and a rate within a factor of 2 that does not
	Refine  Step = "refine"  // finds the rate at which half of the visits hold
	Confirm Step = "confirm" // checks that successive visits at a rate hold
	Recheck Step = "recheck" // checks that a rate that held before still holds
)

// An Ask is a probe to make, which is one visit. It may end early once a miss is certain.
type Ask struct {
	Arm      string        `json:"arm"`
	Rate     float64       `json:"rate"` // calls per second
	Duration time.Duration `json:"duration"`
	Step     Step          `json:"step"`
}

// An Evidence is the result of a probe.
type Evidence struct {
	Ask
	Took time.Duration `json:"took"` // wall time, including the start of the process and the warm-up

	// Met reports whether the visit as a whole met its objectives. Due, Bad and Burn belong to
	// the objective with the highest burn: see record.SLOResult.
	Met  bool    `json:"met"`
	Due  uint64  `json:"due"`
	Bad  uint64  `json:"bad"`
	Burn float64 `json:"burn"`

	// Spoiled is the reason why the rate does not hold even if the visit met its objectives, such as "saturated: ..."
	// or "not-stationary: ...".
	Spoiled string `json:"spoiled,omitempty"`
	// Limited is the reason why the probe says nothing about the target, such as "generator-limited: ..." or
	// "noisy-machine: ...".
	Limited string `json:"limited,omitempty"`

	Achieved float64 `json:"achieved"`           // calls per second that ended
	Resource string  `json:"resource,omitempty"` // exhausted resource with its figures, such as "CPU: 1.97 of 2 cores"
}

// Telling reports whether the probe says anything about the target.
func (e *Evidence) Telling() bool { return e.Limited == "" }

// Held reports whether the rate held in the probe.
func (e *Evidence) Held() bool { return e.Telling() && e.Met && e.Spoiled == "" }

// Failed reports whether the rate did not hold in the probe.
func (e *Evidence) Failed() bool { return e.Telling() && !e.Held() }

// Word returns the result of the probe in words.
func (e *Evidence) Word() string {
	name := func(reason string) string {
		name, _, _ := strings.Cut(reason, ":")
		return name
	}
	switch {
	case !e.Telling():
		return "says nothing about the target: " + name(e.Limited)
	case e.Held():
		return "holds"
	case e.Met:
		return "does not hold, although it met the objectives: " + name(e.Spoiled)
	}
	return "fails"
}
