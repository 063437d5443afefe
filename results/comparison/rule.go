package comparison

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/perf/benchunit"

	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/results"
)

// A Direction says which values of a unit are better.
type Direction int

// The directions.
const (
	Neither Direction = iota
	Lower
	Higher
)

// String returns neither, lower or higher.
func (d Direction) String() string { return [...]string{"neither", "lower", "higher"}[d] }

// A Rule says how a unit is judged.
type Rule struct {
	Unit   string // as benchstat prints it: sec instead of ns, B instead of MB
	Better Direction
	// Exact means that the value is the same in each round, so that any difference beyond the margin counts, even in a
	// single round. The margin is 0 unless the user gives one.
	Exact  bool
	Margin Margin
}

// check returns an error if the margin can never be exceeded.
func (r Rule) check() error {
	if r.Better == Higher && r.Margin.Share >= 1 {
		return fmt.Errorf("its margin is %s, but if higher is better no more than 100%% can be lost: "+
			"want a smaller share", r.Margin)
	}
	return nil
}

// A Margin is the largest difference that does not matter. A field that is NaN is not set. If both fields are set, a
// difference must exceed both. A difference equal to the margin is within it.
type Margin struct {
	Share  float64 // of the base, such as 0.05
	Amount float64 // in the unit
}

// byAmount reports whether only the amount is set.
func (m Margin) byAmount() bool { return math.IsNaN(m.Share) && !math.IsNaN(m.Amount) }

// String returns the margin in the syntax of ParseMargin.
func (m Margin) String() string {
	var parts []string
	if !math.IsNaN(m.Share) {
		parts = append(parts, strconv.FormatFloat(100*m.Share, 'g', 4, 64)+"%")
	}
	if !math.IsNaN(m.Amount) {
		parts = append(parts, "+"+strconv.FormatFloat(m.Amount, 'g', 6, 64))
	}
	return strings.Join(parts, ",")
}

// ByShare returns a margin that is a share of the base.
func ByShare(share float64) Margin { return Margin{share, math.NaN()} }

// ByAmount returns a margin that is an amount in the unit.
func ByAmount(amount float64) Margin { return Margin{math.NaN(), amount} }

// ParseMargin parses UNIT=MARGIN. The margin is a share such as 5% or 0.05%, an amount such as +100, or 0, or a share
// and an amount separated by a comma, in which case a difference must exceed both. Units and amounts may be in ns or
// MB; the result is in the units of benchstat.
func ParseMargin(s string) (unit string, m Margin, err error) {
	unit, text, ok := strings.Cut(s, "=")
	if !ok || unit == "" {
		return "", Margin{}, fmt.Errorf("margin %q: want UNIT=MARGIN, such as sec/op=5%%, err-ppm=+100 or B/op=0", s)
	}
	m = Margin{math.NaN(), math.NaN()}
	for part := range strings.SplitSeq(text, ",") {
		var field *float64
		share, percent := strings.CutSuffix(part, "%")
		number, signed := strings.CutPrefix(share, "+")
		x, numberErr := strconv.ParseFloat(number, 64)
		switch {
		case numberErr != nil || !(x >= 0 && x <= math.MaxFloat64) || percent && signed:
			return "", Margin{}, fmt.Errorf("margin of %s: %q is not a margin: want a share such as 5%%, an "+
				"amount such as +100, or 0", unit, part)
		case percent:
			field, x = &m.Share, x/100
		case signed:
			field = &m.Amount
		case x == 0:
			m.Share, m.Amount = 0, 0
			continue
		default:
			return "", Margin{}, fmt.Errorf("margin of %s: %q may be a share or an amount: want %s%% or +%s",
				unit, part, number, number)
		}
		if !math.IsNaN(*field) {
			return "", Margin{}, fmt.Errorf("margin of %s: %q has two shares or two amounts: want at most one of each",
				unit, text)
		}
		*field = x
	}
	amount, tidy := benchunit.Tidy(m.Amount, unit)
	m.Amount = amount
	return tidy, m, nil
}

