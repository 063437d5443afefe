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

// A Field describes a field of a scenario.
type Field struct {
	Key     string
	Want    string // accepted values
	About   string
	Default string

	List bool // takes several values

	set func(s *Scenario, text string) error // sets the scalar, or adds one item of a list
}

// Values returns the words that the field accepts, for completion, or nil if it accepts
// other text as well.
func (f *Field) Values() []string {
	if d := dimensionOf(f.Key); d != nil {
		return slices.Clone(d.Arms)
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
	case "live", "abort":
		return []string{"true", "false"}
	case "closed":
		return []string{"true", "false", alsoClosed}
	case "failed":
		return []string{failedInfinite, failedApart}
	case "slo-visits":
		return []string{"most", "all"}
	}
	return nil
}

// meant returns " (did you mean WORD?)" with the words of the field that a text is spelt like, or "" if there are
// none.
func (f *Field) meant(text string) string {
	words, name := spelling.Names(f.Values()), spelling.Names([]string{text})[0]
	if slices.Contains(words, name) {
		return "" // its options are wrong
	}
	return spelling.Meant(name, words)
}

// Fields returns all fields of a scenario, in the order of a file.
func Fields() []Field {
	fields := slices.Concat(nameFields, []Field{dimensionOf(Target).field()}, serviceFields, loadFields)
	for _, d := range dimensions {
		if d.Name != Target && !d.Declared {
			fields = append(fields, d.field())
		}
	}
	return append(append(fields, visitFields...), fullField())
}

// fieldOf returns the field with this key, or nil if there is none.
func fieldOf(key string) *Field {
	for _, f := range Fields() {
		if f.Key == key {
			return &f
		}
	}
	return nil
}

// nameFields are the fields before the target.
var nameFields = []Field{
	{"name", "letters, digits, . _ and -", "Names the scenario in results.", "the name of the file", false, setName},
	{"about", "a line of text", "The question that the scenario answers.", "", false,
		func(s *Scenario, v string) error {
			s.About = strings.TrimSpace(v)
			if i := strings.IndexFunc(s.About, unicode.IsControl); i >= 0 {
				return problem(fmt.Sprintf("%q has a control character, %q", s.About, s.About[i:i+1]))
			}
			return nil
		}},
}

