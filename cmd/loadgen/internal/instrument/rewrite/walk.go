package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"
)

// walk visits all nodes of the file, and inserts the probes.
func (f *file) walk() {
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if n == nil {
			f.stack = f.stack[:len(f.stack)-1]
			return true
		}
		f.stack = append(f.stack, n)
		switch n := n.(type) {
		case *ast.CompositeLit:
			f.literal(n)
			f.registration(n)
		case *ast.AssignStmt:
			f.assignment(n)
		case *ast.RangeStmt:
			f.ranged(n)
		}
		return true
	})
}

// literal probes the values of a composite literal.
func (f *file) literal(n *ast.CompositeLit) {
	x, ok := f.tableOf(deref(f.pkg.Info.TypeOf(n)), f.destination())
	if !ok {
		return
	}
	for _, e := range n.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue // not in a map
		}
		f.stack = append(f.stack, kv)
		f.register(x, kv.Key, kv.Value)
		f.stack = f.stack[:len(f.stack)-1]
	}
}

// assignment probes the values that a statement assigns to elements of tables.
func (f *file) assignment(n *ast.AssignStmt) {
	for i, left := range n.Lhs {
		index, x, ok := f.element(left)
		if !ok {
			continue
		}
		switch {
		case len(n.Rhs) != len(n.Lhs):
			f.refuse(x, n.Pos(), "assign to a variable first, and register that: f, err := ...; "+
				types.ExprString(index)+" = f",
				"a registration among several results of one expression cannot be probed")
		case f.inCommClause(n):
			f.refuse(x, n.Pos(), "receive into a variable, and register it in the body",
				"a registration in a communication clause cannot be probed")
		case len(n.Lhs) == 1 && left == ast.Expr(index) && x.class != perhaps && !f.pure(index.Index):
			f.set(x, n, index)
		default:
			f.register(x, index.Index, n.Rhs[i])
		}
	}
}

// element returns the index expression that an expression on the left is, if it is an element of a table.
func (f *file) element(left ast.Expr) (index *ast.IndexExpr, x table, ok bool) {
	if index, ok = ast.Unparen(left).(*ast.IndexExpr); ok {
		x, ok = f.tableOf(f.pkg.Info.TypeOf(index.X), f.objectOf(index.X))
	}
	return index, x, ok
}

// ranged reports elements of tables that a range clause assigns to.
func (f *file) ranged(n *ast.RangeStmt) {
	for _, left := range []ast.Expr{n.Key, n.Value} {
		if left == nil {
			continue
		}
		if _, x, ok := f.element(left); ok {
			f.refuse(x, left.Pos(), "range over a variable, and register it in the body",
				"a registration by a range clause cannot be probed")
		}
	}
}

// refuse reports a registration that cannot be probed, unless it need not be.
func (f *file) refuse(x table, p token.Pos, hint, what string) {
	if x.class != perhaps && f.wanted(x, p, "dynamic", p) {
		f.problem(p, hint+orSkip, "%s", what)
	}
}

// wanted reports whether a handler of a table is to be probed. Else it is kept among the others.
func (f *file) wanted(x table, p token.Pos, key string, positions ...token.Pos) bool {
	switch {
	case f.skipped(positions...):
		f.other(x, p, key, skipped)
	case !f.selected(x):
		f.other(x, p, key, left)
	default:
		return true
	}
	return false
}

// inCommClause reports whether a statement is that of a clause of select.
func (f *file) inCommClause(n ast.Stmt) bool {
	if len(f.stack) < 2 {
		return false
	}
	clause, ok := f.stack[len(f.stack)-2].(*ast.CommClause)
	return ok && clause.Comm == n
}

// pure reports whether an expression can be evaluated twice: constants, variables, and fields of variables.
func (f *file) pure(x ast.Expr) bool {
	if f.pkg.Info.Types[x].Value != nil {
		return true
	}
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident:
		return true
	case *ast.SelectorExpr:
		if id, ok := x.X.(*ast.Ident); ok {
			if _, ok := f.pkg.Info.Uses[id].(*types.PkgName); ok {
				return true
			}
		}
		s := f.pkg.Info.Selections[x]
		return s != nil && s.Kind() == types.FieldVal && !s.Indirect() && f.pure(x.X)
	}
	return false
}
