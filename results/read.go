package results

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/internal/jsonfile"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/scenarios"
)

// Read reads the run.json at path, or in the directory at path. It accepts this version of the schema and earlier
// versions, and ignores unknown fields. If a file was cut off, for example by a power failure, Read returns the
// visits before the cut, and the run's status is [Partial].
func Read(path string) (*Run, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, JSONFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("results: %w: want the directory of a run, or its %s", err, JSONFile)
	}
	return parse(path, data)
}

// parse parses data, the content of the run.json at path.
func parse(path string, data []byte) (*Run, error) {
	if whole, ok := mended(data); ok {
		data = whole
	}
	// The version is read first: a later schema may have fields that fail to decode.
	var version struct {
		Schema int `json:"schema"`
	}
	var kind *json.UnmarshalTypeError
	switch err := json.Unmarshal(data, &version); {
	case errors.As(err, &kind) || err == nil && version.Schema == 0:
		return nil, fmt.Errorf("results: %s is not a run of loadgen: want the directory of a run, or its %s", path,
			JSONFile)
	case err != nil:
		return nil, jsonError(path, data, err)
	case version.Schema < 1:
		return nil, fmt.Errorf("results: %s has schema %d: want 1 to %d", path, version.Schema, Schema)
	case version.Schema > Schema:
		return nil, fmt.Errorf("results: %s has schema %d, which a later loadgen wrote, and this one reads up to %d: "+
			"install a later one (go install github.com/loadgen-go/loadgen/cmd/loadgen@latest)",
			path, version.Schema, Schema)
	}
	var r Run
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, jsonError(path, data, err)
	}
	if r.Schema == 1 {
		r.upgrade()
	}
	if r.Scenario != nil {
		r.Scenario.Adopt(r.cells())
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("results: %s: %w", path, err)
	}
	return &r, nil
}

// cells returns the cells of the visits.
func (r *Run) cells() (cells []scenarios.Cell) {
	for _, v := range r.Visits {
		if v != nil {
			cells = append(cells, v.Cell)
		}
	}
	return cells
}

// upgrade converts visits of schema 1 to schema 2. Schema 1 has no histogram of hiccups, and no field for missed
// calls.
func (r *Run) upgrade() {
	for _, v := range r.Visits {
		if v == nil || v.Record == nil || v.Record.Hiccups != nil {
			continue
		}
		v.Record.Hiccups = quantile.NewHDR()
		known := v.Record.Done + v.Record.Failed + v.Record.Dropped
		v.Record.Missed = v.Record.Offered - min(known, v.Record.Offered)
	}
}

// mended returns the text of a run.json that was cut off, ended after its last complete visit. Each visit
// has a line of its own. It returns false if data is valid JSON, or was cut off within the header.
func mended(data []byte) ([]byte, bool) {
	if json.Valid(data) {
		return nil, false
	}
	data = bytes.TrimRight(data, "\x00\n") // some file systems fill unwritten blocks with zeros
	lines := bytes.Split(data, []byte("\n"))
	if !bytes.HasSuffix(lines[0], []byte(`"visits":[`)) {
		return nil, false
	}
	if n := len(lines) - 1; n > 0 && !json.Valid(bytes.TrimSuffix(lines[n], []byte(","))) {
		lines = lines[:n]
	}
	whole := bytes.TrimSuffix(bytes.Join(lines, []byte("\n")), []byte(","))
	whole = fmt.Appendf(whole, "\n],\"status\":%q}\n", Partial)
	return whole, json.Valid(whole)
}

// jsonError returns err with the path and, if it is a syntax error, the line.
func jsonError(path string, data []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		if filepath.Ext(path) == filepath.Ext(BenchFile) {
			return fmt.Errorf("results: %s is Go benchmark text: want the %s beside it", path, JSONFile)
		}
		return fmt.Errorf("results: %s: not JSON: %w", jsonfile.Place(path, data, err), err)
	}
	return fmt.Errorf("results: %s: %w", jsonfile.Place(path, data, err), err)
}

// check returns an error if r has no scenario, or if a visit contradicts the scenario or itself.
func (r *Run) check() error {
	if r.Scenario == nil {
		return errors.New("no scenario")
	}
	if r.Status != Complete && r.Status != Partial {
		return fmt.Errorf("status is %q: want %s or %s", r.Status, Complete, Partial)
	}
	cells := r.Scenario.Cells()
	type place struct {
		cell  scenarios.Cell
		round int
	}
	seen := map[place]bool{}
	for i, v := range r.Visits {
		if v == nil {
			return fmt.Errorf("visit %d is null", i+1)
		}
		if v.Round < 1 || v.Round > r.Scenario.Rounds || !slices.Contains(cells, v.Cell) {
			return fmt.Errorf("visit %d is of %v in round %d, which the scenario does not have", i+1, v.Cell, v.Round)
		}
		where := place{v.Cell, v.Round}
		if seen[where] {
			return fmt.Errorf("visit %d is the second of %v in round %d", i+1, v.Cell, v.Round)
		}
		seen[where] = true
		if err := v.Check(); err != nil {
			return fmt.Errorf("visit %d: %w", i+1, err)
		}
	}
	return nil
}

// Check reports why v is no visit: it has neither an error nor a record, or its record lacks a histogram or has counts
// that do not add up.
func (v *Visit) Check() error {
	if v.Error != "" {
		return nil
	}
	if err := checkRecord(v.Record); err != nil {
		return err
	}
	return errors.Join(v.Sending.check(), v.Service.check())
}

func checkRecord(r *record.Record) error {
	if r == nil {
		return errors.New("neither a record nor an error")
	}
	if r.Hiccups == nil {
		return errors.New("no histogram of hiccups")
	}
	for name, c := range map[string]struct {
		hist *quantile.HDR
		n    uint64
	}{
		"latency": {r.Latency, r.Done}, "service": {r.Service, r.Done}, "failed_latency": {r.FailedLatency, r.Failed},
		"queue_lag": {r.Queue, r.Done + r.Failed}, "generator_lag": {r.Generator, r.Done + r.Failed},
	} {
		switch {
		case c.hist == nil:
			return fmt.Errorf("no histogram of %s", name)
		case c.hist.Count() != c.n:
			return fmt.Errorf("its counts do not add up: %d values of %s, want %d", c.hist.Count(), name, c.n)
		}
	}
	if err := checkPhases(r); err != nil {
		return err
	}
	if r.Offered != r.Done+r.Failed+r.Dropped+r.Missed {
		return fmt.Errorf("its counts do not add up: %d calls offered", r.Offered)
	}
	return nil
}

// checkPhases returns an error if r has phases that lack a histogram or whose counts do not add up. Calls that did not
// report their phases are in none.
func checkPhases(r *record.Record) error {
	if r.Phases == nil {
		return nil
	}
	p := r.Phases
	if p.Write == nil || p.Wait == nil || p.Read == nil {
		return errors.New("no histogram of a phase: want write, wait and read")
	}
	if n := p.Write.Count(); n > r.Done || p.Wait.Count() != n || p.Read.Count() != n {
		return fmt.Errorf("its counts do not add up: %d, %d and %d values of write, wait and read, of %d calls done",
			n, p.Wait.Count(), p.Read.Count(), r.Done)
	}
	return nil
}
