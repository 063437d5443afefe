package results

import (
	"cmp"
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

// A Writer writes the files of a run. It must not be used by several goroutines at once.
type Writer struct {
	dir    string
	header Header
	bench  *os.File
	json   *os.File
	end    int64 // offset after the last visit in json; the text after it is rewritten with each visit
	visits int
}

// Create creates the files of a run in dir, and dir itself if necessary. It returns an error if dir already holds
// a run, and never overwrites one.
func Create(dir string, h Header) (*Writer, error) {
	h.Schema = Schema
	w := &Writer{dir: dir, header: h}
	if err := w.create(); err != nil {
		return nil, errors.Join(err, w.closeFiles())
	}
	return w, nil
}

// create creates both files and writes their headers.
func (w *Writer) create() (err error) {
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	if w.json, err = create(w.JSONPath()); err != nil {
		return err
	}
	if w.bench, err = create(w.BenchPath()); err != nil {
		return errors.Join(err, os.Remove(w.JSONPath())) // do not leave half a run
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

// create creates a file that does not exist yet.
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

// append writes text after the last visit, followed by the end of the document.
func (w *Writer) append(text []byte, s Status) error {
	whole := append(slices.Clip(text), fmt.Sprintf("\n],\"status\":%q}\n", s)...)
	if _, err := w.json.WriteAt(whole, w.end); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	w.end += int64(len(text))
	return w.json.Truncate(w.end + int64(len(whole)-len(text)))
}

// Add writes one visit to both files. A visit that is not [Visit.Usable], or that had no calls,
// is only a comment in run.bench.
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

// Close writes the status of the run and closes the files.
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

// BenchPath returns the path of run.bench.
func (w *Writer) BenchPath() string { return filepath.Join(w.dir, BenchFile) }

// JSONPath returns the path of run.json.
func (w *Writer) JSONPath() string { return filepath.Join(w.dir, JSONFile) }

// benchHeader returns the text before the first line of results in run.bench. Configuration keys hold only
// what must be equal for a comparison, since benchstat does not compare results whose keys differ. The
// origin of the run is in a comment.
func benchHeader(h *Header) string {
	var b strings.Builder
	s, e := h.Scenario, &h.Environment
	fmt.Fprintf(&b, "# loadgen %d  seed=%d  commit=%s  began=%s  rounds=%d  order=random\n",
		h.Schema, s.Seed, cmp.Or(e.Commit, "unknown"), h.Began.UTC().Format(time.RFC3339), s.Rounds)
	for _, c := range [][2]string{
		{"goos", e.GOOS},
		{"goarch", e.GOARCH},
		{"pkg", h.pkg()},
		{"cpu", cmp.Or(e.CPU, "unknown")},
		{"arrivals", arrivals(s)},
		{"loop", Loop(s)},
		{"pace", s.Pace.String()},
		{"overload", s.Overload.String()},
		{"workers", workers(s)},
		called(s),
	} {
		fmt.Fprintf(&b, "%s: %s\n", c[0], c[1])
	}
	if s.FailedApart {
		b.WriteString("failed: apart\n")
	}
	for _, u := range allUnits {
		if u.Better != "" {
			fmt.Fprintf(&b, "Unit %s better=%s\n", u.Name, u.Better)
		}
	}
	b.WriteByte('\n')
	return b.String()
}

// Module is the path of loadgen's module, which holds the map and the estimators.
const Module = "github.com/loadgen-go/loadgen"

// pkg returns the package that holds the target: loadgen's module for the map and for a service, and for a program's
// own target the program's main package.
func (h *Header) pkg() string {
	for _, target := range h.Scenario.Arms(scenarios.Target) {
		if !scenarios.BuiltIn(target) && !scenarios.IsService(target) {
			return cmp.Or(h.Environment.Package, "unknown")
		}
	}
	return Module
}

// Loop returns the kind of loop. In an open loop calls are due when the schedule says; in a closed loop a
// call is due when the worker's previous call has ended.
func Loop(s *scenarios.Scenario) string {
	switch {
	case s.Closed:
		return record.ClosedLoop
	case s.AlsoClosed: // the name of a benchmark says which
		return record.OpenLoop + "+" + record.ClosedLoop
	}
	return record.OpenLoop
}

// arrivals returns the arrival process or, for a closed loop, the think time.
func arrivals(s *scenarios.Scenario) string {
	if s.Closed {
		return fmt.Sprintf("think=%v", s.Think)
	}
	return s.Arrivals.String()
}

// workers returns the number of workers, or "auto".
func workers(s *scenarios.Scenario) string {
	if s.Workers == 0 {
		return "auto"
	}
	return strconv.Itoa(s.Workers)
}

// called returns the configuration line about what is called: the handlers, or the protocol of a service.
func called(s *scenarios.Scenario) [2]string {
	if s.CallsService() {
		return [2]string{"protocol", s.Called().Protocol()}
	}
	return [2]string{"handlers", describe(&s.Handlers)}
}

// describe returns the settings of the handlers as text.
func describe(h *scenarios.Handlers) string {
	return fmt.Sprintf("keys=%d zipf=%v spin=%v allocate=%d distribution=%s", h.Keys, h.Zipf, h.Spin, h.Allocate,
		h.Distribution)
}

// benchLines returns the lines of one visit.
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
		if arm := cell.Value(scenarios.Quantile); arm != "" {
			cell, live = cell.With(scenarios.Quantile, ""), "live="+arm+"/"
		}
		name := h.benchName("Estimate", cell, live+"quantile="+e.Quantile)
		if err := benchLine(&b, name, e.N, e.Measurements()); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// CellName returns a cell's arm and level as they stand in the names of run.bench: spans=sdk/load=ramp:1k..20k@1m.
func CellName(c scenarios.Cell) string { return c.Arm() + "/" + c.Level.Name() }

// BenchName returns the name of a cell's visits in run.bench, without the prefix Benchmark.
func (h *Header) BenchName(c scenarios.Cell) string { return h.benchName("Load", c) }

// benchName returns the name of a cell's benchmark. It always ends with the number of processors;
// otherwise a reader would take the end of the last part for that number.
func (h *Header) benchName(base string, c scenarios.Cell, more ...string) string {
	parts := []string{base, "scenario=" + h.Scenario.Name, "target=" + h.Scenario.TargetOf(c)}
	if arm := c.With(scenarios.Target, "").Arm(); arm != "" {
		parts = append(parts, arm)
	}
	parts = append(append(parts, c.Level.Name()), more...)
	return fmt.Sprintf("%s-%d", strings.Join(parts, "/"), h.Environment.GOMAXPROCS)
}

// benchLine writes one line of Go benchmark text. It omits a zero in a unit that tools rescale, such as a
// CPU time that rounds to 0.
func benchLine(b *strings.Builder, name string, n uint64, measurements []Measurement) error {
	if strings.ContainsAny(name, " \t\n") {
		return fmt.Errorf("results: the benchmark name %q contains white space: rename that part of it", name)
	}
	fmt.Fprintf(b, "Benchmark%s %d", name, n)
	for _, m := range measurements {
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

// check returns an error if the unit of m is unknown or its value is not finite.
func (m Measurement) check() error {
	switch {
	case !slices.ContainsFunc(allUnits, func(u Unit) bool { return u.Name == m.Unit }):
		return fmt.Errorf("unit %q is not one of Units", m.Unit)
	case math.IsNaN(m.Value) || math.IsInf(m.Value, 0):
		return fmt.Errorf("%v %s: want a finite number", m.Value, m.Unit)
	}
	return nil
}
