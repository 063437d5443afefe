package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A Writer writes the files of a run. It is for one goroutine.
type Writer struct {
	dir    string
	header Header
	bench  *os.File
	json   *os.File
	end    int64 // of the visits in json: what follows is written anew with each
	visits int
}

// Create starts the files of a run in dir, which is made if need be. A run that
// is there already is an error: what was measured is not overwritten.
func Create(dir string, h Header) (*Writer, error) {
	h.Schema = Schema
	w := &Writer{dir: dir, header: h}
	if err := w.create(); err != nil {
		return nil, errors.Join(err, w.closeFiles())
	}
	return w, nil
}

func (w *Writer) create() (err error) {
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	if w.json, err = create(w.JSONPath()); err != nil {
		return err
	}
	if w.bench, err = create(w.BenchPath()); err != nil {
		return errors.Join(err, os.Remove(w.JSONPath())) // leave no half of a run
	}
	if _, err := w.bench.WriteString(benchHeader(&w.header)); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	head, err := json.Marshal(w.header)
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	return w.append(append(head[:len(head)-1], `,"visits":[`...), Partial)
}

func create(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("results: %s holds a run already: want a new directory, or remove it first", path)
	}
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	return f, nil
}

// append writes text after the visits so far, and the end of the document.
func (w *Writer) append(text []byte, s Status) error {
	whole := append(slices.Clip(text), fmt.Sprintf("\n],\"status\":%q}\n", s)...)
	if _, err := w.json.WriteAt(whole, w.end); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	w.end += int64(len(text))
	return w.json.Truncate(w.end + int64(len(whole)-len(text)))
}

// Add writes one visit to both files. One that is not [Visit.Usable], or had no
// call, stands in run.bench as a comment only.
func (w *Writer) Add(v *Visit) error {
	lines, err := benchLines(&w.header, v)
	if err != nil {
		return err
	}
	record, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("results: %v, round %d: %w", v.Cell, v.Round, err)
	}
	separator := "\n"
	if w.visits > 0 {
		separator = ",\n"
	}
	w.visits++
	if err := w.append(append([]byte(separator), record...), Partial); err != nil {
		return err
	}
	if _, err := w.bench.WriteString(lines); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	return nil
}

// Close ends the files with the status of the run.
func (w *Writer) Close(s Status) error {
	var errs []error
	if s != Complete {
		_, err := fmt.Fprintf(w.bench, "# %s: ended after %d of %d visits\n", s, w.visits, w.header.Scenario.Visits())
		errs = append(errs, err)
	}
	errs = append(errs, w.append(nil, s), w.closeFiles())
	return errors.Join(errs...)
}

