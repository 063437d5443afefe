package instrument

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/load"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/rewrite"
)

// schema is the version of the document.
const schema = 1

// A Report says which handlers have probes, and which cannot have one.
type Report struct {
	Schema   int               `json:"schema"`
	Kind     string            `json:"kind"` // instrument
	Packages int               `json:"packages"`
	Sites    []rewrite.Site    `json:"sites"`    // handlers with a probe
	Others   []rewrite.Site    `json:"others"`   // handlers without one
	Problems []rewrite.Problem `json:"problems"` // why nothing can be built
}

// newReport returns a report with paths relative to dir, if that makes them shorter.
func newReport(p *load.Program, r *rewrite.Result, dir string) *Report {
	report := &Report{Schema: schema, Kind: "instrument", Packages: p.Matched, Sites: []rewrite.Site{},
		Others: []rewrite.Site{}, Problems: []rewrite.Problem{}}
	for _, x := range r.Sites {
		x.File = short(x.File, dir)
		report.Sites = append(report.Sites, x)
	}
	for _, x := range r.Others {
		x.File = short(x.File, dir)
		report.Others = append(report.Others, x)
	}
	for _, x := range r.Problems {
		x.File = short(x.File, dir)
		report.Problems = append(report.Problems, x)
	}
	return report
}

// short returns a path relative to dir, unless it leads up more than two directories.
func short(path, dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return path
	}
	relative, err := filepath.Rel(dir, path)
	if err != nil || strings.HasPrefix(filepath.ToSlash(relative), "../../..") {
		return path
	}
	return relative
}

// ProblemText returns the problems, each in two lines.
func (r *Report) ProblemText() string {
	var b strings.Builder
	for _, p := range r.Problems {
		fmt.Fprintln(&b, p)
	}
	return b.String()
}

// Text returns the handlers with probes, each in a line, and their number. If all is set, those without follow.
func (r *Report) Text(all bool) string {
	var b strings.Builder
	lines(&b, r.Sites)
	if all && len(r.Others) > 0 {
		b.WriteString("without probes:\n")
		lines(&b, r.Others)
	}
	fmt.Fprintf(&b, "%s with probes in %s", format.Plural(len(r.Sites), "handler"),
		format.Plural(r.Packages, "package"))
	if n := len(r.Others); n > 0 {
		fmt.Fprintf(&b, ", %d without", n)
	}
	if n := len(r.Problems); n > 0 {
		fmt.Fprintf(&b, ", %s", format.Plural(n, "problem"))
	}
	b.WriteString("\n")
	return b.String()
}

// Nothing returns a warning that there are no handlers.
func (r *Report) Nothing() string {
	hint := "loadgen instrument check -v lists the tables that were left out"
	if len(r.Others) == 0 {
		hint = "probes are for a map[string]func(); mark tables of other functions //loadgen:probe with=NAME"
	}
	return fmt.Sprintf("no handler has a probe in %s\n\thint: %s", format.Plural(r.Packages, "package"), hint)
}

// lines writes sites in columns.
func lines(b *strings.Builder, sites []rewrite.Site) {
	rows := make([][3]string, len(sites))
	var widths [3]int
	for i, s := range sites {
		at := fmt.Sprintf("%s:%d:%d", s.File, s.Line, s.Column)
		rows[i] = [3]string{at, format.Printable(s.Key, ""), string(s.Form)}
		for k, cell := range rows[i] {
			widths[k] = max(widths[k], format.Width(cell))
		}
	}
	for i, s := range sites {
		for k, cell := range rows[i] {
			b.WriteString(cell + strings.Repeat(" ", widths[k]-format.Width(cell)+2))
		}
		b.WriteString(s.Table + "\n")
	}
}

// Rows returns the sites as rows of a table with a header.
func (r *Report) Rows() [][]string {
	rows := [][]string{{"file", "line", "column", "table", "key", "form"}}
	for _, s := range append(r.Sites[:len(r.Sites):len(r.Sites)], r.Others...) {
		rows = append(rows, []string{s.File, fmt.Sprint(s.Line), fmt.Sprint(s.Column), s.Table, s.Key, string(s.Form)})
	}
	return rows
}
