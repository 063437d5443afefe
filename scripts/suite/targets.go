package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// targets holds the property tests and fuzz targets of a package.
type targets struct {
	path, dir        string
	properties, fuzz []string
}

// findTargets returns the targets whose names match wanted, by package.
func findTargets(ctx context.Context, wanted *regexp.Regexp, packages []string) (found []targets, err error) {
	if len(packages) == 0 {
		packages = []string{"./..."}
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-json=ImportPath,Dir,TestGoFiles,XTestGoFiles"},
		packages...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, stderr.Bytes())
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var pkg struct {
			ImportPath, Dir           string
			TestGoFiles, XTestGoFiles []string
		}
		if err := d.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		t := targets{path: pkg.ImportPath, dir: pkg.Dir}
		for _, names := range [][]string{pkg.TestGoFiles, pkg.XTestGoFiles} {
			if err := t.parse(wanted, names); err != nil {
				return nil, err
			}
		}
		if len(t.properties)+len(t.fuzz) > 0 {
			found = append(found, t)
		}
	}
	if len(found) == 0 {
		return nil, errors.New("no property test and no fuzz target: check -run and the packages")
	}
	return found, nil
}

// parse adds the targets in the named files of directory t.dir, which are of one package.
func (t *targets) parse(wanted *regexp.Regexp, names []string) error {
	uses := map[string]map[string]bool{} // for each function, the names in its body
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(t.dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Body != nil {
				uses[f.Name.Name] = namesIn(f.Body)
			}
		}
	}
	functions := map[string]bool{}
	for name := range uses {
		functions[name] = true
	}
	for _, name := range sorted(functions) {
		switch {
		case !wanted.MatchString(name):
		case strings.HasPrefix(name, "Fuzz"):
			t.fuzz = append(t.fuzz, name)
		case strings.HasPrefix(name, "Test") && checks(name, uses, map[string]bool{}):
			t.properties = append(t.properties, name)
		}
	}
	return nil
}

// namesIn returns the identifiers in body, and selectors such as property.Check.
func namesIn(body ast.Node) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok {
				names[x.Name+"."+n.Sel.Name] = true
			}
			names[n.Sel.Name] = true
		case *ast.Ident:
			names[n.Name] = true
		}
		return true
	})
	return names
}

// checks reports whether the function checks a property, directly or through a function that it mentions.
func checks(name string, uses map[string]map[string]bool, visited map[string]bool) bool {
	if visited[name] {
		return false
	}
	visited[name] = true
	for used := range uses[name] {
		if used == "property.Check" || uses[used] != nil && checks(used, uses, visited) {
			return true
		}
	}
	return false
}
