package gate

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// doubtful reports whether the cell differs by its numbers, but mostly by what the generator did.
func (c *Cell) doubtful() bool { return c.Doubt != "" && c.Verdict.Differs() }

// pinned reports whether the cell may be worse, so that no text may leave it out.
func (c *Cell) pinned() bool {
	return c.Verdict == comparison.Regressed || c.Verdict == comparison.Worse || c.Verdict == comparison.Expected
}

// word returns the verdict of a cell for readers. A base that came before the head has regressed.
func (r *Report) word(c *Cell) format.Word {
	if c.doubtful() {
		return format.InDoubt
	}
	return r.byNumbers(c)
}

// byNumbers returns the verdict of a cell for readers, whatever its doubt.
func (r *Report) byNumbers(c *Cell) format.Word {
	w := format.Verdict(c.Verdict)
	if !r.arms && (c.Verdict == comparison.Regressed || c.Verdict == comparison.Expected) {
		w.Text = strings.Replace(w.Text, "worse", "regressed", 1)
	}
	return w
}

// varies is the reason of a cell whose interval reaches beyond the margin on one side at least.
const varies = "it varies too much for the margin"

// detail returns the reason of a verdict in a few words, or "" if it has none, or a longer one.
func (r *Report) detail(c *Cell) string {
	switch {
	case c.doubtful() && c.pinned():
		return r.byNumbers(c).Text + " by its numbers"
	case c.doubtful():
		return "lag"
	case c.Verdict == comparison.Worse || c.Verdict == comparison.Better:
		return "size not clear"
	case c.Verdict == comparison.Inconclusive && c.Why == varies:
		return "margin " + c.Margin
	case c.Marked:
		return "differs *"
	}
	return ""
}

// reason returns the reason of a verdict that detail has no room for, as a sentence without a full stop.
func (c *Cell) reason() string {
	switch {
	case c.doubtful() && c.pinned():
		return c.Doubt
	case !c.Verdict.Judged(), c.Verdict == comparison.Worse, c.Verdict == comparison.Better, c.Why == varies:
		return ""
	}
	return c.Why
}

// A scale is how readers see the numbers of a cell: in a unit that makes them neither small nor large. The unit is one
// for both sides, so it is that of the smaller side if they are far apart: a number below 1 loses its digits.
type scale struct {
	label string
	per   float64 // size of the label's unit, in the unit of the cell
}

// seconds matches seconds in a tidy unit.
var seconds = regexp.MustCompile(`^(?:(.*)-)?sec(/.*)?$`)

// scale returns the scale of a cell.
func (c *Cell) scale() scale {
	least, most := math.Inf(1), 0.0
	for _, side := range []Side{c.Base, c.Head} {
		if side.Median != nil && *side.Median != 0 {
			least, most = min(least, math.Abs(*side.Median)), max(most, math.Abs(*side.Median))
		}
	}
	const enough = 10 // of a unit, since 1,234 of the next one has more digits
	if most == 0 {
		least, most = 1e-5, 1e-5 // of times: us
	}
	prefix := func(name string, sizes []float64, names []string) scale {
		i := slices.IndexFunc(sizes, func(size float64) bool { return most >= enough*size && least >= size })
		if i < 0 {
			i = len(sizes) - 1
		}
		return scale{strings.TrimSpace(name + " " + names[i]), sizes[i]}
	}
	if m := seconds.FindStringSubmatch(c.Unit); m != nil {
		return prefix(timed(m[1]), []float64{1, 1e-3, 1e-6, 1e-9},
			[]string{"s" + m[2], "ms" + m[2], "us" + m[2], "ns" + m[2]})
	}
	if name, ok := strings.CutSuffix(c.Unit, "-bytes"); ok {
		return prefix(timed(name), []float64{1 << 20, 1 << 10, 1}, []string{"MiB", "KiB", "B"})
	}
	switch c.Unit {
	case "B/s":
		return prefix("", []float64{1e9, 1e6}, []string{"GB/s", "MB/s"})
	case "B/op":
		return prefix("", []float64{1 << 20, 1}, []string{"MiB/op", "B/op"})
	}
	return scale{format.Printable(c.Unit, ""), 1}
}

// timed returns the name of a time of which a unit is about, such as p99 for p99-latency.
func timed(name string) string {
	switch before, kind, _ := strings.Cut(name, "-"); {
	case name == "cpu":
		return "CPU"
	case kind == "latency":
		return before
	case kind == "service":
		return "service " + before
	}
	return strings.ReplaceAll(format.Printable(name, ""), "-", " ")
}

// number returns a number of the cell's unit.
func (s scale) number(x *float64) string {
	if x == nil {
		return format.None
	}
	return format.Number(*x / s.per)
}

// change returns a shift, or "-" if it is unknown.
func (c *Cell) change() string {
	switch {
	case c.Shift == nil:
		return format.None
	case c.Absolute:
		return format.Signed(*c.Shift/c.scale().per, format.Number)
	}
	return format.Shift(*c.Shift, 0, "%")
}

// interval returns the interval of the shift, with a unit behind shares.
func (c *Cell) interval(unit string) string {
	if c.Shift == nil {
		return format.None
	}
	low, high := *c.Low, *c.High
	if c.Absolute {
		per := c.scale().per
		return format.Interval(low/per, high/per, func(x float64) string { return format.Signed(x, format.Number) })
	}
	digits := 0
	for digits < 2 && low != high && format.Shift(low, digits, unit) == format.Shift(high, digits, unit) {
		digits++
	}
	return format.Interval(low, high, func(x float64) string { return format.Shift(x, digits, unit) })
}

// differs returns in words how the head differs: is 12% slower in ns/op.
func (c *Cell) differs() string {
	if c.Shift == nil {
		return "differs in " + c.Unit
	}
	s := c.scale()
	size, more := *c.Shift, *c.Shift > 0
	isTime := seconds.MatchString(c.Unit)
	amount := strings.TrimLeft(c.change(), "+-")
	word := map[bool]string{true: "more", false: "less"}[more]
	switch {
	case c.Absolute:
		return fmt.Sprintf("has %s %s %s", amount, word, s.label)
	case size >= 0.995 && isTime:
		return fmt.Sprintf("takes %s times the %s", strings.TrimPrefix(amount, "×"), s.label)
	case size >= 0.995:
		return fmt.Sprintf("has %s times the %s", strings.TrimPrefix(amount, "×"), s.label)
	case isTime && strings.HasPrefix(s.label, "CPU"):
		return fmt.Sprintf("takes %s %s CPU", amount, word)
	case isTime:
		return fmt.Sprintf("is %s %s in %s", amount, map[bool]string{true: "slower", false: "faster"}[more], s.label)
	case strings.HasSuffix(c.Unit, "/op"):
		return fmt.Sprintf("takes %s %s %s", amount, word, s.label)
	}
	return fmt.Sprintf("has %s %s %s", amount, word, s.label)
}
