// Package rewrite inserts probes into the text of files that register handlers in a map[string]func().
//
// It inserts text at the offsets of tokens, and never prints a syntax tree, so that comments, directives and layout
// stay. It inserts no line but after the last one, so that every position stays, too.
package rewrite

import (
	"go/ast"
	"go/types"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/load"
)

// Options are the settings of Rewrite.
type Options struct {
	ProbePath string         // the import path of package lgprobe
	Marked    bool           // probe only tables with //loadgen:probe
	Tables    *regexp.Regexp // probe only tables whose name it matches; nil: all
	Live      string         // a package to import for its effects, in package main or in the tests of a package
	Bridge    string         // another one, where the package Bridged is needed, or ""
	Bridged   string         // the package that Bridge imports
	Tests     bool           // Live and Bridge are for tests: no package main is linked
}

// A Site is a place where a handler is registered.
type Site struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Table  string `json:"table"` // the name of the table, as in example.com/app/svc.Service.handlers
	Key    string `json:"key"`   // the text of a constant key, or dynamic
	Form   Form   `json:"form"`
}

// A Form says how a handler is probed.
type Form string

const (
	inside  Form = "inside"  // in the body of a function literal
	around  Form = "around"  // by a function around it
	generic Form = "generic" // around it, if it turns out to be a func()
	with    Form = "with"    // by a function of the user's
	skipped Form = "skipped" // not at all: //loadgen:skip
	left    Form = "left"    // not at all: it is not among the tables that the options select
)

// A Result holds the files with probes, and what was found.
type Result struct {
	Files    map[string][]byte // the new text of each file that changed, by its path
	Sites    []Site            // handlers with a probe, by position
	Others   []Site            // handlers without one, by position
	Problems []Problem         // why nothing can be built, by position
}

// A program is what is known of all packages.
type program struct {
	*load.Program
	options   Options
	bodies    map[string]function // by the full name of the function
	instances map[string]bool     // full names of generic functions and types that may hold a func()
	names     map[string]map[string]bool
	owners    map[string]string // the names of the types that have a field, by the position of the field
	marks     map[string]*mark  // by the position of the declaration
	packages  map[string]*types.Package
	result    *Result
}

// A function is the body of a function with the package that it belongs to.
type function struct {
	body *ast.BlockStmt
	info *types.Info
}

// Rewrite inserts probes into the files of a program.
func Rewrite(p *load.Program, o Options) (*Result, error) {
	g := &program{Program: p, options: o, bodies: map[string]function{}, instances: map[string]bool{},
		names: map[string]map[string]bool{}, owners: map[string]string{}, marks: map[string]*mark{},
		packages: map[string]*types.Package{}, result: &Result{Files: map[string][]byte{}}}
	for _, pkg := range p.Packages {
		g.index(pkg)
	}
	files := g.files()
	for _, f := range files {
		f.readDirectives()
	}
	g.linkLive(files)
	for _, f := range files {
		f.flushAtEnd()
		f.walk()
		if err := f.finish(); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(g.result.Sites, Site.compare)
	slices.SortFunc(g.result.Others, Site.compare)
	slices.SortFunc(g.result.Problems, Problem.compare)
	g.result.Problems = slices.Compact(g.result.Problems)
	return g.result, nil
}

// files returns each file once. It prefers the package to its variant with tests, which comes later.
func (g *program) files() (files []*file) {
	seen := map[string]bool{}
	for _, pkg := range g.Packages {
		for _, syntax := range pkg.Files {
			name := pkg.Fset.PositionFor(syntax.Package, false).Filename
			src, ok := g.Sources[name]
			if seen[name] || !ok {
				continue
			}
			seen[name] = true
			files = append(files, &file{g: g, pkg: pkg, syntax: syntax, name: name, src: src})
		}
	}
	slices.SortFunc(files, func(a, b *file) int { return strings.Compare(a.name, b.name) })
	return files
}

// linkLive chooses a file of each package main, or of the tests of each package, that imports Live and Bridge.
// External tests come last in the order of initialization, so they are the first choice.
func (g *program) linkLive(files []*file) {
	chosen := map[string]*file{} // by directory
	for _, f := range files {
		isTest := strings.HasSuffix(f.name, "_test.go")
		if isTest != g.options.Tests || !isTest && f.syntax.Name.Name != "main" {
			continue
		}
		dir := filepath.Dir(f.name)
		best := chosen[dir]
		if best == nil || !strings.HasSuffix(best.syntax.Name.Name, "_test") &&
			strings.HasSuffix(f.syntax.Name.Name, "_test") {
			chosen[dir] = f
		}
	}
	users, needed := g.Users(g.options.Bridged), g.Needs(g.options.Bridged)
	uses := map[string]bool{} // by directory
	for _, f := range files {
		dir := filepath.Dir(f.name)
		uses[dir] = uses[dir] || users[f.pkg.Types.Path()] ||
			slices.ContainsFunc(f.pkg.Types.Imports(), func(p *types.Package) bool { return users[p.Path()] })
	}
	for dir, f := range chosen {
		f.effect(g.options.Live)
		// Only external tests of a package that Bridged needs can import Bridge.
		isCycle := needed[f.pkg.Types.Path()] && !strings.HasSuffix(f.syntax.Name.Name, "_test")
		if uses[dir] && !isCycle {
			f.effect(g.options.Bridge)
		}
	}
}

// index notes what other packages need to know of a package.
func (g *program) index(pkg *load.Package) {
	for _, p := range append(pkg.Types.Imports(), pkg.Types) {
		if g.packages[p.Path()] == nil {
			g.packages[p.Path()] = p
		}
	}
	for _, f := range pkg.Files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if fn, ok := pkg.Info.Defs[n.Name].(*types.Func); ok && n.Body != nil {
					g.bodies[fn.FullName()] = function{n.Body, pkg.Info}
				}
			case *ast.TypeSpec:
				g.own(pkg, n.Name.Name, n.Type)
			}
			return true
		})
		g.nameAll(pkg, f)
	}
	for id, instance := range pkg.Info.Instances {
		for i := range instance.TypeArgs.Len() {
			if t := instance.TypeArgs.At(i); isHandler(t) || isTypeParam(t) {
				g.instances[originName(pkg.Info.Uses[id])] = true
			}
		}
	}
}

// own notes the owner of the fields of a struct type, and of structs in it.
func (g *program) own(pkg *load.Package, owner string, t ast.Expr) {
	ast.Inspect(t, func(n ast.Node) bool {
		if field, ok := n.(*ast.Field); ok {
			for _, id := range field.Names {
				g.owners[place(pkg.Fset, id.Pos())] = owner
			}
		}
		return true
	})
}

// nameAll notes all identifiers of a file under its directory, so that the probes can have others.
func (g *program) nameAll(pkg *load.Package, f *ast.File) {
	dir := filepath.Dir(pkg.Fset.PositionFor(f.Package, false).Filename)
	if g.names[dir] == nil {
		g.names[dir] = map[string]bool{}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			g.names[dir][id.Name] = true
		}
		return true
	})
}

// originName returns the full name of the generic function or type that an object is an instance of.
func originName(o types.Object) string {
	switch o := o.(type) {
	case *types.Func:
		return o.Origin().FullName()
	case *types.TypeName:
		if o.Pkg() != nil {
			return o.Pkg().Path() + "." + o.Name()
		}
	}
	return ""
}