func (w *Writer) closeFiles() error {
	var errs []error
	for _, f := range []*os.File{w.bench, w.json} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// BenchPath is where run.bench is.
func (w *Writer) BenchPath() string { return filepath.Join(w.dir, BenchFile) }

// JSONPath is where run.json is.
func (w *Writer) JSONPath() string { return filepath.Join(w.dir, JSONFile) }

// benchHeader is what stands before the first line of run.bench. Configuration
// keys hold only what must be equal for a comparison, since benchstat compares
// nothing across a key that differs; where the run came from is in a comment.
func benchHeader(h *Header) string {
	var b strings.Builder
	s, e := h.Scenario, &h.Environment
	fmt.Fprintf(&b, "# loadgen %d  seed=%d  commit=%s  began=%s  rounds=%d  order=random\n",
		h.Schema, s.Seed, orUnknown(e.Commit), h.Began.UTC().Format(time.RFC3339), s.Rounds)
	for _, c := range [][2]string{
		{"goos", e.GOOS},
		{"goarch", e.GOARCH},
		{"pkg", h.pkg()},
		{"cpu", orUnknown(e.CPU)},
		{"arrivals", arrivals(s)},
		{"loop", Loop(s)},
		{"pace", s.Pace.String()},
		{"overload", s.Overload.String()},
		{"workers", workers(s)},
		{"handlers", describe(&s.Handlers)},
	} {
		fmt.Fprintf(&b, "%s: %s\n", c[0], c[1])
	}
	if s.FailedApart {
		b.WriteString("failed: apart\n")
	}
	for _, u := range Units {
		if u.Better != "" {
			fmt.Fprintf(&b, "Unit %s better=%s\n", u.Name, u.Better)
		}
	}
	b.WriteByte('\n')
	return b.String()
}

// Module is the path of loadgen's module, which holds the map and the estimators.
const Module = "github.com/loadgen-go/loadgen"

// pkg returns the package that holds the target: loadgen's module for the map, and for a program's own target the
// program's main package.
func (h *Header) pkg() string {
	if h.Scenario.Target == scenarios.MapTarget {
		return Module
	}
	return orUnknown(h.Environment.Package)
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// Loop is how calls follow one another: in an open loop they are due when the
// schedule says, in a closed one when the call before has ended.
func Loop(s *scenarios.Scenario) string {
	if s.Closed {
		return record.ClosedLoop
	}
	return record.OpenLoop
}

// arrivals are the process of the calls; in a closed loop, the time that workers
// think.
func arrivals(s *scenarios.Scenario) string {
	if s.Closed {
		return fmt.Sprintf("think=%v", s.Think)
	}
	return s.Arrivals.String()
}

func workers(s *scenarios.Scenario) string {
	if s.Workers == 0 {
		return "auto"
	}
	return strconv.Itoa(s.Workers)
}

func describe(h *scenarios.Handlers) string {
	return fmt.Sprintf("keys=%d zipf=%v spin=%v allocate=%d distribution=%s", h.Keys, h.Zipf, h.Spin, h.Allocate,
		h.Distribution)
}

// benchLines are the lines of one visit.
func benchLines(h *Header, v *Visit) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "# round %d, visit %d", v.Round, v.Order)
	switch {
	case v.Error != "":
		first, _, _ := strings.Cut(v.Error, "\n")
		fmt.Fprintf(&b, ": %v was not measured: %s\n", v.Cell, first)
		return b.String(), nil
	case !v.Usable():
		fmt.Fprintf(&b, ": %v was interrupted\n", v.Cell)
		return b.String(), nil
	case v.Record.Offered == 0:
		fmt.Fprintf(&b, ": no call of %v was due\n", v.Cell)
		return b.String(), nil
	}
	var reasons []string
	for _, r := range v.Verdict {
		if !slices.Contains(reasons, r.Name) {
			reasons = append(reasons, r.Name)
		}
	}
	if len(reasons) > 0 {
		b.WriteString(": " + strings.Join(reasons, ", "))
	}
	b.WriteByte('\n')
	if err := benchLine(&b, h.BenchName(v.Cell), v.Record.Done+v.Record.Failed, v.Measurements()); err != nil {
		return "", err
	}
	for _, e := range v.Estimates {
		cell, live := v.Cell, ""
		if cell.Quantile != "" {
			cell.Quantile, live = "", "live="+cell.Quantile+"/"
		}
		name := h.benchName("Estimate", cell, live+"quantile="+e.Quantile)
		if err := benchLine(&b, name, e.N, e.Measurements()); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// BenchName returns the name that visits of a cell have in run.bench, without
// Benchmark.
func (h *Header) BenchName(c scenarios.Cell) string { return h.benchName("Load", c) }

// benchName returns the name of a benchmark of a cell. The number of processors always
// ends it, or a reader takes the end of the last part for it.
func (h *Header) benchName(base string, c scenarios.Cell, more ...string) string {
	parts := append([]string{base, "scenario=" + h.Scenario.Name, "target=" + h.Scenario.Target, c.Arm(),
		c.Level.Name()}, more...)
	return fmt.Sprintf("%s-%d", strings.Join(parts, "/"), h.Environment.GOMAXPROCS)
}

// benchLine writes one line of Go benchmark text. What is nothing in a unit that is
// rescaled, such as a CPU time that rounds to 0, is left out.
func benchLine(b *strings.Builder, name string, n uint64, all []Measurement) error {
	if strings.ContainsAny(name, " \t\n") {
		return fmt.Errorf("results: a blank in the name %q: want none", name)
	}
	fmt.Fprintf(b, "Benchmark%s %d", name, n)
	for _, m := range all {
		if m.Value == 0 && rescaled(m.Unit) {
			continue
		}
		if err := m.check(); err != nil {
			return fmt.Errorf("results: %s: %w", name, err)
		}
		fmt.Fprintf(b, " %s %s", strconv.FormatFloat(m.Value, 'f', -1, 64), m.Unit)
	}
	b.WriteByte('\n')
	return nil
}

func (m Measurement) check() error {
	switch {
	case !slices.ContainsFunc(Units, func(u Unit) bool { return u.Name == m.Unit }):
		return fmt.Errorf("unit %q is not one of Units", m.Unit)
	case math.IsNaN(m.Value) || math.IsInf(m.Value, 0):
		return fmt.Errorf("%v %s: want a finite number", m.Value, m.Unit)
	}
	return nil
}
