package quantiles

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
)

// A Recommendation names the best estimator within the limits.
type Recommendation struct {
	// Estimator is the estimator with the cheapest insertions of those that meet the limits on all
	// data; of those within [sameCost] of it, the one with the smallest state. It is
	// "" if none meets them, or if all are only measured.
	Estimator string `json:"estimator,omitempty"`
	// Closest is, if no estimator meets the limits, the one that misses them by the smallest
	// factor.
	Closest    string      `json:"closest,omitempty"`
	Candidates []Candidate `json:"candidates"` // all estimators
}

// sameCost is how much more expensive an insertion may be and still count as equal. It is less than
// the variation of timings between runs.
const sameCost = 0.05

// A Candidate summarizes an estimator over all data.
type Candidate struct {
	Estimator   string  `json:"estimator"`
	InsertNS    float64 `json:"insert_ns"`                // mean over the data of the medians
	TimesAnchor float64 `json:"insert_x_anchor,omitzero"` // median over the data; 0 if it is unknown
	StateBytes  int     `json:"state_bytes,omitzero"`     // largest size; 0 if it is unknown
	Worst       Worst   `json:"worst"`
	// Excess is the factor by which the limits are missed or, up to 1, the share of
	// them that is used. It is omitted if there is no such factor: for an error if none is
	// allowed, and for an unknown size.
	Excess float64  `json:"excess,omitzero"`
	Misses []string `json:"misses,omitempty"` // missed limits, and by how much
	// MeasureOnly means that it is never recommended: see [Arm].
	MeasureOnly bool `json:"measure_only,omitzero"`
}

// Worst describes the largest error of an estimator.
type Worst struct {
	Data   string  `json:"data"`
	Q      float64 `json:"q"`
	Error  float64 `json:"error"`
	AtGap  bool    `json:"at_gap,omitempty"`
	judged bool
}

// Meets reports whether c meets the limits.
func (c *Candidate) Meets() bool { return len(c.Misses) == 0 }

// recommend returns the recommendation of a report.
func recommend(r *Report) Recommendation {
	var rec Recommendation
	for i := range r.Sets[0].Cells {
		rec.Candidates = append(rec.Candidates, newCandidate(r, i))
	}
	var meet, candidates []*Candidate
	for i := range rec.Candidates {
		c := &rec.Candidates[i]
		if c.MeasureOnly {
			continue
		}
		candidates = append(candidates, c)
		if c.Meets() {
			meet = append(meet, c)
		}
	}
	switch {
	case len(candidates) == 0:
		return rec
	case len(meet) == 0:
		rec.Closest = slices.MinFunc(candidates, func(a, b *Candidate) int {
			return cmp.Or(cmp.Compare(a.distance(), b.distance()), cmp.Compare(a.InsertNS, b.InsertNS))
		}).Estimator
		return rec
	}
	rec.Estimator = cheapest(meet).Estimator
	return rec
}

// cheapest returns the candidate with the smallest state of those whose insertions cost about the least.
func cheapest(candidates []*Candidate) *Candidate {
	least := math.Inf(1)
	for _, c := range candidates {
		least = min(least, c.InsertNS)
	}
	expensive := func(c *Candidate) bool { return c.InsertNS > least*(1+sameCost) }
	return slices.MinFunc(slices.DeleteFunc(slices.Clone(candidates), expensive), func(a, b *Candidate) int {
		return cmp.Or(cmp.Compare(a.size(), b.size()), cmp.Compare(a.InsertNS, b.InsertNS))
	})
}

// size returns the size of the state, or the largest number if it is unknown.
func (c *Candidate) size() int {
	if c.StateBytes == 0 {
		return math.MaxInt
	}
	return c.StateBytes
}

// distance returns Excess for sorting.
func (c *Candidate) distance() float64 {
	if !c.Meets() && c.Excess == 0 {
		return math.Inf(1)
	}
	return c.Excess
}

// newCandidate summarizes the cells of the i-th estimator.
func newCandidate(r *Report, i int) Candidate {
	c := Candidate{Estimator: r.Sets[0].Cells[i].Estimator, MeasureOnly: r.Sets[0].Cells[i].measureOnly}
	var ratios []float64
	sized := true
	var misses []miss
	for s := range r.Sets {
		set := &r.Sets[s]
		cell := &set.Cells[i]
		c.InsertNS += cell.Insert.Median / float64(len(r.Sets))
		if x := cell.TimesAnchor.Median; x > 0 {
			ratios = append(ratios, x)
		}
		sized = sized && cell.StateBytes > 0
		c.StateBytes = max(c.StateBytes, cell.StateBytes)
		for k, a := range cell.Answers {
			p := &set.Points[k]
			if a.Error > c.Worst.Error || !c.Worst.judged {
				c.Worst = Worst{set.Name, p.Q, a.Error, p.Gap, true}
			}
			if a.Error > r.Limits.MaxError {
				misses = append(misses, miss{set.Name, p, a})
			}
		}
	}
	if len(ratios) > 0 {
		c.TimesAnchor = results.Median(ratios)
	}
	if !sized {
		c.StateBytes = 0
	}
	c.judge(&r.Limits, misses)
	return c
}

