package instrument_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bridged is a program that uses package observable, and has handlers in a table of its own, too.
const bridged = `
-- main.go --
package main

import (
	"context"
	"fmt"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/loadgen-go/loadgen/observable"
)

var table = map[string]func(){
	"inside": func() { fmt.Println("inside") },
	"around": around,
	"same":   around,
	"never":  around,
	"panics": func() { panic("it") },
}

func around() { fmt.Println("around") }

func main() {
	table["inside"]() // there is no map yet
	spans := tracetest.NewSpanRecorder()
	m, err := observable.New(observable.Options{
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)),
		Histogram:      true,
	})
	if err != nil {
		panic(err)
	}
	if err := m.Register("same", table["same"]); err != nil {
		panic(err)
	}
	table["inside"]()
	table["around"]()
	table["around"]()
	fmt.Println(m.Call(context.Background(), "same"))
	func() {
		defer func() { recover() }()
		table["panics"]()
	}()
	fmt.Println(m.Keys(), m.Call(context.Background(), "around"))
	for _, s := range m.Snapshot() {
		fmt.Println(s.Key, s.Calls, s.Errors, s.InFlight, s.Duration.Count())
	}
	for _, s := range spans.Ended() {
		fmt.Println(s.Name(), s.Status().Code)
	}
}
`

