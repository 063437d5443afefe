package buckets

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
)

// signed returns an error in per cent, with its sign unless it is 0.
func signed(e float64) string { return format.Signed(e, format.Percent) }

// Text returns the advice for a screen: the errors of the schemes, and the answer. Next is the command that prints the
// bounds as code, and picture one that draws them, or "".
func (a *Advice) Text(s *terminal.Screen, d terminal.Detail, next, picture string) string {
	e := terminal.Ending{Answer: a.Answer(), Doubt: strings.Join(a.Notes, "; "), Next: next,
		Why: "or otel, collector, list"}
	if picture != "" {
		e.More = "a picture is drawn by"
		e.Rest = picture
	}
	if d.Quiet {
		return s.Ending(e)
	}
	var b strings.Builder
	b.WriteString(s.Wrap(a.Data.title(), "  ") + "\n")
	if d.All {
		b.WriteString(s.Blocks(a.table()) + "\n")
		b.WriteString(s.Wrap(a.Data.About, "  ") + "\n" + s.Table(a.byNumber()) + a.fits(s) + "\n")
	} else {
		b.WriteString(s.Table(a.table()) + "\n")
		e.More = strings.TrimSuffix("--all, or --format json|tsv; "+e.More, "; ")
	}
	b.WriteString(s.Wrap(a.fitted(), "  "))
	for _, o := range a.Objectives {
		b.WriteString(s.Wrap(fmt.Sprintf("%s: the threshold is a bound, and %s of the latencies are within it.", o.SLO,
			format.Percent(o.Within)), "  "))
	}
	return b.String() + "\n" + s.Ending(e)
}

// title names the data and their quantiles.
func (d *Data) title() string {
	var parts []string
	for _, q := range d.Quantiles {
		parts = append(parts, record.PercentileName(q.Q)+" "+format.Duration(q.Value))
	}
	return fmt.Sprintf("%s, %s: %s", d.Name, format.Plural(d.Values, "value"), strings.Join(parts, ", "))
}

// table returns the errors of the schemes.
func (a *Advice) table() *terminal.Table {
	header, rows := a.Compared()
	var columns []terminal.Column
	for _, title := range header {
		columns = append(columns, terminal.Column{Title: title})
	}
	for i := range a.Data.Quantiles {
		columns[2+i].Top = "error of histogram_quantile"
	}
	columns[len(columns)-1].Drop = 1
	t := terminal.NewTable(columns...)
	for _, row := range rows {
		t.Row(row...)
	}
	return t
}

// Compared returns a table of the errors of the schemes: its header, and a row for each of them.
func (a *Advice) Compared() (header []string, rows [][]string) {
	header = []string{"buckets", "bounds"}
	for _, q := range a.Data.Quantiles {
		header = append(header, record.PercentileName(q.Q))
	}
	if a.Drift > 1 {
		header = append(header, a.drifting())
	}
	header = append(header, "beyond the last")
	for _, m := range a.Schemes {
		row := []string{m.Name, format.Count(m.Buckets)}
		for _, e := range m.Errors {
			row = append(row, signed(e.Error))
		}
		if a.Drift > 1 {
			row = append(row, format.Percent(m.Largest.Error))
		}
		beyond := format.Percent(m.Beyond)
		if m.Bounds == nil {
			row[0], beyond = row[0]+", x1.1", format.None
		}
		rows = append(rows, append(row, beyond))
	}
	return header, rows
}

// byNumber returns the errors with more and with fewer bounds.
func (a *Advice) byNumber() *terminal.Table {
	columns := []terminal.Column{{Title: "best bounds"}, {Title: "largest error"}}
	if a.Drift > 1 {
		columns = append(columns, terminal.Column{Title: a.drifting()})
	}
	t := terminal.NewTable(columns...)
	for _, n := range a.Numbers {
		row := []string{format.Count(n.Bounds), format.Percent(n.Error)}
		if a.Drift > 1 {
			row = append(row, format.Percent(n.Largest))
		}
		t.Row(row...)
	}
	return t
}

// drifting describes the drift, as a column.
func (a *Advice) drifting() string {
	return "x" + format.Digits(1/a.Drift, 2) + " to x" + format.Digits(a.Drift, 3)
}

