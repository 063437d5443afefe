package gate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchproc"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
)

// file is the benchproc key of the input that a line comes from.
const file = ".file"

// A projector projects lines onto tables, rows and columns.
type projector struct {
	filter                  *benchproc.Filter
	table, row, col, ignore *benchproc.Projection
	residue                 *benchproc.Projection // the keys that none of the others name
}

// newProjector parses the projections and the filter, which are in the language of benchproc. If there are several
// inputs and no projection names the input, each input is compared separately.
func newProjector(o *Options, inputs int, ignore []string) (*projector, error) {
	query := o.Filter
	if query == "" {
		query = "*"
	}
	p := new(projector)
	var err error
	if p.filter, err = benchproc.NewFilter(query); err != nil {
		return nil, fmt.Errorf("--filter: %w", err)
	}
	var parser benchproc.ProjectionParser
	parse := func(flag, text string) *benchproc.Projection {
		projection, parseErr := parser.Parse(text, p.filter)
		if parseErr != nil && err == nil {
			err = fmt.Errorf("--%s: %w", flag, parseErr)
		}
		return projection
	}
	row := o.Row
	if row == "" {
		row = ".fullname"
	}
	if o.Ignore != "" {
		ignore = append(slices.Clone(ignore), o.Ignore)
	}
	p.row, p.col, p.ignore = parse("row", row), parse("col", o.Col), parse("ignore", strings.Join(ignore, ","))
	if err != nil {
		return nil, err
	}
	table := ".config"
	if inputs > 1 && !p.names(file) {
		table += "," + file
	}
	p.table = parse("table", table)
	p.residue = parser.Residue()
	return p, err
}

// names reports whether a flag names the key.
func (p *projector) names(key string) bool {
	for _, projection := range []*benchproc.Projection{p.row, p.col, p.ignore} {
		if slices.ContainsFunc(projection.Fields(), func(f *benchproc.Field) bool { return f.Name == key }) {
			return true
		}
	}
	return false
}

// A sample holds what was measured of one row in one unit, on one side.
type sample struct {
	values []float64
	at     []place
	iters  float64

	residues []benchproc.Key // distinct keys of its lines that are not compared
	names    []string        // the name of a line with each residue
}

// A place says where a value was read.
type place struct{ input, line, round int }

// sides holds samples by table, row, unit and column.
type sides struct {
	*projector
	options  *Options
	samples  map[sideKey]map[benchproc.Key]*sample
	order    []sideKey // in the order of the inputs
	cols     []benchproc.Key
	varied   []*benchproc.Field
	removals *removals
	lone     []string // cells of which one side has more rounds
	warnings []string
}

// A sideKey identifies what a sample is compared by.
type sideKey struct {
	table, row benchproc.Key
	unit       string
}

// arrange groups the lines of the inputs into samples.
func arrange(o *Options, in *inputs) (*sides, error) {
	o, err := chooseColumns(o, in)
	if err != nil {
		return nil, err
	}
	p, err := newProjector(o, in.count, nil)
	if err != nil {
		return nil, err
	}
	matches := map[*benchfmt.Result]benchproc.Match{}
	var kept []Line
	for _, l := range in.lines {
		m, ok := matches[l.Of]
		if !ok {
			if m, err = p.filter.Match(l.Of); err != nil {
				return nil, fmt.Errorf("--filter: %w", err)
			}
			matches[l.Of] = m
		}
		if m.Any() {
			kept = append(kept, l)
		}
	}
	if len(kept) == 0 {
		return nil, fmt.Errorf("none of %d benchmark lines is left: --filter or the values that --col or --row "+
			"ask for exclude all: relax them", len(in.lines))
	}
	ignore, warnings := differing(p, kept)
	if p, err = newProjector(o, in.count, ignore); err != nil {
		return nil, err
	}
	s := &sides{projector: p, options: o, removals: o.removals(), warnings: warnings,
		samples: map[sideKey]map[benchproc.Key]*sample{}}
	shares := map[*benchfmt.Result]*share{}
	for _, l := range kept {
		if shares[l.Of] == nil {
			m := matches[l.Of]
			shares[l.Of] = s.share(l.Of, &m)
		}
		shares[l.Of].add(l)
	}
	benchproc.SortKeys(s.cols)
	s.warnPooled()
	s.warnIgnored(o.Ignore, kept)
	return s, s.checkColumns(o.Col)
}

