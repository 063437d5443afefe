// Package history keeps what benchmarks measured at one commit after another: a file of
// JSON, one record a line, that is only ever added to.
package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/lock"
)

// DefaultFile is where the history of a project is.
const DefaultFile = "results/history.jsonl"

// Schema is the version of a record. A reader refuses others.
const Schema = 1

// A Record is what was measured at one commit on one machine.
type Record struct {
	Schema  int       `json:"schema"`
	Commit  string    `json:"commit"`
	Time    time.Time `json:"time"` // of the commit, or of the run if it has none
	Machine string    `json:"machine"`
	Cells   []Cell    `json:"cells"`
}

// A Cell is one benchmark in one unit. Units are as benchstat has them: sec for ns.
type Cell struct {
	Name   string  `json:"cell"` // the package, if it is known, a dot, and the benchmark
	Unit   string  `json:"unit"`
	Median float64 `json:"median"`
	N      int     `json:"n"` // values of which it is the median
	// Low and High are the ends of an interval of 95% for the median; nil if there are
	// too few values for one.
	Low  *float64 `json:"low,omitempty"`
	High *float64 `json:"high,omitempty"`
}

// Append adds a record at the end of a file, which is made if there is none. Processes
// that append at the same time do not mix their lines: the file is locked meanwhile. What
// cannot be written whole is taken back.
func Append(path string, r *Record) (err error) {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	line = append(line, '\n')
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }() // which unlocks it
	if err := lock.Wait(f); err != nil {
		return fmt.Errorf("history: locking %s: %w", path, err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	// A last line without an end is not one to go on with.
	if last := make([]byte, 1); size > 0 {
		if _, err := f.ReadAt(last, size-1); err != nil {
			return fmt.Errorf("history: %w", err)
		}
		if last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	if _, err := f.Write(line); err != nil {
		return errors.Join(fmt.Errorf("history: %w", err), f.Truncate(size))
	}
	return nil
}

// Read reads the records of a file, by their time. Each line that is none is an error with
// its place; the records are all others.
func Read(path string) ([]Record, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("history: %w: 'loadgen history record' makes it", err)
	}
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	var all []Record
	var errs []error
	at := 0
	for line := range bytes.Lines(data) {
		at++
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		r, err := parse(line)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", path, at, err))
			continue
		}
		all = append(all, r)
	}
	if len(all) == 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("%s: no records: 'loadgen history record' adds them", path))
	}
	slices.SortStableFunc(all, func(a, b Record) int { return a.Time.Compare(b.Time) })
	return all, errors.Join(errs...)
}

// parse reads one line. A record of another schema, or one that lacks something, is none.
func parse(line []byte) (r Record, err error) {
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("no record: %w: correct the line, or remove it", err)
	}
	switch {
	case r.Schema != Schema:
		return r, fmt.Errorf("a record of schema %d, and this loadgen reads %d: use the loadgen that wrote it",
			r.Schema, Schema)
	case strings.ContainsFunc(r.Commit, unicode.IsControl):
		return r, fmt.Errorf("no record: commit %q has a line break or the like: correct the line, or remove it",
			r.Commit)
	case r.Commit == "" || r.Time.IsZero() || len(r.Cells) == 0:
		return r, errors.New("no record: want a commit, a time and cells: correct the line, or remove it")
	}
	var medians struct {
		Cells []struct {
			Median *float64 `json:"median"`
		} `json:"cells"`
	}
	if err := json.Unmarshal(line, &medians); err != nil {
		return r, fmt.Errorf("no record: %w: correct the line, or remove it", err)
	}
	type key struct{ name, unit string }
	seen := map[key]bool{}
	for i, c := range r.Cells {
		if medians.Cells[i].Median == nil {
			return r, fmt.Errorf("cell %d of the record, %s in %s, has no median: correct the line, or remove it",
				i+1, c.Name, c.Unit)
		}
		if seen[key{c.Name, c.Unit}] {
			return r, fmt.Errorf("the record has %s in %s twice: correct the line, or remove it", c.Name, c.Unit)
		}
		seen[key{c.Name, c.Unit}] = true
		if c.Name == "" || c.Unit == "" || c.N < 1 {
			return r, fmt.Errorf("cell %d of the record: want a cell, a unit and n of at least 1: correct the "+
				"line, or remove it", i+1)
		}
	}
	return r, nil
}
