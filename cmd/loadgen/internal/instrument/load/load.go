// Package load parses and type-checks the packages of the main modules that a go command would build.
package load

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/modfile"
	"golang.org/x/tools/go/packages"
)

// A Config says what to load, and how.
type Config struct {
	Context context.Context
	Dir     string   // the directory that patterns are relative to
	Env     []string // the environment of the go command
	Flags   []string // flags of the go command that decide which files belong to a package, such as -tags=x
	Tests   bool     // load the tests of the packages that the patterns match, too
	GoMod   string   // the go.mod of the module that Dir is in, or os.DevNull
}

// A Package is a package of a main module, or one of its variants that hold tests. A file may belong to several.
type Package struct {
	Fset    *token.FileSet
	Files   []*ast.File
	Info    *types.Info
	Types   *types.Package
	imports map[string]*packages.Package
}

// A Program holds what was loaded.
type Program struct {
	Packages []*Package
	Sources  map[string][]byte // the text of each file, by its path
	Matched  int               // how many packages of main modules were loaded, each counted once
	Module   *packages.Module  // the main module with the first path; nil: no package belongs to a main module
	// Imported has the directory of each package that the program needs, by its import path.
	Imported map[string]string
	// Errors are what is wrong with the packages, such as a type error. If there are any, Packages is empty.
	Errors []packages.Error
}

// Load loads the packages that the patterns match, and those packages of main modules that they import.
func Load(c Config, patterns []string) (*Program, error) {
	found, err := c.find(patterns)
	if err != nil || found.program.Module == nil || len(found.program.Errors) > 0 {
		return found.program, err
	}
	p := found.program
	pkgs, err := c.check(p, found.paths)
	if err == nil && found.files {
		var more []*packages.Package
		more, err = c.check(p, patterns)
		pkgs = append(pkgs, more...)
	}
	if err != nil {
		return p, err
	}
	for _, pkg := range pkgs {
		if isTestMain(pkg) || pkg.ForTest != "" && !found.matched[pkg.ForTest] {
			continue
		}
		if len(pkg.Errors) > 0 {
			p.Errors = append(p.Errors, pkg.Errors...)
			continue
		}
		q, err := p.written(pkg)
		if err != nil {
			p.Errors = append(p.Errors, packages.Error{Pos: pkg.PkgPath, Msg: err.Error()})
			continue
		}
		p.Packages = append(p.Packages, q)
	}
	if len(p.Errors) > 0 {
		p.Packages = nil
	}
	return p, nil
}

// A finding is what the first, shallow load has found.
type finding struct {
	program *Program
	paths   []string        // import paths of packages of main modules
	matched map[string]bool // those that the patterns match
	files   bool            // the patterns are files, which have no import path
}

// commandLine is the import path of a package of files.
const commandLine = "command-line-arguments"

// find finds the packages of main modules. It does not parse them.
func (c Config) find(patterns []string) (*finding, error) {
	f := &finding{program: &Program{Sources: map[string][]byte{}, Imported: map[string]string{}},
		matched: map[string]bool{}}
	cfg := c.packages(packages.NeedName | packages.NeedImports | packages.NeedDeps | packages.NeedModule |
		packages.NeedFiles | packages.NeedForTest)
	roots, err := packages.Load(cfg, patterns...)
	if err != nil {
		return f, err
	}
	for _, r := range roots {
		f.matched[r.PkgPath] = true
	}
	p := f.program
	packages.Visit(roots, nil, func(pkg *packages.Package) {
		p.Errors = append(p.Errors, pkg.Errors...)
		if len(pkg.GoFiles) > 0 {
			p.Imported[pkg.PkgPath] = filepath.Dir(pkg.GoFiles[0])
		}
		module := pkg.Module
		if pkg.PkgPath == commandLine { // it has no module
			module = nil
			if len(pkg.GoFiles) > 0 {
				module = c.module(filepath.Dir(pkg.GoFiles[0]))
			}
		}
		if module == nil || !module.Main || isTestMain(pkg) {
			return
		}
		if p.Module == nil || module.Path < p.Module.Path {
			p.Module = module
		}
		switch {
		case pkg.PkgPath == commandLine && pkg.ForTest == "":
			f.files = true
			p.Matched++
		case pkg.PkgPath != commandLine && pkg.ForTest == "" && !slices.Contains(f.paths, pkg.PkgPath):
			f.paths = append(f.paths, pkg.PkgPath)
			p.Matched++
		}
	})
	slices.Sort(f.paths)
	return f, nil
}

// module returns the module that c.Dir is in, or, where it is in none, as in the directory of a workspace, the one
// that the directory of the files is in. It returns nil if there is none, or its go.mod cannot be read.
func (c Config) module(files string) *packages.Module {
	name := c.GoMod
	for dir := files; name == os.DevNull; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			name = filepath.Join(dir, "go.mod")
		} else if dir == filepath.Dir(dir) {
			return nil
		}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	return &packages.Module{Path: modfile.ModulePath(text), Dir: filepath.Dir(name), GoMod: name, Main: true}
}

// check parses and type-checks packages. It keeps the texts of files in p.
func (c Config) check(p *Program, patterns []string) ([]*packages.Package, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	cfg := c.packages(packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedSyntax |
		packages.NeedTypes | packages.NeedTypesInfo | packages.NeedTypesSizes | packages.NeedImports |
		packages.NeedModule | packages.NeedForTest)
	var mu sync.Mutex
	cfg.ParseFile = func(fset *token.FileSet, name string, src []byte) (*ast.File, error) {
		mu.Lock()
		p.Sources[name] = src
		mu.Unlock()
		return parse(fset, name, src)
	}
	return packages.Load(cfg, patterns...)
}

func (c Config) packages(mode packages.LoadMode) *packages.Config {
	return &packages.Config{Mode: mode, Context: c.Context, Dir: c.Dir, Env: c.Env, BuildFlags: c.Flags,
		Tests: c.Tests}
}

func parse(fset *token.FileSet, name string, src []byte) (*ast.File, error) {
	return parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
}

// isTestMain reports whether a package is the main package that go test generates.
func isTestMain(p *packages.Package) bool {
	return strings.HasSuffix(p.ID, ".test") && !slices.ContainsFunc(p.GoFiles, func(file string) bool {
		return p.Module != nil && strings.HasPrefix(file, p.Module.Dir+string(filepath.Separator))
	})
}
