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

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
	"github.com/loadgen-go/loadgen/internal/jsonfile"
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
	Scenario    struct{ Arrivals string }
	Search      struct {
		Options struct{ Probe time.Duration }
	}
	Answer struct {
		Arms []answer `json:"arms"`
	} `json:"answer"`
	Probes  []probe   `json:"probes"`
	Scaling []scaling `json:"scaling"`
}

type answer struct {
	Arm              string
	Verdict          string
	Holds, Low, High float64
	Confirmed        float64 // the rate at which visits held one after the other
	Precise          bool
}

type probe struct {
	Evidence struct {
		Arm            string
		Rate, Achieved float64
		Limited        string
	}
	Scheduled  time.Duration `json:"scheduled_ns"`
	Objectives []struct{ Met bool }
	Cores      float64 // that the calls kept busy
	InSystem   float64 `json:"in_system"` // calls, in the mean
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
		return nil, fmt.Errorf("%s is not what loadgen capacity writes: %w", jsonfile.Place(path, data, err), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s is not what loadgen capacity writes: it goes on after its end", path)
	}
	if f.Schema != Schema {
		return nil, fmt.Errorf("%s: its schema is %d: want %d, which loadgen capacity of this version writes", path,
			f.Schema, Schema)
	}
	m, err := f.measured()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m.Source = path
	return m, nil
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
		m.Warnings = append(m.Warnings, "the search has not ended: loadgen capacity --resume goes on with it")
	}
	if a := f.Scenario.Arrivals; a != "" && a != "poisson" {
		m.Caveats = append(m.Caveats, "arrivals were "+a+", not poisson")
		m.Warnings = append(m.Warnings, "arrivals were "+a+" in the search, and instances are planned for arrivals at "+
			"random: measure with arrivals: poisson")
	}
	if len(left) > 0 {
		m.Caveats = append(m.Caveats, strings.Join(left, ", ")+" left out")
	}
	m.Warnings = append(m.Warnings, why...)
	if len(errs) == 0 && len(m.Arms) == 0 {
		errs = append(errs, errors.New(strings.Join(append([]string{"no arm has a capacity"}, why...), "\n")))
	}
	m.first()
	m.Curves = f.curves(m.Arms)
	return m, errors.Join(errs...)
}

// Verdicts of a search that knows a capacity, and of those that know a rate that holds, and none that fails.
const (
	found            = "found"
	holdsThroughout  = "holds-throughout"
	generatorLimited = "generator-limited"
)

// unusable says why an answer is no capacity.
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
		return "the generator was the limit (generator-limited), and what the target carries is not known"
	case "fails-throughout":
		return "it held at no rate that was tried: begin lower"
	case "fails-now":
		return "it held, and failed later at a rate that it had carried: it has not recovered from an overload"
	case "undecided":
		return "the search came to no answer"
	}
	return fmt.Sprintf("its verdict %q is unknown", a.Verdict)
}

// A caveat is why an answer is to be doubted: in a few words, and in a sentence that its arm begins.
type caveat struct{ short, long string }

func (f *file) caveats(a answer) (all []caveat) {
	add := func(is bool, short, long string) {
		if is {
			all = append(all, caveat{short, long})
		}
	}
	const more = "it may carry more, and fewer instances may do"
	add(a.Verdict == holdsThroughout, "not seen to fail", " was not seen to fail: "+more)
	add(a.Verdict == generatorLimited, "generator-limited", ": the generator ran out before the target; "+more)
	add(a.Verdict == found && !a.Precise, "not precise", ": its capacity is less precise than was asked")
	missed, visits := f.missed(a)
	add(missed > 0, fmt.Sprintf("%d of %s missed", missed, report.Plural(visits, "visit")),
		fmt.Sprintf(": visits came out both ways: at %s/s or below, %d of %d missed", rate(a.told()), missed, visits))
	return all
}

// missed returns how many probes of an arm missed their objectives at the rate that was told, or below, and how many
// there were. Those of which the generator was the limit do not count.
func (f *file) missed(a answer) (missed, visits int) {
	for _, p := range f.Probes {
		e := &p.Evidence
		if e.Arm != a.Arm || e.Limited != "" || e.Rate > a.told()*(1+1e-9) || len(p.Objectives) == 0 {
			continue
		}
		visits++
		if slices.ContainsFunc(p.Objectives, func(o struct{ Met bool }) bool { return !o.Met }) {
			missed++
		}
	}
	return missed, visits
}

// visit is how long the visits of an arm are: as long as a probe, or longer where the rate has too few calls.
func (f *file) visit(a answer) time.Duration {
	var shortest time.Duration
	for _, p := range f.Probes {
		if p.near(a) && p.Scheduled > 0 && (shortest == 0 || p.Scheduled < shortest) {
			shortest = p.Scheduled
		}
	}
	return cmp.Or(max(shortest, f.Search.Options.Probe), givenVisit)
}

// near reports whether a probe is one of a's that says something of its target, within a quarter of its capacity.
func (p *probe) near(a answer) bool {
	e := &p.Evidence
	return e.Arm == a.Arm && e.Limited == "" && e.Achieved > 0 && e.Rate > 0.75*a.Holds && e.Rate < 1.25*a.Holds
}

// cpu is the CPU time of a call of an arm, in nanoseconds: the median of the probes within
// a quarter of its capacity, since a call costs something else where the machine is idle.
// It is 0 if there is no such probe.
func (f *file) cpu(a answer) float64 {
	var all []float64
	for _, p := range f.Probes {
		if p.near(a) && p.Cores > 0 {
			all = append(all, p.Cores/p.Evidence.Achieved*1e9)
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}
