package instrument_test

import (
	"flag"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
)

// A writer writes a package at random that registers handlers and calls them.
type writer struct {
	t     *rapid.T
	text  strings.Builder // declarations
	names int
	keys  []string // of table, in the order of registration
}

func (w *writer) pick(label string, texts ...string) string {
	return rapid.SampledFrom(texts).Draw(w.t, label)
}

// fresh returns a new name.
func (w *writer) fresh(prefix string) string {
	w.names++
	return fmt.Sprint(prefix, w.names)
}

// body returns the body of a function, without its braces.
func (w *writer) body(depth int) string {
	id := w.fresh("")
	return w.pick("body",
		`say(`+id+`)`,
		`say(`+id+`); return`,
		`if n > 3 { return }; n++; say(`+id+`)`,
		`defer say(`+id+`); n += 2`,
		`for range 3 { if n%2 == 0 { n++; continue }; return }; say(`+id+`)`,
		`switch n { case 0: say(`+id+`); default: return }`,
		`func() { defer func() { say(`+id+`, recover()) }(); panic("inner") }()`,
		`c := make(chan int); go func() { defer close(c); runtime.Goexit() }(); <-c; say(`+id+`)`,
		`panic("`+id+`")`,
		`var m map[string]int; m["x"] = `+id,
		`say(helper())`,
		w.nested(depth, id),
	)
}

// nested returns a body with a table of its own.
func (w *writer) nested(depth int, id string) string {
	if depth > 2 {
		return "say(" + id + ")"
	}
	return "m := map[string]func(){\"in\": " + w.value(depth+1) + "}\n\tm[\"more\"] = " + w.value(depth+1) +
		"\n\tif m[\"in\"] != nil { m[\"in\"]() }\n\tsay(len(m))"
}

// value returns an expression of type func(), and may declare what it uses.
func (w *writer) value(depth int) string {
	switch w.pick("value", "literal", "named", "method", "made", "nil", "converted", "parens", "call") {
	case "named":
		name := w.fresh("f")
		fmt.Fprintf(&w.text, "func %s() {\n\t%s\n}\n\n", name, w.body(depth+1))
		return name
	case "method":
		name := w.fresh("T")
		fmt.Fprintf(&w.text, "type %s struct{ n int }\n\nfunc (x %s) run() { say(x.n); %s }\n\n", name, name,
			w.body(depth+1))
		return name + "{7}.run"
	case "made":
		return "made(" + fmt.Sprint(w.names) + ")"
	case "nil":
		return w.pick("nil", "nil", "none")
	case "converted":
		return "handler(func() { " + w.body(depth+1) + " })"
	case "parens":
		return "(func() { " + w.body(depth+1) + "\n\t})"
	case "call":
		return "func() func() { n++; return func() { " + w.body(depth+1) + " } }()"
	}
	return "func() {\n\t\t" + w.body(depth+1) + "\n\t}"
}

// registration returns a statement that registers a handler under a new key.
func (w *writer) registration() string {
	key := w.fresh("key")
	w.keys = append(w.keys, key)
	v := w.value(0)
	return w.pick("registration",
		`table["`+key+`"] = `+v,
		`k := "`+key+`"; table[k] = `+w.plain(v),
		`table[evaluated("`+key+`")] = `+w.plain(v),
		`table["`+key+`"], n = `+v+`, n+1`,
		`if table["`+key+`"] = (`+v+`); n > 100 { return }`,
		`for k, f := range map[string]func(){"`+key+`": `+v+`} { table[k] = f }`,
		`maps.Copy(table, map[string]func(){"`+key+`": `+v+`})`,
		`put(table, "`+key+`", `+w.typed(v)+`)`,
		`any2(table, "`+key+`", `+w.typed(v)+`)`,
		`s := &store{m: table}; s.m["`+key+`"] = `+v,
		`(*pointer)["`+key+`"] = `+v,
		`type named map[keyed]handler; m := named{"`+key+`": `+v+`}; table["`+key+`"] = m["`+key+`"]`,
	)
}

// plain returns a value that is not the constant nil where a type is inferred from it.
func (w *writer) plain(v string) string {
	if v == "nil" {
		return "none"
	}
	return v
}

