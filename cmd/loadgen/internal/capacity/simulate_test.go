package capacity_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
)

// A target is a simulated target. Calls arrive at random, wait for a server, and are served. It shares no code with
// the search or with package bench.
type target struct {
	name    string
	mean    float64                    // mean service time in seconds
	service func(r *rand.Rand) float64 // with a mean of 1
	servers int
	q       float64 // the objective: the quantile q of latency is below limit
	limit   float64 // seconds

	every, stall float64 // all servers stop for stall seconds every so many seconds
	disturbed    float64 // share of visits that are slowed down, or stopped for 100 ms
	walk, drift  float64 // random change of speed per probe, and total change over 60 probes, as logarithms
	slow, slower float64 // share of visits that are slow, and their factor of service time
	knee, factor float64 // without a queue: latency is half of limit, and factor times that at rates from knee

	known float64 // the result of truth from a long simulation, for short tests
}

func exponential(r *rand.Rand) float64 { return r.ExpFloat64() }
func constant(*rand.Rand) float64      { return 1 }
func lognormal(r *rand.Rand) float64   { return math.Exp(1.5*r.NormFloat64() - 1.125) }
func pareto(r *rand.Rand) float64      { return 1.2 / 2.2 * math.Pow(1-r.Float64(), -1/2.2) }

// warmup and start are the times that a probe of the command takes besides its measured load, in seconds.
const warmup, start = 0.1, 0.15

// A visitor makes visits of a target.
type visitor struct {
	*target
	r      *rand.Rand
	free   []float64 // times at which servers become free
	ends   []float64 // ends of bad calls
	speed  float64   // drift of the target's speed so far, as a logarithm
	speeds []float64 // speed at each visit
}

// visitor returns a visitor of the target.
func (t *target) visitor(seed, stream uint64) *visitor {
	return &visitor{target: t, r: rand.New(rand.NewPCG(seed, stream)), free: make([]float64, max(t.servers, 1))}
}

// An outcome is the result of a visit. The visit ended after share of its length, when it was certain to miss.
type outcome struct {
	due, bad int
	share    float64
}

func (o *outcome) allowed(q float64) int { return int(float64(o.due)*(1-q) + 1e-9) }
func (o *outcome) met(q float64) bool    { return o.bad <= o.allowed(q) }

// visit simulates a visit with calls at a rate, of length seconds.
func (v *visitor) visit(rate, length float64) (o outcome) {
	v.speed += v.walk*v.r.NormFloat64() + v.drift/60
	v.speeds = append(v.speeds, v.speed)
	mean, pause := v.mean*math.Exp(-v.speed), math.Inf(1)
	if v.r.Float64() < v.slow {
		mean *= v.slower
	}
	if v.r.Float64() < v.disturbed {
		if v.r.IntN(2) == 0 {
			mean *= 1.05 + 0.45*v.r.Float64()
		} else {
			pause = warmup + v.r.Float64()*length
		}
	}
	v.ends = v.ends[:0]
	if v.knee > 0 {
		v.noQueue(rate, length, &o)
	} else {
		v.queue(rate, warmup+length, mean, pause, &o)
	}
	o.bad, o.share = len(v.ends), 1
	if n := o.allowed(v.q); o.bad > n {
		slices.Sort(v.ends)
		o.share = min(max((v.ends[n]-warmup)/length, 0), 1)
	}
	return o
}

// queue simulates calls that wait for a server.
func (v *visitor) queue(rate, end, mean, pause float64, o *outcome) {
	phase := v.r.Float64() * v.every
	for i := range v.free {
		v.free[i] = 0
	}
	for now := 0.0; ; {
		if now += v.r.ExpFloat64() / rate; now > end {
			return
		}
		server := 0
		for i := 1; i < len(v.free); i++ {
			if v.free[i] < v.free[server] {
				server = i
			}
		}
		begin, service := max(now, v.free[server]), mean*v.service(v.r)
		if v.every > 0 {
			into := math.Mod(begin+phase, v.every)
			if into < v.stall {
				begin, into = begin+v.stall-into, v.stall
			}
			if into+service > v.every {
				service += v.stall
			}
		}
		if begin >= pause && begin < pause+0.1 {
			begin = pause + 0.1
		}
		v.free[server] = begin + service
		if now < warmup {
			continue
		}
		o.due++
		if v.free[server]-now >= v.limit {
			v.ends = append(v.ends, v.free[server])
		}
	}
}

