package scenarios

import (
	"fmt"
	"slices"
	"strings"
)

// The arms that a scenario may name. Other packages implement them.
var (
	SpansArms      = []string{"none", "noop", "pooled-value", "pooled", "pooled-off", "sdk"}
	SamplingArms   = []string{Always, "parent-0.01", Never}
	ProcessorsArms = []string{"batch", "discard", None}
	AttributesArms = []string{"0", "2", "6"}
	MetricsArms    = []string{None, "otel", "own", "prometheus"}
	QuantileArms   = []string{"exact", "hdr", "tdigest", "qdigest", "qdigest-textbook", "dws-hash",
		"dws-hash+qdigest", "dws", "dws+qdigest"}
	// PeerArms are estimators of other libraries. A scenario has only the peers that it names.
	PeerArms = []string{"caio", "ddsketch", "hdrhistogram-go", "perks", "otel-exponential", "prometheus-classic",
		"prometheus-native"}
)

// None is the arm without spans, a processor or metrics, or, in live scenarios, without an estimator.
const None = "none"

// Always and Never are arms of Sampling.
const (
	Always = "always"
	Never  = "never"
)

// estimatorArms are all arms that Quantile may hold, and liveArms the arms of a live scenario.
var (
	estimatorArms = slices.Concat(QuantileArms, PeerArms)
	liveArms      = append([]string{None}, estimatorArms...)
)

// A dimension is one respect in which arms differ.
type dimension struct {
	name  string   // of its field, and in the names of benchmarks
	known []string // all arms
	usual string   // the default arm
	arms  func(*Scenario) *[]string
	value func(*Cell) *string
}

// dimensions are in the order in which names list them. No two of them share two arms, so that a
// pair of arms determines its dimension.
var dimensions = []dimension{
	{"spans", SpansArms, None, func(s *Scenario) *[]string { return &s.Spans },
		func(c *Cell) *string { return &c.Spans }},
	{"sampling", SamplingArms, Always, func(s *Scenario) *[]string { return &s.Sampling },
		func(c *Cell) *string { return &c.Sampling }},
	{"processors", ProcessorsArms, "batch", func(s *Scenario) *[]string { return &s.Processors },
		func(c *Cell) *string { return &c.Processors }},
	{"attributes", AttributesArms, "0", func(s *Scenario) *[]string { return &s.Attributes },
		func(c *Cell) *string { return &c.Attributes }},
	{"metrics", MetricsArms, None, func(s *Scenario) *[]string { return &s.Metrics },
		func(c *Cell) *string { return &c.Metrics }},
	{"quantile", liveArms, "", func(s *Scenario) *[]string { return &s.Quantile },
		func(c *Cell) *string { return &c.Quantile }},
}

// dimensionOf returns the dimension with this name, or nil if there is none.
func dimensionOf(name string) *dimension {
	i := slices.IndexFunc(dimensions, func(d dimension) bool { return d.name == name })
	if i < 0 {
		return nil
	}
	return &dimensions[i]
}

// dimensions returns the dimensions of the scenario's cells: those that every scenario has, and those
// in which the scenario differs from the default. Hence a new dimension does not change the names of
// existing benchmarks.
func (s *Scenario) dimensions() (dims []*dimension) {
	for i := range dimensions {
		d := &dimensions[i]
		switch arms := *d.arms(s); {
		case d.name == "quantile":
			if !s.Live {
				continue // every cell compares all estimators
			}
		case d.name != "spans" && len(arms) == 1 && arms[0] == d.usual:
			continue
		}
		dims = append(dims, d)
	}
	return dims
}

// Dimensions returns the names of the dimensions in which the arms of the scenario differ. If there is
// only one arm, it returns the scenario's main dimension.
func (s *Scenario) Dimensions() (names []string) {
	for _, d := range s.dimensions() {
		if len(*d.arms(s)) > 1 {
			names = append(names, d.name)
		}
	}
	if names == nil {
		return []string{s.main()}
	}
	return names
}

// main returns the name of the dimension that the scenario is about.
func (s *Scenario) main() string {
	if s.Live {
		return "quantile"
	}
	return "spans"
}

