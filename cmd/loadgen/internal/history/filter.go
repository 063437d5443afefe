package history

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/perf/benchunit"
)

// A Filter says which cells are wanted. Its zero value is all.
type Filter struct {
	Cell    *regexp.Regexp // matches some of the name
	Unit    string         // as go test has it, or as benchstat
	Machine *regexp.Regexp // matches some of it
}

// Select are the records that have cells that are wanted, with those alone. That there is
// none is an error which says what there is.
func (f *Filter) Select(records []Record) ([]Record, error) {
	_, unit := benchunit.Tidy(1, f.Unit)
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
		return nil, fmt.Errorf("nothing in %d records matches; there are\n%s", len(records), inventory(records))
	}
	return kept, nil
}

// inventory tells what records have, a few of each.
func inventory(records []Record) string {
	var cells, units []string
	for _, r := range records {
		for _, c := range r.Cells {
			cells, units = append(cells, c.Name), append(units, c.Unit)
		}
	}
	var b strings.Builder
	for _, of := range []struct {
		what string
		all  []string
	}{{"cells", cells}, {"units", units}, {"machines", machines(records)}} {
		const few = 20
		slices.Sort(of.all)
		all := slices.Compact(of.all)
		fmt.Fprintf(&b, "  %s:\n", of.what)
		for _, s := range all[:min(few, len(all))] {
			fmt.Fprintf(&b, "    %s\n", s)
		}
		if n := len(all) - few; n > 0 {
			fmt.Fprintf(&b, "    and %d more\n", n)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// machines are those of records, in the order they are met.
func machines(records []Record) (all []string) {
	for _, r := range records {
		if !slices.Contains(all, r.Machine) {
			all = append(all, r.Machine)
		}
	}
	return all
}
