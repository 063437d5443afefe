package rewrite

import (
	"bytes"
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"strings"

	"github.com/loadgen-go/loadgen/internal/spelling"
)

// The directives.
const (
	skipDirective  = "skip"
	probeDirective = "probe"
	prefix         = "//loadgen:"
)

// A directive is a comment //loadgen:skip.
type directive struct {
	pos   token.Pos
	used  bool
	whole bool // it is about the whole file
}

// A mark is what //loadgen:probe says about a variable, a field or a type.
type mark struct {
	with *types.Func // nil: the probes of loadgen
}

// nearly matches a comment that says a directive, and nothing else, in another way than directives are written: with a
// blank before or after loadgen:, in capitals, or as a block. Its group is the directive's text.
var nearly = regexp.MustCompile(`(?i)^(?://|/\*)\s*loadgen:\s*(skip|probe(?:\s+with=\S+?)?)\s*(?:\*/)?$`)

// readDirectives reads the directives of a file, and reports those that are wrong.
func (f *file) readDirectives() {
	f.skips, f.imports, f.withs = map[int][]*directive{}, map[string]string{}, map[string]string{}
	for _, group := range f.syntax.Comments {
		for _, comment := range group.List {
			text, ok := strings.CutPrefix(comment.Text, prefix)
			if meant := nearly.FindStringSubmatch(comment.Text); meant != nil && (!ok || !isDirective(text)) {
				f.problem(comment.Pos(), "write "+prefix+meant[1]+", or other words if it is a comment",
					"%s is no directive: it begins with %s in small letters, without a blank", comment.Text, prefix)
				continue
			}
			if !ok {
				continue
			}
			word, argument, _ := strings.Cut(strings.TrimRight(text, "\r"), " ")
			argument = strings.TrimSpace(argument)
			line := f.line(group.End()) + 1
			if f.trails(comment.Pos()) {
				line = f.line(comment.Pos())
			}
			switch word {
			case skipDirective:
				if argument != "" && !strings.HasPrefix(argument, "//") {
					f.problem(comment.Pos(), "remove them; a comment about it goes into a line of its own",
						"//loadgen:skip has arguments: %q", argument)
				}
				d := &directive{pos: comment.Pos(), whole: comment.Pos() < f.syntax.Package}
				f.directives = append(f.directives, d)
				f.skips[line] = append(f.skips[line], d)
			case probeDirective:
				f.mark(comment.Pos(), line, argument)
			default:
				f.problem(comment.Pos(), "want //loadgen:probe or //loadgen:skip", "unknown directive %s%s%s",
					prefix, word, spelling.Meant(word, []string{skipDirective, probeDirective}))
			}
		}
	}
}

// isDirective reports whether what follows the prefix begins with a directive.
func isDirective(text string) bool {
	return strings.HasPrefix(text, skipDirective) || strings.HasPrefix(text, probeDirective)
}

// trails reports whether something other than blanks stands before p in its line.
func (f *file) trails(p token.Pos) bool {
	before := f.src[:f.position(p).Offset]
	before = before[bytes.LastIndexByte(before, '\n')+1:]
	return len(bytes.TrimLeft(before, "\ufeff \t")) > 0
}

// mark notes what the directive //loadgen:probe at p says about what is declared in a line.
func (f *file) mark(p token.Pos, line int, argument string) {
	m := &mark{}
	if argument != "" {
		name, ok := strings.CutPrefix(argument, "with=")
		if !ok || strings.ContainsAny(name, " \t") {
			f.problem(p, "want //loadgen:probe, or //loadgen:probe with=NAME",
				"//loadgen:probe has arguments that it does not know: %q", argument)
			return
		}
		if m.with = f.function(p, name); m.with == nil {
			return
		}
	}
	declared := f.declaredIn(line)
	if len(declared) == 0 {
		f.problem(p, "put it on or above the declaration of a variable, a field or a type",
			"//loadgen:probe marks nothing")
	}
	for _, id := range declared {
		if o := f.pkg.Info.Defs[id]; o != nil && f.checkMarked(id, o.Type(), m) {
			f.g.marks[place(f.pkg.Fset, id.Pos())] = m
		}
	}
}

// declaredIn returns the names of the variables, fields and types whose declaration begins in a line.
func (f *file) declaredIn(line int) (ids []*ast.Ident) {
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if n == nil || f.line(n.Pos()) > line || f.line(n.End()) < line {
			return false
		}
		begins := f.line(n.Pos()) == line
		switch n := n.(type) {
		case *ast.GenDecl:
			if !begins || !n.Lparen.IsValid() || n.Tok != token.VAR && n.Tok != token.TYPE {
				return true
			}
			for _, spec := range n.Specs { // the directive is about the whole group
				if f.line(spec.Pos()) != line {
					ids = append(ids, namesOf(spec)...)
				}
			}
		case *ast.FuncType:
			return false // parameters are not marked
		case *ast.ValueSpec, *ast.TypeSpec, *ast.Field:
			if begins {
				ids = append(ids, namesOf(n)...)
				return false
			}
		case *ast.AssignStmt:
			if begins && n.Tok == token.DEFINE {
				for _, l := range n.Lhs {
					if id, ok := l.(*ast.Ident); ok && f.pkg.Info.Defs[id] != nil {
						ids = append(ids, id)
					}
				}
			}
		}
		return true
	})
	return ids
}

