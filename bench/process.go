package bench

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
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
	arrivals  func(x float64, r QPS, d time.Duration, seed uint64) Arrivals
}

var processKinds = []processKind{
	{
		name:      "constant",
		want:      "constant",
		variation: func(float64) float64 { return 0 },
		arrivals:  constant,
	},
	{
		name:      "poisson",
		want:      "poisson",
		variation: func(float64) float64 { return 1 },
		arrivals:  exponential,
	},
	{
		name:      "gamma",
		param:     "cv",
		want:      "gamma(cv=2), cv from 0.01 to 100",
		valid:     func(x float64) bool { return x >= 0.01 && x <= 100 },
		variation: func(x float64) float64 { return x },
		arrivals: renewals(func(cv float64) func(*rand.Rand) float64 {
			shape := 1 / (cv * cv)
			return func(r *rand.Rand) float64 { return gamma(r, shape) / shape }
		}),
	},
	{
		name:      "pareto",
		param:     "alpha",
		want:      "pareto(alpha=2.5), alpha above 2 and up to 100",
		valid:     func(x float64) bool { return x > 2 && x <= 100 },
		variation: func(x float64) float64 { return 1 / math.Sqrt(x*(x-2)) },
		arrivals: renewals(func(alpha float64) func(*rand.Rand) float64 {
			least, power := (alpha-1)/alpha, -1/alpha
			return func(r *rand.Rand) float64 { return least * math.Pow(1-r.Float64(), power) }
		}),
	},
	{
		name:      "jitter",
		param:     "share",
		want:      "jitter(share=0.5), share from 0 to 1",
		valid:     func(x float64) bool { return x >= 0 && x <= 1 },
		variation: func(float64) float64 { return 0 },
		arrivals:  jitter,
	},
	{
		name:      "bursts",
		param:     "size",
		want:      "bursts(size=10), size a whole number from 1 to 1000000",
		valid:     func(x float64) bool { return x >= 1 && x <= 1e6 && x == math.Trunc(x) },
		variation: func(float64) float64 { return 0 },
		arrivals:  bursts,
	},
}

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
// The error tells the character where the text goes wrong, and what was wanted.
func ParseProcess(text string) (Process, error) {
	wrong := func(at int, what, want string) (Process, error) {
		return Process{}, fmt.Errorf("process %q: character %d: %s: want %s", text, at+1, what, want)
	}
	name, args, hasArgs := strings.Cut(text, "(")
	var kind *processKind
	for i := range processKinds {
		if processKinds[i].name == strings.TrimSpace(name) {
			kind = &processKinds[i]
		}
	}
	switch {
	case kind == nil:
		return wrong(0, fmt.Sprintf("%q is unknown", name), "one of "+strings.Join(Processes(), ", "))
	case kind.param == "" && hasArgs:
		return wrong(len(name), kind.name+" takes nothing in brackets", kind.want)
	case kind.param == "":
		return Process{kind: kind}, nil
	case !hasArgs:
		return wrong(len(name), "its "+kind.param+" is missing", kind.want)
	}
	at := len(name) + 1
	args, ok := strings.CutSuffix(args, ")")
	if !ok {
		return wrong(len(text), "no closing bracket", kind.want)
	}
	key, value, ok := strings.Cut(args, "=")
	if !ok || strings.TrimSpace(key) != kind.param {
		return wrong(at, fmt.Sprintf("%q is not its %s", args, kind.param), kind.want)
	}
	at += len(key) + 1
	x, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !kind.valid(x) {
		return wrong(at, fmt.Sprintf("%q is not valid", value), kind.want)
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
// decides what is random in it.
func (p Process) Arrivals(r QPS, d time.Duration, seed uint64) (Arrivals, error) {
	if err := checkSchedule(r, d); err != nil {
		return nil, err
	}
	if p.kind == nil {
		return nil, errors.New("bench: the zero Process is not valid: want one of ParseProcess")
	}
	return p.kind.arrivals(p.param, r, d, seed), nil
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

// renewals are schedules whose gaps are independent, with a mean of 1.
func renewals(gap func(param float64) func(*rand.Rand) float64) func(float64, QPS, time.Duration, uint64) Arrivals {
	return func(param float64, r QPS, d time.Duration, seed uint64) Arrivals {
		return renewal{gap(param), 1e9 * float64(r.Den) / float64(r.Num), d, seed}
	}
}

var exponential = renewals(func(float64) func(*rand.Rand) float64 { return (*rand.Rand).ExpFloat64 })

// gamma draws from the gamma distribution of that shape and scale 1.
//
// Source: Marsaglia and Tsang, A Simple Method for Generating Gamma Variables, ACM
// TOMS 26(3), 2000; for a shape below 1 by its section 6.
func gamma(r *rand.Rand, shape float64) float64 {
	boost := 1.0
	if shape < 1 {
		boost = math.Pow(1-r.Float64(), 1/shape)
		shape++
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if u := 1 - r.Float64(); math.Log(u) < x*x/2+d-d*v+d*math.Log(v) {
			return boost * d * v
		}
	}
}
