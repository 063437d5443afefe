package instrument_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument"
)

// app is a program of several packages that calls each of its handlers once. Its files depend on build tags, the
// operating system, and the race detector.
const app = `
-- go.mod --
module example.com/app

go 1.24
-- loadgen_guard.go --
//go:build trace && !loadgen

package main

var _ = build_with__loadgen_instrument_go_build
-- main.go --
package main

import (
	"fmt"
	"maps"
	"slices"

	"example.com/app/svc"
)

var handlers = map[string]func(){"main": func() { fmt.Println("main") }}

func main() {
	handlers["svc"] = svc.Table["svc"]
	for _, k := range slices.Sorted(maps.Keys(handlers)) {
		handlers[k]()
	}
}
-- main_test.go --
package main

import "testing"

func TestMain(t *testing.T) {
	m := map[string]func(){"test": func() {}}
	m["test"]()
	main()
}
-- windows.go --
package main

func init() { handlers["windows"] = func() {} }
-- race.go --
//go:build race

package main

func init() { handlers["race"] = func() {} }
-- trace.go --
//go:build trace

package main

func init() { handlers["trace"] = func() {} }
-- svc/svc.go --
package svc

import "fmt"

var Table = map[string]func(){"svc": serve}

func serve() { fmt.Println("serve") }
-- svc/svc_test.go --
package svc_test

import (
	"testing"

	"example.com/app/svc"
)

func TestServe(t *testing.T) {
	m := map[string]func(){"external test": svc.Table["svc"]}
	m["external test"]()
}
-- sub/dir/dir.go --
package dir
`

// appModule returns a new module with app.
func appModule(t testing.TB) string {
	t.Helper()
	dir := module(t, app)
	if err := os.Rename(filepath.Join(dir, "windows.go"), filepath.Join(dir, "x_windows.go")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// keysOf returns the keys that probes have counted a call of.
func keysOf(p probes) string {
	keys := map[string]bool{}
	for _, c := range p.Probes {
		if c.Calls > 0 {
			keys[c.Key] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(keys)), " ")
}

// Builds of all kinds have their probes, and leave the source tree as it is.
func TestBuildsOfAllKindsHaveProbes(t *testing.T) {
	dir := appModule(t)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("alt.mod", "module example.com/app\n\ngo 1.24 // the other one") // without a last newline
	before := tree(t, dir)
	for _, c := range []struct{ name, env, dir, args, keys string }{
		{name: "plain", args: ".", keys: "main svc"},
		{name: "a tag", args: "-tags trace .", keys: "main svc trace"},
		{name: "a tag in GOFLAGS", env: "GOFLAGS=-tags=trace", args: ".", keys: "main svc trace"},
		{name: "trimmed paths", args: "-trimpath ./.", keys: "main svc"},
		{name: "a subdirectory", dir: "sub/dir", args: "../..", keys: "main svc"},
		{name: "another directory", dir: "sub", args: "-C .. .", keys: "main svc"},
		{name: "an import path", args: "example.com/app", keys: "main svc"},
		{name: "another go.mod", args: "-modfile=alt.mod .", keys: "main svc"},
		{name: "another go.mod in GOFLAGS", env: "GOFLAGS=-modfile=alt.mod", args: ".", keys: "main svc"},
		{name: "JSON in GOFLAGS", env: "GOFLAGS=-json", args: ".", keys: "main svc"},
		{name: "without workspaces", env: "GOWORK=off", args: ".", keys: "main svc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if name, value, ok := strings.Cut(c.env, "="); ok {
				t.Setenv(name, value)
			}
			on := filepath.Join(t.TempDir(), "on")
			words := append([]string{"build"}, strings.Fields(c.args)...)
			at := 1
			if words[1] == "-C" {
				at = 3
			}
			build(t, filepath.Join(dir, c.dir), slices.Insert(words, at, "-o", on)...).must(t)
			if p, _ := counts(t, on); keysOf(p) != c.keys {
				t.Errorf("probes have counted %q, want %q: %+v", keysOf(p), c.keys, p)
			}
		})
	}
	if tree(t, dir) != before {
		t.Error("the builds have changed the source tree")
	}
}

// The race detector finds nothing in the probes.
func TestTheRaceDetectorFindsNothing(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("no race detector")
	}
	on := filepath.Join(t.TempDir(), "on")
	build(t, appModule(t), "build", "-race", "-o", on, ".").must(t)
	if p, r := counts(t, on); keysOf(p) != "main race svc" || r.code != 0 || r.stderr != "" {
		t.Errorf("%+v %+v", p, r)
	}
}

func TestATargetForAnotherSystemHasItsOwnFiles(t *testing.T) {
	t.Setenv("GOOS", "windows")
	t.Setenv("CGO_ENABLED", "0")
	b := build(t, appModule(t), "build", "-o", filepath.Join(t.TempDir(), "on.exe"), ".").must(t)
	if !slices.Contains(sites(t, b), "x_windows.go:3 windows") {
		t.Errorf("sites %q", sites(t, b))
	}
}

// sites returns where the handlers of a build are, and their keys.
func sites(t testing.TB, b built) (all []string) {
	t.Helper()
	data, err := json.Marshal(b.report)
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Sites []struct {
			File, Key string
			Line      int
		}
	}
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Sites {
		all = append(all, fmt.Sprintf("%s:%d %s", s.File, s.Line, s.Key))
	}
	return all
}

