package results

// An Input is something that a run depends on besides the machine, as it was when the run
// began. Every visit is held to it: if one has changed since, the run ends.
type Input struct {
	Kind   InputKind `json:"kind"`
	Name   string    `json:"name"`   // of a file its path, of a scenario its name
	SHA256 string    `json:"sha256"` // in hexadecimal digits; of a scenario, of its JSON
}

// An InputKind is what an Input is.
type InputKind string

// The kinds of inputs.
const (
	Program  InputKind = "program"  // that makes the visits
	Replay   InputKind = "replay"   // a file of instants
	Resolved InputKind = "scenario" // with all that flags and defaults made of it
)
