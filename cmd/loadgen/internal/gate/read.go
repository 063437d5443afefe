package gate

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchunit"

	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// A Line is one benchmark line.
type Line struct {
	// Of has the name, the configuration and the units. Lines that have the same share it: its values are those of
	// one of
	// them.
	Of     *benchfmt.Result
	Values []float64 // in the units of Of
	Path   string
	Number int // from 1

	input int // from 0
	round int // from 1, where the file tells
	iters int
}

// inputs are all that was read.
type inputs struct {
	lines    []Line
	units    benchfmt.UnitMetadataMap
	runs     bool // every input is a run of a scenario
	count    int
	warnings []string

	declared func(key string) bool // keys of the configuration that the user names
	seen     map[string]*undeclared
	kinds    map[string]*benchfmt.Result // what lines share
	scratch  []byte
}

// judged returns the units that are judged if nobody says which, as results.Units has them: of the arms of one run, of
// several runs as of two revisions, and of anything else all, for which it is nil.
func (all *inputs) judged() []string {
	switch {
	case !all.runs:
		return nil
	case all.count == 1:
		return comparison.PrimaryUnits
	}
	return comparison.RevisionUnits
}

// An input is a file, or standard input, and what it is called.
type input struct{ label, path string }

// stdinPath is the path of standard input.
const stdinPath = "-"

// parseInputs reads PATH and LABEL=PATH. Of a path that is given twice each has a label of
// its own, as in benchfmt.Files.
func parseInputs(args []string) (all []input, err error) {
	times := map[string]int{}
	for _, arg := range args {
		in := input{arg, arg}
		if label, path, ok := strings.Cut(arg, "="); ok && !exists(arg) {
			in = input{label, path}
		}
		if in.label == "" || in.path == "" {
			return nil, fmt.Errorf("input %q: want PATH or LABEL=PATH", arg)
		}
		times[in.label]++
		all = append(all, in)
	}
	seen, stdin := map[string]int{}, 0
	for i, in := range all {
		if times[in.label] > 1 {
			for label := ""; label == "" || times[label] > 0; seen[in.label]++ { // until no other input is called so
				label = fmt.Sprintf("%s#%d", in.label, seen[in.label])
				all[i].label = label
			}
		}
		if in.path == stdinPath {
			stdin++
		}
	}
	if stdin > 1 {
		return nil, errors.New("standard input is given twice: it can be read once")
	}
	return all, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// read reads all inputs. Everything that is wrong with them is reported, with its line. Declared reports whether the
// user
// names a key of the configuration.
func read(args []string, stdin io.Reader, declared func(key string) bool) (*inputs, error) {
	list, err := parseInputs(args)
	if err != nil {
		return nil, err
	}
	all := &inputs{runs: true, count: len(list), declared: declared, seen: map[string]*undeclared{},
		kinds: map[string]*benchfmt.Result{}}
	var (
		r    benchfmt.Reader // one: what is said of units holds for all
		errs []error
	)
	for i, in := range list {
		path, data, err := in.load(stdin)
		if err == nil {
			err = all.add(&r, i, in.label, path, data)
		}
		errs = append(errs, err)
	}
	all.units = r.Units()
	all.warnings = append(all.warnings, warnUndeclared(all.seen)...)
	return all, errors.Join(errs...)
}

// load reads the text of an input. A directory and its run.json stand for the run.bench
// there.
func (in input) load(stdin io.Reader) (path string, data []byte, err error) {
	path = in.path
	if path == stdinPath {
		data, err = io.ReadAll(stdin)
		return "standard input", data, err
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		path = filepath.Join(path, results.BenchFile)
	case err == nil && filepath.Base(path) == results.JSONFile:
		path = filepath.Join(filepath.Dir(path), results.BenchFile)
	}
	data, err = os.ReadFile(path)
	if err != nil {
		return path, nil, fmt.Errorf("%w: want Go benchmark text, such as the output of go test -bench, or the "+
			"directory of a run", err)
	}
	return path, data, nil
}

// add reads the text of one input.
func (all *inputs) add(r *benchfmt.Reader, index int, label, path string, data []byte) error {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if err := isText(path, data); err != nil {
		return err
	}
	c := &cleaner{path: path, declared: all.declared, seen: all.seen}
	data = c.clean(data)
	all.runs = all.runs && c.run
	for _, w := range c.warnings {
		all.warnings = append(all.warnings, path+":"+w)
	}
	if c.long > 0 {
		return fmt.Errorf("%s:%d: a line of more than %d bytes: want Go benchmark text, which has no line so long",
			path, c.long, maxLine)
	}
	before := len(all.lines)
	errs := c.errs
	r.Reset(bytes.NewReader(data), path, file, label)
	for r.Scan() {
		err := error(nil)
		switch rec := r.Result().(type) {
		case *benchfmt.SyntaxError:
			err = rec
		case *benchfmt.UnitMetadata:
			err = checkMetadata(rec)
		case *benchfmt.Result:
			if err = tidy(rec); err == nil {
				all.keep(rec, index, path, &c.comments)
			}
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	if err := r.Err(); err != nil {
		errs = append(errs, err)
	}
	if len(all.lines) == before && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("%s: no benchmark results: want lines that begin with Benchmark", path))
	}
	return errors.Join(errs...)
}

// keep adds a line. What it shares with others is kept once: there may be hundreds of thousands.
func (all *inputs) keep(r *benchfmt.Result, index int, path string, c *comments) {
	key := append(append(all.scratch[:0], r.Name...), 0)
	for _, v := range r.Values {
		key = append(append(append(append(key, v.Unit...), 0), v.OrigUnit...), 0)
	}
	for _, v := range r.Config {
		key = append(append(append(append(key, v.Key...), 0), v.Value...), 0)
	}
	all.scratch = key
	of := all.kinds[string(key)]
	if of == nil {
		of = r.Clone()
		all.kinds[string(key)] = of
	}
	values := make([]float64, len(r.Values))
	for i, v := range r.Values {
		values[i] = v.Value
	}
	_, at := r.Pos()
	all.lines = append(all.lines, Line{Of: of, Values: values, Path: path, Number: at, input: index,
		round: c.roundOf(at), iters: r.Iters})
}

// isText returns an error that says what an input is if it is not text of benchmarks.
func isText(path string, data []byte) error {
	start := data[:min(len(data), 4096)]
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}), bytes.HasPrefix(data, []byte{0xfe, 0xff}), bytes.Count(start,
		[]byte{0}) > len(start)/4:
		return fmt.Errorf("%s: UTF-16 text, as PowerShell writes it: want UTF-8: iconv -f UTF-16 -t UTF-8 %[1]s, "+
			"or in PowerShell "+
			"Get-Content %[1]s | Set-Content -Encoding utf8 new.txt", path)
	case testJSON.Match(start):
		return fmt.Errorf(`%s: output of go test -json: want that of go test without it: jq -j 'select(.Action=="output").Output' %[1]s`, path)
	}
	return nil
}

