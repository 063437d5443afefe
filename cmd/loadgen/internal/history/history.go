// Package history stores what benchmarks measured at successive commits, in a file of
// JSON with one record per line, to which records are only ever appended.
package history

import (
	"bytes"
	"context"
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
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
)

// DefaultFile is the path of a project's history.
const DefaultFile = "results/history.jsonl"

// Schema is the version of a record. Other versions are refused.
const Schema = 1

// A Record holds what was measured at one commit on one machine.
type Record struct {
	Schema  int       `json:"schema"`
	Commit  string    `json:"commit"`
	Time    time.Time `json:"time"` // of the commit, or of the run if it has none
	Machine string    `json:"machine"`
	Cells   []Cell    `json:"cells"`
}

// A Cell is one benchmark in one unit. Units are in benchstat's form, such as sec instead of ns.
type Cell struct {
	Name   string  `json:"cell"` // the package, if it is known, a dot, and the benchmark
	Unit   string  `json:"unit"`
	Median float64 `json:"median"`
	N      int     `json:"n"` // number of values
	// Low and High are the ends of a 95% interval for the median; nil if there are
	// too few values.
	Low  *float64 `json:"low,omitempty"`
	High *float64 `json:"high,omitempty"`
}

// Append appends a record to a file, and creates the file if necessary. It locks the file, so that
// processes that append at the same time do not mix their lines. If it cannot write the whole
// record, it removes the part that it wrote. It shows on p that it waits for another process, unless ctx ends.
func Append(ctx context.Context, path string, r *Record, p *terminal.Progress) (err error) {
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
	defer func() { err = errors.Join(err, f.Close()) }() // also unlocks the file
	if err := lockFile(ctx, f, p); err != nil {
		return fmt.Errorf("history: locking %s: %w", path, err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	// A record must not be appended to an incomplete last line.
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

// lockFile locks f, and shows on p if it waits for another process.
func lockFile(ctx context.Context, f *os.File, p *terminal.Progress) error {
	err := lock.Try(f)
	if !errors.Is(err, lock.ErrLocked) {
		return err
	}
	defer p.Doing("waiting for another process that writes " + f.Name())()
	return lock.Wait(ctx, f)
}

// Read reads the records of a file, sorted by time. Lines that are not records are errors with
// their place. The other records are returned even if there is an error.
func Read(path string) ([]Record, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("history: %w: 'loadgen history record' creates it", err)
	}
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	var records []Record
	var errs []error
	number := 0
	for line := range bytes.Lines(data) {
		number++
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		r, err := parse(line)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", path, number, err))
			continue
		}
		records = append(records, r)
	}
	if len(records) == 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("%s: no records: 'loadgen history record' adds them", path))
	}
	slices.SortStableFunc(records, func(a, b Record) int { return a.Time.Compare(b.Time) })
	return records, errors.Join(errs...)
}

// parse parses one line. A record of another schema and an incomplete record are errors.
func parse(line []byte) (r Record, err error) {
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("no record: %w: correct the line, or remove it", err)
	}
	switch {
	case r.Schema != Schema:
		return r, fmt.Errorf("a record of schema %d, but this loadgen reads %d: use the loadgen that wrote it",
			r.Schema, Schema)
	case strings.ContainsFunc(r.Commit, unicode.IsControl):
		return r, fmt.Errorf("no record: commit %q has a control character: correct the line, or remove it",
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
