package capacity

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/fleet"
	"github.com/loadgen-go/loadgen/internal/jsonfile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// schema is the version of capacity.json that this package writes and reads.
const schema = fleet.Schema

// FileName is the name of the file in the directory of a search.
const FileName = "capacity.json"

// A File is the content of capacity.json. It holds the whole state of a search, so that the search can be resumed.
type File struct {
	Schema      int                 `json:"schema"`
	Kind        string              `json:"kind"`   // capacity
	Status      results.Status      `json:"status"` // partial until the search has ended
	Began       time.Time           `json:"began"`
	Scenario    *scenarios.Scenario `json:"scenario"`              // of the probes, whose rates the search chooses
	Require     float64             `json:"require_qps,omitempty"` // rate that every arm must carry; 0 means none
	Environment results.Environment `json:"environment"`
	Inputs      []results.Input     `json:"inputs,omitempty"` // that every probe was held to: the program
	Search      *Search             `json:"search"`
	// Digest is the digest of what the probes depend on: see [File.digest]. The evidence is valid only for that.
	Digest string   `json:"digest"`
	Probes []*Probe `json:"probes"`
	Answer Answer   `json:"answer"`

	// Workers are the numbers of workers at which throughput is measured after the search, if
	// any. Throughputs are the results, and Scaling the fitted laws: see [File.Scale].
	Workers     []int         `json:"scaling_workers,omitempty"`
	Throughputs []Throughput  `json:"scaling_visits,omitempty"`
	Scaling     []fleet.Curve `json:"scaling,omitempty"`
}

// Write writes the file into a directory, and creates the directory if necessary. It replaces the previous file
// atomically, so that the file is complete at any time.
func (f *File) Write(dir string) error {
	f.Schema, f.Kind = schema, "capacity"
	digest, err := f.digest()
	if err != nil {
		return fmt.Errorf("capacity: %w", err)
	}
	f.Digest = digest
	data, err := f.JSON()
	if err != nil {
		return fmt.Errorf("capacity: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("capacity: %w", err)
	}
	path := filepath.Join(dir, FileName)
	if err := os.WriteFile(path+".new", data, 0o644); err != nil {
		return fmt.Errorf("capacity: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("capacity: %w", err)
	}
	return nil
}

// Extend gives the search another budget, which includes the time already spent. It returns an error if the
// budget is not valid.
func (f *File) Extend(budget time.Duration) error {
	o := f.Search.Options()
	o.Budget = budget
	longer, err := New(o)
	if err != nil {
		return err
	}
	for _, e := range f.Search.Evidence() {
		longer.Add(e)
	}
	f.Search = longer
	return nil
}

// JSON returns the content of the file.
func (f *File) JSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(f)
	return b.Bytes(), err
}

// ReadFile reads the file at path, or in the directory at path.
func ReadFile(path string) (*File, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, FileName)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: want the directory of a capacity search", err)
	}
	return parse(path, data)
}

// parse parses data, the content of the file at path.
func parse(path string, data []byte) (*File, error) {
	var head struct{ Schema int }
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("%s: not JSON: %w", jsonfile.Place(path, data, err), err)
	}
	if head.Schema != schema {
		return nil, fmt.Errorf("%s: schema %d: want %d, which this version of loadgen writes", path, head.Schema,
			schema)
	}
	f := &File{}
	if err := json.Unmarshal(data, f); err != nil {
		return nil, fmt.Errorf("%s: %w", jsonfile.Place(path, data, err), err)
	}
	if f.Scenario == nil || f.Search == nil {
		return nil, fmt.Errorf("%s: no scenario, or no search: want what loadgen capacity wrote", path)
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("%s: %w: want what loadgen capacity wrote", path, err)
	}
	digest, err := f.digest()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if f.Digest != digest {
		return nil, fmt.Errorf("%s: the scenario or the options of the search have changed since its probes were "+
			"made, so that the probes do not apply to them: undo the change, or begin another search", path)
	}
	return f, nil
}

// check returns an error if the content contradicts itself or could not have been written by a search.
func (f *File) check() error {
	if !(f.Require >= 0 && f.Require <= mostRate) {
		return fmt.Errorf("the required rate is %v/s", f.Require)
	}
	if probes, evidence := len(f.Probes), len(f.Search.evidence); probes != evidence {
		return fmt.Errorf("probes %d, evidence of %d", probes, evidence)
	}
	for i, e := range f.Search.evidence {
		switch p := f.Probes[i]; {
		case p == nil || p.Evidence.Ask != e.Ask:
			return fmt.Errorf("probe %d does not match the evidence", i+1)
		case f.Search.arms[e.Arm] == nil:
			return fmt.Errorf("probe %d has the arm %q, which the search does not have", i+1, e.Arm)
		}
	}
	for _, n := range f.Workers {
		if n < 1 {
			return fmt.Errorf("throughput with %d workers", n)
		}
	}
	return nil
}

// digest returns the SHA-256, in hexadecimal, of what the probes depend on: the scenario, and the options of the
// search except its budget, which may be extended.
func (f *File) digest() (string, error) {
	o := f.Search.Options()
	o.Budget = 0
	probed := *f.Scenario
	probed.Compare = nil // probes compare nothing, and a file without comparisons is read with the default ones
	data, err := json.Marshal(struct {
		Scenario *scenarios.Scenario
		Options  Options
	}{&probed, o})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", sha256.Sum256(data)), nil
}
