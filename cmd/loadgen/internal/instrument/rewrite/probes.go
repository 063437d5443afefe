package rewrite

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"go/version"
	"path/filepath"
	"strconv"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe"
)

// register probes a value that is registered under a key.
func (f *file) register(x table, key, value ast.Expr) {
	if f.pkg.Info.Types[value].IsNil() || !f.wanted(x, value.Pos(), f.keyName(key), value.Pos(), key.Pos()) {
		return
	}
	literal := f.functionLiteral(value)
	switch {
	case x.mark != nil && x.mark.with != nil:
		f.with(x, key, value)
	case x.class == perhaps:
		f.generic(x, key, value)
	case literal != nil && f.pkg.Info.Types[key].Value != nil:
		f.inside(x, key, literal)
	case f.canWrap(value):
		f.found(x, value.Pos(), f.keyName(key), around)
		f.insert(value.Pos(), fmt.Sprintf("%s.W(%s, %s, ", f.probe(), f.site(value.Pos()),
			f.keyText(key, value.Pos())))
		f.closing(value.End(), ")")
	}
}

// functionLiteral returns the function literal that an expression is, or converts, or nil.
func (f *file) functionLiteral(x ast.Expr) *ast.FuncLit {
	switch x := ast.Unparen(x).(type) {
	case *ast.FuncLit:
		return x
	case *ast.CallExpr:
		if f.pkg.Info.Types[x.Fun].IsType() && len(x.Args) == 1 {
			return f.functionLiteral(x.Args[0])
		}
	}
	return nil
}

// inside probes a function literal from inside: its frame, its name, its callers and recover stay what they were.
func (f *file) inside(x table, key ast.Expr, n *ast.FuncLit) {
	f.found(x, n.Pos(), f.keyName(key), inside)
	entry := f.declare(fmt.Sprintf("%s.Entry{Site: %s, Key: %s}", f.probe(), f.site(n.Pos()),
		f.keyText(key, n.Pos())))
	run := f.fresh() + "_"
	f.insert(n.Pos(), fmt.Sprintf("%s.L(&%s, ", f.probe(), entry))
	f.closing(n.End(), ")")
	end := "End"
	var returns []token.Pos
	ast.Inspect(n.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.DeferStmt:
			end = "EndLast"
		case *ast.ReturnStmt:
			returns = append(returns, n.Pos())
		}
		return true
	})
	f.insert(n.Body.Lbrace+1, fmt.Sprintf(" var %[1]s %[2]s.Run; %[1]s.Begin(&%[3]s); defer %[1]s.%[4]s(); ", run,
		f.probe(), entry, end))
	for _, p := range returns {
		f.insert(p, run+".OK(); ")
	}
	f.insert(n.Body.Rbrace, "; "+run+".OK() ")
}

// flushAtEnd defers the writing of the counts in function main.
func (f *file) flushAtEnd() {
	if f.g.options.Live == "" || f.g.options.Tests || f.syntax.Name.Name != "main" {
		return
	}
	for _, d := range f.syntax.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "main" && fn.Body != nil {
			f.insert(fn.Body.Lbrace+1, " defer "+f.probe()+".Flush(); ")
		}
	}
}

// set probes the value of a statement whose key must not be evaluated twice.
func (f *file) set(x table, n *ast.AssignStmt, index *ast.IndexExpr) {
	value := n.Rhs[0]
	isWith := x.mark != nil && x.mark.with != nil
	switch {
	case f.pkg.Info.Types[value].IsNil() || !f.wanted(x, value.Pos(), dynamic, value.Pos(), n.Pos()):
	case isWith:
		wrapper := f.wrapper(n.Pos(), x.mark.with)
		if wrapper == "" {
			return
		}
		f.found(x, value.Pos(), dynamic, with)
		f.insert(n.Pos(), f.probe()+".With(")
		f.replace(index.Lbrack, 1, ", "+wrapper+")(", false)
		f.call(n, index)
	case !f.canWrap(value):
	case !f.hasGenerics():
		f.register(x, index.Index, value)
	default:
		f.found(x, value.Pos(), dynamic, around)
		f.insert(n.Pos(), fmt.Sprintf("%s.Set(%s, ", f.probe(), f.site(value.Pos())))
		f.replace(index.Lbrack, 1, ", ", false)
		f.call(n, index)
	}
}

// call makes the rest of an assignment to an element the rest of a call.
func (f *file) call(n *ast.AssignStmt, index *ast.IndexExpr) {
	f.replace(index.Rbrack, 1, "", false)
	f.replace(n.TokPos, 1, ",", false)
	f.closing(n.Rhs[0].End(), ")")
}

