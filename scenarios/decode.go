package scenarios

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	yaml "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/loadgen-go/loadgen/internal/spelling"
)

// A Problem is an error in a scenario.
type Problem struct {
	Where string // file:line:column, or the flag
	What  string // the field, its value, and what was wanted
}

// String returns where and what.
func (p Problem) String() string { return p.Where + ": " + p.What }

// Problems are all errors in a scenario.
type Problems []Problem

// Error returns the problems, one per line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// A Setting overrides a field of a scenario. Its value is a scalar, or list items separated by commas.
type Setting struct {
	Key   string // as in the file, such as qps or handlers.keys
	Value string
	Where string // for problems, such as --qps
	// Apply, if set, is called instead with the scenario of the file, to change a field that is a mapping.
	Apply func(*Scenario) error
}

// Decode decodes a scenario. File is the name of the file, which appears in problems and names a scenario that has
// no name. Settings override fields of the file.
func Decode(file string, data []byte, settings ...Setting) (*Scenario, error) {
	return decode(&decoder{file: file, values: map[string]value{}, unread: map[string]bool{}}, data, settings)
}

// decode decodes a scenario with a decoder that has no values yet.
func decode(d *decoder, data []byte, settings []Setting) (*Scenario, error) {
	if !d.parse(data) {
		return nil, d.all()
	}
	for _, s := range settings {
		if s.Apply != nil {
			d.values[s.Key] = value{where: s.Where}
			d.applied = append(d.applied, s)
			continue
		}
		if s.Key == FullKey {
			d.fullSetting = &s
			continue
		}
		if Structured(s.Key) {
			d.wrong(s.Where, 0, "%s is %q: want %s, in a file", s.Key, s.Value, want(s.Key))
			continue
		}
		if want(s.Key) == "" {
			d.wrong(s.Where, 0, "unknown field %q%s: want one of %s", s.Key,
				spelling.Meant(s.Key, keysBelow("")), strings.Join(keysBelow(""), ", "))
			continue
		}
		d.values[s.Key] = value{where: s.Where, items: split(s), list: len(splitOutside(s.Value)) > 1}
	}
	d.override()
	s := d.scenario()
	d.takeFull(s)
	s.ignored = d.ignored
	if s.Name == "" {
		s.Name = nameOf(d.file)
	}
	d.check(s)
	if len(d.problems) > 0 {
		return nil, d.all()
	}
	return s, nil
}

// all returns the problems in the order of the file. It removes the name of the field from a problem whose flag has
// the same name.
func (d *decoder) all() (problems Problems) {
	slices.SortStableFunc(d.problems, func(a, b ranked) int { return cmp.Compare(a.line, b.line) })
	for _, p := range d.problems {
		if flag, ok := strings.CutPrefix(p.Where, "--"); ok {
			p.What = strings.TrimPrefix(strings.TrimPrefix(p.What, flag+": "), flag+" ")
		}
		problems = append(problems, p.Problem)
	}
	return problems
}

// split returns the items of a setting.
func split(s Setting) (items []item) {
	for _, part := range splitOutside(s.Value) {
		items = append(items, item{strings.TrimSpace(part), s.Where, 0})
	}
	return items
}

// splitOutside splits a list at its commas, except commas in parentheses.
func splitOutside(list string) (parts []string) {
	depth, from := 0, 0
	for i, c := range list {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth <= 0 {
				parts = append(parts, list[from:i])
				from = i + 1
			}
		}
	}
	return append(parts, list[from:])
}

// override removes the file's fields of one kind of load, if settings ask for another kind.
func (d *decoder) override() {
	kinds := map[string][]string{"qps": {"load", "closed"}, "load": {"qps", "duration", "closed"},
		"closed": {"qps", "load"}}
	for kind, others := range kinds {
		if v := d.values[kind]; !v.given() || kind == "closed" && (v.is("false") || v.is(alsoClosed)) {
			continue
		}
		for _, other := range others {
			if v := d.values[other]; !v.given() && !(kind == "qps" && other == "closed" && v.is(alsoClosed)) {
				delete(d.values, other)
			}
		}
	}
}

// A value is what a file or a setting gives for a field: one item, or a list of items.
type value struct {
	where string
	line  int
	items []item
	list  bool
}

// is reports whether the value is that text.
func (v value) is(text string) bool { return len(v.items) == 1 && v.items[0].text == text }

// given reports whether a setting, and not the file, gives the value.
func (v value) given() bool { return v.where != "" && v.line == 0 }

// An item is the text of a scalar with its place.
type item struct {
	text  string
	where string
	line  int
}

// A ranked problem has the line that it is sorted by, or 0.
type ranked struct {
	Problem
	line int
}

// A decoder collects the values of a file by key, and the problems.
type decoder struct {
	file     string
	values   map[string]value
	problems []ranked
	applied  []Setting // settings with Apply
	// fullSetting is the setting that asks for the full form; nil if there is none.
	fullSetting *Setting
	lenient     bool                // ignores unknown fields
	ignored     map[string][]string // lists of texts of unknown fields, if lenient

	made   Scenario        // holds what the structures of the file fill
	unread map[string]bool // structures with problems, which must not be checked
}

