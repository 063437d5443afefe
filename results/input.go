package results

// An Input is a program, file or scenario that the results of a run depend on, as it was when
// the run began. Every visit checks its inputs: if an input has changed, the run ends.
type Input struct {
	Kind   InputKind `json:"kind"`
	Name   string    `json:"name"`   // the path of a file, or the name of a scenario
	SHA256 string    `json:"sha256"` // in hexadecimal; for a scenario, the digest of its JSON
}

// An InputKind is the kind of an Input.
type InputKind string

// The kinds of inputs.
const (
	Program  InputKind = "program"  // the executable that makes the visits
	Started  InputKind = "service"  // the executable of a service that the visits start
	Replay   InputKind = "replay"   // a file of recorded instants
	Resolved InputKind = "scenario" // the scenario after flags and defaults were applied
)