// Arms returns the arms of a dimension, in the order of the scenario, or nil if there is no such
// dimension.
func (s *Scenario) Arms(dimension string) []string {
	if d := dimensionOf(dimension); d != nil {
		return *d.arms(s)
	}
	return nil
}

// A Cell is one arm at one level of load.
type Cell struct {
	Spans string `json:"spans"`
	// A dimension that the scenario does not vary, or that has no effect on the cell, is "".
	Sampling   string `json:"sampling,omitempty"`
	Processors string `json:"processors,omitempty"`
	Attributes string `json:"attributes,omitempty"`
	Metrics    string `json:"metrics,omitempty"`
	Quantile   string `json:"quantile,omitempty"` // of live scenarios
	Level
}

// Value returns the cell's arm of a dimension, or "" if it has none.
func (c Cell) Value(dimension string) string {
	if d := dimensionOf(dimension); d != nil {
		return *d.value(&c)
	}
	return ""
}

// Arm returns the cell without its level, such as spans=sdk/sampling=never.
func (c Cell) Arm() string {
	var parts []string
	for _, d := range dimensions {
		if v := *d.value(&c); v != "" {
			parts = append(parts, d.name+"="+v)
		}
	}
	return strings.Join(parts, "/")
}

// String returns the arm and the level.
func (c Cell) String() string { return fmt.Sprintf("%s/%v", c.Arm(), c.Level) }

// settled returns c without the arms that have no effect on it. Without spans there is nothing to
// sample, process or set attributes on, and spans that are never sampled are not processed. With
// OpenTelemetry metrics, attributes have an effect even without spans.
func (c Cell) settled() Cell {
	silent := c.Spans == None || c.Spans == "noop"
	if silent {
		c.Sampling = ""
	}
	if silent || c.Sampling == Never {
		c.Processors = ""
	}
	if silent && c.Metrics != "otel" {
		c.Attributes = ""
	}
	return c
}

// combinations returns all combinations of the arms of all dimensions, at one level.
func (s *Scenario) combinations(level Level) []Cell {
	cells := []Cell{{Level: level}}
	for _, d := range s.dimensions() {
		var next []Cell
		for _, c := range cells {
			for _, arm := range *d.arms(s) {
				*d.value(&c) = arm
				next = append(next, c)
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

// A Pair says to compare arm A with arm B.
type Pair struct{ A, B string }

// String returns the pair in the syntax of the field compare.
func (p Pair) String() string { return p.A + " vs " + p.B }

// of returns the dimension that has both arms of the pair, or else the first dimension that has one.
func (p Pair) of(s *Scenario) *dimension {
	order := []*dimension{dimensionOf(s.main())}
	for i := range dimensions {
		if d := &dimensions[i]; d != order[0] && d.name != "quantile" {
			order = append(order, d)
		}
	}
	for _, n := range []int{2, 1} {
		for _, d := range order {
			if d.knows(p.A)+d.knows(p.B) == n {
				return d
			}
		}
	}
	return order[0]
}

// knows returns 1 if the dimension has the arm, and 0 otherwise.
func (d *dimension) knows(arm string) int {
	if slices.Contains(d.known, arm) {
		return 1
	}
	return 0
}

// A Comparison compares cell A with cell B, which differ in one dimension.
type Comparison struct {
	Pair
	Dimension string
	CellA     Cell
	CellB     Cell
}

// Comparisons returns the comparison of every pair at every level, for all combinations of the other
// dimensions. It omits comparisons of arms that have the same effect.
func (s *Scenario) Comparisons() (comparisons []Comparison) {
	for _, p := range s.Compare {
		d := p.of(s)
		for _, level := range s.Levels() {
			seen := map[Comparison]bool{}
			for _, c := range s.combinations(level) {
				cmp := Comparison{Pair: p, Dimension: d.name}
				*d.value(&c) = p.A
				cmp.CellA = c.settled()
				*d.value(&c) = p.B
				cmp.CellB = c.settled()
				if cmp.CellA != cmp.CellB && !seen[cmp] {
					seen[cmp] = true
					comparisons = append(comparisons, cmp)
				}
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