// Answer returns what to use and what it is good for.
func (a *Advice) Answer() string {
	chosen, nativeOne := a.scheme(chosenName), a.scheme(native.Name)
	worst := worstOf(chosen.Errors)
	text := fmt.Sprintf("Use these %s: %s. %s is off by %s", format.Plural(len(a.bounds), "bound"), a.list(),
		record.PercentileName(worst.Q), format.Percent(math.Abs(worst.Error)))
	if len(chosen.Errors) > 1 {
		text += ", and no other percentile by more"
	}
	if a.Drift > 1 {
		text += fmt.Sprintf("; while all latencies drift from %s, %s by up to %s", a.drifting(),
			record.PercentileName(chosen.Largest.Q), format.Percent(chosen.Largest.Error))
	}
	if before := a.before(); before != nil {
		e := worstOf(before.Errors)
		text += fmt.Sprintf(". With the %s of %s, %s is off by %s", format.Plural(before.Buckets, "bound"),
			strconv.Quote(before.Name), record.PercentileName(e.Q), format.Percent(math.Abs(e.Error)))
	}
	return text + fmt.Sprintf(". A native histogram needs no bounds, and is off by at most %s in %s.",
		format.Percent(math.Abs(worstOf(nativeOne.Errors).Error)), format.Plural(nativeOne.Buckets, "bucket"))
}

// before returns the first of the schemes that the chosen one would replace, or nil.
func (a *Advice) before() *Measured {
	if a.Schemes[0].Name == chosenName {
		return nil
	}
	return &a.Schemes[0]
}

// list returns the bounds as durations.
func (a *Advice) list() string {
	var parts []string
	for _, b := range a.bounds {
		parts = append(parts, short(b))
	}
	return strings.Join(parts, ", ")
}

// short returns a bound exactly, as a duration without zeros at its end: 1m, not 1m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// worstOf returns the error that is farthest from 0.
func worstOf(errors []QuantileError) QuantileError {
	return slices.MaxFunc(errors, func(a, b QuantileError) int {
		return cmp.Compare(math.Abs(a.Error), math.Abs(b.Error))
	})
}

// fitted says in a sentence which distribution fits.
func (a *Advice) fitted() string {
	text := "No distribution was fitted: the latencies have too few different values."
	if f := best(a.Fits); f != nil {
		worst := worstOf(f.Errors)
		text = fmt.Sprintf("The distribution that fits best is %s: %s off at most, and %s by %s.", f.name(),
			format.Percent(f.Distance), record.PercentileName(worst.Q), format.Percent(math.Abs(worst.Error)))
	} else if len(a.Fits) > 0 {
		text = fmt.Sprintf("No distribution fits: the closest, %s, is %s off, and %s is the most.", a.Fits[0].name(),
			format.Percent(a.Fits[0].Distance), format.Given(mostDistance))
	}
	return text + " The bounds come from the data."
}

// name returns the name with the parameters.
func (f *Fit) name() string {
	var parts []string
	for _, p := range f.Parameters {
		name, isTime := strings.CutSuffix(p.Name, "_ns")
		value := format.Digits(p.Value, 3)
		if isTime {
			value = format.Time(p.Value)
		}
		parts = append(parts, strings.ReplaceAll(name, "_", " ")+" "+value)
	}
	return f.Name + " (" + strings.Join(parts, ", ") + ")"
}

// fits returns a table of all distributions.
func (a *Advice) fits(s *terminal.Screen) string {
	if len(a.Fits) == 0 {
		return ""
	}
	columns := []terminal.Column{{Title: "distribution"}, {Title: "distance"}}
	for _, q := range a.Data.Quantiles {
		columns = append(columns, terminal.Column{Title: record.PercentileName(q.Q)})
	}
	t := terminal.NewTable(append(columns, terminal.Column{Title: "verdict", Left: true})...)
	for _, f := range a.Fits {
		row := []string{f.Name, format.Percent(f.Distance)}
		for _, e := range f.Errors {
			row = append(row, signed(e.Error))
		}
		t.Row(append(row, map[bool]string{true: "fits", false: "does not fit"}[f.Fits])...)
	}
	return "\n" + s.Table(t)
}

// Rows returns a row for each scheme below a header, for TSV.
func (a *Advice) Rows() [][]string {
	header := []string{"buckets", "bounds"}
	for _, q := range a.Data.Quantiles {
		header = append(header, record.PercentileName(q.Q)+"-error")
	}
	rows := [][]string{append(header, "largest-error", "beyond", "bounds-s")}
	for _, m := range a.Schemes {
		row := []string{m.Name, strconv.Itoa(m.Buckets)}
		for _, e := range m.Errors {
			row = append(row, format.Exact(e.Error))
		}
		rows = append(rows, append(row, format.Exact(m.Largest.Error), format.Exact(m.Beyond), joined(m.Bounds)))
	}
	return rows
}

// joined returns bounds in seconds with commas.
func joined(bounds []float64) string {
	var parts []string
	for _, b := range bounds {
		parts = append(parts, format.Exact(b))
	}
	return strings.Join(parts, ",")
}
