package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"
)

// A table is a map that handlers are registered in.
type table struct {
	class class
	types *types.Map
	name  string // as in example.com/app/svc.Service.handlers
	mark  *mark  // nil: it has no //loadgen:probe
}

// tableOf returns the table of type t that belongs to an object, which may be nil, or ok=false if it is none.
func (f *file) tableOf(t types.Type, o types.Object) (x table, ok bool) {
	if t == nil {
		return x, false
	}
	x.class, x.types = classify(t)
	if x.types == nil {
		return x, false
	}
	x.name = f.nameOf(t, o)
	if o != nil {
		x.mark = f.g.marks[place(f.pkg.Fset, o.Pos())]
	}
	if named := nameOfType(t); x.mark == nil && named != nil {
		x.mark = f.g.marks[place(f.pkg.Fset, named.Pos())]
	}
	return x, x.class != no || x.mark != nil && x.mark.with != nil
}

// nameOfType returns the declaration of a type that has a name, or nil.
func nameOfType(t types.Type) *types.TypeName {
	switch t := t.(type) {
	case *types.Alias:
		return t.Obj()
	case *types.Named:
		return t.Obj()
	}
	return nil
}

// selected reports whether the options select a table.
func (f *file) selected(x table) bool {
	o := f.g.options
	return (!o.Marked || x.mark != nil) && (o.Tables == nil || o.Tables.MatchString(x.name))
}

// nameOf returns the name of a table: that of the variable or the field it is in, or that of its type, or that of the
// function it is made in.
func (f *file) nameOf(t types.Type, o types.Object) string {
	if v, ok := o.(*types.Var); ok && v.Pkg() != nil {
		path := v.Pkg().Path() + "."
		switch {
		case v.IsField():
			if owner := f.g.owners[place(f.pkg.Fset, v.Pos())]; owner != "" {
				path += owner + "."
			}
		case v.Parent() != v.Pkg().Scope():
			path = f.around()
		}
		return path + v.Name()
	}
	if n := nameOfType(t); n != nil && n.Pkg() != nil {
		return n.Pkg().Path() + "." + n.Name()
	}
	return f.around() + "map"
}

// around returns the name of the function around the node that is visited, and a dot.
func (f *file) around() string {
	path := f.pkg.Types.Path() + "."
	for _, n := range f.stack {
		if d, ok := n.(*ast.FuncDecl); ok {
			return path + d.Name.Name + "."
		}
	}
	return path
}

// objectOf returns the variable or field that an expression stands for, or that holds what it stands for. It returns
// nil for others, such as the result of a call.
func (f *file) objectOf(x ast.Expr) types.Object {
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident:
		return f.pkg.Info.ObjectOf(x)
	case *ast.SelectorExpr:
		return f.pkg.Info.ObjectOf(x.Sel)
	case *ast.IndexExpr:
		return f.objectOf(x.X)
	case *ast.StarExpr:
		return f.objectOf(x.X)
	case *ast.UnaryExpr:
		if x.Op == token.AND {
			return f.objectOf(x.X)
		}
	}
	return nil
}

// destination returns the variable or field that the composite literal at the end of the stack is assigned to, or nil.
func (f *file) destination() types.Object {
	child := f.stack[len(f.stack)-1]
	for i := len(f.stack) - 2; i >= 0; i-- {
		switch n := f.stack[i].(type) {
		case *ast.ValueSpec:
			return f.assigned(child, n.Values, identifiers(n.Names))
		case *ast.AssignStmt:
			return f.assigned(child, n.Rhs, n.Lhs)
		case *ast.CompositeLit:
			if o, ok := f.field(n, child); ok {
				return o
			}
		case *ast.ParenExpr, *ast.UnaryExpr, *ast.KeyValueExpr:
		default:
			return nil
		}
		child = f.stack[i]
	}
	return nil
}

// assigned returns the object on the left that a value on the right is assigned to.
func (f *file) assigned(value ast.Node, right, left []ast.Expr) types.Object {
	for i, x := range right {
		if ast.Node(x) == value && len(left) == len(right) {
			return f.objectOf(left[i])
		}
	}
	return nil
}

func identifiers(ids []*ast.Ident) (xs []ast.Expr) {
	for _, id := range ids {
		xs = append(xs, id)
	}
	return xs
}

// field returns the field of the struct literal that an element of it sets. It is ok unless n is no struct, but a map,
// a slice or an array.
func (f *file) field(n *ast.CompositeLit, element ast.Node) (o types.Object, ok bool) {
	s, ok := core(deref(f.pkg.Info.TypeOf(n))).(*types.Struct)
	if !ok {
		return nil, false
	}
	for i, x := range n.Elts {
		if ast.Node(x) != element {
			continue
		}
		if kv, ok := x.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok {
				return f.pkg.Info.Uses[key], true
			}
		} else if i < s.NumFields() {
			return s.Field(i), true
		}
	}
	return nil, true
}

// deref returns what t points to, or t if it is no pointer.
func deref(t types.Type) types.Type {
	if p, ok := core(t).(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}
