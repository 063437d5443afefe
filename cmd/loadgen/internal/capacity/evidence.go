package capacity

import "time"

// An Ask is a probe to make.
type Ask struct {
	Arm      string        `json:"arm"`
	Rate     float64       `json:"rate"` // calls a second
	Duration time.Duration `json:"duration"`
	Confirm  bool          `json:"confirm,omitempty"` // three times as long, at the answer
}

// An Evidence is what came of a probe.
type Evidence struct {
	Ask // Duration is how long the probe ran: less than was asked if Done stopped it

	// Margins are, of equal batches of the probe in order, by how much each kept the
	// objectives: ln(bound/value) of the one that was nearest to being missed, above 0 if
	// it held, within ±MaxMargin. Batches should be long beside what the queue remembers,
	// for the percentile of a short batch is too low: some 10,000 calls, and ten to a probe.
	Margins []float64 `json:"margins,omitempty"`

	Achieved float64 `json:"achieved"`           // calls a second that ended
	Limited  string  `json:"limited,omitempty"`  // why it says nothing of the target: "generator-limited", ...; empty: it does
	Resource string  `json:"resource,omitempty"` // what ran out, with the evidence: "CPU: 1.97 of 2 cores", ...; empty: nothing
}

// MaxMargin caps a margin, to both sides, so that it is finite.
const MaxMargin = 10