// noQueue simulates calls whose latency varies by a tenth around half of the limit, or factor times that.
func (v *visitor) noQueue(rate, length float64, o *outcome) {
	times := 0.5
	if rate >= v.knee {
		times *= v.factor
	}
	for now := warmup; ; o.due++ {
		if now += v.r.ExpFloat64() / rate; now > warmup+length {
			return
		}
		if latency := v.limit * times * math.Exp(0.1*v.r.NormFloat64()); latency >= v.limit {
			v.ends = append(v.ends, now+latency)
		}
	}
}

// holds returns the share of visits that hold at a rate. Visits have the length of probes at that rate.
func (v *visitor) holds(rate float64, visits int) float64 {
	held := 0
	for range visits {
		if o := v.visit(rate, v.length(rate)); o.met(v.q) {
			held++
		}
	}
	return float64(held) / float64(visits)
}

// length returns the default duration of a probe of the command, in seconds.
func (t *target) length(rate float64) float64 { return max(2, float64(t.calls())/rate) }

// calls returns the smallest number of calls of a probe of the command, which is 1.2 times the number that an interval
// of its percentile needs.
func (t *target) calls() uint64 {
	return map[float64]uint64{0.99: 442, 0.999: 4426}[t.q]
}

// truth returns the rate at which half of the visits hold. It makes many visits without drift and disturbances.
func (t *target) truth(near float64, calls float64) float64 {
	steady := *t
	steady.disturbed, steady.walk, steady.drift = 0, 0, 0
	v := steady.visitor(99, 99)
	low, high := math.Log(near/3), math.Log(near*3)
	for high-low > 0.01 {
		if middle := (low + high) / 2; v.holds(math.Exp(middle), 50) >= 0.5 {
			low = middle
		} else {
			high = middle
		}
	}
	at, reach := (low+high)/2, 0.005
	for ; reach < 0.3 && v.holds(math.Exp(at-reach), 100)-v.holds(math.Exp(at+reach), 100) < 0.4; reach *= 1.5 {
	}
	visits := min(4000, calls/(near*t.length(near)))
	for range 2 { // fits a line to the share that holds, where it falls
		var n, x, y, xx, xy float64
		for i := range int(visits) {
			d := reach * (2*(float64(i)+0.5)/visits - 1)
			h := v.holds(math.Exp(at+d), 1) - 0.5
			n, x, y, xx, xy = n+1, x+d, y+h, xx+d*d, xy+d*h
		}
		slope := (n*xy - x*y) / (n*xx - x*x)
		at += min(max((slope*x-y)/(n*slope), -reach), reach)
	}
	return math.Exp(at)
}

// search makes a search with the defaults of the command.
func (v *visitor) search(seed uint64, require float64) *capacity.Search {
	s, err := capacity.New(capacity.Options{Arms: []string{"none"}, Start: 1000, Least: 1000.0 / 1024, Most: 1e8,
		Precision: 0.03,
		Probe:     2 * time.Second, Calls: v.calls(), Budget: 5 * time.Minute, Seed: seed})
	if err != nil {
		panic(err)
	}
	s.Require(require)
	for ask, ok := s.Next(); ok; ask, ok = s.Next() {
		s.Add(v.evidence(ask))
	}
	return s
}

// evidence returns the result of a probe.
func (v *visitor) evidence(ask capacity.Ask) capacity.Evidence {
	length := ask.Duration.Seconds()
	o := v.visit(ask.Rate, length)
	return capacity.Evidence{Ask: ask, Met: o.met(v.q), Due: uint64(o.due), Bad: uint64(o.bad),
		Burn:     float64(o.bad) / ((1 - v.q) * float64(o.due)),
		Achieved: ask.Rate, Took: time.Duration((start + warmup + length*o.share) * 1e9)}
}
