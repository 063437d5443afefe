package scenarios

import (
	"fmt"
	"slices"
	"strings"
)

// The arms that a scenario may name. What is behind a name is not known here.
var (
	SpansArms      = []string{"none", "noop", "pooled-value", "pooled", "pooled-off", "sdk"}
	SamplingArms   = []string{Always, "parent-0.01", Never}
	ProcessorsArms = []string{"batch", "discard", None}
	AttributesArms = []string{"0", "2", "6"}
	MetricsArms    = []string{None, "otel", "own", "prometheus"}
	QuantileArms   = []string{"exact", "hdr", "tdigest", "qdigest", "qdigest-textbook", "dws-hash",
		"dws-hash+qdigest", "dws", "dws+qdigest"}
	// PeerArms are estimators of other libraries: a scenario has those that it names.
	PeerArms = []string{"caio", "ddsketch", "hdrhistogram-go", "perks", "otel-exponential", "prometheus-classic",
		"prometheus-native"}
)

// None is the arm that does without: of Spans, Processors, Metrics, and of Quantile
// in live scenarios.
const None = "none"

// Always and Never are arms of Sampling.
const (
	Always = "always"
	Never  = "never"
)

// estimatorArms are all that Quantile may hold, liveArms those of a live scenario.
var (
	estimatorArms = slices.Concat(QuantileArms, PeerArms)
	liveArms      = append([]string{None}, estimatorArms...)
)

// A dimension is one respect in which arms differ.
type dimension struct {
	name  string // of its field, and in the names of benchmarks
	known []string
	usual string // of a scenario that does not say
	arms  func(*Scenario) *[]string
	value func(*Cell) *string
}

// dimensions are in the order of names. No two of them share two arms, so that a
// pair of arms tells what it compares.
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

func dimensionOf(name string) *dimension {
	i := slices.IndexFunc(dimensions, func(d dimension) bool { return d.name == name })
	if i < 0 {
		return nil
	}
	return &dimensions[i]
}

// dimensions are those of the scenario's cells: what every one has, and what the
// scenario says otherwise than usual. So the names of benchmarks stay what they were
// when a dimension is added.
func (s *Scenario) dimensions() (all []*dimension) {
	for i := range dimensions {
		d := &dimensions[i]
		switch arms := *d.arms(s); {
		case d.name == "quantile":
			if !s.Live {
				continue // all of them are compared on each cell
			}
		case d.name != "spans" && len(arms) == 1 && arms[0] == d.usual:
			continue
		}
		all = append(all, d)
	}
	return all
}

// Dimensions are the names of those that the arms of the scenario differ in; if there
// is one arm only, the one that it is known by.
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

// main is the dimension that the scenario is about.
func (s *Scenario) main() string {
	if s.Live {
		return "quantile"
	}
	return "spans"
}

// Arms are those of a dimension, in the order of the scenario; none if there is no
// such dimension.
func (s *Scenario) Arms(dimension string) []string {
	if d := dimensionOf(dimension); d != nil {
		return *d.arms(s)
	}
	return nil
}

// A Cell is one arm at one level of load.
type Cell struct {
	Spans string `json:"spans"`
	// What the scenario does not vary, or has no effect on the cell, is "".
	Sampling   string `json:"sampling,omitempty"`
	Processors string `json:"processors,omitempty"`
	Attributes string `json:"attributes,omitempty"`
	Metrics    string `json:"metrics,omitempty"`
	Quantile   string `json:"quantile,omitempty"` // on the path of the call
	Level
}

// Value is the arm of a dimension; "" if the cell has none.
func (c Cell) Value(dimension string) string {
	if d := dimensionOf(dimension); d != nil {
		return *d.value(&c)
	}
	return ""
}

// Arm is the cell without its level, such as spans=sdk/sampling=never.
func (c Cell) Arm() string {
	var parts []string
	for _, d := range dimensions {
		if v := *d.value(&c); v != "" {
			parts = append(parts, d.name+"="+v)
		}
	}
	return strings.Join(parts, "/")
}

func (c Cell) String() string { return fmt.Sprintf("%s/%v", c.Arm(), c.Level) }

// settled is c without what has no effect on it: without spans there is nothing to
// sample, to process and to set attributes on, and what is never sampled is not
// processed. Attributes stand on the metrics of OpenTelemetry, too.
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

// combinations are the arms of all dimensions at a level, each with each.
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

// Cells are all that a round visits, by level and then by arm: all combinations of
// arms, but those once that do the same.
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

// A Pair is a comparison: arm A against arm B.
type Pair struct{ A, B string }

func (p Pair) String() string { return p.A + " vs " + p.B }

// of is the dimension of the scenario that knows both arms of the pair, or else the
// first that knows one.
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

func (d *dimension) knows(arm string) int {
	if slices.Contains(d.known, arm) {
		return 1
	}
	return 0
}

// A Comparison sets cell A against cell B, which differ in one dimension.
type Comparison struct {
	Pair
	Dimension string
	CellA     Cell
	CellB     Cell
}

// Comparisons are those of every pair at every level, in all that the other
// dimensions combine to; what does the same in both arms is left out.
func (s *Scenario) Comparisons() (all []Comparison) {
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
					all = append(all, cmp)
				}
			}
		}
	}
	return all
}

// Beside are the arms that both cells have in the other dimensions in which the
// scenario's differ, such as sampling=never; one that has no effect on either is
// left out.
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
