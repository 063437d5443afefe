package rewrite_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/rewrite"
)

// faults are files of packages with something that cannot be probed, or with a wrong directive. Each problem is
// LINE:COLUMN: WHAT | HINT.
var faults = []struct {
	name, text string
	want       []string // each the beginning of a problem
}{
	{"several results", `
var m = map[string]func(){}
func f() (func(), error) { return nil, nil }
func _() { var err error; m["a"], err = f(); _ = err }`, []string{
		`4:27: a registration among several results of one expression cannot be probed | assign to a variable ` +
			`first, and register that: f, err := ...; m["a"] = f; or mark the line //loadgen:skip`}},
	{"received with ok", `
func _(m map[string]func(), c chan func()) { var ok bool; m["a"], ok = <-c; _ = ok }`, []string{
		`2:59: a registration among several results of one expression cannot be probed | assign to a variable first`}},
	{"a communication clause", `
func _(m map[string]func(), c chan func()) {
	select {
	case m["a"] = <-c:
	}
}`, []string{`4:7: a registration in a communication clause cannot be probed | receive into a variable, and register ` +
		`it in the body; or mark`}},
	{"a range clause", `
func _(m map[string]func(), fs []func(), keys map[string]int) {
	for _, m["a"] = range fs {
	}
}`, []string{`3:9: a registration by a range clause cannot be probed | range over a variable, and register it in the ` +
		`body; or mark`}},
	{"recover behind a probe", `
func rec() { if v := recover(); v != nil { println(v) } }
type t struct{}
func (t) rec() { recover() }
func _(k string) map[string]func() {
	return map[string]func(){"named": rec, "method": t{}.rec, k: func() { recover() }, "conversion": (rec),
		"inside": func() { recover() }, "nested": func() { func() { recover() }() }}
}
func _(m map[string]func()) { m["a"+string(rune(len(m)))] = rec }`, []string{
		`6:36: the handler calls recover itself: behind a probe that returns nil when the handler is deferred | ` +
			`recover in the function that runs the handlers; or mark the line //loadgen:skip`,
		`6:51: the handler calls recover`, `6:63: the handler calls recover`, `6:99: the handler calls recover`,
		`9:61: the handler calls recover`}},
	{"a probe that refers to its table", `
//loadgen:probe with=trace
var m = map[string]func(int){"a": f, "b": nil}
//loadgen:probe with=trace
var local = make()
var n = len(m)
func f(int) {}
func make() map[string]func(int) {
	//loadgen:probe with=trace
	own := map[string]func(int){}
	own["c"] = f
	return own
}
func trace(k string, next func(int)) func(int) { return func(int) { again() } }
func again() { register(); println(n, len(local)) }
func register() { m["d"] = f; m[string(rune(n))] = f }
func init() { m["e"] = f; register() }`, []string{
		`3:35: probe trace refers to m, which cannot be initialized without it | keep m out of trace and what it ` +
			`calls, or register in func init; or mark`, `11:13: probe trace refers to local, which cannot`}},
	{"an unknown directive", `
//loadgen:prob
var m = map[string]func(){"a": func() {}} //loadgen:skipp
//loadgen:instrument
var n int`, []string{
		`2:1: unknown directive //loadgen:prob (did you mean probe?) | want //loadgen:probe or //loadgen:skip`,
		`3:43: unknown directive //loadgen:skipp (did you mean skip?) | want`,
		`4:1: unknown directive //loadgen:instrument | want`}},
	{"words about directives are comments", `
// loadgen:skip would leave it out.
//  //loadgen:probe
// loadgen: warning
var m = map[string]func(){"a": func() {}}`, nil},
	{"directives in another form", `
// loadgen:skip
var a = map[string]func(){"a": func() {}} /* loadgen:skip */
//loadgen: probe with=Wrap
//LOADGEN:skip
var b = map[string]func(){"b": func() {}} //	loadgen:probe`, []string{
		`2:1: // loadgen:skip is no directive: it begins with //loadgen: in small letters, without a blank | write ` +
			`//loadgen:skip, or other words if it is a comment`,
		`3:43: /* loadgen:skip */ is no directive`,
		`4:1: //loadgen: probe with=Wrap is no directive: it begins with //loadgen: in small letters, without a ` +
			`blank | write //loadgen:probe with=Wrap, or`,
		`5:1: //LOADGEN:skip is no directive`,
		"6:43: //\tloadgen:probe is no directive"}},
	{"a skip of nothing", `
//loadgen:skip
var n int
var m = map[string]func(){
	"a": nil, //loadgen:skip
	"b": func() {
	}, //loadgen:skip
}`, []string{`2:1: //loadgen:skip skips nothing | remove it, or put it on or above the line of a registration`,
		`5:12: //loadgen:skip skips nothing`, `7:5: //loadgen:skip skips nothing`}},
	{"a skip of a file with nothing", `//loadgen:skip`, []string{`1:1: //loadgen:skip skips nothing`}},
	{"a skip of a refused form", `
func f() (func(), error) { return nil, nil }
func _(m map[string]func()) { m["a"], _ = f() } //loadgen:skip`, nil},
	{"arguments of skip", `
var m = map[string]func(){"a": func() {}} //loadgen:skip it is slow`, []string{
		`2:43: //loadgen:skip has arguments: "it is slow" | remove them; a comment about it goes into a line of ` +
			`its own`}},
	{"arguments of probe", `
//loadgen:probe wth=x
var m = map[string]func(){}
//loadgen:probe with=x y
var n = map[string]func(){}`, []string{
		`2:1: //loadgen:probe has arguments that it does not know: "wth=x" | want //loadgen:probe, or ` +
			`//loadgen:probe with=NAME`, `4:1: //loadgen:probe has arguments that it does not know: "with=x y"`}},
	{"a probe of nothing", `
//loadgen:probe
func f() {}
func g(m map[string]func()) {} //loadgen:probe
//loadgen:probe`, []string{
		`2:1: //loadgen:probe marks nothing | put it on or above the declaration of a variable, a field or a type`,
		`4:32: //loadgen:probe marks nothing`, `5:1: //loadgen:probe marks nothing`}},
	{"a probe of another type", `
//loadgen:probe
var n, m = 1, map[int]func(){}
type t struct {
	s map[string]int //loadgen:probe
	//loadgen:probe
	f map[string]map[string]func(int) error
}
//loadgen:probe
type h = map[string]func() error
func _() {
	//loadgen:probe
	ok, c := map[string][]func(){}, make(chan int)
	_, _ = ok, c
}`, []string{
		`3:5: //loadgen:probe wants a map[string]func(), n is int | move the directive to the table, or remove it`,
		`3:8: //loadgen:probe wants a map[string]func(), the keys of m are int`,
		`5:2: //loadgen:probe wants a map[string]func(), the elements of s are int`,
		`7:2: the signature of the handlers of f is func(int) error, a probe's is func() | register closures of ` +
			`type func(), or name a probe of that very signature: //loadgen:probe with=NAME, func NAME(key string, ` +
			`next func(int) error) func(int) error`,
		`10:6: the signature of the handlers of h is func() error, a probe's is func()`,
		`13:2: //loadgen:probe wants a map[string]func(), ok is func()`,
		`13:6: //loadgen:probe wants a map[string]func(), c is chan int`}},
	{"types that hold themselves", `
//loadgen:probe
type m map[string]m
//loadgen:probe
type s []s
//loadgen:probe
var t *map[string][]map[string]func()`, []string{
		`3:6: //loadgen:probe wants a map[string]func(), the elements of m are m`,
		`5:6: //loadgen:probe wants a map[string]func(), s is s`}},
	{"an import cycle", `
import "example.com/forms/fault0"
func Trace(key string, next func()) func() { return next }
func init() { fault0.Elsewhere["a"] = func() {} }`, []string{
		`4:39: probe Imports of package example.com/forms/imports cannot be used here: its package imports this one`}},
	{"probes that do not fit", `
type h func()
func trace(string, func()) func(int)       { return nil }
func named(string, h) h                    { return nil }
func variadic(string, ...func()) func()    { return nil }
func swapped(func(), string) func()        { return nil }
func generic[T any](string, func()) func() { return nil }
func aliased(k key, f a) func()            { return nil }
type a = func()
type key = string
var v = func(string, func()) func()        { return nil }
//loadgen:probe with=trace
var m1 map[string]func()
//loadgen:probe with=named
var m2 map[string]func()
//loadgen:probe with=variadic
var m3 map[string]func()
//loadgen:probe with=swapped
var m4 map[string]func()
//loadgen:probe with=generic
var m5 map[string]func()
//loadgen:probe with=aliased
var m6 map[string]func()
//loadgen:probe with=v
var m7 map[string]func()
//loadgen:probe with=none
var m8 map[string]func()
//loadgen:probe with=os.exit
var m9 map[string]func()
//loadgen:probe with=example.com/none.Trace
var m10 map[string]func()`, []string{
		`13:5: probe trace is func(string, func()) func(int), want func(key string, next func()) func() | types ` +
			`must be identical: a named type is not its underlying type`,
		`15:5: probe named is func(string, h) h, want func(key string, next func()) func()`,
		`17:5: probe variadic is func(string, ...func()) func(), want`,
		`19:5: probe swapped is func(func(), string) func(), want`,
		`20:1: probe generic has type parameters | declare func NAME(key string, next F) F, where F is the type ` +
			`of the handlers`,
		`24:1: probe v is no function`, `26:1: probe none is not declared in package`,
		`28:1: probe os.exit: the program has no package os | name a function of this package, or of one that the ` +
			`program imports, with its import path`,
		`30:1: probe example.com/none.Trace: the program has no package example.com/none`}},
	{"a probe elsewhere", `
import other "example.com/forms/fault0"
//loadgen:probe with=other.Trace
var m = map[string]func(){"a": func() {}}
//loadgen:probe with=other.trace
var n = other.M
//loadgen:probe with=other.Other
var o = other.M`, []string{`5:1: probe other.trace is not exported by package example.com/forms/fault0`,
		`7:1: probe other.Other is not declared in package example.com/forms/fault0`}},
	{"a table with a hidden probe", `
import other "example.com/forms/fault0"
func init() { other.Hidden["a"] = func() {} }`, []string{`3:35: probe trace of package example.com/forms/fault0 ` +
		`cannot be used here: it is not exported | export it from a package that this one may import; or mark`}},
}

