package quantiles

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results"
)

// A Recommendation is the estimator that does best within the limits.
type Recommendation struct {
	// Estimator is the cheapest to insert into of those that keep the limits on all
	// data; among those within [sameCost] of it, the one with the least state. It is
	// "" if none keeps them, or all are only measured.
	Estimator string `json:"estimator,omitempty"`
	// Closest is, if none keeps the limits, the one that misses them by the smallest
	// factor.
	Closest    string      `json:"closest,omitempty"`
	Candidates []Candidate `json:"candidates"` // all estimators
}

// sameCost is how much dearer an insertion may be and still count as equal: less than
// timings vary from one run to the next.
const sameCost = 0.05

// A Candidate is an estimator on all data.
type Candidate struct {
	Estimator   string  `json:"estimator"`
	InsertNS    float64 `json:"insert_ns"`                // mean over the data of the medians
	TimesAnchor float64 `json:"insert_x_anchor,omitzero"` // median over the data; 0: not known
	StateBytes  int     `json:"state_bytes,omitzero"`     // the most; 0: it does not tell
	Worst       Worst   `json:"worst"`
	// Excess is by which factor the limits are missed, or with up to 1, how much of
	// them is used. It is left out where there is none: an error where none is
	// allowed, or a size that is not told.
	Excess float64  `json:"excess,omitzero"`
	Misses []string `json:"misses,omitempty"` // limits, and by how much
	// MeasureOnly says that it is never recommended: see [Arm].
	MeasureOnly bool `json:"measure_only,omitzero"`
}

// Worst is the largest error of an estimator.
type Worst struct {
	Data   string  `json:"data"`
	Q      float64 `json:"q"`
	Error  float64 `json:"error"`
	AtGap  bool    `json:"at_gap,omitempty"`
	judged bool
}

// Meets tells whether c keeps the limits.
func (c *Candidate) Meets() bool { return len(c.Misses) == 0 }

// recommend picks from what was measured.
func recommend(r *Report) Recommendation {
	var rec Recommendation
	for i := range r.Sets[0].Cells {
		rec.Candidates = append(rec.Candidates, newCandidate(r, i))
	}
	var meet, all []*Candidate
	for i := range rec.Candidates {
		c := &rec.Candidates[i]
		if c.MeasureOnly {
			continue
		}
		all = append(all, c)
		if c.Meets() {
			meet = append(meet, c)
		}
	}
	switch {
	case len(all) == 0:
		return rec
	case len(meet) == 0:
		rec.Closest = slices.MinFunc(all, func(a, b *Candidate) int {
			return cmp.Or(cmp.Compare(a.distance(), b.distance()), cmp.Compare(a.InsertNS, b.InsertNS))
		}).Estimator
		return rec
	}
	rec.Estimator = cheapest(meet).Estimator
	return rec
}

// cheapest is the first that has the least state of those that cost about the least.
func cheapest(all []*Candidate) *Candidate {
	least := math.Inf(1)
	for _, c := range all {
		least = min(least, c.InsertNS)
	}
	dear := func(c *Candidate) bool { return c.InsertNS > least*(1+sameCost) }
	return slices.MinFunc(slices.DeleteFunc(slices.Clone(all), dear), func(a, b *Candidate) int {
		return cmp.Or(cmp.Compare(a.size(), b.size()), cmp.Compare(a.InsertNS, b.InsertNS))
	})
}

// size is that of the state; of one that does not tell, the largest.
func (c *Candidate) size() int {
	if c.StateBytes == 0 {
		return math.MaxInt
	}
	return c.StateBytes
}

// distance is Excess for sorting.
func (c *Candidate) distance() float64 {
	if !c.Meets() && c.Excess == 0 {
		return math.Inf(1)
	}
	return c.Excess
}

