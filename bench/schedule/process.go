package schedule

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Process is how calls follow one another, whatever their rate is: evenly, as
// users who know nothing of each other would make them, or in clumps. [ParseProcess]
// makes one; the zero Process is not valid.
type Process struct {
	kind  *processKind
	param float64
}

// A processKind is a family of processes.
type processKind struct {
	name  string
	param string // its name; "" if there is none
	want  string // an example, and the range of the parameter
	valid func(x float64) bool
	// short returns by how many calls a schedule may fall short of a mean of n: all
	// but one of 30,000 fall short by less.
	short func(x, n float64) float64
	// from is the instants of a schedule from call n on.
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

// Of so many schedules one has fewer calls than [Process.Least], as one of so many normal
// values is four standard deviations too low.
const schedulesOfOneFewer = 30_000

// none returns the shortfall of a schedule whose number of calls is not random.
func none(_, _ float64) float64 { return 0 }

// deviations returns the shortfall of a schedule whose gaps have a gamma distribution with
// that coefficient of variation: four standard deviations of its number of calls.
func deviations(variation, n float64) float64 { return 4 * variation * math.Sqrt(n) }

// paretoShort returns the shortfall of a schedule whose gaps have a Pareto distribution:
// four standard deviations, and a gap as long as only one schedule of 30,000 has. When a
// sum of such gaps is large, one of them is most often as large as the excess (Foss,
// Korshunov and Zachary, An Introduction to Heavy-Tailed and Subexponential Distributions,
// 2nd edition, 2013, chapter 3).
func paretoShort(alpha, n float64) float64 {
	gaps := newParetoGaps(alpha)
	return deviations(1/math.Sqrt(alpha*(alpha-2)), n) + gaps.least*math.Pow(schedulesOfOneFewer*n, gaps.power)
}

// The processes that need no parameter.
var (
	// Even makes every gap the same.
	Even = Process{kind: &processKinds[0]}
	// Independent makes calls independent of each other, as those of many callers are.
	Independent = Process{kind: &processKinds[1]}
)

// Processes are an example of each.
func Processes() (all []string) {
	for i := range processKinds {
		example, _, _ := strings.Cut(processKinds[i].want, ",")
		all = append(all, example)
	}
	return all
}

// ParseProcess reads a process:
//
//	constant              evenly spaced
//	poisson               independent of each other
//	gamma(cv=2)           gaps of a gamma distribution with that coefficient of
//	                      variation: 1 is poisson, more comes in clumps
//	pareto(alpha=2.5)     gaps of a Pareto distribution: long silences, and clumps
//	jitter(share=0.5)     evenly spaced, and each delayed by up to that share of a gap
//	bursts(size=10)       so many at once, evenly spaced
//
// To begin at a later call takes one draw for each 256 calls before it, but one for
// each call with pareto.
//
// The error tells the character where the text goes wrong, and what was wanted.
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

// process reads a process, and what follows is left.
func (s *scanner) process() (Process, error) {
	name, at := s.word("(")
	var kind *processKind
	for i := range processKinds {
		if processKinds[i].name == name {
			kind = &processKinds[i]
		}
	}
	if kind == nil {
		return Process{}, s.wrong(at, fmt.Sprintf("%q is unknown", name), "one of "+strings.Join(Processes(), ", "))
	}
	options, err := s.options(kind.name, kind.want, kind.param)
	if err != nil || kind.param == "" {
		return Process{kind: kind}, err
	}
	o, ok := options[kind.param]
	if !ok {
		return Process{}, s.wrong(s.at, "its "+kind.param+" is missing", kind.want)
	}
	x, err := strconv.ParseFloat(o.text, 64)
	if err != nil || !kind.valid(x) {
		return Process{}, s.wrong(o.at, fmt.Sprintf("%q is not valid", o.text), kind.want)
	}
	return Process{kind, x}, nil
}

// Equal tells whether two processes are the same.
func (p Process) Equal(other Process) bool { return p == other }

// String is the text that [ParseProcess] reads.
func (p Process) String() string {
	switch {
	case p.kind == nil:
		return ""
	case p.kind.param == "":
		return p.kind.name
	}
	return fmt.Sprintf("%s(%s=%v)", p.kind.name, p.kind.param, p.param)
}

// Arrivals is a schedule of the process, at a rate and for a duration. The seed
// decides what is random in it. A [Load] is one at a rate that changes.
func (p Process) Arrivals(r Rate, d time.Duration, seed uint64) (Arrivals, error) {
	return newSchedule(Steady(r, d), p, seed)
}

// Least returns how many calls a schedule has at least that makes n on average: all but
// one of some 30,000 schedules have that many.
func (p Process) Least(n uint64) uint64 {
	if p.kind == nil {
		return 0
	}
	return uint64(max(float64(n)-p.kind.short(p.param, float64(n)), 0))
}

// Lasting returns how long a schedule must be, at so many calls a second, for [Process.Least]
// to be n, rounded up to something one would say.
func (p Process) Lasting(n uint64, perSecond float64) time.Duration {
	if p.kind == nil {
		return 0
	}
	// The mean that falls short to n, and one call more for rounding. Each step is
	// less than half as far from it as the one before.
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
