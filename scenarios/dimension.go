package scenarios

import (
	"fmt"
	"slices"
	"strings"
)

// A Dimension is one respect in which arms differ, such as how spans are made. Everything that decodes,
// names, lists or compares arms works from this value: to add a dimension, add it to the list below, or
// call [Register], and implement its arms where a visit opens its target.
type Dimension struct {
	Name  string // key of its field and flag, and its part of the names of benchmarks
	About string // help text, a sentence
	// Arms are the arms that a scenario may name. A dimension without any accepts every valid name,
	// as target does.
	Arms []string
	// Default are the arms of a scenario that names none.
	Default []string
	// Want and Usual replace the lists of Arms and Default in help texts.
	Want, Usual string
	// Always puts the dimension into every cell. Otherwise, a cell lacks the dimension if the scenario
	// has only the default arm, so that a new dimension does not rename existing benchmarks.
	Always bool
	// Unused, if set, reports whether the cells of a scenario lack the dimension, whatever its arms are.
	Unused func(s *Scenario) bool
	// Idle, if set, reports whether the dimension has no effect on a cell with the arms of c. The cell
	// lacks it then, and cells that are equal otherwise are one cell.
	Idle func(c Cell) bool
	// InProcess marks a dimension of calls in the process of the visit, which a service does not have.
	InProcess bool
	// OfMap marks a dimension that only the map has, and no target of a program's own.
	OfMap bool
	// Declared marks a dimension whose arms another field of the scenario declares.
	Declared bool
}

// Names of dimensions.
const (
	Target = "target"
	// ServiceArm is the dimension whose arms the field arms declares.
	ServiceArm = "arm"
	Spans      = "spans"
	Sampling   = "sampling"
	Processors = "processors"
	Quantile   = "quantile"
	Instrument = "instrument"
)

// None is the arm without spans, a processor or metrics, or, in live scenarios, without an estimator.
const None = "none"

// Always and Never are arms of the dimension sampling.
const (
	Always = "always"
	Never  = "never"
)

// Compiled is the arm of Instrument whose handlers have probes that loadgen instrument adds at compile time.
const Compiled = "compiled"

// MapTarget is the instrumented map of handlers, which is the default target.
const MapTarget = "map"

// SpanTarget is a function that makes one span with ten attributes, as OpenTelemetry's own benchmark has it.
const SpanTarget = "span"

// BuiltIn reports whether a target is called in the process of the visit, and is part of this program: a program's own
// target of the name span is another one.
func BuiltIn(target string) bool { return target == MapTarget || target == SpanTarget }

var (
	defaultEstimators = []string{"exact", "hdr", "tdigest", "qdigest", "qdigest-textbook", "dws-hash",
		"dws-hash+qdigest", "dws", "dws+qdigest"}
	// peers are estimators of other libraries. A scenario has only the peers that it names.
	peers = []string{"caio", "ddsketch", "hdrhistogram-go", "perks", "otel-exponential", "prometheus-classic",
		"prometheus-native"}
)