// A share holds the samples of all lines with one name and configuration.
type share struct {
	samples []*sample // by unit; nil if the filter excludes the unit
}

// share returns the samples of lines with the name and configuration of result, and creates those that do not exist.
func (s *sides) share(result *benchfmt.Result, match *benchproc.Match) *share {
	table, row, col := s.table.Project(result), s.row.Project(result), s.col.Project(result)
	residue := s.residue.Project(result)
	if !slices.Contains(s.cols, col) {
		s.cols = append(s.cols, col)
	}
	found := &share{samples: make([]*sample, len(result.Values))}
	for i, v := range result.Values {
		if !match.Test(i) {
			continue
		}
		key := sideKey{table, row, v.Unit}
		if s.samples[key] == nil {
			s.samples[key] = map[benchproc.Key]*sample{}
			s.order = append(s.order, key)
		}
		x := s.samples[key][col]
		if x == nil {
			x = new(sample)
			s.samples[key][col] = x
		}
		if !slices.Contains(x.residues, residue) {
			x.residues, x.names = append(x.residues, residue), append(x.names, result.Name.String())
		}
		found.samples[i] = x
	}
	return found
}

// add adds the values of a line.
func (s *share) add(l Line) {
	for i, x := range s.samples {
		if x != nil {
			x.values = append(x.values, l.Values[i])
			x.at = append(x.at, place{l.input, l.Number, l.round})
			x.iters += float64(l.iters)
		}
	}
}

// warnPooled warns about rows that pool different benchmarks, in which a regression of one of them may not show.
func (s *sides) warnPooled() {
	var pooled, fields []string
	for _, key := range s.order {
		for _, col := range s.cols {
			x := s.samples[key][col]
			if x == nil || len(x.residues) < 2 {
				continue
			}
			for _, f := range benchproc.NonSingularFields(x.residues) {
				if !slices.Contains(fields, f.Name) {
					fields = append(fields, f.Name)
				}
			}
			if name := label(key.row); !slices.Contains(pooled, name) {
				pooled = append(pooled, name+" ("+format.FewNames(x.names)+")")
			}
			break
		}
	}
	if len(pooled) > 0 {
		s.warnings = append(s.warnings,
			fmt.Sprintf("benchmarks that differ in %s are pooled in one row, which may hide a change of one of them: "+
				"%s: name in --row what distinguishes them",
				strings.Join(fields, ", "), format.FewNames(slices.Compact(pooled))))
	}
}

// warnIgnored warns about keys of --ignore that no line has.
func (s *sides) warnIgnored(keys string, lines []Line) {
	if keys == "" {
		return
	}
	found := map[string]bool{}
	seen := map[*benchfmt.Result]bool{}
	for _, l := range lines {
		if seen[l.Of] {
			continue
		}
		seen[l.Of] = true
		for _, c := range l.Of.Config {
			found[c.Key] = true
		}
	}
	for _, f := range s.ignore.Fields() {
		if !found[f.Name] && !strings.HasPrefix(f.Name, ".") && !strings.HasPrefix(f.Name, "/") {
			s.warnings = append(s.warnings, fmt.Sprintf("--ignore %s: no line has such a key", f.Name))
		}
	}
}

// checkColumns returns an error unless there are a base and a head. It warns if the order of the columns is not given.
func (s *sides) checkColumns(col string) error {
	for _, c := range s.cols {
		if c.StringValues() == "" {
			return fmt.Errorf("--col %s: some lines have no %s: leave them out by --filter", col, col)
		}
	}
	base := label(s.cols[0])
	switch {
	case len(s.cols) == 1:
		return fmt.Errorf("--col %s: all lines are of %s: there is nothing to compare it with", col, base)
	case col != file && !strings.Contains(col, "@"):
		var words []string
		for _, c := range s.cols {
			words = append(words, word(label(c)))
		}
		s.warnings = append(s.warnings,
			fmt.Sprintf("the base is %s because it comes first in the input: --col '%s@(%s)' sets the order", base,
				col, strings.Join(words, " ")))
	}
	return nil
}

