package rewrite

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// with passes a value through a function of the user's.
func (f *file) with(x table, key, value ast.Expr) {
	wrapper := f.wrapper(value.Pos(), x.mark.with)
	if wrapper == "" {
		return
	}
	f.found(x, value.Pos(), f.keyName(key), with)
	f.insert(value.Pos(), fmt.Sprintf("%s(%s, ", wrapper, f.keyText(key, value.Pos())))
	f.closing(value.End(), ")")
}

// wrapper returns an expression for a function of the user's at p. It reports a function that the file cannot use
// there, and returns "".
func (f *file) wrapper(p token.Pos, fn *types.Func) string {
	if home := fn.Pkg().Path(); home != f.pkg.Types.Path() {
		what := ""
		if !fn.Exported() {
			what = "it is not exported"
		} else if !mayImport(f.pkg.Types.Path(), home) {
			what = "it is internal to another tree"
		} else if depends(fn.Pkg(), f.pkg.Types.Path()) {
			what = "its package imports this one"
		}
		if what != "" {
			f.problem(p, "export it from a package that this one may import"+orSkip,
				"probe %s of package %s cannot be used here: %s", fn.Name(), home, what)
			return ""
		}
		return f.imported(home, fmt.Sprintf("_%d", len(f.imports))) + "." + fn.Name()
	}
	if v := f.cycle(fn); v != nil {
		f.problem(p, "keep "+v.Name()+" out of "+fn.Name()+" and what it calls, or register in func init"+orSkip,
			"probe %s refers to %s, which cannot be initialized without it", fn.Name(), v.Name())
		return ""
	}
	if _, o := f.pkg.Types.Scope().Innermost(p).LookupParent(fn.Name(), p); o == types.Object(fn) {
		return fn.Name()
	}
	// The name means something else at p. A variable is no choice elsewhere: it has to be initialized, and may not be
	// if fn calls the function that registers.
	if f.withs[fn.FullName()] == "" {
		f.withs[fn.FullName()] = f.declare(fn.Name())
	}
	return f.withs[fn.FullName()]
}

// cycle returns a variable of the package that cannot be initialized if the declaration that is visited refers to fn,
// or nil.
func (f *file) cycle(fn *types.Func) *types.Var {
	from := map[types.Object]bool{}
	for _, n := range f.stack {
		switch n := n.(type) {
		case *ast.FuncDecl:
			from[f.pkg.Info.Defs[n.Name]] = true
		case *ast.ValueSpec:
			for _, id := range n.Names {
				from[f.pkg.Info.Defs[id]] = true
			}
		}
	}
	reached := f.reached(fn)
	var found *types.Var
	for o := range reached {
		v, ok := o.(*types.Var)
		if !ok || found != nil && found.Pos() < v.Pos() {
			continue
		}
		for other := range f.reached(v) {
			if from[other] {
				found = v
			}
		}
	}
	return found
}

// reached returns an object of the package, and all functions and variables of the package that it refers to.
func (f *file) reached(o types.Object) map[types.Object]bool {
	seen := map[types.Object]bool{}
	var visit func(types.Object)
	visit = func(o types.Object) {
		if fn, ok := o.(*types.Func); ok {
			o = fn.Origin()
		}
		if seen[o] || o.Pkg() != f.pkg.Types {
			return
		}
		seen[o] = true
		for _, n := range f.code(o) {
			ast.Inspect(n, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					switch used := f.pkg.Info.Uses[id].(type) {
					case *types.Func:
						visit(used)
					case *types.Var:
						if used.Parent() == f.pkg.Types.Scope() {
							visit(used)
						}
					}
				}
				return true
			})
		}
	}
	visit(o)
	return seen
}

// code returns the body of a function, or what a variable is initialized with.
func (f *file) code(o types.Object) (nodes []ast.Node) {
	switch o := o.(type) {
	case *types.Func:
		if body := f.g.bodies[o.FullName()].body; body != nil {
			nodes = append(nodes, body)
		}
	case *types.Var:
		for _, i := range f.pkg.Info.InitOrder {
			if slices.Contains(i.Lhs, o) {
				nodes = append(nodes, i.Rhs)
			}
		}
	}
	return nodes
}

// depends reports whether a package imports another one, or a package that does.
func depends(p *types.Package, path string) bool {
	seen := map[*types.Package]bool{}
	var visit func(*types.Package) bool
	visit = func(p *types.Package) bool {
		if seen[p] {
			return false
		}
		seen[p] = true
		return p.Path() == path || slices.ContainsFunc(p.Imports(), visit)
	}
	return visit(p)
}

// mayImport reports whether the rule about internal packages lets one package import another.
func mayImport(from, to string) bool {
	i := strings.LastIndex("/"+to+"/", "/internal/")
	if i < 0 {
		return true
	}
	parent := strings.TrimSuffix(to[:max(i-1, 0)], "/")
	return parent == "" || from == parent || strings.HasPrefix(from, parent+"/")
}
