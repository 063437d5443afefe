package gate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// removals say which results of the base a head may lack, and what came of it.
type removals struct {
	list []removal
	now  time.Time
}

// A removal is an agreement, and the results that it matches.
type removal struct {
	*Agreement
	lacked   []string // results of the base that a head lacks
	kept     []string // results of the base that every head has
	packages []string // of results that it matches without naming their package
}

func (o *Options) removals() *removals {
	all := &removals{now: o.Now}
	if o.File != nil {
		for i := range o.File.Removed {
			all.list = append(all.list, removal{Agreement: &o.File.Removed[i]})
		}
	}
	return all
}

// A result is one benchmark in one unit. Of all its units, unit is "".
type result struct {
	name, full string // without and with its package
	unit       string
	text       string // for people
}

// matching returns the removals that match a result of the base.
func (r *removals) matching(of result) (all []*removal) {
	for i := range r.list {
		e := &r.list[i]
		switch named := e.pattern.MatchString(of.full); {
		case e.Unit != "" && e.Unit != of.unit || !named && !e.pattern.MatchString(of.name):
			continue
		case !named:
			if pkg := strings.TrimSuffix(of.full, of.name); !slices.Contains(e.packages, pkg) {
				e.packages = append(e.packages, pkg)
			}
		}
		all = append(all, e)
	}
	return all
}

// lacks reports whether a head may lack a result of the base. If it may not any more, why says since when.
func (r *removals) lacks(of result) (may bool, why string) {
	for _, e := range r.matching(of) {
		if !slices.Contains(e.lacked, of.text) {
			e.lacked = append(e.lacked, of.text)
		}
		if r.now.Before(e.Until) {
			may = true
		} else {
			why = fmt.Sprintf(" (its removal was agreed to until %s, which is past: %s)", e.Last(), e.Reason)
		}
	}
	return may, why
}

// has notes a result of the base that a head has.
func (r *removals) has(of result) {
	for _, e := range r.matching(of) {
		if !slices.Contains(e.kept, of.text) {
			e.kept = append(e.kept, of.text)
		}
	}
}

// check returns an error for each removal that names no package and matches results of several.
func (r *removals) check() error {
	var errs []error
	for _, e := range r.list {
		if len(e.packages) < 2 {
			continue
		}
		var names []string
		for _, pkg := range e.packages {
			names = append(names, pkg+e.Cell)
		}
		errs = append(errs, fmt.Errorf("%s: several packages have the removed %s: want one of %s", e.where, e.Cell,
			strings.Join(names, ", ")))
	}
	return errors.Join(errs...)
}

// notes says what is not compared because it was removed.
func (r *removals) notes() (all []string) {
	for _, e := range r.list {
		if len(e.lacked) > 0 && r.now.Before(e.Until) {
			all = append(all, fmt.Sprintf("removed, as %s has it: %s: %s (until %s)", e.where,
				format.FewNames(e.lacked), e.Reason, e.Last()))
		}
	}
	return all
}

// warnings says which removals are of no use.
func (r *removals) warnings() (all []string) {
	for _, e := range r.list {
		switch {
		case len(e.kept) > 0:
			all = append(all, fmt.Sprintf("%s: the removed %s is still there: %s: correct the entry, or remove it",
				e.where,
				e.Cell, format.FewNames(e.kept)))
		case len(e.lacked) == 0:
			all = append(all,
				fmt.Sprintf("%s: the removed %s matches nothing of the base: correct the entry, or remove it",
					e.where, e.Cell))
		}
	}
	return all
}
