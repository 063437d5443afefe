package bench

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
	// variation is the coefficient of variation of the gaps.
	variation func(x float64) float64
	// from is the instants of a schedule from call n on.
	from func(s schedule, x float64, n uint64) Instants
}

var processKinds = []processKind{
	{
		name:      "constant",
		want:      "constant",
		variation: func(float64) float64 { return 0 },
		from:      evenly,
	},
	{
		name:      "poisson",
		want:      "poisson",
		variation: func(float64) float64 { return 1 },
		from:      renewal(func(float64) gaps { return gammaGaps{1} }),
	},
	{
		name:      "gamma",
		param:     "cv",
		want:      "gamma(cv=2), cv from 0.01 to 100",
		valid:     func(x float64) bool { return x >= 0.01 && x <= 100 },
		variation: func(x float64) float64 { return x },
		from:      renewal(func(cv float64) gaps { return gammaGaps{1 / (cv * cv)} }),
	},
	{
		name:      "pareto",
		param:     "alpha",
		want:      "pareto(alpha=2.5), alpha above 2 and up to 100",
		valid:     func(x float64) bool { return x > 2 && x <= 100 },
		variation: func(x float64) float64 { return 1 / math.Sqrt(x*(x-2)) },
		from:      renewal(func(alpha float64) gaps { return paretoGaps{(alpha - 1) / alpha, 1 / alpha} }),
	},
	{
		name:      "jitter",
		param:     "share",
		want:      "jitter(share=0.5), share from 0 to 1",
		valid:     func(x float64) bool { return x >= 0 && x <= 1 },
		variation: func(float64) float64 { return 0 },
		from:      jittered,
	},
	{
		name:      "bursts",
		param:     "size",
		want:      "bursts(size=10), size a whole number from 1 to 1000000",
		valid:     func(x float64) bool { return x >= 1 && x <= 1e6 && x == math.Trunc(x) },
		variation: func(float64) float64 { return 0 },
		from:      inBursts,
	},
}

var even, independent = &processKinds[0], &processKinds[1]

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
func (p Process) Arrivals(r QPS, d time.Duration, seed uint64) (Arrivals, error) {
	return newSchedule(Steady(r, d), p, seed)
}

// Least is how many calls a schedule has that makes n on average: all but one of
// some 30,000 have that many, for n above a hundred or so.
func (p Process) Least(n uint64) uint64 {
	if p.kind == nil {
		return 0
	}
	return uint64(max(float64(n)-4*p.kind.variation(p.param)*math.Sqrt(float64(n)), 0))
}

// Lasting is how long a schedule at that rate must be to have n calls at [Least],
// rounded up to something one would say.
func (p Process) Lasting(n uint64, r QPS) time.Duration {
	if p.kind == nil {
		return 0
	}
	return lasting(n, r.Float(), p.kind.variation(p.param))
}
