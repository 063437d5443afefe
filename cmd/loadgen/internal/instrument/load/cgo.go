package load

import (
	"fmt"
	"go/ast"
	"go/types"
	"os"
	"slices"

	"golang.org/x/tools/go/packages"
)

// written returns a package with the files as they were written. Of a package that uses cgo, go/packages has parsed
// the files that cgo generates, so written checks the others anew.
func (p *Program) written(pkg *packages.Package) (*Package, error) {
	q := &Package{Fset: pkg.Fset, Files: pkg.Syntax, Info: pkg.TypesInfo, Types: pkg.Types, imports: pkg.Imports}
	usesCgo := slices.ContainsFunc(pkg.GoFiles, func(name string) bool {
		return !slices.Contains(pkg.CompiledGoFiles, name)
	})
	if !usesCgo {
		return q, nil
	}
	q.Files = nil
	for _, name := range pkg.GoFiles {
		src, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		p.Sources[name] = src
		f, err := parse(pkg.Fset, name, src)
		if err != nil {
			return nil, err
		}
		q.Files = append(q.Files, f)
	}
	q.Info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{},
		Uses: map[*ast.Ident]types.Object{}, Implicits: map[ast.Node]types.Object{},
		Instances: map[*ast.Ident]types.Instance{}, Selections: map[*ast.SelectorExpr]*types.Selection{},
		FileVersions: map[*ast.File]string{}}
	conf := types.Config{FakeImportC: true, Importer: q, Sizes: pkg.TypesSizes}
	if pkg.Module != nil && pkg.Module.GoVersion != "" {
		conf.GoVersion = "go" + pkg.Module.GoVersion
	}
	var err error
	if q.Types, err = conf.Check(pkg.PkgPath, pkg.Fset, q.Files, q.Info); err != nil {
		return nil, fmt.Errorf("a package that uses cgo: %w", err)
	}
	return q, nil
}

// Import returns a package that q imports. It implements [types.Importer].
func (q *Package) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if p := q.imports[path]; p != nil && p.Types != nil {
		return p.Types, nil
	}
	return nil, fmt.Errorf("package %q was not loaded", path)
}
