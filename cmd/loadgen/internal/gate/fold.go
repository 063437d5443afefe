package gate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// mostLines is how many lines a text has, unless more numbers may be worse.
const mostLines = 24

// A group holds the cells of one benchmark, or of one load, that stand below each other.
type group struct {
	table *Table
	name  string
	cells []*Cell
}

// groups returns the groups of a report. Of each table, those with the worst cells come first, and of a run those with
// the highest rate.
func (r *Report) groups() (all []*group) {
	for _, t := range r.Tables {
		from := len(all)
		for _, c := range t.Cells {
			name := cmp.Or(c.group, c.Name)
			i := slices.IndexFunc(all[from:], func(g *group) bool { return g.name == name })
			if i < 0 {
				i = len(all) - from
				all = append(all, &group{table: t, name: name})
			}
			all[from+i].cells = append(all[from+i].cells, c)
		}
		slices.SortStableFunc(all[from:], func(a, b *group) int {
			return cmp.Or(cmp.Compare(b.worst(), a.worst()), cmp.Compare(b.cells[0].rate, a.cells[0].rate))
		})
	}
	for _, g := range all {
		slices.SortStableFunc(g.cells, func(a, b *Cell) int { return cmp.Compare(b.worsening(), a.worsening()) })
	}
	return all
}

// worst returns the largest worsening in a group.
func (g *group) worst() (most float64) {
	for _, c := range g.cells {
		most = max(most, c.worsening())
	}
	return most
}

// worsening returns a number that is greater the worse a cell is, and 0 if it is not worse. Regressed cells are worse
// than those that may be within the margin.
func (c *Cell) worsening() float64 {
	if !c.pinned() {
		return 0
	}
	x := 1.0 // of amounts, which have no common unit
	if c.Shift != nil && !c.Absolute {
		x = 1 + math.Min(math.Abs(math.Log1p(*c.Shift)), 100)
	}
	switch {
	case c.Verdict == comparison.Regressed && !c.doubtful():
		x += 1e6
	case c.Verdict == comparison.Regressed:
		x += 1e4
	}
	return x
}

// A tally counts cells by what a reader calls them.
type tally struct {
	order  []format.Word
	counts map[format.Word]int
}

// tally counts cells.
func (r *Report) tally(cells []*Cell) tally {
	t := tally{counts: map[format.Word]int{}}
	for _, c := range cells {
		w := r.word(c)
		if t.counts[w]++; t.counts[w] == 1 {
			t.order = append(t.order, w)
		}
	}
	slices.SortStableFunc(t.order, func(a, b format.Word) int { return cmp.Compare(t.counts[b], t.counts[a]) })
	return t
}

// String returns the counts as text: 3 better, 1 same.
func (t tally) String() string {
	var parts []string
	for _, w := range t.order {
		parts = append(parts, fmt.Sprintf("%s %s", format.Count(t.counts[w]), w.Text))
	}
	return format.List(parts)
}

// folded returns the cells of groups that a text shows: all, or the judged cells that fit into lines, as fits reports.
// Cells that may be worse are always shown, and what is rare before what is frequent.
func (r *Report) folded(groups []*group, all bool, fits func(shown map[*Cell]bool) bool) map[*Cell]bool {
	shown := map[*Cell]bool{}
	var rest []*Cell
	for _, g := range groups {
		for _, c := range g.cells {
			switch {
			case all, c.pinned():
				shown[c] = true
			case c.Verdict.Judged():
				rest = append(rest, c)
			}
		}
	}
	rank := r.ranks(rest)
	slices.SortStableFunc(rest, func(a, b *Cell) int { return cmp.Compare(rank[r.word(a)], rank[r.word(b)]) })
	with := func(n int) map[*Cell]bool {
		more := map[*Cell]bool{}
		for c := range shown {
			more[c] = true
		}
		for _, c := range rest[:n] {
			more[c] = true
		}
		return more
	}
	n := sort.Search(len(rest), func(n int) bool { return !fits(with(n + 1)) })
	return with(n)
}

// ranks returns the order in which cells are shown: first what is in doubt, then what is rarest of better and not
// shown, at last what is the same.
func (r *Report) ranks(cells []*Cell) map[format.Word]int {
	counts := r.tally(cells).counts
	rank := map[format.Word]int{}
	for w, n := range counts {
		switch w {
		case format.InDoubt:
			rank[w] = 0
		case format.Verdict(comparison.Equivalent):
			rank[w] = math.MaxInt
		default:
			rank[w] = n
		}
	}
	return rank
}
