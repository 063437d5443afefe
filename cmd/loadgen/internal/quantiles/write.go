package quantiles

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/results"
)

// Formats returns the formats that Write writes.
func Formats() []string { return []string{"text", "bench", "json", "markdown", "tsv"} }

// Write writes r as one of Formats. Text is for a screen.
func (r *Report) Write(w io.Writer, as string, screen *terminal.Screen, d terminal.Detail) error {
	var (
		s   string
		err error
	)
	switch as {
	case "text":
		s = screen.Symbols(r.Text(screen, d))
	case "tsv":
		s = format.TSV(r.rows())
	case "bench":
		s, err = r.Bench()
	case "json":
		s, err = r.json()
	case "markdown":
		s = r.Markdown()
	default:
		err = fmt.Errorf("format %q is unknown: want one of %s", as, strings.Join(Formats(), ", "))
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, s)
	return err
}

// json returns the report as JSON. NaN and infinities are errors, since JSON cannot represent them.
func (r *Report) json() (string, error) {
	data, err := json.MarshalIndent(r, "", "  ")
	return string(data) + "\n", err
}

// rows returns a row for each estimator and data set below a header. Columns are the units of Bench, with medians of
// the times; what is not known is "".
func (r *Report) rows() [][]string {
	units := r.units()
	rows := [][]string{append([]string{"data", "n", "estimator"}, units...)}
	for i := range r.Sets {
		s := &r.Sets[i]
		for k := range s.Cells {
			c := s.Cells[k]
			for _, t := range []*Timing{&c.Insert, &c.FirstRead, &c.Query, &c.Merge} {
				if len(t.Rounds) > 0 {
					t.Rounds = []float64{t.Median}
				}
			}
			values := map[string]string{}
			for _, m := range s.measurements(&c, 0) {
				values[m.Unit] = format.Exact(m.Value)
			}
			row := []string{s.Name, strconv.Itoa(s.N), c.Estimator}
			for _, unit := range units {
				row = append(row, values[unit])
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// Markdown is one table of all data, fit for a README, and the recommendation.
func (r *Report) Markdown() string {
	header := []any{"data", "estimator", "insert ns"}
	if r.Anchor != "" {
		header = append(header, "x "+r.Anchor)
	}
	header = append(header, "merge us/shard", "state", "encoded")
	for _, q := range r.Quantiles {
		header = append(header, record.PercentileName(q))
	}
	t := format.Table(2, header...)
	for i := range r.Sets {
		s := &r.Sets[i]
		for k := range s.Cells {
			c := &s.Cells[k]
			row := table.Row{s.Name, c.Estimator, format.Number(c.Insert.Median)}
			if r.Anchor != "" {
				row = append(row, c.times())
			}
			row = append(row, c.merge(), size(c.StateBytes), size(c.Serialized))
			t.AppendRow(append(row, s.markdownErrors(c, r.Quantiles)...))
		}
	}
	e := &r.Environment
	return fmt.Sprintf("%s\n\n"+
		"Errors of value against full sort; with a \\* there is a gap in the data, and it is the less of that and "+
		"of the\n"+
		"rank error over the lesser of q and 1-q. Times are %s, medians of %s, each value added through the same\n"+
		"interface; %s/%s, %s, %s, seed %d.\n\n%s\n",
		t.RenderMarkdown(), r.Clock, format.Plural(r.Rounds,
			"round"), e.GOOS, e.GOARCH, e.CPU, e.GoVersion, r.Seed, r.Advice())
}

// markdownErrors returns the errors of a cell as table cells, which are blank if there are too few values.
func (s *Set) markdownErrors(c *Cell, quantiles []float64) (cells table.Row) {
	for _, q := range quantiles {
		switch i := s.point(q); {
		case i < 0:
			cells = append(cells, "")
		case s.Points[i].Gap:
			cells = append(cells, format.Percent(c.Answers[i].Error)+`\*`)
		default:
			cells = append(cells, signed(c.Answers[i].Value))
		}
	}
	return cells
}

// Bench returns the report as Go benchmark text, with a line for each estimator, data set and round, so
// that benchstat sees the spread of the times.
//
// It omits percentiles without enough values, errors of value at a gap, unknown sizes,
// and times of 0, which tools would put into a table of their own.
func (r *Report) Bench() (string, error) {
	var b strings.Builder
	e := &r.Environment
	fmt.Fprintf(&b, "# loadgen quantiles %d  seed=%d  commit=%s  rounds=%d  order=random\n", r.Schema, r.Seed,
		cmp.Or(e.Commit, "unknown"), r.Rounds)
	for _, c := range [][2]string{
		{"goos", e.GOOS}, {"goarch", e.GOARCH}, {"pkg", results.Module}, {"cpu", cmp.Or(e.CPU, "unknown")},
		{"clock", r.Clock}, {"shards", strconv.Itoa(r.Shards)},
	} {
		fmt.Fprintf(&b, "%s: %s\n", c[0], c[1])
	}
	for _, unit := range r.units() {
		fmt.Fprintf(&b, "Unit %s better=lower\n", unit)
	}
	b.WriteByte('\n')
	for i := range r.Sets {
		s := &r.Sets[i]
		for round := range r.Rounds {
			for k := range s.Cells {
				c := &s.Cells[k]
				fmt.Fprintf(&b, "BenchmarkQuantiles/est=%s/dist=%s/n=%d-%d %d", plain(c.Estimator), s.Name, s.N,
					max(e.GOMAXPROCS, 1), s.N)
				if err := measurements(&b, s.measurements(c, round)); err != nil {
					return "", fmt.Errorf("%s on %s: %w", c.Estimator, s.Name, err)
				}
			}
		}
	}
	return b.String(), nil
}

// units returns the units that Bench may write.
func (r *Report) units() []string {
	units := []string{"insert-ns/op", "first-read-ns/op", "query-ns/op", "merge-ns/op", "state-bytes",
		"serialized-bytes"}
	for _, q := range r.Quantiles {
		units = append(units, record.PercentileName(q)+"-error-ppm", record.PercentileName(q)+"-rank-error-ppm")
	}
	return units
}

// measurements returns the measurements of a cell in one round.
func (s *Set) measurements(c *Cell, round int) (list []results.Measurement) {
	positive := func(unit string, x float64) {
		if x != 0 {
			list = append(list, results.Measurement{Unit: unit, Value: x})
		}
	}
	nanos := func(unit string, t *Timing) {
		if round < len(t.Rounds) {
			positive(unit, math.Round(t.Rounds[round]*1e3)/1e3)
		}
	}
	nanos("insert-ns/op", &c.Insert)
	nanos("first-read-ns/op", &c.FirstRead)
	nanos("query-ns/op", &c.Query)
	nanos("merge-ns/op", &c.Merge)
	positive("state-bytes", float64(c.StateBytes))
	positive("serialized-bytes", float64(c.Serialized))
	for i, a := range c.Answers {
		p := &s.Points[i]
		if !p.Gap {
			list = append(list, results.Measurement{Unit: record.PercentileName(p.Q) + "-error-ppm",
				Value: math.Round(1e6 * math.Abs(a.Value))})
		}
		list = append(list, results.Measurement{Unit: record.PercentileName(p.Q) + "-rank-error-ppm",
			Value: math.Round(1e6 * a.Rank)})
	}
	return list
}

// measurements writes the measurements at the end of a line. A value that is not finite is an error, since a single
// NaN makes benchstat run out of memory.
func measurements(b *strings.Builder, list []results.Measurement) error {
	for _, m := range list {
		if math.IsNaN(m.Value) || math.IsInf(m.Value, 0) {
			return fmt.Errorf("%v %s: want a finite number", m.Value, m.Unit)
		}
		fmt.Fprintf(b, " %s %s", format.Exact(m.Value), m.Unit)
	}
	b.WriteByte('\n')
	return nil
}