// label returns the value of a key with one field, or all fields with their names.
func label(k benchproc.Key) string {
	if len(k.Projection().FlattenedFields()) == 1 {
		return k.StringValues()
	}
	return k.String()
}

// config returns the fields of a key that are set.
func config(k benchproc.Key) []Pair {
	pairs := []Pair{} // not null in JSON
	for _, f := range k.Projection().FlattenedFields() {
		if v := k.Get(f); v != "" {
			pairs = append(pairs, Pair{f.Name, v})
		}
	}
	return pairs
}

// differing returns the configuration keys for which the base and a head have no value in common, and warnings about
// them. Such keys would prevent any comparison, so they are ignored. The package is never ignored, since benchmarks of
// two packages may have the same name.
func differing(p *projector, lines []Line) (ignore, warnings []string) {
	values := map[string]map[benchproc.Key][]string{} // by key and column
	var keys []string
	var cols []benchproc.Key
	seen := map[*benchfmt.Result]bool{}
	for _, l := range lines {
		if seen[l.Of] {
			continue
		}
		seen[l.Of] = true
		col := p.col.Project(l.Of)
		if !slices.Contains(cols, col) {
			cols = append(cols, col)
		}
		for _, c := range l.Of.Config {
			if !c.File || c.Key == "pkg" || p.names(c.Key) {
				continue
			}
			if values[c.Key] == nil {
				values[c.Key] = map[benchproc.Key][]string{}
				keys = append(keys, c.Key)
			}
			if !slices.Contains(values[c.Key][col], string(c.Value)) {
				values[c.Key][col] = append(values[c.Key][col], string(c.Value))
			}
		}
	}
	benchproc.SortKeys(cols)
	for _, key := range keys {
		base := values[key][cols[0]]
		for _, col := range cols[1:] {
			head := values[key][col]
			if slices.ContainsFunc(head, func(v string) bool { return slices.Contains(base, v) }) {
				continue
			}
			ignore = append(ignore, strconv.Quote(key))
			warnings = append(warnings, fmt.Sprintf("%s differs: %s in %s, %s in %s: compared all the same", key,
				several(base), label(cols[0]), several(head), label(col)))
			break
		}
	}
	return ignore, warnings
}

// several returns the first values, and how many more there are.
func several(values []string) string {
	if len(values) == 0 {
		return "none"
	}
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = strconv.Quote(v)
	}
	return format.FewNames(quoted)
}

// chooseColumns returns the options with Col set. By default it is the input, if there are several.
func chooseColumns(o *Options, in *inputs) (*Options, error) {
	if o.Col != "" {
		return o, nil
	}
	if in.count > 1 {
		chosen := *o
		chosen.Col = file
		return &chosen, nil
	}
	hint := ""
	vary := varying(in.lines)
	for _, key := range slices.Sorted(maps.Keys(vary)) {
		if len(vary[key]) > 1 {
			hint += fmt.Sprintf(" --col '%s@(%s)'", key, strings.Join(vary[key], " "))
		}
	}
	if hint != "" {
		hint = "; what varies in its names:" + hint
	}
	return nil, fmt.Errorf("one input, and it is not a run with its %s: want BASE HEAD, "+
		"or --col with what tells the sides apart, such as --col '/impl@(old new)'%s", results.JSONFile, hint)
}

// varying returns the values of each key in the names of lines of load or, if there are none, in all names.
func varying(lines []Line) map[string][]string {
	loads := slices.ContainsFunc(lines, func(l Line) bool { return isLoad(l.Of.Name) })
	vary := map[string][]string{}
	for _, l := range lines {
		if loads && !isLoad(l.Of.Name) {
			continue
		}
		_, parts := l.Of.Name.Parts()
		for _, part := range parts {
			key, value, ok := strings.Cut(string(part), "=")
			if value = word(value); ok && !slices.Contains(vary[key], value) {
				vary[key] = append(vary[key], value)
			}
		}
	}
	return vary
}

// word returns a value in the syntax of a projection.
func word(s string) string {
	if s == "" || strings.ContainsAny(s, " \t()\",@:*") {
		return strconv.Quote(s)
	}
	return s
}

// isLoad reports whether a name is that of a line of load of a run.
func isLoad(n benchfmt.Name) bool { return string(n.Base()) == "Load" }