// A miss is an answer whose error exceeds the limit.
type miss struct {
	data  string
	point *Point
	a     Answer
}

// String describes the miss.
func (m miss) String() string {
	s := fmt.Sprintf("%s of %s is off by %s", record.PercentileName(m.point.Q), m.data, format.Percent(m.a.Error))
	if m.a.Law == m.a.Error && m.a.Law > 0 {
		s = fmt.Sprintf("%s of %s may be off by %s in one draw, and by more in one of %s",
			record.PercentileName(m.point.Q), m.data, format.Percent(m.a.Law), format.Count(1/(1-drawsWithin)))
	}
	if !m.point.Gap {
		return s
	}
	if m.a.Error < math.Abs(m.a.Value) {
		s += " of the ranks of the tail"
	}
	return s + ", at a gap"
}

// judge compares c with the limits.
func (c *Candidate) judge(l *Limits, misses []miss) {
	var known bool
	c.Excess, known = excess(c.Worst.Error, l.MaxError)
	slices.SortStableFunc(misses, func(a, b miss) int { return cmp.Compare(b.a.Error, a.a.Error) })
	for _, m := range misses {
		c.Misses = append(c.Misses, m.String())
	}
	switch {
	case l.MaxBytes == 0:
	case c.StateBytes == 0:
		c.Misses = slices.Insert(c.Misses, 0, "its size is unknown")
		known = false
	default:
		used := float64(c.StateBytes) / float64(l.MaxBytes)
		c.Excess = max(c.Excess, used)
		if used > 1 {
			c.Misses = slices.Insert(c.Misses, 0, fmt.Sprintf("its state is %s of %s allowed",
				format.Bytes(float64(c.StateBytes)), format.Bytes(float64(l.MaxBytes))))
		}
	}
	if !known {
		c.Excess = 0
	}
}

// excess returns x divided by the limit. known is false if the limit is 0 and x is not.
func excess(x, limit float64) (times float64, known bool) {
	if limit > 0 {
		return x / limit, true
	}
	return 0, x == 0
}

// Advice returns a sentence or two that say which estimator to use, or why none.
func (r *Report) Advice() string {
	limits := fmt.Sprintf("an error of at most %s at %s", format.Given(r.Limits.MaxError), format.And(r.judged()))
	if r.Limits.MaxBytes > 0 {
		limits += fmt.Sprintf(", and at most %s of state,", format.Bytes(float64(r.Limits.MaxBytes)))
	}
	limits += " on all data"
	rec := &r.Recommendation
	switch {
	case rec.Estimator == "" && rec.Closest == "":
		return fmt.Sprintf("No estimator is recommended: %s is only measured, and not meant to be used.",
			rec.Candidates[0].Estimator)
	case rec.Estimator == "":
		return fmt.Sprintf("No estimator has %s. Closest comes %s: %s.", limits, rec.Closest,
			rec.candidate(rec.Closest).why())
	}
	use := "Use " + rec.Estimator
	if n := rec.meeting(); n == 1 {
		use += ", the only one"
	} else {
		use += fmt.Sprintf(", the cheapest to insert into of the %d", n)
	}
	return fmt.Sprintf("%s of %s with %s. %s", use, format.Plural(len(rec.Candidates), "estimator"), limits,
		rec.candidate(rec.Estimator).takes(r.Anchor))
}

// why returns which limits c misses, beginning with the size and the largest errors.
func (c *Candidate) why() string {
	return strings.Join(format.Few(c.Misses, 3), "; ")
}

// takes returns the cost of c as a sentence.
func (c *Candidate) takes(anchor string) string {
	s := fmt.Sprintf("An insertion takes %s ns", format.Number(c.InsertNS))
	if c.TimesAnchor > 0 {
		s += fmt.Sprintf(" (%s x %s)", format.Number(c.TimesAnchor), anchor)
	}
	if c.StateBytes > 0 {
		s += fmt.Sprintf(", its state at most %s", format.Bytes(float64(c.StateBytes)))
	}
	return s + fmt.Sprintf("; its largest error is %s.", format.Percent(c.Worst.Error))
}

// candidate returns the candidate with this name.
func (r *Recommendation) candidate(name string) *Candidate {
	i := slices.IndexFunc(r.Candidates, func(c Candidate) bool { return c.Estimator == name })
	return &r.Candidates[i]
}

// meeting returns the number of candidates that meet the limits and can be recommended.
func (r *Recommendation) meeting() (n int) {
	for i := range r.Candidates {
		if c := &r.Candidates[i]; c.Meets() && !c.MeasureOnly {
			n++
		}
	}
	return n
}

// judged returns the percentiles that some data set has enough values for.
func (r *Report) judged() (names []string) {
	for _, q := range r.Quantiles {
		if slices.ContainsFunc(r.Sets, func(s Set) bool { return enough(s.N, q) }) {
			names = append(names, record.PercentileName(q))
		}
	}
	return names
}
