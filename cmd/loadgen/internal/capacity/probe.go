package capacity

import (
	"errors"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
)

// A Probe is what came of one visit that was made for the search, and the figures of
// it that a reader wants to see.
type Probe struct {
	Evidence   Evidence          `json:"evidence"`
	Began      time.Time         `json:"began"`
	Seed       uint64            `json:"seed"`
	Scheduled  time.Duration     `json:"scheduled_ns"` // of the load; the evidence has how long all of it took
	Offered    float64           `json:"offered"`      // calls a second
	Objectives []bench.SLOResult `json:"objectives"`
	Verdict    []bench.Reason    `json:"verdict,omitempty"` // of the visit: why it is not valid
	Cores      float64           `json:"cores"`             // CPU time of the calls, a second
	Generator  time.Duration     `json:"generator_lag_p99_ns"`
	InSystem   float64           `json:"in_system"` // calls, in the mean
}

// Batches is into how many parts a probe is cut at most: enough for an interval, and
// few enough that each is long beside what a queue remembers.
const Batches = 10

// leastBatches is how many a probe is to have for an interval.
const leastBatches = 5

// Window is how long the windows of a probe are, of which its verdict speaks: its parts,
// for in shorter ones a single call that is late is much. 0 leaves it to objectives
// that are about windows.
func Window(duration time.Duration, slos []bench.SLO) time.Duration {
	for _, s := range slos {
		if read(s).every {
			return 0
		}
	}
	return (duration / Batches).Round(time.Millisecond)
}

// Lasting is how long a probe of a rate, in calls a second, lasts that has calls
// enough for its objectives: least, or longer.
func Lasting(rate float64, least time.Duration, slos []bench.SLO) time.Duration {
	const spare = 1.2 // arrivals are random
	need := spare * float64(leastBatches) * float64(perBatch(slos)) / rate
	return max(least, time.Duration(need*float64(time.Second)).Round(time.Millisecond))
}

// perBatch is how many calls a batch has at least, for the MaxMargin percentile.
func perBatch(slos []bench.SLO) uint64 {
	least := uint64(1)
	for _, s := range slos {
		if o := read(s); o.batched() && o.q > 0 {
			least = max(least, quantile.SamplesFor(o.q))
		}
	}
	return least
}

// NewProbe is what a visit says of the objectives that its scenario has. The latencies
// that the visit kept must be at hand, which they are in its own process only. The
// error says why the visit says nothing: it had no calls, or too few.
func NewProbe(ask Ask, slos []bench.SLO, v *results.Visit) (*Probe, error) {
	r := v.Record
	margins, err := marginsOf(slos, r)
	if err != nil {
		return nil, err
	}
	p := &Probe{
		Evidence:   Evidence{Ask: ask, Margins: margins, Achieved: r.Achieved()},
		Began:      v.Began,
		Scheduled:  r.Scheduled,
		Offered:    r.Rate(),
		Objectives: r.SLOs,
		Verdict:    v.Verdict,
		Cores:      perElapsed(v.Cost.CPU, r),
		Generator:  r.Generator.Quantile(0.99),
		InSystem:   r.InSystem,
	}
	if !p.Held() {
		// A probe that held is worth what it says: the generator can only have made
		// latency longer, which begins when a call is due.
		p.Evidence.Limited = limited(slos, v)
		p.Evidence.Resource = resource(v, p.Evidence.Limited != "")
	}
	return p, nil
}

// Held tells whether the objectives were kept, in the mean over the parts of the probe.
func (p *Probe) Held() bool { return mean(p.Evidence.Margins) >= 0 }

// marginsOf are, of equal batches of a run in order, by how much each kept the
// objectives: the logarithm of bound by value of the one that was nearest to being
// missed. What a batch has too few calls to tell, it has from the whole run.
func marginsOf(slos []bench.SLO, r *bench.Record) ([]float64, error) {
	if len(slos) == 0 || len(r.SLOs) != len(slos) {
		return nil, errors.New("the probe was judged by no objective")
	}
	if r.Offered == 0 {
		return nil, errors.New("no call was due: want a longer --probe")
	}
	whole := float64(MaxMargin)
	for i, s := range slos {
		m, err := read(s).ofRun(r.SLOs[i])
		if err != nil {
			return nil, err
		}
		whole = min(whole, m)
	}
	all := make([]float64, max(1, min(Batches, uint64(len(r.Kept))/perBatch(slos))))
	for i := range all {
		all[i] = whole
	}
	if !anyBatched(slos) {
		return all, nil
	}
	// Latency is the matter of batches, everything else of the whole.
	rest := float64(MaxMargin)
	for i, s := range slos {
		if o := read(s); !o.batched() {
			m, err := o.ofRun(r.SLOs[i])
			if err != nil {
				return nil, err
			}
			rest = min(rest, m)
		}
	}
	never := float64(r.Dropped+r.Missed) / float64(max(r.Done, 1))
	for i := range all {
		batch := r.Kept[i*len(r.Kept)/len(all) : (i+1)*len(r.Kept)/len(all)]
		if len(batch) == 0 {
			continue // no call was done: the whole says so
		}
		all[i] = rest
		for _, s := range slos {
			if o := read(s); o.batched() {
				all[i] = min(all[i], o.ofBatch(batch, never))
			}
		}
	}
	return all, nil
}

func anyBatched(slos []bench.SLO) bool {
	for _, s := range slos {
		if read(s).batched() {
			return true
		}
	}
	return false
}

func mean(all []float64) (sum float64) {
	for _, x := range all {
		sum += x
	}
	return sum / float64(max(len(all), 1))
}

func perElapsed(d time.Duration, r *bench.Record) float64 {
	return float64(d) / float64(max(r.Elapsed, 1))
}
