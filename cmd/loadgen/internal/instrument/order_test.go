package instrument_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// Packages are initialized in the order of their import paths, as soon as those they import are. Probes, which are
// imported too, do not change it.
func TestPackagesAreInitializedInTheSameOrder(t *testing.T) {
	dir := module(t, `
-- go.mod --
module example.com/order

go 1.24
-- main.go --
package main

import (
	_ "example.com/order/a"
	_ "example.com/order/b"
	_ "example.com/order/c"
	_ "example.com/order/d"
)

func main() { map[string]func(){"main": func() { println("main") }}["main"]() }
-- a/a.go --
package a

var table = map[string]func(){"a": func() {}, "around": f}

func f() {}

func init() { println("a"); table["a"]() }
-- b/b.go --
package b

import "example.com/order/z"

func init() { println("b"); z.F() }
-- c/c.go --
package c

func init() { println("c") }
-- d/d.go --
package d

import "fmt"

var table = map[string]func(){"d": func() { fmt.Print() }}

func init() { println("d"); table["d"]() }
-- z/z.go --
package z

func F() { map[string]func(){"inside": func() { println("z") }, "around": g}["inside"]() }

func g() {}
`)
	off, on := filepath.Join(t.TempDir(), "off"), filepath.Join(t.TempDir(), "on")
	goCommand(t, dir, "build", "-o", off)
	build(t, dir, "build", "-o", on).must(t)
	want := run(t, nil, off)
	if got := run(t, nil, on); got != want || strings.Count(want.stderr, "\n") != 6 {
		t.Errorf("without probes:\n%+v\nwith probes:\n%+v", want, got)
	}
	// Calls before the clock is there are counted.
	if p, _ := counts(t, on); p.calls("a") != 1 || p.calls("inside") != 1 || p.calls("main") != 1 {
		t.Errorf("%+v", p)
	}
}
