package rewrite

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"

	"github.com/loadgen-go/loadgen/observable/register"
)

// registerPath is the import path of package register.
const registerPath = "github.com/loadgen-go/loadgen/observable/register"

// registration reports what register.Validate would refuse of a literal, if it is a register.Registration. A field
// that is no constant, or whose type is an interface, is left to Validate. So is a field that is not set, unless the
// literal is an argument of Register or Validate.
func (f *file) registration(n *ast.CompositeLit) {
	if !isNamed(f.pkg.Info.TypeOf(n), "Registration") {
		return
	}
	fields, whole := fieldsOf(f.pkg.Info.TypeOf(n), n), f.isRegistered()
	report := func(hint, what string, args ...any) {
		if !f.skipped(n.Pos()) {
			f.problem(n.Pos(), hint+orSkip, what, args...)
		}
	}
	name, none := f.registeredName(fields["Name"], whole)
	if none {
		report("give it a name", "a registration has no name")
	}
	kind, known := f.kindOf(fields["Kind"], whole)
	if !known {
		return
	}
	policy, valid := register.Kind(kind).Policy()
	if !valid {
		report("want HTTPHandler, DBDriver or CustomSpan", "the registration%s has the unknown kind %d", name, kind)
	} else if typ, ok := f.taken(policy, fields["Func"], whole); !ok {
		report("want "+policy.Wants(), "%s%s is %s", policy.Name, name, typ)
	}
}

// isNamed reports whether a type is the one of package register with this name.
func isNamed(t types.Type, name string) bool {
	named, ok := types.Unalias(t).(*types.Named)
	return ok && named.Obj().Name() == name && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == registerPath
}

// fieldsOf returns the values of the fields of a struct literal that it sets, by name.
func fieldsOf(t types.Type, n *ast.CompositeLit) map[string]ast.Expr {
	fields := map[string]ast.Expr{}
	for i, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			fields[kv.Key.(*ast.Ident).Name] = kv.Value
		} else {
			fields[t.Underlying().(*types.Struct).Field(i).Name()] = e
		}
	}
	return fields
}

// isRegistered reports whether the innermost node is an argument of Register or Validate of package register.
func (f *file) isRegistered() bool {
	if len(f.stack) < 2 {
		return false
	}
	call, ok := f.stack[len(f.stack)-2].(*ast.CallExpr)
	if !ok {
		return false
	}
	selector, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	fn, ok := f.pkg.Info.Uses[selector.Sel].(*types.Func)
	return ok && fn.Pkg() != nil && fn.Pkg().Path() == registerPath
}

// kindOf returns the kind of a registration, and whether it is constant. The kind that is not set is 0 if the
// registration is whole.
func (f *file) kindOf(x ast.Expr, whole bool) (kind int64, known bool) {
	if x == nil {
		return 0, whole
	}
	if value := f.pkg.Info.Types[x].Value; value != nil {
		return constant.Int64Val(value)
	}
	return 0, false
}

// registeredName returns the name of a registration as a part of a sentence, and whether it surely has none.
func (f *file) registeredName(x ast.Expr, whole bool) (name string, none bool) {
	if x == nil {
		return "", whole
	}
	if value := f.pkg.Info.Types[x].Value; value != nil {
		return " " + value.ExactString(), constant.StringVal(value) == ""
	}
	return " " + types.ExprString(x), false
}

// taken reports whether a policy may take a function, and else returns what the function is.
func (f *file) taken(policy register.Policy, x ast.Expr, whole bool) (typ string, ok bool) {
	if x == nil {
		return "nil", !whole
	}
	tv := f.pkg.Info.Types[x]
	switch {
	case tv.IsNil():
		return "nil", false
	case types.IsInterface(tv.Type):
		return "", true
	}
	typ, underlying := written(tv.Type), written(tv.Type.Underlying())
	return typ, policy.Takes(typ, underlying)
}

// written returns a type as policies of package register write it, and as package reflect sees it: without aliases
// and names of parameters.
func written(t types.Type) string { return types.TypeString(plain(t), nil) }

// plain returns a type without aliases and names of parameters, as far as policies look into types.
func plain(t types.Type) types.Type {
	switch t := types.Unalias(t).(type) {
	case *types.Signature:
		return types.NewSignatureType(nil, nil, nil, plainAll(t.Params()), plainAll(t.Results()), t.Variadic())
	case *types.Pointer:
		return types.NewPointer(plain(t.Elem()))
	default:
		return t
	}
}

// plainAll returns parameters or results of plain types.
func plainAll(tuple *types.Tuple) *types.Tuple {
	var all []*types.Var
	for v := range tuple.Variables() {
		all = append(all, types.NewParam(token.NoPos, nil, "", plain(v.Type())))
	}
	return types.NewTuple(all...)
}
