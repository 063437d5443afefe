package buckets

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/scrape"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/quantile"
)

// Verdicts about new bounds.
const (
	RollOut    = "roll out"
	Keep       = "keep"        // the old bounds
	CannotTell = "cannot tell" // since what was counted is not what was measured
)

// A Canary is a comparison of a histogram with old bounds and one with new bounds with the truth, which was measured
// call by call.
type Canary struct {
	Schema   int     `json:"schema"`
	Kind     string  `json:"kind"` // buckets-canary
	Data     Data    `json:"data"`
	MaxError float64 `json:"max_error"`
	Old      Reading `json:"old"`
	New      Reading `json:"new"`
	Verdict  string  `json:"verdict"`
	Why      string  `json:"why"`
}

// A Reading is what histogram_quantile reads of a histogram.
type Reading struct {
	Metric    string         `json:"metric"`
	From      string         `json:"from"`
	Count     float64        `json:"count"`
	Bounds    []float64      `json:"bounds_s"`
	Quantiles []ReadQuantile `json:"quantiles"`
	// Differs is where the histogram shows that it has not counted the measured calls, or null.
	Differs *Difference `json:"differs"`
}

// A ReadQuantile is what is read, and by how much it differs from the truth, as a share of it.
type ReadQuantile struct {
	Q     float64       `json:"q"`
	Value time.Duration `json:"value_ns"`
	Error float64       `json:"error"`
}

// A Difference is a bound below which a histogram has counted another share of the calls than were measured there.
// Counts at bounds are exact, so the bounds do not explain it.
type Difference struct {
	Bound    time.Duration `json:"bound_ns"`
	Counted  float64       `json:"counted"`
	Measured float64       `json:"measured"`
}