// dimensions are in the order in which names list them. No two of them share two arms, so that a pair
// of arms determines its dimension.
var dimensions = []Dimension{
	{
		Name: Target, About: "Arms: what is called.", Default: []string{MapTarget},
		Want: "a list of map, span and the functions of a program of your own, or http or grpc",
		Unused: func(s *Scenario) bool {
			return len(s.arms[Target]) < 2 && (!s.CallsService() || len(s.ServiceArms) > 0)
		},
	},
	{
		Name: ServiceArm, About: "Arms: variants of a service, which the field arms declares.", Declared: true,
		Unused: func(s *Scenario) bool { return len(s.arms[ServiceArm]) == 0 },
	},
	{
		Name: Instrument, OfMap: true, Arms: []string{"registered", None, Compiled}, Default: []string{"registered"},
		About: "Arms: how handlers are observed: not at all, in a map of package observable, or with the probes of " +
			"loadgen instrument.",
		Idle: ofOwnTarget,
	},
	{
		Name: Spans, About: "Arms: ways of making spans.", Always: true, Default: []string{None}, InProcess: true,
		Arms: []string{None, "noop", "pooled-value", "pooled", "pooled-off", "sdk"},
		Idle: func(c Cell) bool { return ofService(c) || unobserved(c) },
	},
	{
		Name:  Sampling,
		About: "Arms: which spans are sampled; parent-0.01 follows the parent and samples 1 in 100 roots.",
		Arms:  []string{Always, "parent-0.01", Never}, Default: []string{Always}, InProcess: true,
		Idle: func(c Cell) bool { return silent(c) || unobserved(c) },
	},
	{
		Name: Processors,
		About: "Arms: where ended spans go: to an exporter in batches, to a processor that discards them, " +
			"nowhere, or to a receiver in another process, in batches or one by one.",
		Arms:    []string{"batch", "discard", None, "otlp-batch", "otlp-simple"},
		Default: []string{"batch"}, InProcess: true,
		Idle: func(c Cell) bool { return silent(c) || unobserved(c) || c.Value(Sampling) == Never },
	},
	{
		Name: "attributes", About: "Arms: number of attributes of a span, besides its key.", OfMap: true,
		Arms: []string{"0", "2", "6"}, Default: []string{"0"},
		// OpenTelemetry metrics have the attributes, too.
		Idle: func(c Cell) bool {
			return silent(c) && c.Value("metrics") != "otel" || ofOwnTarget(c) || unobserved(c)
		},
	},
	{
		Name: "metrics", About: "Arms: what counts calls and measures their durations.", OfMap: true,
		Arms: []string{None, "otel", "own", "prometheus"}, Default: []string{None},
		Idle: func(c Cell) bool { return ofOwnTarget(c) || unobserved(c) },
	},
	{
		Name: Quantile, About: "Arms: latency estimators.",
		Arms: slices.Concat([]string{None}, defaultEstimators, peers), Default: defaultEstimators,
		Want: "a list of " + strings.Join(defaultEstimators, ", ") + "; of the peers " + strings.Join(peers, ", ") +
			"; and of none, alone or if live",
		Usual:  "all but the peers",
		Unused: func(s *Scenario) bool { return !s.Live }, // every cell compares all estimators
		Idle:   unobserved,
	},
}

// silent reports whether a cell makes no spans.
func silent(c Cell) bool { return c.Value(Spans) == None || c.Value(Spans) == "noop" }

// unobserved reports whether a cell calls handlers of a plain map, which package observable does not observe.
func unobserved(c Cell) bool { return c.Value(Instrument) == None || c.Value(Instrument) == Compiled }

// ofOwnTarget reports whether a cell calls a target of the program's own.
func ofOwnTarget(c Cell) bool { return c.Value(Target) != "" && c.Value(Target) != MapTarget }

// ofService reports whether a cell calls a service.
func ofService(c Cell) bool { return IsService(c.Value(Target)) || c.Value(ServiceArm) != "" }

// Register adds a dimension, after all others. It panics if the dimension cannot be told from another:
// by its name, or by two of its arms. The returned function removes the dimension again. Register must
// not be called while scenarios are in use.
func Register(d Dimension) (remove func()) {
	if !ValidName(d.Name) || fieldOf(d.Name) != nil {
		panic(fmt.Sprintf("scenarios: the dimension %q is not valid, or there is such a field", d.Name))
	}
	for _, other := range dimensions {
		common := slices.DeleteFunc(slices.Clone(d.Arms), func(arm string) bool {
			return !slices.Contains(other.Arms, arm)
		})
		if len(common) > 1 {
			panic(fmt.Sprintf("scenarios: the dimensions %s and %s share the arms %v", d.Name, other.Name, common))
		}
	}
	dimensions = append(slices.Clip(dimensions), d)
	return func() {
		dimensions = slices.DeleteFunc(dimensions, func(other Dimension) bool { return other.Name == d.Name })
	}
}

// KnownArms returns the arms that a scenario may name in a dimension.
func KnownArms(dimension string) []string {
	if d := dimensionOf(dimension); d != nil {
		return slices.Clone(d.Arms)
	}
	return nil
}

// dimensionOf returns the registered dimension with this name, or nil if there is none.
func dimensionOf(name string) *Dimension {
	if i := rank(name); i < len(dimensions) {
		return &dimensions[i]
	}
	return nil
}

// rank returns the place of a dimension in names. Dimensions of another version of the program come last.
func rank(name string) int {
	i := slices.IndexFunc(dimensions, func(d Dimension) bool { return d.Name == name })
	if i < 0 {
		return len(dimensions)
	}
	return i
}

