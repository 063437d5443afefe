package visit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// Check reports why no visit can be made for a request.
func (r *Request) Check() error {
	switch {
	case r.Scenario == nil:
		return errors.New("the request names no scenario: loadgen run and loadgen capacity make requests that do")
	case !slices.Contains(r.Scenario.Cells(), r.Cell):
		return fmt.Errorf("the request is for %v, which is no cell of the scenario %s", r.Cell, r.Scenario.Name)
	case !(r.Turns >= 0):
		return fmt.Errorf("the request has turns of %v: want 0 or more", r.Turns)
	}
	return nil
}

// Pin returns what the visits of a scenario by a program depend on, once its replays have
// been read.
func Pin(program string, s *scenarios.Scenario) ([]results.Input, error) {
	pinned, err := PinProgram(program)
	if err != nil {
		return nil, err
	}
	more, err := pinScenario(s)
	return append(pinned, more...), err
}

// PinProgram returns the program as the only input, for visits of a scenario that is derived from earlier visits.
func PinProgram(program string) ([]results.Input, error) {
	digest, err := digestOf(program)
	if err != nil {
		return nil, fmt.Errorf("reading the program that makes visits: %w", err)
	}
	return []results.Input{{Kind: results.Program, Name: program, SHA256: digest}}, nil
}

// PinServices returns the programs of the services that the visits of a scenario start.
func PinServices(s *scenarios.Scenario, p Provided) (inputs []results.Input, err error) {
	paths := servicePrograms(s)
	for _, path := range p.Programs {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		if strings.Contains(path, "{{") { // {{loadgen}} is pinned anyway
			continue
		}
		found, err := exec.LookPath(path)
		if err != nil {
			return nil, fmt.Errorf("the program of the service: %w", err)
		}
		digest, err := digestOf(found)
		if err != nil {
			return nil, fmt.Errorf("reading the program of the service: %w", err)
		}
		inputs = append(inputs, results.Input{Kind: results.Started, Name: found, SHA256: digest})
	}
	return inputs, nil
}

// pinScenario returns the replay files and the scenario.
func pinScenario(s *scenarios.Scenario) (inputs []results.Input, err error) {
	for _, f := range s.ReplayFiles() {
		inputs = append(inputs, results.Input{Kind: results.Replay, Name: f.Path, SHA256: f.SHA256})
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(text)
	return append(inputs, results.Input{Kind: results.Resolved, Name: s.Name,
		SHA256: hex.EncodeToString(digest[:])}), nil
}

// digestOf returns the SHA-256 of a file, in hexadecimal.
func digestOf(path string) (digest string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// A ChangedError reports an input that has changed since the run began.
type ChangedError struct{ Input results.Input }

// Error says which input has changed, and what to do.
func (e *ChangedError) Error() string {
	switch e.Input.Kind {
	case results.Program, results.Started:
		return fmt.Sprintf("the program %s has changed since the run began: build it, and do not change it until the "+
			"run has ended", e.Input.Name)
	case results.Replay:
		return fmt.Sprintf("%s, which is replayed, has changed since the run began: replay a copy that no program "+
			"writes to", e.Input.Name)
	}
	return fmt.Sprintf("the scenario %s is not the one that the run began with (a fault of loadgen; please report it)",
		e.Input.Name)
}

// open reads the replays of the scenario, and compares the inputs of this process with the inputs of the run. A file
// that is missing or no longer a replay counts as changed.
func (r *Request) open() error {
	readErr := r.Scenario.ReadReplays()
	if len(r.Inputs) == 0 {
		return readErr
	}
	have, err := pinScenario(r.Scenario)
	if err != nil {
		return err
	}
	for _, in := range r.Inputs {
		if in.Kind == results.Program || in.Kind == results.Started {
			// This process was started from the file before it is read here.
			if digest, err := digestOf(in.Name); err != nil || digest != in.SHA256 {
				return &ChangedError{in}
			}
		} else if !slices.Contains(have, in) {
			return &ChangedError{in}
		}
	}
	return readErr
}
