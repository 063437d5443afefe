package gate

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

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
	Expected []Agreement // regressions
	Removed  []Agreement // results of the base that the head may lack
}

// An Agreement is a regression or a removal that the user accepts until a certain day.
type Agreement struct {
	Cell   string    // name of the benchmark as shown; * matches any text
	Unit   string    // in benchstat's form; in a removal "" means all units
	Reason string    // for readers of the report
	Until  time.Time // the beginning of the day after the last one

	where   string // file:line:column
	pattern *regexp.Regexp
}

// matches reports whether the agreement is about this name and unit.
func (e *Agreement) matches(name, unit string) bool {
	return e.Unit == unit && e.pattern.MatchString(name)
}

// Last returns the last day of the agreement.
func (e *Agreement) Last() string { return e.Until.AddDate(0, 0, -1).Format(time.DateOnly) }

// ReadFile reads a gate file. All errors in its values are reported together, each with file:line:column.
func ReadFile(path string) (*File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("gate file: %w", err)
	}
	return ParseFile(path, data)
}

// ParseFile parses the text of a gate file. The path appears in errors.
func ParseFile(path string, data []byte) (*File, error) {
	d, err := readDocument(path, data)
	if err != nil {
		return nil, err
	}
	f := &File{Path: path, Strict: d.Strict.text == "true", Exact: tidyUnits(d.Exact), Only: tidyUnits(d.Only),
		Margins: map[string]comparison.Margin{}, Better: map[string]comparison.Direction{}}
	var errs []error
	if s := d.Strict; s.text != "" && s.text != "true" && s.text != "false" {
		errs = append(errs, fmt.Errorf("%s: strict is %q: want true or false", s.in(path), s.text))
	}
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
	f.Expected, err = agreements(path, d.Expected, "expected regression", "cell", "unit", "reason", "until")
	errs = append(errs, err)
	f.Removed, err = agreements(path, d.Removed, "removal", "cell", "reason", "until")
	errs = append(errs, err)
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
		units = append(units, comparison.TidyUnit(s.text))
	}
	return units
}

// agreements returns the entries of a list. Each has the wanted fields, or is an error that says what the list is of.
func agreements(path string, list []entry, what string, wanted ...string) (all []Agreement, err error) {
	var errs []error
	for i, e := range list {
		x, err := e.parse(path, wanted)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %s %d: %w", e.place().in(path), what, i+1, err))
		}
		all = append(all, x)
	}
	return all, errors.Join(errs...)
}

// parse returns the agreement, or an error if a field is missing or wrong.
func (e *entry) parse(path string, wanted []string) (Agreement, error) {
	x := Agreement{Cell: e.Cell.text, Unit: comparison.TidyUnit(e.Unit.text), Reason: strings.TrimSpace(e.Reason.text),
		where: e.place().in(path), pattern: wildcard(e.Cell.text)}
	given := map[string]string{"cell": x.Cell, "unit": x.Unit, "reason": x.Reason, "until": e.Until.text}
	for _, name := range wanted {
		if given[name] == "" {
			last := len(wanted) - 1
			return x, fmt.Errorf("it has no %s: want %s and %s", name, strings.Join(wanted[:last], ", "), wanted[last])
		}
	}
	day, err := time.ParseInLocation(time.DateOnly, e.Until.text, time.Local)
	if err != nil {
		return x, fmt.Errorf("until %q is not a day: want one such as 2030-12-31", e.Until.text)
	}
	x.Until = day.AddDate(0, 0, 1)
	return x, nil
}

// wildcard returns an expression that matches a whole name, in which * matches any text.
func wildcard(s string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(s), `\*`, ".*") + "$")
}
