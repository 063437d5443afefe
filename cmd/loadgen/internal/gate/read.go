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
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchunit"

	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// A line is one benchmark line and where it stands.
type line struct {
	*benchfmt.Result
	input int // from 0
	round int // from 1, where the file tells
}

// inputs are all that was read.
type inputs struct {
	lines    []line
	units    benchfmt.UnitMetadataMap
	runs     bool // every input is a run of a scenario
	count    int
	warnings []string
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
			all[i].label = fmt.Sprintf("%s#%d", in.label, seen[in.label])
			seen[in.label]++
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

// read reads all inputs. Everything that is wrong with them is reported, with its line.
func read(args []string, stdin io.Reader) (*inputs, error) {
	list, err := parseInputs(args)
	if err != nil {
		return nil, err
	}
	all := &inputs{runs: true, count: len(list)}
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
		return path, nil, fmt.Errorf("%w: want Go benchmark text, such as the output of go test -bench, or the directory of a run", err)
	}
	return path, data, nil
}

// add reads the text of one input.
func (all *inputs) add(r *benchfmt.Reader, index int, label, path string, data []byte) error {
	c := readComments(data)
	all.runs = all.runs && c.run
	for _, w := range c.warnings {
		all.warnings = append(all.warnings, path+":"+w)
	}
	if c.long > 0 {
		return fmt.Errorf("%s:%d: a line of more than %d bytes: want Go benchmark text, which has no line so long", path, c.long, maxLine)
	}
	before := len(all.lines)
	var errs []error
	r.Reset(bytes.NewReader(data), path, ".file", label)
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.SyntaxError:
			errs = append(errs, rec)
		case *benchfmt.Result:
			if err := tidy(rec); err != nil {
				errs = append(errs, err)
				continue
			}
			_, at := rec.Pos()
			all.lines = append(all.lines, line{rec.Clone(), index, c.roundOf(at)})
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
	rounds   []mark // where rounds begin, by line
	long     int    // number of the first line that is too long, or 0
	warnings []string
}

type mark struct{ line, round int }

// runHeader is how the run.bench of a run begins: with the number of its schema.
var runHeader = regexp.MustCompile(`^# loadgen [0-9]`)

// readComments reads what a run says in comments, and what go test says of failure.
func readComments(data []byte) (c comments) {
	n := 0
	for raw := range bytes.Lines(data) {
		n++
		if len(raw) > maxLine && c.long == 0 {
			c.long = n
		}
		switch {
		case bytes.HasPrefix(raw, []byte("# loadgen ")):
			c.ours, c.run = true, runHeader.Match(raw)
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
	return c
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