// typed returns a value of type func() exactly.
func (w *writer) typed(v string) string { return "(func())(" + w.plain(v) + ")" }

// prelude is the beginning of each package.
const prelude = `package %s

import (
	"fmt"
	"maps"
	"os"
	"runtime"
)

type handler func()

type keyed string

type store struct{ m map[string]func() }

var (
	n       int
	table   = map[string]func(){}
	pointer = &table
	none    func()
)

func say(args ...any) { fmt.Println(args...) }

func helper() string { _, _, line, _ := runtime.Caller(1); return fmt.Sprint("called in line ", line) }

func made(i int) func() { return func() { say("made", i) } }

func evaluated(k string) string { n++; say("evaluated", k); return k }

func put[M ~map[string]F, F ~func()](m M, k string, f F) { m[k] = f }

func any2[K comparable, V any](m map[K]V, k K, v V) { m[k] = v }

// call calls a handler. It passes panics of runtime errors on.
func call(key string, passes bool) {
	f := table[key]
	say(key, f == nil)
	if f == nil {
		return
	}
	defer func() {
		if passes {
			return
		}
		if v := recover(); v != nil {
			say("panicked:", v)
		}
	}()
	f()
}

var _, _ = maps.Keys(table), os.Exit

`

// program returns a package at random.
func program(t *rapid.T, name string) string {
	w := &writer{t: t}
	var init, run strings.Builder
	for range rapid.IntRange(1, 6).Draw(t, "registrations") {
		fmt.Fprintf(&init, "\t{\n\t\t%s\n\t}\n", w.registration())
	}
	for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(w.keys)-1), 1, 8).Draw(t, "calls") {
		passes := rapid.IntRange(0, 9).Draw(t, "passes") == 0
		fmt.Fprintf(&run, "\tcall(%q, %t)\n", w.keys[i], passes)
	}
	end := w.pick("end", "", "os.Exit(n % 5)", `table["exit"] = func() { os.Exit(4) }; table["exit"]()`,
		`panic("the end")`)
	return fmt.Sprintf(prelude, name) + w.text.String() + "func init() {\n" + init.String() + "}\n\nfunc Run() {\n" +
		run.String() + "\t" + end + "\n}\n"
}

// Programs at random have the same output, exit code and traces with probes and without. One build has all of them;
// go test -rapid.checks=500 makes more.
func TestProgramsAtRandomDoTheSameWithProbes(t *testing.T) {
	var archive txtar.Archive
	var imports, runs strings.Builder
	most := 30
	if f := flag.Lookup("rapid.checks").Value.String(); f != flag.Lookup("rapid.checks").DefValue {
		most = math.MaxInt // somebody asks for more
	}
	n := 0
	property.Check(t, func(t *rapid.T) {
		if n == most {
			return
		}
		name := fmt.Sprint("p", n)
		n++
		text := program(t, name)
		archive.Files = append(archive.Files, txtar.File{Name: name + "/x.go", Data: []byte(text)})
		fmt.Fprintf(&imports, "\t\"example.com/random/%s\"\n", name)
		fmt.Fprintf(&runs, "\t%q: %s.Run,\n", name, name)
	})
	archive.Files = append(archive.Files,
		txtar.File{Name: "go.mod", Data: []byte("module example.com/random\n\ngo 1.24\n")},
		txtar.File{Name: "main.go", Data: fmt.Appendf(nil, "package main\n\nimport (\n\t\"os\"\n\n%s)\n\n"+
			"var runs = map[string]func(){\n%s}\n\nfunc main() { runs[os.Args[1]]() }\n", &imports, &runs)})
	dir := module(t, "")
	write(t, dir, &archive)
	off, on := filepath.Join(t.TempDir(), "off"), filepath.Join(t.TempDir(), "on")
	goCommand(t, dir, "build", "-o", off)
	build(t, dir, "build", "-o", on).must(t)
	for i := range n {
		name := fmt.Sprint("p", i)
		want, got := run(t, nil, off, name), run(t, nil, on, name)
		if got.stdout != want.stdout || got.code != want.code || traceOf(got.stderr) != traceOf(want.stderr) {
			t.Errorf("%s\nwithout probes:\n%+v\nwith probes:\n%+v", archive.Files[i].Data, want, got)
			break
		}
	}
}
