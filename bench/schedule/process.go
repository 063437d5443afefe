package schedule

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/internal/spelling"
)

// A Process is an arrival process: it decides how the gaps between calls are distributed,
// whatever their rate is. [Even], [Independent] and [ParseProcess] give one; the zero Process is
// not valid.
type Process struct {
	kind  *processKind
	param float64
}

// A processKind is a family of processes.
type processKind struct {
	name  string
	param string // the name of its parameter; "" if it has none
	want  string // an example, and the range of the parameter
	valid func(x float64) bool
	// short returns by how many calls a schedule may fall short of a mean of n: about one
	// schedule in 30,000 falls short by more.
	short func(x, n float64) float64
	// from returns the instants of a schedule from call n on.
	from func(s schedule, x float64, n uint64) Instants
}

var processKinds = []processKind{
	{
		name:  "constant",
		want:  "constant",
		short: none,
		from:  evenly,
	},
	{
		name:  "poisson",
		want:  "poisson",
		short: func(_, n float64) float64 { return deviations(1, n) },
		from:  renewal(func(float64) gaps { return gammaGaps{1} }),
	},
	{
		name:  "gamma",
		param: "cv",
		want:  "gamma(cv=2), cv from 0.01 to 100",
		valid: func(x float64) bool { return x >= 0.01 && x <= 100 },
		short: deviations,
		from:  renewal(func(cv float64) gaps { return gammaGaps{1 / (cv * cv)} }),
	},
	{
		name:  "pareto",
		param: "alpha",
		want:  "pareto(alpha=2.5), alpha above 2 and up to 100",
		valid: func(x float64) bool { return x > 2 && x <= 100 },
		short: paretoShort,
		from:  renewal(func(alpha float64) gaps { return newParetoGaps(alpha) }),
	},
	{
		name:  "jitter",
		param: "share",
		want:  "jitter(share=0.5), share from 0 to 1",
		valid: func(x float64) bool { return x >= 0 && x <= 1 },
		short: none,
		from:  jittered,
	},
	{
		name:  "bursts",
		param: "size",
		want:  "bursts(size=10), size a whole number from 1 to 1000000",
		valid: func(x float64) bool { return x >= 1 && x <= 1e6 && x == math.Trunc(x) },
		short: none,
		from:  inBursts,
	},
}

// oneScheduleIn says how rarely a schedule has fewer calls than [Process.Least]: one schedule in this many. About one
// in 30,000 normally distributed values is more than four standard deviations below the mean.
const oneScheduleIn = 30_000

// none returns the shortfall of a schedule whose number of calls is not random.
func none(_, _ float64) float64 { return 0 }

// deviations returns the shortfall of a schedule whose gaps have a gamma distribution with the
// given coefficient of variation: four standard deviations of the number of calls.
func deviations(variation, n float64) float64 { return 4 * variation * math.Sqrt(n) }

// paretoShort returns the shortfall of a schedule whose gaps have a Pareto distribution: four
// standard deviations, and the longest gap that one schedule in 30,000 has. When a sum of such
// gaps is large, the reason is usually one gap (Foss, Korshunov and Zachary, An Introduction to
// Heavy-Tailed and Subexponential Distributions, 2nd edition, 2013, chapter 3).
func paretoShort(alpha, n float64) float64 {
	gaps := newParetoGaps(alpha)
	return deviations(1/math.Sqrt(alpha*(alpha-2)), n) + gaps.least*math.Pow(oneScheduleIn*n, gaps.power)
}

// The processes that need no parameter.
var (
	// Even is the process in which every gap is the same.
	Even = Process{kind: &processKinds[0]}
	// Independent is the Poisson process: calls are independent of each other, as the calls of
	// many users are.
	Independent = Process{kind: &processKinds[1]}
)

// Processes returns an example of each process that [ParseProcess] accepts.
func Processes() (examples []string) {
	for i := range processKinds {
		example, _, _ := strings.Cut(processKinds[i].want, ",")
		examples = append(examples, example)
	}
	return examples
}

