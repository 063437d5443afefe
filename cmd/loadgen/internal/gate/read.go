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
	// Of holds the name, the configuration and the units. Lines that agree in all of these share it, so its values
	// are those of one of these lines.
	Of     *benchfmt.Result
	Values []float64 // in the units of Of
	Path   string
	Number int // from 1

	input int // from 0
	round int // from 1, or 0 if the file does not number rounds
	iters int
}

// inputs holds everything that was read.
type inputs struct {
	lines    []Line
	units    benchfmt.UnitMetadataMap
	runs     bool // whether every input is a run of a scenario
	count    int
	warnings []string

	declared func(key string) bool // reports whether the user names a configuration key
	seen     map[string]*undeclared
	kinds    map[string]*benchfmt.Result // the shared Of of lines
	scratch  []byte
}

// judged returns the units that are judged by default, as results.Units has them: the primary units for the arms of
// one run, and the units of revisions for several runs. For other inputs it returns nil, which means all units.
func (in *inputs) judged() []string {
	switch {
	case !in.runs:
		return nil
	case in.count == 1:
		return comparison.PrimaryUnits()
	}
	return comparison.RevisionUnits()
}

// An input is a file or standard input, with its label.
type input struct{ label, path string }

// stdinPath is the path of standard input.
const stdinPath = "-"

// parseInputs parses PATH and LABEL=PATH. Inputs with the same label get distinct labels, as in
// benchfmt.Files.
func parseInputs(args []string) (list []input, err error) {
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
		list = append(list, in)
	}
	seen, stdin := map[string]int{}, 0
	for i, in := range list {
		if times[in.label] > 1 {
			for label := ""; label == "" || times[label] > 0; seen[in.label]++ { // until no other input has the label
				label = fmt.Sprintf("%s#%d", in.label, seen[in.label])
				list[i].label = label
			}
		}
		if in.path == stdinPath {
			stdin++
		}
	}
	if stdin > 1 {
		return nil, errors.New("standard input is given twice, but it can be read only once")
	}
	return list, nil
}

// exists reports whether there is a file at path.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// read reads all inputs. All errors are reported together, each with its line. Declared reports whether the user names
// a configuration key.
func read(args []string, stdin io.Reader, declared func(key string) bool) (*inputs, error) {
	list, err := parseInputs(args)
	if err != nil {
		return nil, err
	}
	read := &inputs{runs: true, count: len(list), declared: declared, seen: map[string]*undeclared{},
		kinds: map[string]*benchfmt.Result{}}
	var (
		r    benchfmt.Reader // one reader, since unit metadata applies to all inputs
		errs []error
	)
	for i, in := range list {
		path, data, err := in.load(stdin)
		if err == nil {
			err = read.add(&r, i, in.label, path, data)
		}
		errs = append(errs, err)
	}
	read.units = r.Units()
	read.warnings = append(read.warnings, warnUndeclared(read.seen)...)
	return read, errors.Join(errs...)
}

// load reads the text of an input. For a directory or its run.json it reads the run.bench in the
// directory.
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

// add adds the lines of one input.
func (in *inputs) add(r *benchfmt.Reader, index int, label, path string, data []byte) error {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if err := isText(path, data); err != nil {
		return err
	}
	c := &cleaner{path: path, declared: in.declared, seen: in.seen}
	data = c.clean(data)
	in.runs = in.runs && c.run
	for _, w := range c.warnings {
		in.warnings = append(in.warnings, path+":"+w)
	}
	if c.long > 0 {
		return fmt.Errorf("%s:%d: a line of more than %d bytes: want Go benchmark text, which has no such lines",
			path, c.long, maxLine)
	}
	before := len(in.lines)
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
				in.keep(rec, index, path, &c.comments)
			}
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	if err := r.Err(); err != nil {
		errs = append(errs, err)
	}
	if len(in.lines) == before && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("%s: no benchmark results: want lines that begin with Benchmark", path))
	}
	return errors.Join(errs...)
}

// keep adds a line. What it shares with other lines is stored once, since there may be hundreds of thousands of lines.
func (in *inputs) keep(r *benchfmt.Result, index int, path string, c *comments) {
	key := append(append(in.scratch[:0], r.Name...), 0)
	for _, v := range r.Values {
		key = append(append(append(append(key, v.Unit...), 0), v.OrigUnit...), 0)
	}
	for _, v := range r.Config {
		key = append(append(append(append(key, v.Key...), 0), v.Value...), 0)
	}
	in.scratch = key
	shared := in.kinds[string(key)]
	if shared == nil {
		shared = r.Clone()
		in.kinds[string(key)] = shared
	}
	values := make([]float64, len(r.Values))
	for i, v := range r.Values {
		values[i] = v.Value
	}
	_, line := r.Pos()
	in.lines = append(in.lines, Line{Of: shared, Values: values, Path: path, Number: line, input: index,
		round: c.roundOf(line), iters: r.Iters})
}

// isText returns an error if an input is not plain benchmark text but a known other format.
func isText(path string, data []byte) error {
	start := data[:min(len(data), 4096)]
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}), bytes.HasPrefix(data, []byte{0xfe, 0xff}), bytes.Count(start,
		[]byte{0}) > len(start)/4:
		return fmt.Errorf("%s: UTF-16 text, as PowerShell writes it: want UTF-8: iconv -f UTF-16 -t UTF-8 %[1]s, "+
			"or in PowerShell Get-Content %[1]s | Set-Content -Encoding utf8 new.txt", path)
	case testJSON.Match(start):
		return fmt.Errorf("%s: output of go test -json: want the output of go test without it: "+
			`jq -j 'select(.Action=="output").Output' %[1]s`, path)
	}
	return nil
}

// testJSON matches the beginning of the output of go test -json.
var testJSON = regexp.MustCompile(`^\s*\{"(Time|Action|ImportPath)":[^\n]*"Action":|^\s*\{"Action":`)

// checkMetadata returns an error if unit metadata has no meaning, since it would be ignored silently otherwise.
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

// tidy converts values to tidy units. The reader of benchfmt decides by the value alone, and would keep 0 ns/op apart
// from 1e-09 sec/op. Values that are not finite and two values in one unit are errors.
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

// maxLine is the longest line, with its end, that the reader of benchfmt accepts, in bytes.
const maxLine = bufio.MaxScanTokenSize - 1

// comments holds what the comments of a file say.
type comments struct {
	ours     bool   // loadgen wrote the file
	run      bool   // the file is a run of a scenario, not of benchmarks or estimators
	bench    bool   // the file is of run --bench
	rounds   []mark // the lines at which rounds begin
	long     int    // number of the first line that is too long, or 0
	warnings []string
}

// A mark is the first line of a round.
type mark struct{ line, round int }

// runHeader matches the beginning of the run.bench of a run, which has the number of its schema.
var runHeader = regexp.MustCompile(`^# loadgen [0-9]`)

// comment reads line n. It looks for comments of loadgen and for failures that go test reports. Whether loadgen wrote
// the file is decided by the first line.
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
		c.warnings = append(c.warnings, fmt.Sprintf("%d: %s: the failed benchmarks were not measured", n,
			bytes.TrimSpace(raw)))
	}
}

// roundOf returns the round of a line, or 0 if it is unknown. Lines must be passed in ascending order.
func (c *comments) roundOf(at int) int {
	for len(c.rounds) > 1 && c.rounds[1].line < at {
		c.rounds = c.rounds[1:]
	}
	if !c.ours || len(c.rounds) == 0 || c.rounds[0].line > at {
		return 0
	}
	return c.rounds[0].round
}
