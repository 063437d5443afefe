package capacity

import (
	"errors"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
)

// A Probe is what came of one probe that was made for the search, in one visit or in
// several, and the figures of it that a reader wants to see.
type Probe struct {
	Evidence   Evidence          `json:"evidence"`
	Began      time.Time         `json:"began"`
	Seed       uint64            `json:"seed"`
	Visits     int               `json:"visits"`
	Stopped    bool              `json:"stopped,omitempty"` // before it was as long as asked, since it had shown enough
	Scheduled  time.Duration     `json:"scheduled_ns"`      // of the load; the evidence has how long all of it took
	Offered    float64           `json:"offered"`           // calls a second
	Objectives []bench.SLOResult `json:"objectives"`
	Verdict    []bench.Reason    `json:"verdict,omitempty"` // of the visit: why it is not valid
	Cores      float64           `json:"cores"`             // CPU time of the calls, a second
	Generator  time.Duration     `json:"generator_lag_p99_ns"`
	InSystem   float64           `json:"in_system"` // calls, in the mean
}

// Batches is into how many parts a probe is cut at most: enough for an interval, and
// few enough that each is long beside what a queue remembers.
const Batches = 10

// spare is how many times as many calls as needed are asked for: arrivals are random.
const spare = 1.2

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
	need := spare * leastBatches * float64(perBatch(slos)) / rate
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

// NewPart is what a visit says of the objectives that its scenario has, in so many
// batches at most. The latencies that the visit kept must be at hand, which they are in
// its own process only. The error says why the visit says nothing: it had no calls, or too few.
func NewPart(ask Ask, batches int, slos []bench.SLO, v *results.Visit) (*Part, error) {
	r := v.Record
	latency, others, err := marginsOf(slos, r, batches)
	if err != nil {
		return nil, err
	}
	p := &Part{Latency: latency, Others: others, Probe: Probe{
		Evidence:   Evidence{Ask: ask, Margins: atMost(latency, slices.Min(others)), Achieved: r.Achieved()},
		Visits:     1,
		Began:      v.Began,
		Scheduled:  r.Scheduled,
		Offered:    r.Rate(),
		Objectives: r.SLOs,
		Verdict:    v.Verdict,
		Cores:      perElapsed(v.Cost.CPU, r),
		Generator:  r.Generator.Quantile(0.99),
		InSystem:   r.InSystem,
	}}
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
// objectives on latency: the logarithm of bound by value of the one that was nearest to
// being missed; and of each objective that is about the run as a whole. What does not
// apply is MaxMargin.
func marginsOf(slos []bench.SLO, r *bench.Record, batches int) (latency, others []float64, err error) {
	if len(slos) == 0 || len(r.SLOs) != len(slos) {
		return nil, nil, errors.New("the probe was judged by no objective")
	}
	if r.Offered == 0 {
		return nil, nil, errors.New("no call was due: want a longer --probe")
	}
	whole := float64(MaxMargin)
	for i, s := range slos {
		o, m := read(s), 0.0
		if m, err = o.ofRun(r.SLOs[i]); err != nil {
			return nil, nil, err
		}
		if o.batched() { // latency is the matter of batches
			whole, m = min(whole, m), MaxMargin
		}
		others = append(others, m)
	}
	never := float64(r.Dropped+r.Missed) / float64(max(r.Done, 1))
	latency = make([]float64, max(1, min(uint64(batches), uint64(len(r.Kept))/perBatch(slos))))
	for i := range latency {
		batch := r.Kept[i*len(r.Kept)/len(latency) : (i+1)*len(r.Kept)/len(latency)]
		if len(batch) == 0 {
			latency[i] = whole // no call was done: the whole says so
			continue
		}
		latency[i] = MaxMargin
		for _, s := range slos {
			if o := read(s); o.batched() {
				latency[i] = min(latency[i], o.ofBatch(batch, never))
			}
		}
	}
	return latency, others, nil
}

// atMost caps margins.
func atMost(margins []float64, most float64) []float64 {
	capped := slices.Clone(margins)
	for i := range capped {
		capped[i] = min(capped[i], most)
	}
	return capped
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