// Handlers with probes have spans, and are in the account of the program's map, as registered ones.
func TestHandlersAreInTheAccountOfTheProgram(t *testing.T) {
	root, err := filepath.Abs("../../../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := module(t, bridged)
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "go.mod" { // the same versions
			own, _, _ := strings.Cut(string(text), "\ntool (")
			_, requirements, _ := strings.Cut(own, "\n")
			const path = "github.com/loadgen-go/loadgen"
			text = []byte("module example.com/bridged\n" + requirements + "\nrequire " + path + " v0.0.0\n\n" +
				"replace " + path + " => " + root + "\n")
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	on := filepath.Join(dir, "on")
	build(t, dir, "build", "-o", on).must(t)
	p, r := counts(t, on)
	const want = `inside
inside
around
around
around
<nil>
[same] observable: no handler is registered for "around"
around 2 0 0 2
inside 1 0 0 1
never 0 0 0 0
panics 1 1 0 1
same 1 0 0 1
same@example.com/bridged/main.go:16 1 0 0 1
inside Unset
around Unset
around Unset
same@example.com/bridged/main.go:16 Unset
same Unset
panics Error
`
	if r.stdout != want || r.code != 0 {
		t.Errorf("it printed\n%s%s\nwant\n%s", r.stdout, r.stderr, want)
	}
	// The file has all calls, also those before there was a map.
	if p.calls("inside") != 2 || p.calls("around") != 2 || p.calls("same") != 1 {
		t.Errorf("%+v", p)
	}
}

// A package's own tests account for handlers, too, unless the account needs that package.
func TestHandlersAreInTheAccountOfTests(t *testing.T) {
	const test = `
import "testing"

func Test(t *testing.T) { called(map[string]func(){"a": func() {}}); check(t) }

func called(m map[string]func()) { m["a"]() }

`
	dir := module(t, `
-- go.mod --
module github.com/loadgen-go/loadgen

go 1.24
-- observable/observable.go --
package observable

import "github.com/loadgen-go/loadgen/observable/needed"

var Ended = needed.Zero

type ProbedCall struct{}

func (*ProbedCall) End(bool) { Ended++ }
-- observable/own_test.go --
package observable
`+test+`func check(t *testing.T) {}
-- observable/needed/needed.go --
package needed

var Zero = 0
-- observable/needed/own_test.go --
package needed
`+test+`func check(t *testing.T) {}
-- observable/probed/probed.go --
package probed

import "github.com/loadgen-go/loadgen/observable"

type Handler struct{}

func New(key, from string) *Handler { return nil }

func (*Handler) Begin() *observable.ProbedCall { return new(observable.ProbedCall) }
-- own/own_test.go --
package own
`+strings.Replace(test, `"testing"`, `("testing"; "github.com/loadgen-go/loadgen/observable")`, 1)+`
func check(t *testing.T) {
	if observable.Ended != 1 {
		t.Error(observable.Ended, "calls are in the account, want 1")
	}
}
-- main/main_test.go --
package main
`+strings.Replace(test, `"testing"`, `("testing"; "github.com/loadgen-go/loadgen/observable")`, 1)+`
func check(t *testing.T) {
	if main(); observable.Ended != 2 {
		t.Error(observable.Ended, "calls are in the account, want 2")
	}
}
-- main/main.go --
package main

import _ "github.com/loadgen-go/loadgen/observable"

func main() { map[string]func(){"main": func() {}}["main"]() }
-- without/main.go --
package main

func main() { map[string]func(){"without": func() {}}["without"]() }
`)
	if b := build(t, dir, "test", "./...").must(t); len(b.report.Sites) != 6 {
		t.Errorf("%d handlers have probes, want 6\n%s", len(b.report.Sites), b.output)
	}
	// A program beside them does not get a package that it has no use for.
	bin := filepath.Join(dir, "bin") + string(filepath.Separator)
	build(t, dir, "build", "-o", bin, "./main", "./without").must(t)
	for name, want := range map[string]bool{"main": true, "without": false} {
		symbols := goCommand(t, dir, "tool", "nm", bin+name)
		if got := strings.Contains(symbols, "loadgen/observable.Ended"); got != want {
			t.Errorf("%s has package observable in it: %t, want %t", name, got, want)
		}
	}
}

// A version of package observable that knows no probes is no error, and not ignored in silence.
func TestAnOldVersionOfPackageObservableIsReported(t *testing.T) {
	dir := module(t, `
-- go.mod --
module example.com/old

go 1.24

require github.com/loadgen-go/loadgen v0.0.0

replace github.com/loadgen-go/loadgen => ./loadgen
-- main.go --
package main

import _ "github.com/loadgen-go/loadgen/observable"

func main() { map[string]func(){"a": func() {}}["a"]() }
-- loadgen/go.mod --
module github.com/loadgen-go/loadgen

go 1.24
-- loadgen/observable/observable.go --
package observable
`)
	on := filepath.Join(dir, "on")
	b := build(t, dir, "build", "-o", on).must(t)
	if want := "which has no package probed beside it\n\thint: update its module"; !strings.Contains(b.output, want) {
		t.Errorf("%q is not in\n%s", want, b.output)
	}
	if p, _ := counts(t, on); p.calls("a") != 1 {
		t.Errorf("%+v", p)
	}
}

// The tests of a package that the bridge imports cannot import the bridge, unless they are external ones.
func TestPackageObservableHasTestsWithProbes(t *testing.T) {
	dir := module(t, `
-- go.mod --
module github.com/loadgen-go/loadgen

go 1.24
-- observable/observable.go --
package observable

type ProbedCall struct{}

func (*ProbedCall) End(ok bool) {}
-- observable/in_test.go --
package observable

import "testing"

func TestIn(t *testing.T) { map[string]func(){"in": func() {}}["in"]() }
-- observable/probed/probed.go --
package probed

import "github.com/loadgen-go/loadgen/observable"

type Handler struct{}

func New(key, from string) *Handler { return nil }

func (*Handler) Begin() *observable.ProbedCall { return nil }
-- observable/probed/out_test.go --
package probed_test

import "testing"

func TestOut(t *testing.T) { map[string]func(){"out": func() {}}["out"]() }
`)
	b := build(t, dir, "test", "-v", "./...").must(t)
	if !strings.Contains(b.output, "--- PASS: TestIn") || !strings.Contains(b.output, "--- PASS: TestOut") {
		t.Error(b.output)
	}
}
