package house_test

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// exported returns what each package of the module exports at its top level.
func exported(t *testing.T) map[string][]types.Object {
	t.Helper()
	data := map[string]string{}
	for _, words := range goList(t, "-export", "-f", "{{.ImportPath}} {{.Export}}", module+"...") {
		if len(words) == 2 { // a package of tests alone has no data
			data[words[0]] = words[1]
		}
	}
	open := func(path string) (io.ReadCloser, error) { return os.Open(data[path]) }
	imported := importer.ForCompiler(token.NewFileSet(), "gc", open)
	objects := map[string][]types.Object{}
	for path := range data {
		pkg, err := imported.Import(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range pkg.Scope().Names() {
			if object := pkg.Scope().Lookup(name); object.Exported() {
				dir := strings.TrimPrefix(path, module)
				objects[dir] = append(objects[dir], object)
			}
		}
	}
	return objects
}

// Whoever imports a slice or a map that is exported can change it for everybody: want a function that returns a copy.
func TestNoSliceOrMapIsExported(t *testing.T) {
	for dir, objects := range exported(t) {
		for _, object := range objects {
			if _, ok := object.(*types.Var); !ok {
				continue
			}
			switch object.Type().Underlying().(type) {
			case *types.Slice, *types.Map, *types.Array, *types.Chan:
				t.Errorf("%s exports the variable %s of type %v: want a function that returns a copy",
					dir, object.Name(), object.Type())
			}
		}
	}
}

// A name that the engine exports is a promise to everybody who imports it.
func TestTheEngineExportsLittle(t *testing.T) {
	const most = 40
	if names := exported(t)["bench"]; len(names) == 0 || len(names) > most {
		t.Errorf("bench exports %d names, want 1 to %d: %v", len(names), most, names)
	}
}

// What only its own package uses is no business of others. A type is exported when a function that is used returns it,
// so types need no user. The constants of one block are exported together. The programs that `loadgen instrument`
// builds use what probes call.
func TestNothingInternalIsExportedWithoutAUser(t *testing.T) {
	users := selectors(t)
	for _, block := range constantBlocks(t) {
		used := slices.ContainsFunc(block, func(name string) bool { return users[name] })
		for _, name := range block {
			users[name] = used
		}
	}
	for dir, objects := range exported(t) {
		if !within(dir, "cmd/loadgen/internal") && !within(dir, "internal") ||
			within(dir, "cmd/loadgen/internal/instrument/probe/lgprobe") {
			continue
		}
		for _, object := range objects {
			if _, ok := object.(*types.TypeName); !ok && !users[dir+"."+object.Name()] {
				t.Errorf("%s exports %s, which no other package uses", dir, object.Name())
			}
		}
	}
}

// selectors returns what packages select from others of the module, as in "internal/rng.New". A package's own
// external tests are no users.
func selectors(t *testing.T) map[string]bool {
	t.Helper()
	users := map[string]bool{}
	for _, f := range goFiles(t) {
		parsed, err := parser.ParseFile(token.NewFileSet(), f.name, f.text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]string{}
		for _, spec := range parsed.Imports {
			full, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			dir, ok := strings.CutPrefix(full, module)
			if !ok || dir == f.dir {
				continue
			}
			name := dir[strings.LastIndex(dir, "/")+1:]
			if spec.Name != nil {
				name = spec.Name.Name
			}
			names[name] = dir
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && names[x.Name] != "" {
					users[names[x.Name]+"."+s.Sel.Name] = true
				}
			}
			return true
		})
	}
	return users
}

// constantBlocks returns the names of each block of constants, as in "bench/pace.Auto".
func constantBlocks(t *testing.T) (blocks [][]string) {
	t.Helper()
	for _, f := range goFiles(t) {
		if f.test || f.testdata {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.name, f.text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range parsed.Decls {
			group, ok := declaration.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			var block []string
			for _, spec := range group.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					block = append(block, f.dir+"."+name.Name)
				}
			}
			blocks = append(blocks, block)
		}
	}
	return blocks
}
