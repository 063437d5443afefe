package fleet

import (
	"bytes"
	"cmp"
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

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
	"github.com/loadgen-go/loadgen/internal/jsonfile"
	"github.com/loadgen-go/loadgen/results"
)

// fileName is the name of the file in the directory of a capacity search.
const fileName = "capacity.json"

// Schema is the version of capacity.json, which loadgen capacity writes and this package reads.
const Schema = 2

// A file holds the fields of capacity.json that a plan uses.
type file struct {
	Schema      int                  `json:"schema"`
	Status      results.Status       `json:"status"`
	Environment *results.Environment `json:"environment"`
	Scenario    struct{ Name, Arrivals string }
	Search      struct {
		Options struct{ Probe time.Duration }
	}
	Answer struct {
		Arms []answer `json:"arms"`
	} `json:"answer"`
	Probes  []probe   `json:"probes"`
	Scaling []scaling `json:"scaling"`
}

// An answer is the answer of the search for an arm.
type answer struct {
	Arm              string
	Verdict          string
	Holds, Low, High float64
	Confirmed        float64 // the rate at which successive visits held
	Precise          bool
}

// A probe is a probe of the search.
type probe struct {
	Evidence struct {
		Arm            string
		Rate, Achieved float64
		Limited        string
		Spoiled        string // why the rate does not hold although the visit met its objectives
	}
	Scheduled  time.Duration `json:"scheduled_ns"`
	Objectives []record.SLOResult
	Cores      float64 // cores that the calls kept busy
	InSystem   float64 `json:"in_system"` // mean number of calls
}

// A scaling holds the throughputs of an arm at several degrees of concurrency.
type scaling struct {
	Arm    string
	Of     string // what N counts, such as workers or GOMAXPROCS
	Points []usl.Point
}

// Read reads the results of loadgen capacity. path is its directory or its file.
// All errors in it are reported together.
func Read(path string) (*Measured, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, fileName)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(path, data)
}

// parse parses data, the content of the file at path.
func parse(path string, data []byte) (*Measured, error) {
	var f file
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("%s is not what loadgen capacity writes: %w", jsonfile.Place(path, data, err), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s is not what loadgen capacity writes: text follows its end", path)
	}
	if f.Schema != Schema {
		return nil, fmt.Errorf("%s has schema %d: want %d, which this version of loadgen capacity writes", path,
			f.Schema, Schema)
	}
	f.nameOnly()
	m, err := f.measured()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m.Source = path
	return m, nil
}

// nameOnly calls the only arm of a search by the name of its scenario: nothing distinguishes it from others, and the
// name of its cell, such as spans=none of a function or target=http, says nothing.
func (f *file) nameOnly() {
	if len(f.Answer.Arms) != 1 || f.Scenario.Name == "" {
		return
	}
	arm, name := f.Answer.Arms[0].Arm, f.Scenario.Name
	rename := func(of *string) {
		if *of == arm {
			*of = name
		}
	}
	rename(&f.Answer.Arms[0].Arm)
	for i := range f.Probes {
		rename(&f.Probes[i].Evidence.Arm)
	}
	for i := range f.Scaling {
		rename(&f.Scaling[i].Arm)
	}
}

// measured are the arms that have a capacity; of the others a warning says why not.
func (f *file) measured() (*Measured, error) {
	m := &Measured{Environment: f.Environment}
	var errs []error
	var left, why []string
	for i, a := range f.Answer.Arms {
		if a.Arm == "" || strings.ContainsFunc(a.Arm, func(r rune) bool { return !unicode.IsPrint(r) }) {
			errs = append(errs, fmt.Errorf("arm %d: its name is %q: want one that can be printed", i+1, a.Arm))
			continue
		}
		if slices.ContainsFunc(f.Answer.Arms[:i], func(b answer) bool { return b.Arm == a.Arm }) {
			errs = append(errs, fmt.Errorf("arm %d: there is another %s", i+1, a.Arm))
			continue
		}
		if unusable := a.unusable(); unusable != "" {
			left, why = append(left, a.Arm), append(why, a.Arm+" is left out: "+unusable)
			continue
		}
		c := Capacity{Arm: a.Arm, Told: a.told(), Holds: a.Holds, Low: a.Low, High: a.High,
			Bound: a.Verdict == holdsThroughout || a.Verdict == generatorLimited, Visit: f.visit(a), CPU: f.cpu(a)}
		if err := c.check(); err != nil {
			errs = append(errs, fmt.Errorf("arm %s: %w", a.Arm, err))
		}
		for _, v := range f.caveats(a) {
			c.Caveats, m.Warnings = append(c.Caveats, v.short), append(m.Warnings, a.Arm+v.long)
		}
		m.Arms = append(m.Arms, c)
	}
	if f.Status != results.Complete {
		m.Caveats = append(m.Caveats, "the search has not ended")
		m.Warnings = append(m.Warnings, "the search has not ended: continue it with loadgen capacity --resume")
	}
	if a := f.Scenario.Arrivals; a != "" && a != "poisson" {
		m.Caveats = append(m.Caveats, "arrivals were "+a+", not poisson")
		m.Warnings = append(m.Warnings, "arrivals were "+a+" in the search, but the plan assumes random arrivals: "+
			"measure with arrivals: poisson")
	}
	if len(left) > 0 {
		m.Caveats = append(m.Caveats, strings.Join(left, ", ")+" left out")
	}
	m.Warnings = append(m.Warnings, why...)
	if len(errs) == 0 && len(m.Arms) == 0 {
		errs = append(errs, errors.New(strings.Join(append([]string{"no arm has a capacity"}, why...), "\n")))
	}
	m.first()
	m.Curves, m.Searches = f.curves(m.Arms), f.searches()
	return m, errors.Join(errs...)
}