// wrong adds a problem.
func (d *decoder) wrong(where string, line int, format string, args ...any) {
	d.problems = append(d.problems, ranked{Problem{where, fmt.Sprintf(format, args...)}, line})
}

// wrongAt adds a problem at a node.
func (d *decoder) wrongAt(n ast.Node, format string, args ...any) {
	where, line := d.at(n)
	d.wrong(where, line, format, args...)
}

// at returns the place of a node.
func (d *decoder) at(n ast.Node) (where string, line int) {
	p := n.GetToken().Position
	return fmt.Sprintf("%s:%d:%d", d.file, p.Line, p.Column), p.Line
}

// parse collects the values of a file. It reports whether the file holds one mapping; if it does not, no further
// checks make sense.
func (d *decoder) parse(data []byte) bool {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // some editors begin a file with a byte order mark
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		where, line, what := d.file, 0, err.Error()
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) && syntax.Token != nil {
			p := syntax.Token.Position
			where, line, what = fmt.Sprintf("%s:%d:%d", d.file, p.Line, p.Column), p.Line, syntax.Message
		}
		d.wrong(where, line, "not YAML: %s", what)
		return false
	}
	var docs []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil {
			docs = append(docs, doc.Body)
		}
	}
	switch len(docs) {
	case 0:
		d.wrong(d.file, 0, "the file is empty: want a scenario (loadgen scenarios --fields lists what it may hold)")
	case 1:
		return d.mapping("", docs[0])
	default:
		d.wrongAt(docs[1], "a second document: want one scenario per file")
	}
	return false
}

// mapping collects the values of a mapping. Prefix is the key of the mapping with a dot, or "". It reports whether n
// is a mapping.
func (d *decoder) mapping(prefix string, n ast.Node) bool {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.wrongAt(n, "%s is not a mapping: want fields such as %s", name(prefix),
			strings.Join(keysBelow(prefix), ", "))
		return false
	}
	for _, kv := range m.Values {
		key := prefix + strings.ReplaceAll(kv.Key.GetToken().Value, "_", "-") // JSON has slo_visits
		_, seen := d.values[key]
		switch {
		case len(keysBelow(key+".")) > 0:
			d.mapping(key+".", kv.Value)
		case !slices.Contains(keysBelow(prefix), key):
			if d.lenient {
				d.ignore(key, kv.Value)
				continue
			}
			d.wrongAt(kv.Key, "unknown field %q%s: want one of %s", prefix+kv.Key.GetToken().Value,
				spelling.Meant(key, keysBelow(prefix)), strings.Join(keysBelow(prefix), ", "))
		case seen:
			d.wrongAt(kv.Key, "%s is given twice: want it once", key)
		case Structured(key):
			d.structure(key, kv)
		default:
			d.value(key, kv)
		}
	}
	return true
}

// ignore keeps a list of texts of an unknown field, which may be a dimension of another version: see [Scenario.Adopt].
func (d *decoder) ignore(key string, n ast.Node) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		return
	}
	var arms []string
	for _, n := range list.Values {
		if text, ok := n.(*ast.StringNode); ok {
			arms = append(arms, text.Value)
		}
	}
	if d.ignored == nil {
		d.ignored = map[string][]string{}
	}
	d.ignored[key] = arms
}

// name returns the key of a prefix.
func name(prefix string) string {
	if prefix == "" {
		return "the file"
	}
	return strings.TrimSuffix(prefix, ".")
}

// value collects the value of a key.
func (d *decoder) value(key string, kv *ast.MappingValueNode) {
	var v value
	v.where, v.line = d.at(kv.Key)
	if seq, ok := kv.Value.(*ast.SequenceNode); ok {
		v.list = true
		for _, n := range seq.Values {
			if i, ok := d.scalar(key, n, want(key)); ok {
				v.items = append(v.items, i)
			}
		}
		if len(v.items) < len(seq.Values) {
			return // reported already
		}
	} else if i, ok := d.scalar(key, kv.Value, want(key)); ok {
		v.items = []item{i}
	} else {
		return
	}
	d.values[key] = v
}

// scalar returns the item of a scalar node. It returns false if it adds a problem instead, with what was wanted.
func (d *decoder) scalar(key string, n ast.Node, wanted string) (item, bool) {
	where, line := d.at(n)
	switch n := n.(type) {
	case *ast.StringNode:
		return item{n.Value, where, line}, true
	case *ast.LiteralNode:
		return item{n.Value.Value, where, line}, true
	case *ast.NullNode:
		d.wrong(where, line, "%s is empty: want %s", key, wanted)
		return item{}, false
	case *ast.AliasNode, *ast.AnchorNode, *ast.TagNode:
		d.wrong(where, line, "%s is an alias, an anchor or a tag, which are not supported: want %s", key, wanted)
		return item{}, false
	case ast.ScalarNode:
		return item{n.GetToken().Value, where, line}, true
	}
	d.wrong(where, line, "%s is a %s: want %s", key, strings.ToLower(n.Type().String()), wanted)
	return item{}, false
}