// Judge compares the histograms with the truth. New bounds are to be rolled out if they read every quantile with an
// error of at most maxError, and the largest error is smaller than with the old bounds.
func Judge(truth *Sample, old, new *scrape.Histogram, quantiles []float64, maxError float64) (*Canary, error) {
	errs := []error{truth.Check(quantiles)}
	for _, h := range []*scrape.Histogram{old, new} {
		for _, q := range quantiles {
			if needs := quantile.SamplesFor(q); h.Count() < float64(needs) {
				errs = append(errs, fmt.Errorf("%s: %s needs %s calls, and %s were counted: want more of them", h.From,
					record.PercentileName(q), format.Count(needs), format.Count(h.Count())))
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	c := &Canary{Schema: schema, Kind: "buckets-canary", Data: dataOf(truth, quantiles), MaxError: maxError,
		Old: newReading(truth, old, quantiles), New: newReading(truth, new, quantiles)}
	c.Verdict, c.Why = c.judge()
	return c, nil
}

func newReading(truth *Sample, h *scrape.Histogram, quantiles []float64) Reading {
	r := Reading{Metric: h.Metric, From: h.From, Count: h.Count(), Bounds: inSeconds(boundsOf(h)),
		Differs: difference(truth, h)}
	for _, q := range quantiles {
		value := readQuantile(h, q)
		r.Quantiles = append(r.Quantiles, ReadQuantile{q, time.Duration(math.Round(value)),
			to(1e-7, off(value, float64(truth.Quantile(q))))})
	}
	return r
}

// difference returns the bound at which the counts differ most from what was measured, if that is more than chance
// and a tenth of the lesser of the shares below and above it explain; otherwise nil.
func difference(truth *Sample, h *scrape.Histogram) (most *Difference) {
	const (
		slack     = 0.1
		deviation = 4 // standard deviations: one of many bounds is rarely off by more
	)
	n, upTo, excess := h.Count(), 0.0, 0.0
	for _, b := range h.Buckets {
		upTo += b.Count
		if math.IsInf(b.High, 1) {
			break
		}
		counted, measured := upTo/n, truth.within(b.High)/float64(truth.N())
		mean := (upTo + truth.within(b.High)) / (n + float64(truth.N()))
		chance := deviation * math.Sqrt(mean*(1-mean)*(1/n+1/float64(truth.N())))
		over := math.Abs(counted-measured) - chance - slack*min(measured, 1-measured) - 1/n
		if over > excess {
			excess, most = over, &Difference{time.Duration(math.Round(b.High)), to(1e-9, counted), to(1e-9, measured)}
		}
	}
	return most
}

// judge returns the verdict and the reason.
func (c *Canary) judge() (verdict, why string) {
	for _, r := range []*Reading{&c.New, &c.Old} {
		if d := r.Differs; d != nil {
			return CannotTell, fmt.Sprintf("%s has not counted the measured calls: %s of them took at most %s, and "+
				"%s in %s", r.From, format.Percent(d.Counted), short(d.Bound), format.Percent(d.Measured), c.Data.Name)
		}
	}
	was, is := c.Old.worst(), c.New.worst()
	name := record.PercentileName(is.Q)
	switch {
	case is.Error > c.MaxError:
		return Keep, fmt.Sprintf("with the new bounds, %s is off by %s, and %s is allowed", name,
			format.Percent(is.Error), format.Given(c.MaxError))
	case is.Error >= was.Error:
		return Keep, fmt.Sprintf("with the new bounds, %s is off by %s, and nothing by more than %s with the old ones",
			name, format.Percent(is.Error), format.Percent(was.Error))
	}
	return RollOut, fmt.Sprintf("with the new bounds, %s is off by %s, and no other percentile by more; with the old "+
		"ones, %s by %s", name, format.Percent(is.Error), record.PercentileName(was.Q), format.Percent(was.Error))
}

// worst returns the largest error, without sign.
func (r *Reading) worst() (worst QuantileError) {
	for i, q := range r.Quantiles {
		if e := math.Abs(q.Error); i == 0 || e > worst.Error {
			worst = QuantileError{q.Q, e}
		}
	}
	return worst
}

// Text returns the comparison for a screen. Exit is the exit code of the command.
func (c *Canary) Text(s *terminal.Screen, d terminal.Detail, exit int) string {
	e := terminal.Ending{Exit: exit}
	why := strings.ToUpper(c.Why[:1]) + c.Why[1:] + "."
	switch c.Verdict {
	case RollOut:
		e.Answer = "Roll out the new bounds. " + why
	case Keep:
		e.Answer = "Keep the old bounds. " + why
	default:
		e.Answer = "It cannot be told whether to roll out. " + c.Why + "."
		e.Advice = "drive both services with the calls of one run"
	}
	if d.Quiet {
		return s.Ending(e)
	}
	columns := []terminal.Column{{Title: "bounds"}, {Title: "number"}, {Title: "calls"}}
	for _, q := range c.Data.Quantiles {
		name := record.PercentileName(q.Q)
		columns = append(columns, terminal.Column{Title: name}, terminal.Column{Title: "error"})
	}
	t := terminal.NewTable(columns...)
	for _, row := range []struct {
		name string
		r    *Reading
	}{{"old", &c.Old}, {"new", &c.New}} {
		cells := []string{row.name, format.Count(len(row.r.Bounds)), format.Count(row.r.Count)}
		for _, q := range row.r.Quantiles {
			cells = append(cells, format.Duration(q.Value), signed(q.Error))
		}
		t.Row(cells...)
	}
	return s.Wrap(c.Data.title(), "  ") + "\n" + s.Table(t) + "\n" + s.Ending(e)
}

// Rows returns a row for each histogram below a header, for TSV.
func (c *Canary) Rows() [][]string {
	header := []string{"bounds", "metric", "from", "count"}
	for _, q := range c.Data.Quantiles {
		header = append(header, record.PercentileName(q.Q)+"-ns", record.PercentileName(q.Q)+"-error")
	}
	rows := [][]string{append(header, "verdict")}
	for i, r := range []*Reading{&c.Old, &c.New} {
		row := []string{[]string{"old", "new"}[i], r.Metric, r.From, format.Exact(r.Count)}
		for _, q := range r.Quantiles {
			row = append(row, fmt.Sprint(int64(q.Value)), format.Exact(q.Error))
		}
		rows = append(rows, append(row, c.Verdict))
	}
	return rows
}
