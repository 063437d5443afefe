package gate

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	yaml "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/loadgen-go/loadgen/internal/spelling"
)

// A scalar is a value of a gate file and where it stands.
type scalar struct {
	text         string
	line, column int
}

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (s *scalar) UnmarshalYAML(n ast.Node) error {
	if _, ok := n.(ast.ScalarNode); !ok {
		return &yaml.UnexpectedNodeTypeError{Actual: n.Type(), Expected: ast.StringType, Token: n.GetToken()}
	}
	t := n.GetToken()
	s.text, s.line, s.column = t.Value, t.Position.Line, t.Position.Column
	return nil
}

var _ yaml.NodeUnmarshaler = (*scalar)(nil)

// document is a gate file as it is written.
type document struct {
	Margins  map[string]scalar `yaml:"margins"`
	Exact    []scalar          `yaml:"exact"`
	Only     []scalar          `yaml:"only"`
	Config   []scalar          `yaml:"config"`
	Better   map[string]scalar `yaml:"better"`
	Strict   scalar            `yaml:"strict"`
	Expected []entry           `yaml:"expected"`
	Removed  []entry           `yaml:"removed"`
}

// An entry is an expected regression, or a removal, as it is written.
type entry struct {
	Cell   scalar `yaml:"cell"`
	Unit   scalar `yaml:"unit"`
	Reason scalar `yaml:"reason"`
	Until  scalar `yaml:"until"`
}

// readDocument reads the text of a gate file. It refuses a value that is empty: what it would say is a guess.
func readDocument(path string, data []byte) (*document, error) {
	file, err := parser.ParseBytes(bytes.TrimPrefix(data, []byte("\ufeff")), 0)
	if err != nil {
		return nil, located(path, err)
	}
	bodies := make([]ast.Node, 0, 1)
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return nil, fmt.Errorf("%s:1:1: the file is empty: want at least one of %s", path,
			strings.Join(fileFields, ", "))
	case 1:
	default:
		return nil, fmt.Errorf("%s: a second document, after ---: want one", placeOf(bodies[1]).in(path))
	}
	var empty emptyValues
	ast.Walk(&empty, bodies[0])
	if len(empty) > 0 {
		var errs []error
		for _, n := range empty {
			errs = append(errs, fmt.Errorf("%s: %s is empty: want a value, or leave it out", placeOf(n).in(path),
				nameOf(n)))
		}
		return nil, errors.Join(errs...)
	}
	var d document
	if err := yaml.NodeToValue(bodies[0], &d, yaml.Strict()); err != nil {
		return nil, unknownField(located(path, err), err, bodies[0])
	}
	return &d, nil
}

// The fields of a gate file, and of an entry of expected or removed.
var (
	fileFields  = []string{"margins", "exact", "only", "better", "config", "strict", "expected", "removed"}
	entryFields = []string{"cell", "unit", "reason", "until"}
)

// unknownField adds the fields that there are to the located error of an unknown field, and returns other errors as
// they are.
func unknownField(located, err error, body ast.Node) error {
	var unknown *yaml.UnknownFieldError
	if !errors.As(err, &unknown) {
		return located
	}
	fields, at := entryFields, unknown.GetToken()
	if m, ok := body.(*ast.MappingNode); ok && slices.ContainsFunc(m.Values, func(v *ast.MappingValueNode) bool {
		return v.Key.GetToken().Position.Offset == at.Position.Offset
	}) {
		fields = fileFields
	}
	return fmt.Errorf("%w%s: want one of %s", located, spelling.Meant(at.Value, fields), strings.Join(fields, ", "))
}

// located returns an error of the decoder with its place in the file.
func located(path string, err error) error {
	var at yaml.Error
	if !errors.As(err, &at) {
		return fmt.Errorf("%s:1:1: %w", path, err)
	}
	p := at.GetToken().Position
	return fmt.Errorf("%s:%d:%d: %s", path, p.Line, p.Column, at.GetMessage())
}

// emptyValues are the values of a document that say nothing: nulls, empty strings, and entries of lists without
// fields.
type emptyValues []ast.Node

// Visit implements ast.Visitor.
func (e *emptyValues) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.NullNode:
		*e = append(*e, n)
	case *ast.StringNode:
		if strings.TrimSpace(n.Value) == "" {
			*e = append(*e, n)
		}
	case *ast.SequenceNode:
		for _, v := range n.Values {
			if m, ok := v.(*ast.MappingNode); ok && len(m.Values) == 0 {
				*e = append(*e, m)
			}
		}
	}
	return e
}

var _ ast.Visitor = (*emptyValues)(nil)

// nameOf returns the path of a node from the top of its document, such as margins.sec/op or exact[1].
func nameOf(n ast.Node) string {
	name := strings.TrimPrefix(strings.TrimPrefix(n.GetPath(), "$"), ".")
	if name == "" {
		return "the file"
	}
	return strings.ReplaceAll(name, "'", "")
}

// placeOf returns where a node begins.
func placeOf(n ast.Node) scalar {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		n = m.Values[0].Key // the token of a mapping is its first colon
	}
	p := n.GetToken().Position
	return scalar{line: p.Line, column: p.Column}
}

// place is where an entry stands: where its first field does.
func (e *entry) place() (first scalar) {
	for _, s := range []scalar{e.Cell, e.Unit, e.Reason, e.Until} {
		if s.line > 0 && (first.line == 0 || s.line < first.line) {
			first = s
		}
	}
	return first
}

func (s scalar) in(path string) string {
	return fmt.Sprintf("%s:%d:%d", path, s.line, s.column)
}
