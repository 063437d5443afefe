package fleet

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
	"unicode"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
	"github.com/loadgen-go/loadgen/results"
)

// FileName is of the file in the directory of a search for capacity.
const FileName = "capacity.json"

// Schema is the version of a search's file, capacity.json, that loadgen capacity writes and this package reads.
const Schema = 2

// A file is what is read of it. The rest is not looked at.
type file struct {
	Schema      int                  `json:"schema"`
	Status      results.Status       `json:"status"`
	Environment *results.Environment `json:"environment"`
	Answer      struct {
		Arms []answer `json:"arms"`
	} `json:"answer"`
	Probes  []probe   `json:"probes"`
	Scaling []scaling `json:"scaling"`
}

type answer struct {
	Arm              string
	Verdict          string
	Holds, Low, High float64
	Confirmed        float64 // the rate at which a longer probe held
	NotMonotone      string
}

type probe struct {
	Evidence struct {
		Arm            string
		Rate, Achieved float64
		Limited        string
	}
	Cores    float64 // that the calls kept busy
	InSystem float64 `json:"in_system"` // calls, in the mean
}

// scaling are throughputs of an arm at several degrees of concurrency.
type scaling struct {
	Arm    string
	Of     string // what N counts: workers, GOMAXPROCS
	Points []usl.Point
}

// Read reads what loadgen capacity measured: path is its directory, or its file.
// Everything that is wrong in it is reported.
func Read(path string) (*Measured, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, FileName)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(path, data)
}

func parse(path string, data []byte) (*Measured, error) {
	var f file
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("%s is not what loadgen capacity writes: %w", place(path, data, err), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s is not what loadgen capacity writes: it goes on after its end", path)
	}
	if f.Schema != Schema {
		return nil, fmt.Errorf("%s: its schema is %d: want %d, which loadgen capacity of this version writes", path, f.Schema, Schema)
	}
	m, err := f.measured()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m.Source = path
	return m, nil
}

// place is path, with the line of an error if it has one.
func place(path string, data []byte, err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	offset := int64(-1)
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	}
	if offset < 0 || offset > int64(len(data)) {
		return path
	}
	return fmt.Sprintf("%s:%d", path, 1+bytes.Count(data[:offset], []byte("\n")))
}

// measured are the arms that have a capacity; of the others a warning says why not.
func (f *file) measured() (*Measured, error) {
	m := &Measured{Environment: f.Environment}
	var errs []error
	var left []string
	for i, a := range f.Answer.Arms {
		if a.Arm == "" || strings.ContainsFunc(a.Arm, func(r rune) bool { return !unicode.IsPrint(r) }) {
			errs = append(errs, fmt.Errorf("arm %d: its name is %q: want one that can be printed", i+1, a.Arm))
			continue
		}
		if slices.ContainsFunc(f.Answer.Arms[:i], func(b answer) bool { return b.Arm == a.Arm }) {
			errs = append(errs, fmt.Errorf("arm %d: there is another %s", i+1, a.Arm))
			continue
		}
		if why := a.unusable(); why != "" {
			left = append(left, a.Arm+" is left out: "+why)
			continue
		}
		c := Capacity{Arm: a.Arm, Holds: a.Holds, Low: a.Low, High: a.High, Bound: a.Verdict == holdsThroughout, CPU: f.cpu(a)}
		if err := c.check(); err != nil {
			errs = append(errs, fmt.Errorf("arm %s: %w", a.Arm, err))
		}
		m.Arms = append(m.Arms, c)
		m.Warnings = append(m.Warnings, a.warnings()...)
	}
	if f.Status == results.Partial {
		m.Warnings = append(m.Warnings, "the search has not ended: loadgen capacity --resume goes on with it")
	}
	m.Warnings = append(m.Warnings, left...)
	if len(errs) == 0 && len(m.Arms) == 0 {
		errs = append(errs, errors.New(strings.Join(append([]string{"no arm has a capacity"}, left...), "\n")))
	}
	m.first()
	m.Curves = f.curves(m.Arms)
	return m, errors.Join(errs...)
}

// unusable says why an answer is no capacity. A generator that ran out says nothing of
// what the target carries.
func (a *answer) unusable() string {
	switch a.Verdict {
	case "", found, holdsThroughout:
		return ""
	case "generator-limited":
		return "the generator was the limit (generator-limited), and what the target carries is not known"
	case "fails-throughout":
		return "it held at no rate that was tried: begin lower"
	case "undecided":
		return "the search came to no answer"
	}
	return fmt.Sprintf("its verdict %q is unknown", a.Verdict)
}

// Verdicts of a search that knows a capacity, and of one that met no rate which failed.
const (
	found           = "found"
	holdsThroughout = "holds-throughout"
)

func (a *answer) warnings() (all []string) {
	if a.Verdict == holdsThroughout {
		all = append(all, a.Arm+" was not seen to fail: it may carry more, and fewer instances may do")
	}
	if a.Verdict == found && a.Confirmed == 0 {
		all = append(all, a.Arm+": its capacity was not confirmed by a longer probe")
	}
	if a.NotMonotone != "" {
		all = append(all, a.Arm+": "+strings.Join(strings.Fields(a.NotMonotone), " "))
	}
	return all
}

// cpu is the CPU time of a call of an arm, in nanoseconds: the median of the probes within
// a quarter of its capacity, since a call costs something else where the machine is idle.
// It is 0 if there is no such probe.
func (f *file) cpu(a answer) float64 {
	var all []float64
	for _, p := range f.Probes {
		e := &p.Evidence
		if e.Arm == a.Arm && e.Limited == "" && e.Achieved > 0 && p.Cores > 0 && e.Rate > 0.75*a.Holds && e.Rate < 1.25*a.Holds {
			all = append(all, p.Cores/e.Achieved*1e9)
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}
