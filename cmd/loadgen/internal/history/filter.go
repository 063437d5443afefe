package history

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// A Filter selects cells. Its zero value selects all.
type Filter struct {
	Cell    *regexp.Regexp // matches a part of the name
	Unit    string         // in the form of go test or of benchstat
	Machine *regexp.Regexp // matches a part of the machine
}

// Select returns the records that have selected cells, with only these cells. If there are
// none, it returns an error that lists the cells, units and machines.
func (f *Filter) Select(records []Record) ([]Record, error) {
	unit := comparison.TidyUnit(f.Unit)
	var kept []Record
	for _, r := range records {
		if f.Machine != nil && !f.Machine.MatchString(r.Machine) {
			continue
		}
		r.Cells = slices.DeleteFunc(slices.Clone(r.Cells), func(c Cell) bool {
			return f.Cell != nil && !f.Cell.MatchString(c.Name) || unit != "" && c.Unit != unit
		})
		if len(r.Cells) > 0 {
			kept = append(kept, r)
		}
	}
	if len(kept) == 0 && len(records) > 0 {
		return nil, fmt.Errorf("nothing in %s matches%s; there are\n%s", format.Plural(len(records), "record"),
			spelling.Meant(unit, units(records)), inventory(records))
	}
	return kept, nil
}

// inventory returns a list of the cells, units and machines of records, with a few of each.
func inventory(records []Record) string {
	var cells []string
	for _, r := range records {
		for _, c := range r.Cells {
			cells = append(cells, c.Name)
		}
	}
	var b strings.Builder
	for _, section := range []struct {
		title string
		names []string
	}{{"benchmarks", cells}, {"units", units(records)}, {"machines", machines(records)}} {
		const few = 20
		slices.Sort(section.names)
		names := slices.Compact(section.names)
		fmt.Fprintf(&b, "  %s:\n", section.title)
		for _, s := range format.Few(names, few) {
			fmt.Fprintf(&b, "    %s\n", s)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// units returns the units of records, each once, sorted.
func units(records []Record) (names []string) {
	for _, r := range records {
		for _, c := range r.Cells {
			names = append(names, c.Unit)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// machines returns the machines of records, in the order in which they first appear.
func machines(records []Record) (names []string) {
	for _, r := range records {
		if !slices.Contains(names, r.Machine) {
			names = append(names, r.Machine)
		}
	}
	return names
}