// generic probes a value of a type parameter, if some instance of the program may hold a func().
func (f *file) generic(x table, key, value ast.Expr) {
	if !f.instantiated() {
		return
	}
	name := f.imported(f.g.options.ProbePath+"/"+probe.Generic, "_generic")
	text := strconv.Quote(dynamic)
	if f.pure(key) {
		text = types.ExprString(key)
	}
	f.found(x, value.Pos(), f.keyName(key), generic)
	f.insert(value.Pos(), fmt.Sprintf("%s.Any(%s, %s, ", name, f.site(value.Pos()), text))
	f.closing(value.End(), ")")
}

// instantiated reports whether the generic function around the node that is visited, or the type that it is a method
// of, has an instance that may hold a func().
func (f *file) instantiated() bool {
	for _, n := range f.stack {
		d, ok := n.(*ast.FuncDecl)
		if !ok {
			continue
		}
		fn, ok := f.pkg.Info.Defs[d.Name].(*types.Func)
		if !ok {
			continue
		}
		name := fn.Origin().FullName()
		if recv := fn.Signature().Recv(); recv != nil {
			if named, ok := types.Unalias(deref(recv.Type())).(*types.Named); ok {
				name = originName(named.Obj())
			}
		}
		if f.g.instances[name] {
			return true
		}
	}
	return false
}

// dynamic is the name of a key that is known at run time only.
const dynamic = "dynamic"

// keyName returns the name of a key in answers: its constant value, or dynamic.
func (f *file) keyName(key ast.Expr) string {
	if v := f.pkg.Info.Types[key].Value; v != nil && v.Kind() == constant.String {
		return constant.StringVal(v)
	}
	return dynamic
}

// keyText returns an expression for a key that is evaluated once more. P is where the value stands.
func (f *file) keyText(key ast.Expr, p token.Pos) string {
	t := f.pkg.Info.TypeOf(key)
	switch v := f.pkg.Info.Types[key].Value; {
	case v != nil && v.Kind() == constant.String:
		return strconv.Quote(constant.StringVal(v))
	case f.pure(key) && types.Identical(t, types.Typ[types.String]):
		return types.ExprString(key)
	case f.pure(key) && f.hasGenerics():
		return f.probe() + ".S(" + types.ExprString(key) + ")"
	}
	return strconv.Quote(fmt.Sprintf("%s@%s:%d", dynamic, filepath.Base(f.name), f.line(p)))
}

// hasGenerics reports whether the file may call generic functions.
func (f *file) hasGenerics() bool {
	v := f.pkg.Info.FileVersions[f.syntax]
	return !version.IsValid(v) || version.Compare(v, "go1.18") >= 0
}

// found notes a handler that is probed.
func (f *file) found(x table, p token.Pos, key string, form Form) {
	q := f.position(p)
	f.g.result.Sites = append(f.g.result.Sites, Site{q.Filename, q.Line, q.Column, x.name, key, form})
}

// other notes a handler that is not probed.
func (f *file) other(x table, p token.Pos, key string, form Form) {
	q := f.position(p)
	f.g.result.Others = append(f.g.result.Others, Site{q.Filename, q.Line, q.Column, x.name, key, form})
}

// canWrap reports whether a function can be called by a probe. A function that calls recover itself cannot, since it
// would not be the deferred function any more.
func (f *file) canWrap(value ast.Expr) bool {
	if !f.recovers(value) {
		return true
	}
	f.problem(value.Pos(), "recover in the function that runs the handlers"+orSkip,
		"the handler calls recover itself: behind a probe that returns nil when the handler is deferred")
	return false
}

// recovers reports whether a value is a function that calls the builtin recover in its own frame.
func (f *file) recovers(value ast.Expr) bool {
	var fn function
	switch x := ast.Unparen(value).(type) {
	case *ast.Ident:
		fn = f.body(x)
	case *ast.SelectorExpr:
		fn = f.body(x.Sel)
	default:
		if n := f.functionLiteral(value); n != nil {
			fn = function{n.Body, f.pkg.Info}
		}
	}
	if fn.body == nil {
		return false
	}
	found := false
	ast.Inspect(fn.body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			if id, ok := ast.Unparen(n.Fun).(*ast.Ident); ok {
				b, ok := fn.info.Uses[id].(*types.Builtin)
				found = found || ok && b.Name() == "recover"
			}
		}
		return true
	})
	return found
}

// body returns the body of the function that an identifier stands for, if it is one of the program's main modules.
func (f *file) body(id *ast.Ident) function {
	if fn, ok := f.pkg.Info.Uses[id].(*types.Func); ok {
		return f.g.bodies[fn.Origin().FullName()]
	}
	return function{}
}
