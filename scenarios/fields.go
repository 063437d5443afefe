package scenarios

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/bench/work"
	"github.com/loadgen-go/loadgen/internal/spelling"
)

// A Field is what a scenario may say, for its documentation.
type Field struct {
	Key     string
	Want    string // the values it takes
	About   string
	Default string

	List bool // takes several values

	set func(s *Scenario, text string) error // one item of a list, or the scalar
}

// Values are the words that the field takes, for completion; none if it takes
// anything else.
func (f *Field) Values() []string {
	if d := dimensionOf(f.Key); d != nil {
		return d.known
	}
	switch f.Key {
	case "arrivals":
		return schedule.Processes()
	case "handlers.distribution":
		return texts(work.Distributions(), func(d work.Distribution) string { return string(d) })
	case "overload":
		return bench.Overloads()
	case "pace":
		return texts(pace.All(), pace.Pace.String)
	case "live", "closed", "abort":
		return []string{"true", "false"}
	case "failed":
		return []string{failedInfinite, failedApart}
	case "slo-visits":
		return []string{"most", "all"}
	}
	return nil
}

// Fields are all fields of a scenario, in the order of a file.
var Fields = []Field{
	{"name", "letters, digits, . _ and -", "Names the scenario in results.", "the name of the file", false, setName},
	{"about", "a line of text", "The question that the scenario answers.", "", false,
		func(s *Scenario, v string) error {
			s.About = strings.TrimSpace(v)
			if i := strings.IndexFunc(s.About, unicode.IsControl); i >= 0 {
				return problem(fmt.Sprintf("%q has a control character, %q", s.About, s.About[i:i+1]))
			}
			return nil
		}},
	{"target", "map, or the name of a target of the program's own", "What is called.", MapTarget, false,
		func(s *Scenario, v string) error {
			s.Target = v
			if !ValidName(v) {
				return problem(fmt.Sprintf("%q is not the name of a target", v))
			}
			return nil
		}},
	{"handlers.keys", "1 to 100000", "How many handlers the map has.", "16", false, func(s *Scenario, v string) error {
		return setInt(&s.Handlers.Keys, v, 1, 100_000)
	}},
	{"handlers.zipf", "0 to 100", "Popularity of the keys: key i is called in proportion to (i+1)^-zipf.", "1", false,
		setZipf},
	{"handlers.spin", "a duration, 0 to 1m", "Mean CPU time of a call.", "2us", false,
		func(s *Scenario, v string) error {
			return setDuration(&s.Handlers.Spin, v, 0, time.Minute)
		}},
	{"handlers.allocate", "0 to 1073741824", "Mean bytes that a call allocates.", "0", false,
		func(s *Scenario, v string) error {
			return setInt(&s.Handlers.Allocate, v, 0, 1<<30)
		}},
	{"handlers.distribution", "fixed, exponential or lognormal", "How spin and allocate vary from call to call.",
		"exponential", false,
		func(s *Scenario, v string) error {
			return setOneOf(&s.Handlers.Distribution, work.Distribution(v), work.Distributions())
		}},
	{"arrivals", "one of " + strings.Join(schedule.Processes(), ", "), "How calls follow one another.", "poisson", false,
		setArrivals},
	{"qps", "a list of rates, such as 1000, 2.5k, 1M or 600/m, above 0 and up to 1000M",
		"Levels of load, in calls a second.", "", true, setQPS},
	{"load", "a list of loads that end, such as ramp:1k..20k/s@1m, const:5k/s@30s gamma(cv=2) or replay:access.jsonl",
		"Levels of load that change, instead of qps and duration.", "", true, setLoad},
	{"closed", "true or false", "Makes the loop a closed one: each worker calls again once its call has ended.",
		"false", false, func(s *Scenario, v string) error {
			return setBool(&s.Closed, v)
		}},
	{"think", "a duration, 0 to 24h", "How long a worker of a closed loop waits between its calls.", "0s", false,
		func(s *Scenario, v string) error {
			return setDuration(&s.Think, v, 0, MaxDuration)
		}},
	armsField("spans", "Arms: ways of making spans."),
	armsField("sampling", "Arms: which spans are sampled; parent-0.01 is 1 of 100, or as the parent says."),
	armsField("processors",
		"Arms: where ended spans go: to an exporter in batches, to one who discards them, or nowhere."),
	armsField("attributes", "Arms: how many attributes a span has besides its key."),
	armsField("metrics", "Arms: what counts calls and their durations."),
	{"quantile", "a list of " + strings.Join(QuantileArms, ", ") + "; of the peers " + strings.Join(PeerArms, ", ") +
		"; and of none, alone or if live",
		"Arms: latency estimators.", "all but the peers", true,
		func(s *Scenario, v string) error {
			return addOneOf(&s.Quantile, v, liveArms)
		}},
	{"live", "true or false", "Puts the estimators on the path of the call, one at a time.", "false", false,
		func(s *Scenario, v string) error {
			return setBool(&s.Live, v)
		}},
	{"compare", "a list of comparisons, such as pooled vs sdk", "Which arms to set against each other.",
		"each arm vs the first", true, setCompare},
	{"duration", "a duration such as 500ms or 10s, above 0 and up to 24h", "Load of a visit.", "", false,
		func(s *Scenario, v string) error {
			return setDuration(&s.Duration, v, 1, MaxDuration)
		}},
	{"warmup", "a duration, 0 to 24h", "Load before that of a visit, not measured.", "100ms", false,
		func(s *Scenario, v string) error {
			return setDuration(&s.Warmup, v, 0, MaxDuration)
		}},
	{"rounds", "1 to 1000", "Visits of every cell. An interval needs 6, claims over many cells 12.", "12", false,
		func(s *Scenario, v string) error {
			return setInt(&s.Rounds, v, 1, 1000)
		}},
	{"workers", "1 to 100000, or auto", "Calls that may run at once; auto is one fewer than there are processors.",
		"auto", false, setWorkers},
	{"overload", "one of " + strings.Join(bench.Overloads(), ", "),
		"What becomes of calls that find every worker busy.", "queue", false,
		func(s *Scenario, v string) (err error) {
			s.Overload, err = bench.ParseOverload(v)
			return err
		}},
	{"queue", "1 to 1073741824", "Calls that may wait for a worker, at 8 B each; one that finds no room is dropped.",
		strconv.Itoa(bench.DefaultQueue), false,
		func(s *Scenario, v string) error { return setInt(&s.Queue, v, 1, 1<<30) }},
	{"pace", "one of " + strings.Join(texts(pace.All(), pace.Pace.String), ", "),
		"How workers wait until a call is due.", "auto", false,
		func(s *Scenario, v string) (err error) {
			s.Pace, err = pace.Parse(v)
			return err
		}},
	{"window", "a duration, 1ms to 24h, or auto",
		"Length of the windows that a visit is cut into; auto makes about 50.", "auto", false,
		func(s *Scenario, v string) error {
			if v == "auto" {
				s.Window = 0
				return nil
			}
			return setDuration(&s.Window, v, time.Millisecond, MaxDuration)
		}},
	{"slo", "a list of objectives, such as p99 < 5ms, errors < 0.1% or p99 < 5ms over every 1s",
		"What every visit is to hold: exit code 1 if half of a cell's visits or more do not.", "", true, setSLO},
	{"slo-visits", "most, all, or a percentage such as 80%",
		"In how many of its visits a cell must meet an objective; most is more than half.", "most", false, setQuorum},
	{"abort", "true or false",
		"Ends a visit once it is certain to miss an objective, and visits its cell no more once that is certain to " +
			"be missed.",
		"false", false, func(s *Scenario, v string) error { return setBool(&s.Abort, v) }},
	{"failed", "infinite or apart",
		"What failed calls are in percentiles and objectives about latency: infinitely slow, or left out.",
		failedInfinite, false, setFailed},
	{"timeout", "a duration, 1ms to 24h, or none",
		"How long a call may take; one that takes longer fails, and its worker makes the next one.", None, false, setTimeout},
	{"seed", "a whole number, 0 or more", "Of arrivals, keys, work and the order of visits; 0 draws one.", "0", false,
		func(s *Scenario, v string) error {
			n, err := strconv.ParseUint(strings.ReplaceAll(v, "_", ""), 10, 64)
			s.Seed = n
			return err
		}},
}

