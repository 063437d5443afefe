package rewrite

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"hash/fnv"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/load"
)

// A file is a file while probes are inserted.
type file struct {
	g      *program
	pkg    *load.Package
	syntax *ast.File
	name   string // its path
	src    []byte

	directives []*directive
	skips      map[int][]*directive // by the line that they are about
	stack      []ast.Node           // the nodes around the one that is visited, the innermost last

	prefix  string            // begins all names that are inserted
	imports map[string]string // names of imports that are inserted, by path
	tail    []string          // declarations that follow the last line
	withs   map[string]string // names of variables in tail for functions of the user's, by their full name
	entries int
	edits   []edit
}

// An edit replaces the text from offset at to offset end.
type edit struct {
	at, end int
	text    string
	closes  bool // it ends something: at the same offset it comes first, the innermost first
	order   int
}

// insert inserts text that begins something, or stands alone.
func (f *file) insert(at token.Pos, text string) { f.replace(at, 0, text, false) }

// closing inserts text that ends something.
func (f *file) closing(at token.Pos, text string) { f.replace(at, 0, text, true) }

func (f *file) replace(at token.Pos, length int, text string, closes bool) {
	offset := f.position(at).Offset
	f.edits = append(f.edits, edit{offset, offset + length, text, closes, len(f.edits)})
}

// position returns the position in the file, whatever //line says.
func (f *file) position(p token.Pos) token.Position { return f.pkg.Fset.PositionFor(p, false) }

func (f *file) line(p token.Pos) int { return f.position(p).Line }

// place returns a position as a key that is the same for all packages that share the file.
func place(fset *token.FileSet, p token.Pos) string {
	q := fset.PositionFor(p, false)
	return fmt.Sprintf("%s:%d:%d", q.Filename, q.Line, q.Column)
}

// site returns what a probe calls the place of a handler.
func (f *file) site(p token.Pos) string {
	path := strings.TrimSuffix(f.pkg.Types.Path(), "_test")
	return strconv.Quote(fmt.Sprintf("%s/%s:%d", path, filepath.Base(f.name), f.line(p)))
}

func (f *file) problem(p token.Pos, hint, what string, args ...any) {
	q := f.position(p)
	f.g.result.Problems = append(f.g.result.Problems,
		Problem{q.Filename, q.Line, q.Column, fmt.Sprintf(what, args...), hint})
}

// effect imports a package for its effects.
func (f *file) effect(path string) {
	if path != "" {
		f.imports[path] = "_"
	}
}

// imported returns the name of an import that is inserted.
func (f *file) imported(path, base string) string {
	if name := f.imports[path]; name != "" {
		return name
	}
	name := f.fresh() + base
	f.imports[path] = name
	return name
}

// fresh returns the prefix of inserted names, which no identifier of the directory begins with.
func (f *file) fresh() string {
	if f.prefix != "" {
		return f.prefix
	}
	taken := func(prefix string) bool {
		for name := range f.g.names[filepath.Dir(f.name)] {
			if strings.HasPrefix(name, prefix) {
				return true
			}
		}
		return false
	}
	f.prefix = "lgprobe"
	for i := 0; taken(f.prefix); i++ {
		f.prefix = fmt.Sprintf("lgprobe%d", i)
	}
	return f.prefix
}

// probe returns the name of package lgprobe in the file.
func (f *file) probe() string { return f.imported(f.g.options.ProbePath, "") }

// declare adds a declaration after the last line, and returns the name it declares. Other files of the package have
// declarations of their own, so the name has the hash of the file's name in it.
func (f *file) declare(declaration string) (name string) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(filepath.Base(f.name))) // Write of a hash never fails
	f.entries++
	name = fmt.Sprintf("%s_%x_%d", f.fresh(), h.Sum32(), f.entries)
	f.tail = append(f.tail, "var "+name+" = "+declaration)
	return name
}

// typeString returns the name of a type as the package of the file writes it.
func (f *file) typeString(t types.Type) string {
	return types.TypeString(t, types.RelativeTo(f.pkg.Types))
}

// finish adds the imports and the tail, and keeps the new text of a file that changed.
func (f *file) finish() error {
	f.checkSkips()
	if len(f.edits) == 0 && len(f.imports) == 0 {
		return nil
	}
	var imports strings.Builder
	paths := make([]string, 0, len(f.imports))
	for path := range f.imports {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		fmt.Fprintf(&imports, "; import %s %q", f.imports[path], path)
	}
	f.insert(f.syntax.Name.End(), imports.String())
	text := f.apply()
	if len(f.tail) > 0 {
		if !bytes.HasSuffix(f.src, []byte("\n")) {
			text = append(text, '\n') // the last line may be a comment
		}
		text = append(text, strings.Join(f.tail, "; ")...)
	}
	return f.keep(text)
}

// apply returns the text with all edits.
func (f *file) apply() []byte {
	slices.SortFunc(f.edits, func(a, b edit) int {
		switch {
		case a.at != b.at:
			return cmp.Compare(a.at, b.at)
		case a.closes != b.closes && a.closes:
			return -1
		case a.closes != b.closes:
			return 1
		case a.closes:
			return cmp.Compare(b.order, a.order)
		}
		return cmp.Compare(a.order, b.order)
	})
	var b bytes.Buffer
	at := 0
	for _, e := range f.edits {
		b.Write(f.src[at:e.at])
		b.WriteString(e.text)
		at = e.end
	}
	b.Write(f.src[at:])
	return b.Bytes()
}

// keep checks the new text, and keeps it.
func (f *file) keep(text []byte) error {
	if _, err := parser.ParseFile(token.NewFileSet(), f.name, text, parser.SkipObjectResolution); err != nil {
		return fmt.Errorf("a bug of loadgen: the file with probes does not parse: %w", err)
	}
	before, after := bytes.Count(f.src, []byte("\n")), bytes.Count(text, []byte("\n"))
	if after != before && (after != before+1 || bytes.HasSuffix(f.src, []byte("\n"))) {
		return fmt.Errorf("a bug of loadgen: lines of %s have moved", f.name)
	}
	f.g.result.Files[f.name] = text
	return nil
}