// loadFields are the fields between the target and the other dimensions.
var loadFields = []Field{
	{"handlers.keys", "1 to 100000", "Number of handlers in the map.", "16", false, func(s *Scenario, v string) error {
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
	{"arrivals", "one of " + strings.Join(schedule.Processes(), ", "), "Random process of the calls.", "poisson",
		false, setArrivals},
	{"qps", "a list of rates, such as 1000, 2.5k, 1M or 600/m, above 0 and up to 1000M",
		"Levels of load, in calls per second.", "", true, setQPS},
	{"load", "a list of loads that end, such as ramp:1k..20k/s@1m, const:5k/s@30s gamma(cv=2) or replay:access.jsonl",
		"Levels of load that change over time, instead of qps and duration.", "", true, setLoad},
	{"closed", "true or false, or also",
		"Runs a closed loop, in which each worker makes its next call after the previous one ends. The value also " +
			"(--closed=also) runs one beside the rates.",
		"false", false, setClosed},
	{"think", "a duration, 0 to 24h", "How long a worker of a closed loop waits between its calls.", "0s", false,
		func(s *Scenario, v string) error {
			return setDuration(&s.Think, v, 0, MaxDuration)
		}},
}

// visitFields are the fields after the dimensions.
var visitFields = []Field{
	{"live", "true or false", "Puts the estimators on the path of the call, one at a time.", "false", false,
		func(s *Scenario, v string) error {
			return setBool(&s.Live, v)
		}},
	{"compare", "a list of comparisons, such as pooled vs sdk", "Which arms to compare.",
		"each arm vs the first", true, setCompare},
	{"duration", "a duration such as 500ms or 10s, above 0 and up to 24h", "Duration of a visit's load.", "", false,
		func(s *Scenario, v string) error {
			return setDuration(&s.Duration, v, 1, MaxDuration)
		}},
	{"warmup", "a duration, 0 to 24h", "Duration of the load before a visit, which is not measured.", "100ms", false,
		func(s *Scenario, v string) error {
			return setDuration(&s.Warmup, v, 0, MaxDuration)
		}},
	{"rounds", "1 to 1000", "Visits of each arm at each rate. An interval needs 6, many verdicts 12.", "12", false,
		func(s *Scenario, v string) error {
			return setInt(&s.Rounds, v, 1, 1000)
		}},
	{"workers", "1 to 100000, or auto", "Calls that may run at once; auto is one fewer than the number of processors.",
		"auto", false, setWorkers},
	{"overload", "one of " + strings.Join(bench.Overloads(), ", "),
		"What happens to calls that are due while every worker is busy.", "queue", false,
		func(s *Scenario, v string) (err error) {
			s.Overload, err = bench.ParseOverload(v)
			return err
		}},
	{"queue", "1 to 1073741824",
		"Calls that may wait for a worker, at 8 B each; if the queue is full, a call is dropped.",
		strconv.Itoa(bench.DefaultQueue), false,
		func(s *Scenario, v string) error { return setInt(&s.Queue, v, 1, 1<<30) }},
	{"pace", "one of " + strings.Join(texts(pace.All(), pace.Pace.String), ", "),
		"How workers wait until a call is due.", "auto", false,
		func(s *Scenario, v string) (err error) {
			s.Pace, err = pace.Parse(v)
			return err
		}},
	{"window", "a duration, 1ms to 24h, or auto",
		"Length of the windows that a visit is divided into; auto makes about 50.", "auto", false,
		func(s *Scenario, v string) error {
			if v == "auto" {
				s.Window = 0
				return nil
			}
			return setDuration(&s.Window, v, time.Millisecond, MaxDuration)
		}},
	{"slo", "a list of objectives, such as p99 < 5ms, errors < 0.1% or p99 < 5ms over every 1s",
		"Objectives: exit code 1 if an arm at a rate misses one in at least half of its visits.", "", true, setSLO},
	{"slo-visits", "most, all, or a percentage such as 80%",
		"Share of the visits of an arm at a rate that must meet an objective; most is more than half.", "most", false,
		setQuorum},
	{"abort", "true or false",
		"Ends a visit that is certain to miss an objective, and stops visiting an arm at a rate that must miss one.",
		"false", false, func(s *Scenario, v string) error { return setBool(&s.Abort, v) }},
	{"failed", "infinite or apart",
		"Treats failed calls as infinitely slow in percentiles and latency objectives, or leaves them out.",
		failedInfinite, false, setFailed},
	{"timeout", "a duration, 1ms to 24h, or none",
		"Time limit of a call; a call that takes longer fails, and its worker makes the next one.", None, false,
		setTimeout},
	{"seed", "a whole number, 0 or more",
		"Seed of arrivals, keys, work and the order of visits; 0 picks a random one.", "0", false,
		func(s *Scenario, v string) error {
			n, err := strconv.ParseUint(strings.ReplaceAll(v, "_", ""), 10, 64)
			s.Seed = n
			return err
		}},
}

// keysBelow returns the keys that may follow a prefix, which is "" or ends in a dot.
func keysBelow(prefix string) (keys []string) {
	for _, f := range Fields() {
		if rest, ok := strings.CutPrefix(f.Key, prefix); ok {
			first, _, _ := strings.Cut(rest, ".")
			if key := prefix + first; !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// want returns what a field accepts, or "" if there is no such field.
func want(key string) string {
	if f := fieldOf(key); f != nil {
		return f.Want
	}
	return ""
}

// scenario returns a scenario with every field set that has a value.
func (d *decoder) scenario() *Scenario {
	s := defaults()
	s.SetCalled(Called{HTTP: d.made.HTTP, GRPC: d.made.GRPC})
	s.Service, s.ServiceArms = d.made.Service, d.made.ServiceArms
	for _, setting := range d.applied {
		if err := setting.Apply(s); err != nil {
			d.wrong(setting.Where, 0, "%v", err)
			d.unread[setting.Key] = true
		}
	}
	s.declareArms()
	for _, f := range Fields() {
		v, ok := d.values[f.Key]
		if !ok || Structured(f.Key) {
			continue
		}
		if v.list && !f.List {
			d.wrong(v.where, v.line, "%s is a list: want %s", f.Key, f.Want)
			continue
		}
		if len(v.items) == 0 {
			d.wrong(v.where, v.line, "%s is an empty list: want %s", f.Key, f.Want)
		}
		dim := dimensionOf(f.Key)
		if dim != nil {
			s.SetArms(dim.Name) // a list replaces its default
		}
		if len(v.items) > MaxCells {
			d.wrong(v.where, v.line, "%s is a list of %d: want at most %d", f.Key, len(v.items), MaxCells)
			continue
		}
		for _, i := range v.items {
			var whole complete
			switch err := f.set(s, i.text); {
			case err != nil && d.lenient && dim != nil: // an arm of another version
				s.SetArms(dim.Name, append(s.Arms(dim.Name), i.text)...)
			case errors.As(err, &whole):
				d.wrong(i.where, i.line, "%s: %s", f.Key, whole)
			case err != nil:
				d.wrong(i.where, i.line, "%s: %s%s: want %s", f.Key, reason(i.text, err), f.meant(i.text), f.Want)
			}
		}
	}
	return s
}

// reason returns why a text is wrong. It replaces errors of other packages, such as strconv, by a short one.
func reason(text string, err error) string {
	if e, ok := err.(problem); ok {
		return string(e)
	}
	return fmt.Sprintf("%q is not valid", text)
}

// A problem is an error whose text is shown, followed by the accepted values.
type problem string

func (p problem) Error() string { return string(p) }

// A complete error already names the accepted values.
type complete string

func (c complete) Error() string { return string(c) }

// setInt sets to to a number in a range.
func setInt(to *int, v string, from, upto int) error {
	n, err := strconv.Atoi(strings.ReplaceAll(v, "_", ""))
	if err == nil && (n < from || n > upto) {
		err = problem(fmt.Sprintf("%d is out of range", n))
	}
	*to = n
	return err
}

// setDuration sets to to a duration in a range.
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

// setOneOf sets to to a known word.
func setOneOf[T ~string](to *T, v T, known []T) error {
	if !slices.Contains(known, v) {
		return problem(fmt.Sprintf("%q is unknown", v))
	}
	*to = v
	return nil
}

// ValidName reports whether a name can be part of a benchmark's name.
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

// alsoClosed is the value of the field closed that adds a closed loop to the rates.
const alsoClosed = "also"

func setClosed(s *Scenario, v string) error {
	s.Closed, s.AlsoClosed = false, v == alsoClosed
	if s.AlsoClosed {
		return nil
	}
	return setBool(&s.Closed, v)
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

// The values of the field failed.
const (
	failedInfinite = "infinite"
	failedApart    = "apart"
)

func setFailed(s *Scenario, v string) error {
	var word string
	err := setOneOf(&word, v, []string{failedInfinite, failedApart})
	s.FailedApart = word == failedApart
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
