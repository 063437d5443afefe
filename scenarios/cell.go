package scenarios

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A Cell is one arm at one level of load. Cells are equal if they have the same arms and level.
type Cell struct {
	arms string // as Arm returns them
	Level
}

// A pair is the arm of a cell in one dimension.
type pair struct{ dimension, arm string }

// pairs returns the arms of the cell by dimension, in the order of names.
func (c Cell) pairs() (pairs []pair) {
	for part := range strings.SplitSeq(c.arms, "/") {
		if dimension, arm, ok := strings.Cut(part, "="); ok {
			pairs = append(pairs, pair{dimension, arm})
		}
	}
	return pairs
}

// Value returns the cell's arm of a dimension. It is "" if the scenario does not vary the dimension, or
// if the dimension has no effect on the cell.
func (c Cell) Value(dimension string) string {
	for _, p := range c.pairs() {
		if p.dimension == dimension {
			return p.arm
		}
	}
	return ""
}

// With returns c with another arm in a dimension, or without the dimension if arm is "".
func (c Cell) With(dimension, arm string) Cell {
	pairs := slices.DeleteFunc(c.pairs(), func(p pair) bool { return p.dimension == dimension })
	if arm != "" {
		pairs = append(pairs, pair{dimension, arm})
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(rank(a.dimension), rank(b.dimension)), cmp.Compare(a.dimension, b.dimension))
	})
	parts := make([]string, len(pairs))
	for i, p := range pairs {
		parts[i] = p.dimension + "=" + p.arm
	}
	c.arms = strings.Join(parts, "/")
	return c
}

// Arm returns the cell without its level, such as spans=sdk/sampling=never.
func (c Cell) Arm() string { return c.arms }

// String returns the arm and the level.
func (c Cell) String() string { return fmt.Sprintf("%s/%v", c.Arm(), c.Level) }

// MarshalJSON encodes c as an object with a key for each of its dimensions, and its level.
func (c Cell) MarshalJSON() ([]byte, error) {
	var o object
	for _, p := range c.pairs() {
		o.add(p.dimension, p.arm)
	}
	level, err := json.Marshal(c.Level)
	if err != nil {
		return nil, err
	}
	return o.with(level)
}