// newCandidate sums up the cells of the i-th estimator.
func newCandidate(r *Report, i int) Candidate {
	c := Candidate{Estimator: r.Sets[0].Cells[i].Estimator, MeasureOnly: r.Sets[0].Cells[i].measureOnly}
	var ratios []float64
	told := true
	var misses []miss
	for s := range r.Sets {
		set := &r.Sets[s]
		cell := &set.Cells[i]
		c.InsertNS += cell.Insert.Median / float64(len(r.Sets))
		if x := cell.TimesAnchor.Median; x > 0 {
			ratios = append(ratios, x)
		}
		told = told && cell.StateBytes > 0
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
	if !told {
		c.StateBytes = 0
	}
	c.judge(&r.Limits, misses)
	return c
}

// A miss is an answer that is off by more than the limit.
type miss struct {
	data  string
	point *Point
	a     Answer
}

func (m miss) String() string {
	s := fmt.Sprintf("%s of %s is off by %s", results.PercentileName(m.point.Q), m.data, percent(m.a.Error))
	if m.a.Law == m.a.Error && m.a.Law > 0 {
		s = fmt.Sprintf("%s of %s may be off by %s in one draw, and by more in one of %.0f",
			results.PercentileName(m.point.Q), m.data, percent(m.a.Law), 1/(1-drawsWithin))
	}
	if !m.point.Gap {
		return s
	}
	if m.a.Error < math.Abs(m.a.Value) {
		s += " of the ranks of the tail"
	}
	return s + ", at a gap"
}

// judge sets c against the limits.
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
		c.Misses = slices.Insert(c.Misses, 0, "it does not tell its size")
		known = false
	default:
		used := float64(c.StateBytes) / float64(l.MaxBytes)
		c.Excess = max(c.Excess, used)
		if used > 1 {
			c.Misses = slices.Insert(c.Misses, 0, fmt.Sprintf("its state is %s of %s allowed",
				report.Memory(float64(c.StateBytes)), report.Memory(float64(l.MaxBytes))))
		}
	}
	if !known {
		c.Excess = 0
	}
}

// excess is how many times as large as the limit x is; known is false if the limit is
// 0 and x is not.
func excess(x, limit float64) (times float64, known bool) {
	if limit > 0 {
		return x / limit, true
	}
	return 0, x == 0
}

// Advice says in a sentence or two which estimator to use, or why none.
func (r *Report) Advice() string {
	limits := fmt.Sprintf("an error of at most %s at %s", percent(r.Limits.MaxError), list(r.judged()))
	if r.Limits.MaxBytes > 0 {
		limits += fmt.Sprintf(", and at most %s of state,", report.Memory(float64(r.Limits.MaxBytes)))
	}
	limits += " on all data"
	rec := &r.Recommendation
	switch {
	case rec.Estimator == "" && rec.Closest == "":
		return fmt.Sprintf("No estimator is recommended: %s is here to be measured, not to be used.",
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
	return fmt.Sprintf("%s of %s with %s. %s", use, report.Plural(len(rec.Candidates), "estimator"), limits,
		rec.candidate(rec.Estimator).takes(r.Anchor))
}

// why is which limits c misses, the size and the worst errors first.
func (c *Candidate) why() string {
	const most = 3
	why := c.Misses
	if len(why) > most {
		why = append(slices.Clone(why[:most]), fmt.Sprintf("and %d more", len(c.Misses)-most))
	}
	return strings.Join(why, "; ")
}

// takes is what c costs, in a sentence.
func (c *Candidate) takes(anchor string) string {
	s := fmt.Sprintf("An insertion takes %s ns", report.Number(c.InsertNS))
	if c.TimesAnchor > 0 {
		s += fmt.Sprintf(" (%s x %s)", report.Number(c.TimesAnchor), anchor)
	}
	if c.StateBytes > 0 {
		s += fmt.Sprintf(", its state at most %s", report.Memory(float64(c.StateBytes)))
	}
	return s + fmt.Sprintf("; its largest error is %s.", percent(c.Worst.Error))
}

func (r *Recommendation) candidate(name string) *Candidate {
	i := slices.IndexFunc(r.Candidates, func(c Candidate) bool { return c.Estimator == name })
	return &r.Candidates[i]
}

func (r *Recommendation) meeting() (n int) {
	for i := range r.Candidates {
		if c := &r.Candidates[i]; c.Meets() && !c.MeasureOnly {
			n++
		}
	}
	return n
}

// judged are the quantiles that some data has the values for.
func (r *Report) judged() (names []string) {
	for _, q := range r.Quantiles {
		if slices.ContainsFunc(r.Sets, func(s Set) bool { return enough(s.N, q) }) {
			names = append(names, results.PercentileName(q))
		}
	}
	return names
}