// ParseProcess parses an arrival process:
//
//	constant              evenly spaced
//	poisson               independent of each other
//	gamma(cv=2)           gaps of a gamma distribution with this coefficient of
//	                      variation: 1 is poisson, above 1 calls come in clumps
//	pareto(alpha=2.5)     gaps of a Pareto distribution: long silences, and clumps
//	jitter(share=0.5)     evenly spaced, and each delayed by up to this share of a gap
//	bursts(size=10)       this many calls at once, in evenly spaced bursts
//
// To start at a later call, poisson and gamma take one draw per 256 calls before it, pareto one
// draw per call, and the others none.
//
// The error reports the position of the first character that is wrong, and what was expected.
func ParseProcess(text string) (Process, error) {
	s := &scanner{what: "process", text: text}
	p, err := s.process()
	if err == nil {
		err = s.ends("nothing after the process")
	}
	if err != nil {
		return Process{}, err
	}
	return p, nil
}

// process reads a process. Any text after it stays unread.
func (s *scanner) process() (Process, error) {
	name, at := s.word("(")
	var kind *processKind
	for i := range processKinds {
		if processKinds[i].name == name {
			kind = &processKinds[i]
		}
	}
	if kind == nil {
		meant := spelling.Meant(name, spelling.Names(Processes()))
		return Process{}, s.wrong(at, fmt.Sprintf("%q is unknown%s", name, meant),
			"one of "+strings.Join(Processes(), ", "))
	}
	options, err := s.options(kind.name, kind.want, kind.param)
	if err != nil || kind.param == "" {
		return Process{kind: kind}, err
	}
	o, ok := options[kind.param]
	if !ok {
		return Process{}, s.wrong(s.at, kind.param+" is missing", kind.want)
	}
	x, err := strconv.ParseFloat(o.text, 64)
	if err != nil || !kind.valid(x) {
		return Process{}, s.wrong(o.at, fmt.Sprintf("%q is not valid", o.text), kind.want)
	}
	return Process{kind, x}, nil
}

// Equal reports whether two processes are the same.
func (p Process) Equal(other Process) bool { return p == other }

// String returns the process in the form that [ParseProcess] parses; "" for the zero Process.
func (p Process) String() string {
	switch {
	case p.kind == nil:
		return ""
	case p.kind.param == "":
		return p.kind.name
	}
	return fmt.Sprintf("%s(%s=%v)", p.kind.name, p.kind.param, p.param)
}

// Arrivals returns a schedule of the process at a constant rate for a duration. The seed fixes
// everything that is random in it. For a rate that changes, use [Load.Arrivals].
func (p Process) Arrivals(r Rate, d time.Duration, seed uint64) (Arrivals, error) {
	return newSchedule(Steady(r, d), p, seed)
}

// Least returns the number of calls that a schedule has at least, if schedules have n calls on
// average: about one seed in 30,000 gives fewer.
func (p Process) Least(n uint64) uint64 {
	if p.kind == nil {
		return 0
	}
	return uint64(max(float64(n)-p.kind.short(p.param, float64(n)), 0))
}

// Lasting returns how long a schedule with the given rate, in calls per second, must last for
// [Process.Least] to be at least n. The duration is rounded up to two digits, at least to a millisecond.
func (p Process) Lasting(n uint64, perSecond float64) time.Duration {
	if p.kind == nil {
		return 0
	}
	// Find the mean number of calls whose Least is n, and one call more for rounding. Each
	// iteration more than halves the distance to it.
	least := float64(n) + 1
	mean := least
	for range 64 {
		mean = least + p.kind.short(p.param, mean)
	}
	ns := mean / perSecond * 1e9
	if !(ns < 1<<62) {
		return math.MaxInt64
	}
	d, step := time.Duration(math.Ceil(ns)), time.Millisecond
	for d/100 > step {
		step *= 10
	}
	return (d + step - 1).Truncate(step)
}