// ParseBetter parses UNIT=lower or UNIT=higher.
func ParseBetter(s string) (unit string, d Direction, err error) {
	unit, text, ok := strings.Cut(s, "=")
	if !ok || unit == "" || text != Lower.String() && text != Higher.String() {
		return "", Neither, fmt.Errorf("better %q%s: want UNIT=lower or UNIT=higher, such as errors/s=lower", s,
			spelling.Meant(text, []string{Lower.String(), Higher.String()}))
	}
	if _, unit = benchunit.Tidy(1, unit); text == Higher.String() {
		return unit, Higher, nil
	}
	return unit, Lower, nil
}

// HasNoDirection reports whether a unit is one of results.Units for which neither direction is better.
func HasNoDirection(unit string) bool {
	for _, u := range results.Units() {
		if _, tidy := benchunit.Tidy(1, u.Name); tidy == unit {
			return u.Better == ""
		}
	}
	return false
}

// DefaultRule returns the rule of a unit, in benchstat's form, for which the user gave none. The better direction is
// known for the units of this module and for sec/op and B/s of go test. For other units it is Neither, and not guessed
// from the name: errors/s and hits/op end like known units, but the opposite direction is better.
func DefaultRule(unit string) Rule {
	r := Rule{Unit: unit, Better: direction(unit), Margin: ByShare(0.05)}
	switch {
	case strings.HasSuffix(unit, "-ppm"):
		r.Margin = ByAmount(100)
	case strings.HasSuffix(unit, "-us"), unit == "gc-cycles":
		r.Margin = Margin{0.1, 100}
	case unit == "B/op", unit == "allocs/op", strings.HasSuffix(unit, "-bytes"):
		r.Margin = Margin{0.01, 0}
	case strings.HasPrefix(unit, "p99"), strings.HasPrefix(unit, "max-"):
		r.Margin = ByShare(0.1)
	}
	return r
}

// direction returns the better direction of a unit.
func direction(unit string) Direction {
	for _, u := range results.Units() {
		if _, tidy := benchunit.Tidy(1, u.Name); tidy == unit {
			return map[string]Direction{"lower": Lower, "higher": Higher}[u.Better]
		}
	}
	switch unit {
	case "B/s":
		return Higher
	case "sec/op":
		return Lower
	}
	return Neither
}

// A NoAmountError reports a cell with a value that has no shares, such as 0, and no margin that is an amount.
type NoAmountError struct {
	Unit   string
	Lowest float64
}

func (e *NoAmountError) Error() string {
	return fmt.Sprintf("it has the value %v, and a share of that is no margin: want a margin that is an amount, "+
		"such as --margin '%s=+1'", e.Lowest, e.Unit)
}

// faults collects errors and the cells that each error concerns.
type faults struct {
	order []string
	cells map[string][]string
	errs  map[string]error
}

// add adds an error about c.
func (f *faults) add(c *Cell, err error) {
	text := c.Rule.Unit + ": " + err.Error()
	if f.cells == nil {
		f.cells, f.errs = map[string][]string{}, map[string]error{}
	}
	if f.errs[text] == nil {
		f.order, f.errs[text] = append(f.order, text), fmt.Errorf("%s: %w", c.Rule.Unit, err)
	}
	f.cells[text] = append(f.cells[text], c.Name)
}

// join returns all errors as one, or nil if there are none. An error that concerns many cells appears once.
func (f *faults) join() error {
	var errs []error
	for _, text := range f.order {
		where := f.cells[text][0]
		if n := len(f.cells[text]); n > 1 {
			where += fmt.Sprintf(" and %d more", n-1)
		}
		errs = append(errs, fmt.Errorf("%s: %w", where, f.errs[text]))
	}
	return errors.Join(errs...)
}
