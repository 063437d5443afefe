package comparison

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/perf/benchunit"

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

func (d Direction) String() string { return [...]string{"neither", "lower", "higher"}[d] }

// A Rule is how a unit is judged.
type Rule struct {
	Unit   string // as benchstat has it: ns are sec, MB are B
	Better Direction
	// Exact says that a value is the same each time: any difference beyond the margin is one, even of a single round.
	// The margin is 0, unless the user named one.
	Exact  bool
	Margin Margin
}

// check returns an error if the margin can never be exceeded.
func (r Rule) check() error {
	if r.Better == Higher && r.Margin.Share >= 1 {
		return fmt.Errorf("its margin is %s, and of what is better if it is higher no more than 100%% can be lost: "+
			"want a smaller share", r.Margin)
	}
	return nil
}

// A Margin is how much worse is still as good, and how much better is no better. NaN is none. If both are set, both
// must be exceeded. Exactly the margin is not beyond it.
type Margin struct {
	Share  float64 // of the base, such as 0.05
	Amount float64 // in the unit
}

// byAmount tells whether the margin is an amount alone.
func (m Margin) byAmount() bool { return math.IsNaN(m.Share) && !math.IsNaN(m.Amount) }

// String is the margin as ParseMargin reads it.
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

// ByShare and ByAmount are margins of one kind.
func ByShare(share float64) Margin { return Margin{share, math.NaN()} }

// ByAmount is a margin in the unit itself.
func ByAmount(amount float64) Margin { return Margin{math.NaN(), amount} }

// ParseMargin reads UNIT=MARGIN, where the margin is a share such as 5% or 0.05%, an
// amount such as +100, 0, or a share and an amount with a comma between them: then both
// must be exceeded. Units and amounts may be given in ns or MB, too.
func ParseMargin(s string) (unit string, m Margin, err error) {
	unit, text, ok := strings.Cut(s, "=")
	if !ok || unit == "" {
		return "", Margin{}, fmt.Errorf("margin %q: want UNIT=MARGIN, such as sec/op=5%%, err-ppm=+100 or B/op=0", s)
	}
	m = Margin{math.NaN(), math.NaN()}
	for part := range strings.SplitSeq(text, ",") {
		var of *float64
		share, percent := strings.CutSuffix(part, "%")
		number, signed := strings.CutPrefix(share, "+")
		x, numberErr := strconv.ParseFloat(number, 64)
		switch {
		case numberErr != nil || !(x >= 0 && x <= math.MaxFloat64) || percent && signed:
			return "", Margin{}, fmt.Errorf("margin of %s: %q is none: want a share such as 5%%, an amount such as "+
				"+100, or 0",
				unit, part)
		case percent:
			of, x = &m.Share, x/100
		case signed:
			of = &m.Amount
		case x == 0:
			m.Share, m.Amount = 0, 0
			continue
		default:
			return "", Margin{}, fmt.Errorf("margin of %s: %q may be a share or an amount: want %s%% or +%s",
				unit, part, number, number)
		}
		if !math.IsNaN(*of) {
			return "", Margin{}, fmt.Errorf("margin of %s: %q names two of one kind", unit, text)
		}
		*of = x
	}
	amount, tidy := benchunit.Tidy(m.Amount, unit)
	m.Amount = amount
	return tidy, m, nil
}

// ParseBetter reads UNIT=lower or UNIT=higher.
func ParseBetter(s string) (unit string, d Direction, err error) {
	unit, text, ok := strings.Cut(s, "=")
	if !ok || unit == "" || text != Lower.String() && text != Higher.String() {
		return "", Neither, fmt.Errorf("better %q: want UNIT=lower or UNIT=higher, such as errors/s=lower", s)
	}
	if _, unit = benchunit.Tidy(1, unit); text == Higher.String() {
		return unit, Higher, nil
	}
	return unit, Lower, nil
}

// HasNoDirection reports whether a unit is known of which neither direction is better.
func HasNoDirection(unit string) bool {
	for _, u := range results.Units {
		if _, tidy := benchunit.Tidy(1, u.Name); tidy == unit {
			return u.Better == ""
		}
	}
	return false
}

// DefaultRule is that of a unit, as benchstat has it, which nobody has said more of: which
// way is better is known of ours and of those of go test. Of others it is not guessed:
// errors/s and hits/op look like units that are known, and are the other way round.
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

func direction(unit string) Direction {
	for _, u := range results.Units {
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

// A NoAmountError is a unit that may be 0 and has no margin that says what matters then.
type NoAmountError struct {
	Unit   string
	Lowest float64
}

func (e *NoAmountError) Error() string {
	return fmt.Sprintf("it has the value %v, of which no share can be taken: want a margin that is an amount, "+
		"such as --margin '%s=+1'", e.Lowest, e.Unit)
}

// faults are what is wrong with cells, each with the cells it is wrong with.
type faults struct {
	order []string
	cells map[string][]string
	errs  map[string]error
}

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

// join is all of them, those that many cells share once.
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
