// Package problems collects everything that is wrong with an input, so that it is reported at once.
package problems

import (
	"errors"
	"fmt"
)

// A List is a list of problems. Create one with [New].
type List struct {
	prefix string
	all    []error
}

// New returns an empty list, whose errors will begin with the name of a package and a colon.
func New(pkg string) *List { return &List{prefix: pkg + ": "} }

// Add adds a problem, with the text that [fmt.Errorf] makes.
func (l *List) Add(format string, args ...any) {
	l.all = append(l.all, fmt.Errorf(l.prefix+format, args...))
}

// Join adds an error, or each error that it joins. It ignores nil.
func (l *List) Join(err error) {
	if err == nil {
		return
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		l.Add("%w", err)
		return
	}
	for _, err := range joined.Unwrap() {
		l.Join(err)
	}
}

// Empty reports whether there is no problem.
func (l *List) Empty() bool { return len(l.all) == 0 }

// Err returns an error that joins all problems, or nil if there is none.
func (l *List) Err() error { return errors.Join(l.all...) }