// testJSON matches the beginning of what go test -json prints.
var testJSON = regexp.MustCompile(`^\s*\{"(Time|Action|ImportPath)":[^\n]*"Action":|^\s*\{"Action":`)

// checkMetadata returns an error if the metadata of a unit has no meaning: it would be passed over otherwise.
func checkMetadata(m *benchfmt.UnitMetadata) error {
	known := map[string][]string{"better": {"lower", "higher"}, "assume": {"nothing", "exact"}}
	path, at := m.Pos()
	if values, ok := known[m.Key]; !ok {
		return fmt.Errorf("%s:%d: unit %s has %s=%s: want better= or assume=", path, at, m.OrigUnit, m.Key, m.Value)
	} else if !slices.Contains(values, m.Value) {
		return fmt.Errorf("%s:%d: unit %s has %s=%s: want %s", path, at, m.OrigUnit, m.Key, m.Value,
			strings.Join(values, " or "))
	}
	return nil
}

// tidy gives values their tidy units. The reader of benchfmt looks at the value alone, and
// leaves 0 ns/op what it is, apart from 1e-09 sec/op. What is not finite is an error.
func tidy(r *benchfmt.Result) error {
	file, at := r.Pos()
	for i := range r.Values {
		v := &r.Values[i]
		if math.IsNaN(v.Value) || math.IsInf(v.Value, 0) {
			return fmt.Errorf("%s:%d: %v %s: want a finite number", file, at, v.Value, cmp.Or(v.OrigUnit, v.Unit))
		}
		if x, unit := benchunit.Tidy(v.Value, v.Unit); unit != v.Unit {
			*v = benchfmt.Value{Value: x, Unit: unit, OrigValue: v.Value, OrigUnit: v.Unit}
		}
		for _, other := range r.Values[:i] {
			if other.Unit == v.Unit {
				return fmt.Errorf("%s:%d: two values in %s: want one of each unit", file, at, v.Unit)
			}
		}
	}
	return nil
}

// maxLine is the length of a line, with its end, that the reader of benchfmt still takes.
const maxLine = bufio.MaxScanTokenSize - 1

// comments are what stands in a file besides benchmark text.
type comments struct {
	ours     bool   // loadgen wrote it
	run      bool   // it is a run of a scenario: not benchmarks, nor estimators by themselves
	bench    bool   // that of run --bench
	rounds   []mark // where rounds begin, by line
	long     int    // number of the first line that is too long, or 0
	warnings []string
}

type mark struct{ line, round int }

// runHeader is how the run.bench of a run begins: with the number of its schema.
var runHeader = regexp.MustCompile(`^# loadgen [0-9]`)

// comment reads what a run says in a comment of line n, and what go test says of failure. A run says so in its first
// line.
func (c *comments) comment(n int, raw []byte) {
	if len(raw) > maxLine && c.long == 0 {
		c.long = n
	}
	if len(raw) == 0 || raw[0] != '#' && raw[0] != '-' && raw[0] != 'F' {
		return
	}
	switch {
	case n == 1 && bytes.HasPrefix(raw, []byte("# loadgen ")):
		c.ours, c.run, c.bench = true, runHeader.Match(raw), bytes.HasPrefix(raw, []byte("# loadgen run --bench"))
	case bytes.HasPrefix(raw, []byte("# round ")):
		number, _, _ := strings.Cut(string(raw[len("# round "):]), ",")
		if round, err := strconv.Atoi(strings.TrimSpace(number)); err == nil {
			c.rounds = append(c.rounds, mark{n, round})
		}
	case bytes.HasPrefix(raw, []byte("# partial: ")):
		c.warnings = append(c.warnings, fmt.Sprintf("%d: the run is %s", n, bytes.TrimSpace(raw[2:])))
	case bytes.HasPrefix(raw, []byte("--- FAIL: ")), bytes.HasPrefix(raw, []byte("FAIL\t")):
		c.warnings = append(c.warnings, fmt.Sprintf("%d: %s: what failed was not measured", n, bytes.TrimSpace(raw)))
	}
}

// roundOf is the round that a line is of, or 0 if that is not known. Lines are asked for
// in order.
func (c *comments) roundOf(at int) int {
	for len(c.rounds) > 1 && c.rounds[1].line < at {
		c.rounds = c.rounds[1:]
	}
	if !c.ours || len(c.rounds) == 0 || c.rounds[0].line > at {
		return 0
	}
	return c.rounds[0].round
}