// namesOf returns the names that a specification declares.
func namesOf(n ast.Node) []*ast.Ident {
	switch n := n.(type) {
	case *ast.ValueSpec:
		return n.Names
	case *ast.TypeSpec:
		return []*ast.Ident{n.Name}
	case *ast.Field:
		return n.Names
	}
	return nil
}

// function returns the function that with= names in the directive at p, or reports why there is none.
func (f *file) function(p token.Pos, name string) *types.Func {
	const hint = "declare func NAME(key string, next F) F, where F is the type of the handlers"
	pkg, local, qualified := f.pkg.Types, name, false
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		if pkg, local, qualified = f.packageCalled(name[:i]), name[i+1:], true; pkg == nil {
			f.problem(p, "name a function of this package, or of one that the program imports, with its import path",
				"probe %s: the program has no package %s", name, name[:i])
			return nil
		}
	}
	o := pkg.Scope().Lookup(local)
	fn, ok := o.(*types.Func)
	switch {
	case o == nil:
		f.problem(p, hint, "probe %s is not declared in package %s", name, pkg.Path())
	case !ok:
		f.problem(p, hint, "probe %s is no function", name)
	case qualified && !fn.Exported():
		f.problem(p, hint, "probe %s is not exported by package %s", name, pkg.Path())
	case fn.Signature().TypeParams().Len() > 0:
		f.problem(p, hint, "probe %s has type parameters", name)
	default:
		return fn
	}
	return nil
}

// packageCalled returns the package that the file imports under a name, or that has this import path, or nil.
func (f *file) packageCalled(name string) *types.Package {
	for _, spec := range f.syntax.Imports {
		o := f.pkg.Info.Implicits[spec]
		if spec.Name != nil {
			o = f.pkg.Info.Defs[spec.Name]
		}
		if pkg, ok := o.(*types.PkgName); ok && pkg.Name() == name {
			return pkg.Imported()
		}
	}
	return f.g.packages[name]
}

// checkMarked reports whether what is declared as id is a table that the mark's probe fits, and else why it is not.
func (f *file) checkMarked(id *ast.Ident, t types.Type, m *mark) bool {
	t = innermost(t)
	_, table := classify(t)
	const move = "move the directive to the table, or remove it"
	switch {
	case table == nil:
		f.problem(id.Pos(), move, "//loadgen:probe wants a map[string]func(), %s is %s", id.Name, f.typeString(t))
		return false
	case !isString(table.Key()):
		f.problem(id.Pos(), move, "//loadgen:probe wants a map[string]func(), the keys of %s are %s", id.Name,
			f.typeString(table.Key()))
		return false
	}
	elem := table.Elem()
	s, isFunc := core(elem).(*types.Signature)
	wrote := f.typeString(elem)
	switch {
	case !isFunc:
		f.problem(id.Pos(), move, "//loadgen:probe wants a map[string]func(), the elements of %s are %s", id.Name,
			wrote)
	case m.with == nil && !isHandler(elem):
		f.problem(id.Pos(), "register closures of type func(), or name a probe of that very signature: "+
			"//loadgen:probe with=NAME, func NAME(key string, next "+wrote+") "+wrote,
			"the signature of the handlers of %s is %s, a probe's is func()", id.Name, f.typeString(s))
	case m.with != nil && !fits(m.with.Signature(), elem):
		f.problem(id.Pos(), "types must be identical: a named type is not its underlying type",
			"probe %s is %s, want func(key string, next %s) %s", m.with.Name(), f.typeString(m.with.Signature()),
			wrote, wrote)
	default:
		return true
	}
	return false
}

// fits reports whether a function of this signature takes a key and a handler of type elem, and returns such a
// handler.
func fits(s *types.Signature, elem types.Type) bool {
	return !s.Variadic() && s.Params().Len() == 2 && s.Results().Len() == 1 &&
		types.Identical(s.Params().At(0).Type(), types.Typ[types.String]) &&
		types.Identical(s.Params().At(1).Type(), elem) && types.Identical(s.Results().At(0).Type(), elem)
}

// skipped reports whether a directive leaves out the handler in the nodes of the stack, with the given positions.
func (f *file) skipped(positions ...token.Pos) (skipped bool) {
	use := func(d *directive) { d.used, skipped = true, true }
	for _, d := range f.directives {
		if d.whole {
			use(d)
		}
	}
	for _, p := range positions {
		for _, d := range f.skips[f.line(p)] {
			use(d)
		}
	}
	for _, n := range f.stack {
		switch n.(type) {
		case ast.Decl, ast.Spec, ast.Stmt, *ast.KeyValueExpr:
			for _, d := range f.skips[f.line(n.Pos())] {
				use(d)
			}
		}
	}
	return skipped
}

// checkSkips reports the directives that skip nothing.
func (f *file) checkSkips() {
	for _, d := range f.directives {
		if !d.used {
			f.problem(d.pos, "remove it, or put it on or above the line of a registration",
				"//loadgen:skip skips nothing")
		}
	}
}