// Verdicts of a search that found a capacity, or only a rate that holds.
const (
	found            = "found"
	holdsThroughout  = "holds-throughout"
	generatorLimited = "generator-limited"
)

// unusable returns why an answer has no capacity, or "".
func (a *answer) unusable() string {
	switch a.Verdict {
	case "", found, holdsThroughout:
		if a.Confirmed > 0 {
			return ""
		}
		return "no rate was confirmed by visits that all hold: raise --budget"
	case generatorLimited:
		if a.Confirmed > 0 {
			return ""
		}
		return "the generator was the limit (generator-limited), so the capacity of the target is unknown"
	case "fails-throughout":
		return "it held at no rate that was tried: begin with a lower rate"
	case "fails-now":
		return "it failed later at a rate that had held, so it did not recover from an overload"
	case "undecided":
		return "the search found no answer"
	}
	return fmt.Sprintf("its verdict %q is unknown", a.Verdict)
}

// A caveat is a reason to doubt an answer, in a few words, and as a sentence without its subject, the arm.
type caveat struct{ short, long string }

// caveats returns the reasons to doubt an answer.
func (f *file) caveats(a answer) (list []caveat) {
	add := func(applies bool, short, long string) {
		if applies {
			list = append(list, caveat{short, long})
		}
	}
	const more = "it may carry more, so fewer instances may be enough"
	add(a.Verdict == holdsThroughout, "not seen to fail", " was not seen to fail: "+more)
	add(a.Verdict == generatorLimited, "generator-limited",
		": the generator reached its limit before the target; "+more)
	add(a.Verdict == found && !a.Precise, "not precise", ": its capacity is less precise than requested")
	missed, visits := f.missed(a)
	add(missed > 0, fmt.Sprintf("%d of %s missed", missed, format.Plural(visits, "visit")),
		fmt.Sprintf(": visits had both results: at %s or below, %d of %d missed", format.Rate(a.told()), missed,
			visits))
	return list
}

// missed returns how many probes of an arm missed their objectives at the told rate or below, and how many such probes
// there were. Probes that the generator limited do not count.
func (f *file) missed(a answer) (missed, visits int) {
	for _, p := range f.Probes {
		e := &p.Evidence
		if e.Arm != a.Arm || e.Limited != "" || e.Rate > a.told()*(1+1e-9) || len(p.Objectives) == 0 {
			continue
		}
		visits++
		if slices.ContainsFunc(p.Objectives, func(o record.SLOResult) bool { return !o.Met }) {
			missed++
		}
	}
	return missed, visits
}

// visit returns the duration of an arm's visits: the duration of a probe, or longer if the rate yields too few calls.
func (f *file) visit(a answer) time.Duration {
	var shortest time.Duration
	for _, p := range f.Probes {
		if p.near(a) && p.Scheduled > 0 && (shortest == 0 || p.Scheduled < shortest) {
			shortest = p.Scheduled
		}
	}
	return cmp.Or(max(shortest, f.Search.Options.Probe), givenVisit)
}

// near reports whether a probe belongs to the arm, says something about the target, and is within a quarter of the
// capacity.
func (p *probe) near(a answer) bool {
	e := &p.Evidence
	return e.Arm == a.Arm && e.Limited == "" && e.Achieved > 0 && e.Rate > 0.75*a.Holds && e.Rate < 1.25*a.Holds
}

// cpu returns the CPU time per call of an arm, in nanoseconds. It is the median of the probes within a quarter of the
// capacity, since calls on an idle machine have a different cost. It is 0 if there is no such probe.
func (f *file) cpu(a answer) float64 {
	var times []float64
	for _, p := range f.Probes {
		if p.near(a) && p.Cores > 0 {
			times = append(times, p.Cores/p.Evidence.Achieved*1e9)
		}
	}
	if len(times) == 0 {
		return 0
	}
	return results.Median(times)
}