// fault0 is a package that others import.
const fault0 = `package fault0
func Trace(key string, next func()) func() { return next }
func trace(key string, next func()) func() { return next }
var M map[string]func()
//loadgen:probe with=trace
var Hidden = map[string]func(){"here": func() {}}
//loadgen:probe with=example.com/forms/imports.Imports
var Elsewhere = map[string]func(){}
`

func TestProblemsHaveAPositionAReasonAndAHint(t *testing.T) {
	archives := map[string]*txtar.Archive{
		"fault0": {Files: []txtar.File{{Name: "x.go", Data: []byte(fault0)}}},
	}
	for i, c := range faults {
		name := fmt.Sprintf("fault%d", i+1)
		text := "package " + name + c.text + "\n"
		if strings.HasPrefix(c.text, "//") {
			text = c.text + "\n\npackage " + name + "\n"
		}
		archives[name] = &txtar.Archive{Files: []txtar.File{{Name: "x.go", Data: []byte(text)}}}
		if c.name == "an import cycle" {
			archives["imports"] = &txtar.Archive{Files: []txtar.File{{Name: "x.go", Data: []byte(
				"package imports\nimport _ \"example.com/forms/" + name + "\"\n" +
					"func Imports(key string, next func()) func() { return next }\n")}}}
		}
	}
	dir := module(t, archives)
	r, err := rewrite.Rewrite(loaded(t, dir), rewrite.Options{ProbePath: probe.Module})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(r.Problems, func(a, b rewrite.Problem) int {
		return strings.Compare(fmt.Sprintf("%s:%04d:%04d", a.File, a.Line, a.Column),
			fmt.Sprintf("%s:%04d:%04d", b.File, b.Line, b.Column))
	}) {
		t.Error("the problems are not sorted")
	}
	form := regexp.MustCompile(`^.*[/\\]x\.go:\d+:\d+: loadgen: [^\n]+\n\thint: [^\n]+$`)
	for i, c := range faults {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, p := range r.Problems {
				if p.File == filepath.Join(dir, fmt.Sprintf("fault%d", i+1), "x.go") {
					got = append(got, fmt.Sprintf("%d:%d: %s | %s", p.Line, p.Column, p.What, p.Hint))
					if !form.MatchString(p.String()) {
						t.Errorf("%q is not FILE:LINE:COLUMN: loadgen: WHAT, and a hint", p)
					}
				}
			}
			for k, want := range c.want {
				if k >= len(got) || !strings.HasPrefix(got[k], want) {
					t.Errorf("want %s", want)
				}
			}
			if len(got) != len(c.want) || t.Failed() {
				t.Errorf("problems:\n%s", strings.Join(got, "\n"))
			}
		})
	}
}
