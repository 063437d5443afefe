package results

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"golang.org/x/perf/benchfmt"
)

// Read reads the run.json at path, or in the directory at path. A field it does
// not know is an error: it would be lost.
func Read(path string) (*Run, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, JSONFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("results: %w: want the directory of a run, or its %s", err, JSONFile)
	}
	// The version first: what it does not know may be what a later one has added.
	var version struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, jsonError(path, data, err)
	}
	if version.Schema != Schema {
		return nil, fmt.Errorf("results: %s is of version %d: want version %d", path, version.Schema, Schema)
	}
	var r Run
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return nil, jsonError(path, data, err)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("results: %s: %w", path, err)
	}
	return &r, nil
}

func jsonError(path string, data []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		line := 1 + bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n"))
		return fmt.Errorf("results: %s:%d: not JSON: %w", path, line, err)
	}
	return fmt.Errorf("results: %s: %w", path, err)
}

func (r *Run) check() error {
	if r.Scenario == nil {
		return errors.New("no scenario")
	}
	for i, v := range r.Visits {
		if v == nil {
			return fmt.Errorf("visit %d is null", i+1)
		}
		if v.Error != "" {
			continue
		}
		if v.Record == nil {
			return fmt.Errorf("visit %d has neither a record nor an error", i+1)
		}
		rec := v.Record
		if rec.Latency == nil || rec.Service == nil || rec.Queue == nil || rec.Generator == nil || rec.FailedLatency == nil {
			return fmt.Errorf("visit %d lacks a histogram", i+1)
		}
		if rec.Offered != rec.Done+rec.Failed+rec.Dropped+rec.Unfinished || rec.Latency.Count() != rec.Done {
			return fmt.Errorf("visit %d: its counts do not add up", i+1)
		}
	}
	return nil
}

// ReadBench reads Go benchmark text, ours or anyone's. Lines that are not valid,
// values that are not finite, and a file without results are errors that name
// the line; the results that could be read are returned as well.
func ReadBench(path string) ([]*benchfmt.Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	defer f.Close()
	var (
		all  []*benchfmt.Result
		errs []error
	)
	r := benchfmt.NewReader(f, path)
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.SyntaxError:
			errs = append(errs, fmt.Errorf("results: %w", rec))
		case *benchfmt.Result:
			if err := finite(rec); err != nil {
				errs = append(errs, err)
				continue
			}
			all = append(all, rec.Clone())
		}
	}
	if err := r.Err(); err != nil {
		errs = append(errs, fmt.Errorf("results: %s: %w", path, err))
	}
	if len(all) == 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("results: %s: no benchmark results: want lines that begin with Benchmark", path))
	}
	return all, errors.Join(errs...)
}

func finite(r *benchfmt.Result) error {
	for _, v := range r.Values {
		if math.IsNaN(v.Value) || math.IsInf(v.Value, 0) {
			file, line := r.Pos()
			return fmt.Errorf("results: %s:%d: %v %s: want a finite number", file, line, v.Value, v.Unit)
		}
	}
	return nil
}
