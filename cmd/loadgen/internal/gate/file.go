package gate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	yaml "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"golang.org/x/perf/benchunit"

	"github.com/loadgen-go/loadgen/results/comparison"
)

// DefaultFile is the name of a project's gate file. Comparisons read it from the working directory.
const DefaultFile = "loadgen-gate.yaml"

// A File holds a project's settings for judging. Units are in benchstat's form.
type File struct {
	Path     string
	Margins  map[string]comparison.Margin
	Exact    []string // units whose values are the same each time
	Only     []string // units that are judged; empty for all
	Config   []string // configuration keys of benchmark text, besides the keys of go test
	Better   map[string]comparison.Direction
	Strict   bool
	Expected []Expected
}

// An Expected is a regression that the user accepts until a certain day.
type Expected struct {
	Cell   string    // name of the benchmark as shown; * matches any text
	Unit   string    // in benchstat's form
	Reason string    // for readers of the report
	Until  time.Time // the beginning of the day after the last one

	where   string // file:line:column
	pattern *regexp.Regexp
}

// matches reports whether a regression of this name and unit is expected.
func (e *Expected) matches(name, unit string) bool {
	return e.Unit == unit && e.pattern.MatchString(name)
}

// Last returns the last day on which the regression is expected.
func (e *Expected) Last() string { return e.Until.AddDate(0, 0, -1).Format(time.DateOnly) }

// ReadFile reads a gate file. All errors in its values are reported together, each with file:line:column.
func ReadFile(path string) (*File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("gate file: %w", err)
	}
	return ParseFile(path, data)
}

// A scalar is a value of a gate file with its place.
type scalar struct {
	text         string
	line, column int
}

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (s *scalar) UnmarshalYAML(n ast.Node) error {
	if _, ok := n.(ast.ScalarNode); !ok {
		return &yaml.UnexpectedNodeTypeError{Actual: n.Type(), Expected: ast.StringType, Token: n.GetToken()}
	}
	t := n.GetToken()
	s.text, s.line, s.column = t.Value, t.Position.Line, t.Position.Column
	return nil
}

var _ yaml.NodeUnmarshaler = (*scalar)(nil)

// document is the content of a gate file.
type document struct {
	Margins  map[string]scalar `yaml:"margins"`
	Exact    []scalar          `yaml:"exact"`
	Only     []scalar          `yaml:"only"`
	Config   []scalar          `yaml:"config"`
	Better   map[string]scalar `yaml:"better"`
	Strict   bool              `yaml:"strict"`
	Expected []entry           `yaml:"expected"`
}

// An entry is an expected regression in a gate file.
type entry struct {
	Cell   scalar `yaml:"cell"`
	Unit   scalar `yaml:"unit"`
	Reason scalar `yaml:"reason"`
	Until  scalar `yaml:"until"`
}

// ParseFile parses the text of a gate file. The path appears in errors.
func ParseFile(path string, data []byte) (*File, error) {
	var d document
	decoder := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict())
	err := decoder.Decode(&d)
	if err == nil {
		if more := decoder.Decode(&document{}); !errors.Is(more, io.EOF) {
			return nil, fmt.Errorf("%s has a second document, after ---: want one", path)
		}
	}
	var at yaml.Error
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s is empty: want at least one of margins, exact, only, better, config, strict, "+
			"expected", path)
	case errors.As(err, &at):
		p := at.GetToken().Position
		return nil, fmt.Errorf("%s:%d:%d: %s", path, p.Line, p.Column, at.GetMessage())
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f := &File{Path: path, Strict: d.Strict, Exact: tidyUnits(d.Exact), Only: tidyUnits(d.Only),
		Margins: map[string]comparison.Margin{}, Better: map[string]comparison.Direction{}}
	var errs []error
	for _, s := range d.Config {
		f.Config = append(f.Config, s.text)
	}
	for _, unit := range slices.Sorted(maps.Keys(d.Better)) {
		tidy, better, err := comparison.ParseBetter(unit + "=" + d.Better[unit].text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", d.Better[unit].in(path), err))
		}
		f.Better[tidy] = better
	}
	for _, unit := range slices.Sorted(maps.Keys(d.Margins)) {
		s := d.Margins[unit]
		tidy, m, err := comparison.ParseMargin(unit + "=" + s.text)
		if _, twice := f.Margins[tidy]; twice && err == nil {
			err = fmt.Errorf("margin of %s: it is given twice, in two spellings", unit)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.in(path), err))
		}
		f.Margins[tidy] = m
	}
	for i, e := range d.Expected {
		x, err := e.parse(path)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: expected regression %d: %w", e.place().in(path), i+1, err))
		}
		f.Expected = append(f.Expected, x)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return f, nil
}

// units returns the units that the file names.
func (f *File) units() []string {
	names := slices.Concat(f.Exact, f.Only, slices.Collect(maps.Keys(f.Margins)), slices.Collect(maps.Keys(f.Better)))
	slices.Sort(names)
	return slices.Compact(names)
}

// tidyUnits returns units in benchstat's form.
func tidyUnits(list []scalar) (units []string) {
	for _, s := range list {
		units = append(units, tidyUnit(s.text))
	}
	return units
}

// parse returns the expected regression, or an error if a field is missing or wrong.
func (e *entry) parse(path string) (Expected, error) {
	x := Expected{Cell: e.Cell.text, Unit: tidyUnit(e.Unit.text), Reason: strings.TrimSpace(e.Reason.text),
		where: e.place().in(path), pattern: wildcard(e.Cell.text)}
	for _, f := range []struct{ name, text string }{{"cell", e.Cell.text}, {"unit", e.Unit.text},
		{"reason", x.Reason}, {"until", e.Until.text}} {
		if f.text == "" {
			return x, fmt.Errorf("it has no %s: want cell, unit, reason and until", f.name)
		}
	}
	day, err := time.ParseInLocation(time.DateOnly, e.Until.text, time.Local)
	if err != nil {
		return x, fmt.Errorf("until %q is not a day: want one such as 2030-12-31", e.Until.text)
	}
	x.Until = day.AddDate(0, 0, 1)
	return x, nil
}

// place returns the first field of the entry, at whose place the entry begins.
func (e *entry) place() (first scalar) {
	for _, s := range []scalar{e.Cell, e.Unit, e.Reason, e.Until} {
		if s.line > 0 && (first.line == 0 || s.line < first.line) {
			first = s
		}
	}
	return first
}

// in returns the place of the value in a file.
func (s scalar) in(path string) string {
	if s.line == 0 { // a null has no place
		return path
	}
	return fmt.Sprintf("%s:%d:%d", path, s.line, s.column)
}

// wildcard returns an expression that matches a whole name, in which * matches any text.
func wildcard(s string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(s), `\*`, ".*") + "$")
}

// tidyUnit returns a unit in benchstat's form, such as sec/op for ns/op.
func tidyUnit(unit string) string {
	_, tidy := benchunit.Tidy(1, unit)
	return tidy
}