// go test has probes in tests, too, and keeps its cache.
func TestTestsHaveProbes(t *testing.T) {
	dir := appModule(t)
	out := filepath.Join(t.TempDir(), "probes-%p.json")
	t.Setenv("LOADGEN_PROBE_OUT", out)
	b := build(t, dir, "test", "-v", "-run", "Test", "./...").must(t)
	if !strings.Contains(b.output, "--- PASS: TestServe") || !strings.Contains(b.output, "--- PASS: TestMain") {
		t.Error(b.output)
	}
	files, err := filepath.Glob(strings.ReplaceAll(out, "%p", "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("files %q, %v", files, err)
	}
	var all []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		var p probes
		if err == nil {
			err = json.Unmarshal(data, &p)
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, keysOf(p))
	}
	slices.Sort(all)
	// The handler of the external test has a probe already: that of svc.
	if got := strings.Join(all, ", "); got != "main svc test, svc" {
		t.Errorf("probes have counted %q", got)
	}
}

// go run passes its arguments and its exit code on, and so do files in place of packages.
func TestTheExitCodeIsPassedOn(t *testing.T) {
	dir := module(t, `
-- go.mod --
module example.com/exits

go 1.24
-- main.go --
package main

import (
	"fmt"
	"os"
)

func main() { map[string]func(){"exit": func() { fmt.Println(os.Args[1:], arguments()); os.Exit(3) }}["exit"]() }
-- more.go --
package main

import "os"

func arguments() int { return len(os.Args) }
`)
	for _, words := range [][]string{{"run", ".", "-v", "x"}, {"run", "main.go", "more.go", "-v", "x"}} {
		b := build(t, dir, words...)
		var exit *instrument.ExitError
		if !errors.As(b.err, &exit) || exit.Code != 1 || !strings.HasPrefix(b.output, "[-v x] 3\nexit status 3") {
			t.Errorf("%q: %v\n%s", words, b.err, b.output)
		}
	}
	on := filepath.Join(dir, "on")
	build(t, dir, "build", "-o", on, "main.go", "more.go").must(t)
	if p, r := counts(t, on, "a"); r.code != 3 || p.calls("exit") != 1 || p.Probes[0].Ended != 0 {
		t.Errorf("%+v %+v", p, r)
	}
}

// The go command says itself what is wrong with the user's packages, and its exit code is passed on.
func TestErrorsOfTheUsersOwnAreThoseOfTheGoCommand(t *testing.T) {
	dir := module(t, `
-- go.mod --
module example.com/wrong

go 1.24
-- main.go --
package main

func main() { map[string]func(){"a": func() { undefined() }}["a"]() }
-- bad/bad.go --
package bad

func {
`)
	for args, want := range map[string]string{
		"build .":      "./main.go:3:47: undefined: undefined",
		"test .":       "./main.go:3:47: undefined: undefined",
		"build ./bad":  "bad/bad.go:3:6: syntax error",
		"build ./none": "none: directory not found",
	} {
		b := build(t, dir, strings.Fields(args)...)
		var exit *instrument.ExitError
		if !errors.As(b.err, &exit) || exit.Code == 0 || !strings.Contains(b.output, want) {
			t.Errorf("%s: %v, want %q in\n%s", args, b.err, want, b.output)
		}
	}
}

// A second build finds everything in the cache. Without probes, a program has the bytes that it had before.
func TestBuildsAreReproducible(t *testing.T) {
	dir := appModule(t)
	temp := t.TempDir()
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(temp, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	t.Setenv("TMPDIR", t.TempDir())
	goCommand(t, dir, "build", "-o", filepath.Join(temp, "before"), ".")
	build(t, dir, "build", "-o", filepath.Join(temp, "first"), ".").must(t)
	goCommand(t, dir, "build", "-o", filepath.Join(temp, "after"), ".")
	second := build(t, dir, "build", "-x", "-o", filepath.Join(temp, "second"), ".").must(t)
	if compiles := regexp.MustCompile(`(?m)^.*/compile .*$`).FindString(second.output); compiles != "" {
		t.Errorf("the second build compiles: %s", compiles)
	}
	if read("before") != read("after") || read("first") != read("second") {
		t.Error("two builds differ")
	}
	if strings.Contains(read("before"), "lgprobe") || !strings.Contains(read("first"), "lgprobe") {
		t.Error("probes are not in the build that they should be in")
	}
	if strings.Contains(read("first"), "loadgen-instrument-") {
		t.Error("the name of a temporary directory is in the program")
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("the builds have left %v, %v", left, err)
	}
}

// Two builds at once write package lgprobe once.
func TestBuildsAtOnceDoNotDisturbEachOther(t *testing.T) {
	dir, probeDir := appModule(t), t.TempDir()
	var group sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		on := filepath.Join(t.TempDir(), name)
		group.Go(func() {
			o := instrument.Options{Dir: dir, ProbeDir: probeDir}
			if b := buildWith(t, o, "build", "-o", on, "."); b.err != nil {
				t.Errorf("%v\n%s", b.err, b.output)
			}
		})
	}
	group.Wait()
	var left []string
	for _, pattern := range []string{"*/new-*", "*/*/new-*"} {
		files, err := filepath.Glob(filepath.Join(probeDir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, files...)
	}
	if dirs, err := os.ReadDir(probeDir); err != nil || len(dirs) != 1 || len(left) > 0 {
		t.Errorf("directories %v, %v; files %v", dirs, err, left)
	}
}