// armsField is the field of a dimension.
func armsField(name, about string) Field {
	d := dimensionOf(name)
	return Field{name, "a list of " + strings.Join(d.known, ", "), about, d.usual, true,
		func(s *Scenario, v string) error {
			return addOneOf(d.arms(s), v, d.known)
		}}
}

// keysBelow are the keys that may follow a prefix, which is "" or ends in a dot.
func keysBelow(prefix string) (keys []string) {
	for _, f := range Fields {
		if rest, ok := strings.CutPrefix(f.Key, prefix); ok {
			first, _, _ := strings.Cut(rest, ".")
			if key := prefix + first; !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// want is what a field takes; "" if there is no such field.
func want(key string) string {
	for _, f := range Fields {
		if f.Key == key {
			return f.Want
		}
	}
	return ""
}

// scenario sets every field that has a value.
func (d *decoder) scenario() *Scenario {
	s := defaults()
	for _, f := range Fields {
		v, ok := d.values[f.Key]
		if !ok {
			continue
		}
		if v.list && !f.List {
			d.wrong(v.where, v.line, "%s is a list: want %s", f.Key, f.Want)
			continue
		}
		if len(v.items) == 0 {
			d.wrong(v.where, v.line, "%s is an empty list: want %s", f.Key, f.Want)
		}
		if dim := dimensionOf(f.Key); dim != nil {
			*dim.arms(s) = nil // a list takes the place of its default
		}
		if len(v.items) > MaxCells {
			d.wrong(v.where, v.line, "%s is a list of %d: want at most %d", f.Key, len(v.items), MaxCells)
			continue
		}
		for _, i := range v.items {
			var whole complete
			switch err := f.set(s, i.text); {
			case errors.As(err, &whole):
				d.wrong(i.where, i.line, "%s: %s", f.Key, whole)
			case err != nil:
				d.wrong(i.where, i.line, "%s: %s: want %s", f.Key, reason(i.text, err), f.Want)
			}
		}
	}
	return s
}

// reason is what is wrong with a text: the package strconv says more than is
// wanted here.
func reason(text string, err error) string {
	if e, ok := err.(problem); ok {
		return string(e)
	}
	return fmt.Sprintf("%q is not valid", text)
}

// A problem is a reason to be shown as it is.
type problem string

func (p problem) Error() string { return string(p) }

// A complete reason says what was wanted, too.
type complete string

func (c complete) Error() string { return string(c) }

func setInt(to *int, v string, from, upto int) error {
	n, err := strconv.Atoi(strings.ReplaceAll(v, "_", ""))
	if err == nil && (n < from || n > upto) {
		err = problem(fmt.Sprintf("%d is out of range", n))
	}
	*to = n
	return err
}

func setDuration(to *time.Duration, v string, from, upto time.Duration) error {
	d, err := time.ParseDuration(v)
	switch {
	case v == "0":
		d, err = 0, nil
	case err != nil:
		return problem(fmt.Sprintf("%q is not a duration", v))
	}
	if d < from || d > upto {
		return problem(fmt.Sprintf("%v is out of range", d))
	}
	*to = d
	return err
}

func setArrivals(s *Scenario, v string) (err error) {
	if s.Arrivals, err = schedule.ParseProcess(v); err != nil {
		return complete(strings.TrimPrefix(err.Error(), "process "))
	}
	return nil
}

func setOneOf[T ~string](to *T, v T, known []T) error {
	if !slices.Contains(known, v) {
		names := texts(known, func(v T) string { return string(v) })
		return problem(fmt.Sprintf("%q is unknown%s", v, spelling.Meant(string(v), names)))
	}
	*to = v
	return nil
}

func addOneOf(to *[]string, v string, known []string) error {
	if slices.Contains(*to, v) {
		return problem(fmt.Sprintf("%q is given twice", v))
	}
	var one string
	if err := setOneOf(&one, v, known); err != nil {
		return err
	}
	*to = append(*to, one)
	return nil
}

// ValidName tells whether a name can be part of a benchmark's name.
func ValidName(name string) bool { return validName.MatchString(name) }

var validName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

func setName(s *Scenario, v string) error {
	s.Name = v
	if !validName.MatchString(v) {
		return problem(fmt.Sprintf("%q cannot be part of a benchmark's name", v))
	}
	return nil
}

func setZipf(s *Scenario, v string) error {
	z, err := strconv.ParseFloat(v, 64)
	if err == nil && !(z >= 0 && z <= 100) || math.IsNaN(z) {
		err = problem(fmt.Sprintf("%v is out of range", v))
	}
	s.Handlers.Zipf = z
	return err
}

func setQPS(s *Scenario, v string) error {
	r, err := schedule.ParseRate(v)
	if err != nil {
		return problem(fmt.Sprintf("%q is not a rate", v))
	}
	for _, have := range s.QPS {
		if have.Equal(r) {
			return problem(fmt.Sprintf("%v is given twice", r))
		}
	}
	s.QPS = append(s.QPS, r)
	return nil
}

func setBool(to *bool, v string) (err error) {
	*to, err = strconv.ParseBool(v)
	return err
}

func setLoad(s *Scenario, v string) error {
	l, err := schedule.ParseLoad(v)
	if err != nil {
		return complete(strings.TrimPrefix(err.Error(), "load "))
	}
	d := l.RateCurve.Duration()
	switch {
	case l.Replay.Path == "" && d >= schedule.Endless:
		return problem(fmt.Sprintf("%q has no end", v))
	case d > MaxDuration:
		return problem(fmt.Sprintf("%q lasts %v, which is longer than %v", v, d, MaxDuration))
	}
	for _, have := range s.Loads {
		if have.Equal(l) {
			return problem(fmt.Sprintf("%v is given twice", l))
		}
	}
	s.Loads = append(s.Loads, l)
	return nil
}

func setSLO(s *Scenario, v string) error {
	slo, err := record.ParseSLO(v)
	if err != nil {
		return complete(strings.TrimPrefix(err.Error(), "SLO "))
	}
	for _, have := range s.SLOs {
		if have == slo {
			return problem(fmt.Sprintf("%q is given twice", v))
		}
	}
	s.SLOs = append(s.SLOs, slo)
	return nil
}

func setQuorum(s *Scenario, v string) (err error) {
	if s.SLOVisits, err = ParseQuorum(v); err != nil {
		return complete(err.Error())
	}
	return nil
}

// What failed calls are, in the field failed.
const (
	failedInfinite = "infinite"
	failedApart    = "apart"
)

func setFailed(s *Scenario, v string) error {
	var what string
	err := setOneOf(&what, v, []string{failedInfinite, failedApart})
	s.FailedApart = what == failedApart
	return err
}

func setTimeout(s *Scenario, v string) error {
	if v == None {
		s.Timeout = 0
		return nil
	}
	return setDuration(&s.Timeout, v, time.Millisecond, MaxDuration)
}

func setCompare(s *Scenario, v string) error {
	a, b, ok := strings.Cut(v, " vs ")
	p := Pair{strings.TrimSpace(a), strings.TrimSpace(b)}
	switch {
	case !ok || p.A == "" || p.B == "":
		return problem(fmt.Sprintf("%q is not a comparison", v))
	case p.A == p.B:
		return problem(fmt.Sprintf("%q compares an arm with itself", v))
	case slices.Contains(s.Compare, p):
		return problem(fmt.Sprintf("%q is given twice", v))
	}
	s.Compare = append(s.Compare, p)
	return nil
}

func setWorkers(s *Scenario, v string) error {
	if v == "auto" {
		s.Workers = 0
		return nil
	}
	return setInt(&s.Workers, v, 1, bench.MaxWorkers)
}