// UnmarshalJSON decodes a cell of this version of the program or another. Every key with a text that is
// not the level's is a dimension.
func (c *Cell) UnmarshalJSON(data []byte) error {
	*c = Cell{}
	if err := json.Unmarshal(data, &c.Level); err != nil {
		return err
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	for key, value := range fields {
		arm, ok := value.(string)
		if !ok || key == "qps" || key == "load" || arm == "" {
			continue
		}
		if strings.ContainsAny(key+arm, "/= \t\r\n") {
			return fmt.Errorf("a cell has the arm %q of the dimension %q: want names without / and =", arm, key)
		}
		*c = c.With(key, arm)
	}
	return nil
}

// An object is a JSON object whose keys keep their order.
type object struct {
	buf bytes.Buffer
	err error
}

// add adds a key.
func (o *object) add(key string, value any) {
	data, err := json.Marshal(value)
	if err != nil && o.err == nil {
		o.err = err
	}
	if o.buf.Len() > 0 {
		o.buf.WriteByte(',')
	}
	fmt.Fprintf(&o.buf, "%q:%s", key, data)
}

// addText adds a key unless its value is empty.
func (o *object) addText(key, value string) {
	if value != "" {
		o.add(key, value)
	}
}

// addList adds a key unless its list is empty.
func (o *object) addList(key string, values []string) {
	if len(values) > 0 {
		o.add(key, values)
	}
}

// with returns the object, with the keys of another one after its own.
func (o *object) with(other []byte) ([]byte, error) {
	inner := bytes.TrimSuffix(bytes.TrimPrefix(other, []byte("{")), []byte("}"))
	if o.buf.Len() > 0 && len(inner) > 0 {
		o.buf.WriteByte(',')
	}
	return []byte("{" + o.buf.String() + string(inner) + "}"), o.err
}

// settled returns c without the dimensions that have no effect on it.
func (c Cell) settled() Cell {
	for i := range dimensions {
		if d := &dimensions[i]; d.Idle != nil && d.Idle(c) {
			c = c.With(d.Name, "")
		}
	}
	return c
}

// combinations returns all combinations of the arms of all dimensions, at one level.
func (s *Scenario) combinations(level Level) []Cell {
	if s.visited != nil {
		return slices.DeleteFunc(slices.Clone(s.visited), func(c Cell) bool { return c.Level != level })
	}
	cells := []Cell{{Level: level}}
	for _, d := range s.dimensions() {
		var next []Cell
		for _, c := range cells {
			for _, arm := range s.arms[d.Name] {
				next = append(next, c.With(d.Name, arm))
			}
		}
		cells = next
	}
	return cells
}

// Cells returns the cells that a round visits, by level and then by arm. Combinations of arms that
// have the same effect are one cell.
func (s *Scenario) Cells() (cells []Cell) {
	seen := map[Cell]bool{}
	for _, level := range s.Levels() {
		for _, c := range s.combinations(level) {
			if c = c.settled(); !seen[c] {
				seen[c] = true
				cells = append(cells, c)
			}
		}
	}
	return cells
}

// Varied returns the names of the dimensions in which the scenario has several arms.
func (s *Scenario) Varied() (names []string) {
	for _, d := range s.Dimensions() {
		if len(s.arms[d]) > 1 {
			names = append(names, d)
		}
	}
	return names
}

// NameOf returns what a reader calls the arm of a cell: its arms in the dimensions that vary, such as sdk or
// sdk/batch, or the name of the scenario if it has one arm.
func (s *Scenario) NameOf(c Cell) string {
	var arms []string
	for _, d := range s.Varied() {
		if arm := c.Value(d); arm != "" {
			arms = append(arms, arm)
		}
	}
	if arms == nil {
		return s.Name
	}
	return strings.Join(arms, "/")
}

// TargetOf returns the target that a cell calls.
func (s *Scenario) TargetOf(c Cell) string {
	if target := c.Value(Target); target != "" {
		return target
	}
	return s.arms[Target][0]
}

// A Pair says to compare arm A with arm B.
type Pair struct{ A, B string }

// String returns the pair in the syntax of the field compare.
func (p Pair) String() string { return p.A + " vs " + p.B }

// of returns the dimension that has both arms of the pair, or else the first dimension that has one.
func (p Pair) of(s *Scenario) *Dimension {
	order := []*Dimension{dimensionOf(s.main())}
	for i := range dimensions {
		if d := &dimensions[i]; d != order[0] && d.Name != Quantile && !(d.InProcess && s.CallsService()) {
			order = append(order, d)
		}
	}
	order = append(order, s.unknown...)
	for _, n := range []int{2, 1} {
		for _, d := range order {
			arms := 0
			for _, arm := range []string{p.A, p.B} {
				if d.has(s, arm) {
					arms++
				}
			}
			if arms == n {
				return d
			}
		}
	}
	return order[0]
}

// A Comparison compares cell A with cell B, which differ in one dimension.
type Comparison struct {
	Pair
	Dimension string
	CellA     Cell
	CellB     Cell
}

// Comparisons returns the comparison of every pair at every level, for all combinations of the other
// dimensions. It omits comparisons of arms that have the same effect, or that were not visited.
func (s *Scenario) Comparisons() (comparisons []Comparison) {
	for _, p := range s.Compare {
		d := p.of(s)
		for _, level := range s.Levels() {
			seen := map[Comparison]bool{}
			for _, c := range s.combinations(level) {
				pairing := Comparison{p, d.Name, c.With(d.Name, p.A).settled(), c.With(d.Name, p.B).settled()}
				if pairing.CellA == pairing.CellB || seen[pairing] || s.visited != nil &&
					!(slices.Contains(s.visited, pairing.CellA) && slices.Contains(s.visited, pairing.CellB)) {
					continue
				}
				seen[pairing] = true
				comparisons = append(comparisons, pairing)
			}
		}
	}
	return comparisons
}

// Beside returns the arms that both cells have in the other dimensions that the scenario varies, such
// as sampling=never. It omits an arm that has no effect on either cell.
func (c *Comparison) Beside(s *Scenario) (arms []string) {
	for _, name := range s.Dimensions() {
		v := c.CellA.Value(name)
		if v == "" {
			v = c.CellB.Value(name)
		}
		if name != c.Dimension && v != "" {
			arms = append(arms, name+"="+v)
		}
	}
	return arms
}
