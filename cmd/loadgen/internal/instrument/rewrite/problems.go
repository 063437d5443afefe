package rewrite

import (
	"cmp"
	"fmt"
	"strings"
)

// A Problem is a registration that cannot be probed, or a directive that is wrong.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	What   string `json:"what"`
	Hint   string `json:"hint"`
}

// String returns the problem in two lines.
func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: loadgen: %s\n\thint: %s", p.File, p.Line, p.Column, p.What, p.Hint)
}

func (p Problem) compare(q Problem) int {
	return cmp.Or(strings.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column),
		strings.Compare(p.What, q.What))
}

func (s Site) compare(t Site) int {
	return cmp.Or(strings.Compare(s.File, t.File), cmp.Compare(s.Line, t.Line), cmp.Compare(s.Column, t.Column))
}

// orSkip ends hints.
const orSkip = "; or mark the line //loadgen:skip"