// field returns the field of a scenario that holds the arms.
func (d Dimension) field() Field {
	f := Field{Key: d.Name, About: d.About, Want: d.Want, Default: d.Usual, List: true}
	if f.Want == "" {
		f.Want = "a list of " + strings.Join(d.Arms, ", ")
	}
	if f.Default == "" {
		f.Default = strings.Join(d.Default, ", ")
	}
	f.set = func(s *Scenario, arm string) error {
		arms := s.arms[d.Name]
		switch {
		case slices.Contains(arms, arm):
			return problem(fmt.Sprintf("%q is given twice", arm))
		case d.Arms == nil && !ValidName(arm):
			return problem(fmt.Sprintf("%q is not a name", arm))
		case d.Arms != nil:
			var known string
			if err := setOneOf(&known, arm, d.Arms); err != nil {
				return err
			}
		}
		s.SetArms(d.Name, append(slices.Clone(arms), arm)...)
		return nil
	}
	return f
}

// has reports whether a scenario can have the arm in this dimension.
func (d *Dimension) has(s *Scenario, arm string) bool {
	return slices.Contains(d.Arms, arm) || slices.Contains(s.arms[d.Name], arm)
}

// Arms returns the arms of a dimension, in the order of the scenario, or nil if there is no such
// dimension.
func (s *Scenario) Arms(dimension string) []string { return slices.Clone(s.arms[dimension]) }

// SetArms sets the arms of a dimension. It does not check them. Copies of s keep theirs.
func (s *Scenario) SetArms(dimension string, arms ...string) {
	changed := map[string][]string{}
	for name, others := range s.arms {
		changed[name] = others
	}
	changed[dimension] = slices.Clone(arms)
	s.arms = changed
}

// dimensions returns the dimensions of the scenario's cells: those that every scenario has, and those
// in which the scenario differs from the default.
func (s *Scenario) dimensions() (dims []*Dimension) {
	for i := range dimensions {
		d := &dimensions[i]
		switch arms := s.arms[d.Name]; {
		case d.Unused != nil:
			if d.Unused(s) {
				continue
			}
		case !d.Always && len(arms) == 1 && slices.Equal(arms, d.Default):
			continue
		}
		dims = append(dims, d)
	}
	return append(dims, s.unknown...)
}

// Dimensions returns the names of the dimensions in which the arms of the scenario differ. If there is
// only one arm, it returns the scenario's main dimension.
func (s *Scenario) Dimensions() (names []string) {
	for _, d := range s.dimensions() {
		if len(s.arms[d.Name]) > 1 {
			names = append(names, d.Name)
		}
	}
	if names == nil {
		return []string{s.main()}
	}
	return names
}

// main returns the name of the dimension that the scenario is about.
func (s *Scenario) main() string {
	switch {
	case s.Live:
		return Quantile
	case len(s.arms[ServiceArm]) > 0:
		return ServiceArm
	case s.CallsService():
		return Target
	}
	return Spans
}

// declareArms makes the arms of the service the arms of their dimension.
func (s *Scenario) declareArms() {
	if s.ServiceArms != nil {
		s.SetArms(ServiceArm, texts(s.ServiceArms, func(a Arm) string { return a.Name })...)
	}
}

// Adopt makes s the scenario of cells that another version of the program has visited: if they have
// dimensions that this version does not know, the scenario has these dimensions too, and these cells
// instead of all combinations of its arms.
func (s *Scenario) Adopt(cells []Cell) {
	for _, c := range cells {
		for _, p := range c.pairs() {
			if dimensionOf(p.dimension) != nil {
				continue
			}
			if !slices.ContainsFunc(s.unknown, func(d *Dimension) bool { return d.Name == p.dimension }) {
				s.unknown = append(s.unknown, &Dimension{Name: p.dimension})
				s.SetArms(p.dimension, s.ignored[p.dimension]...)
			}
			if arms := s.arms[p.dimension]; !slices.Contains(arms, p.arm) {
				s.SetArms(p.dimension, append(slices.Clone(arms), p.arm)...)
			}
		}
	}
	if s.unknown == nil {
		return
	}
	for _, c := range cells {
		if !slices.Contains(s.visited, c) {
			s.visited = append(s.visited, c)
		}
	}
}
