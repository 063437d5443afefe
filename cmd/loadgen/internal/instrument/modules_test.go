package instrument_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The directory of a workspace need not be a module.
func TestTheDirectoryOfAWorkspaceWillDo(t *testing.T) {
	dir := module(t, `
-- go.work --
go 1.24

use ./one
-- one/go.mod --
module example.com/one

go 1.24
-- one/main.go --
package main

func main() { map[string]func(){"one": func() {}}["one"]() }
-- one/ignored/ignored.go --
//go:build ignore

package main
`)
	for _, pattern := range []string{"./one", "./one/...", "one/main.go"} {
		on := filepath.Join(t.TempDir(), "on")
		build(t, dir, "build", "-o", on, pattern).must(t)
		if p, _ := counts(t, on); p.calls("one") != 1 {
			t.Errorf("%s: %+v", pattern, p)
		}
	}
	t.Setenv("GOWORK", "off")
	if b := build(t, dir, "build", "./one"); b.err == nil || !strings.Contains(b.err.Error(), "there is no go.mod") {
		t.Error(b.err)
	}
}

// Packages of dependencies have no probes. Those of vendor directories, workspaces, and packages that use cgo have.
func TestModulesOfAllKindsHaveProbes(t *testing.T) {
	two := `
-- one/go.mod --
module example.com/one

go 1.24
-- one/main.go --
package main

import "example.com/two"

func main() { map[string]func(){"one": two.Two}["one"](); two.Table["two"](); two.Fill() }
-- one/main_test.go --
package main

import (
	"testing"

	"example.com/two"
)

func TestMain(t *testing.T) { map[string]func(){"test": two.Two}["test"](); main() }
-- two/go.mod --
module example.com/two

go 1.24
-- two/two.go --
package two

var Table = map[string]func(){"two": Two}

func Two() {}

func Fill() { Table[string([]byte("filled"))] = Two; Table["filled"]() }
`
	const require = "\nrequire example.com/two v0.0.0\n\nreplace example.com/two => ../two\n"
	for _, c := range []struct {
		name, text string
		before     func(dir string)
		keys       string
	}{
		{"a workspace", two + "-- go.work --\ngo 1.24\n\nuse (\n\t./one\n\t./two\n)\n", nil, "filled one two"},
		{"a workspace of spaces and quotes", strings.NewReplacer("one/", "o n'e/").Replace(two) +
			"-- go.work --\ngo 1.24\n\nuse (\n\t\"./o n'e\"\n\t./two\n)\n", nil, "filled one two"},
		{"a dependency", strings.Replace(two, "go 1.24\n", "go 1.24\n"+require, 1), nil, "one"},
		{"an old version of Go", strings.ReplaceAll(strings.Replace(two, "go 1.24\n", "go 1.24\n"+require, 1),
			"go 1.24", "go 1.16"), nil, "one"},
		{"a vendor directory", strings.Replace(two, "go 1.24\n", "go 1.24\n"+require, 1),
			func(dir string) { goCommand(t, dir, "mod", "vendor") }, "one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := module(t, c.text)
			one := filepath.Join(dir, "one")
			if _, err := os.Stat(one); err != nil {
				one = filepath.Join(dir, "o n'e")
			}
			if c.before != nil {
				c.before(one)
			}
			before := tree(t, dir)
			on := filepath.Join(t.TempDir(), "on")
			build(t, one, "build", "-o", on, ".").must(t)
			if p, _ := counts(t, on); keysOf(p) != c.keys {
				t.Errorf("probes have counted %q, want %q", keysOf(p), c.keys)
			}
			build(t, one, "test", ".").must(t)
			if tree(t, dir) != before {
				t.Error("the build has changed the source tree")
			}
		})
	}
}

func TestPackagesThatUseCgoHaveProbes(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil || runtime.GOOS != "linux" {
		t.Skip("no C compiler")
	}
	dir := module(t, `
-- go.mod --
module example.com/c

go 1.24
-- main.go --
package main

// static int twice(int x) { return 2*x; }
import "C"
import (
	"fmt"

	"example.com/c/probes"
)

func double() { fmt.Println(C.twice(21)) }

//loadgen:probe with=probes.Trace
var others = map[string]func(int){"with": func(n int) { fmt.Println(C.twice(C.int(n))) }}

var _ = probes.Trace

func main() {
	others["with"](2)
	m := map[string]func(){"inside": func() { fmt.Println(int(C.twice(1))) }}
	m["around"] = double
	m["inside"]()
	m["around"]()
	m["panics"] = func() { panic("with cgo") }
	m["panics"]()
}
-- probes/probes.go --
package probes

import "os"

func Trace(key string, next func(int)) func(int) {
	return func(n int) { next(n); os.Stdout.WriteString(os.Getenv("TRACE")) }
}
`)
	off, on := filepath.Join(t.TempDir(), "off"), filepath.Join(t.TempDir(), "on")
	goCommand(t, dir, "build", "-o", off)
	build(t, dir, "build", "-o", on).must(t)
	want := run(t, nil, off)
	p, got := counts(t, on)
	if keysOf(p) != "around inside panics" || got.stdout != want.stdout ||
		traceOf(got.stderr) != traceOf(want.stderr) {
		t.Errorf("%+v\n%+v\n%+v", p, got, want)
	}
}
