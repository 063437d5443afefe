package instrument_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument"
)

// A plain build with the tag of the guard fails; one with probes does not.
func TestTheGuardWantsProbes(t *testing.T) {
	dir := appModule(t)
	guard := filepath.Join(dir, instrument.GuardFile)
	if err := os.Remove(guard); err != nil {
		t.Fatal(err)
	}
	for _, existed := range []bool{false, true} {
		path, was, err := instrument.Guard(t.Context(), dir, "trace")
		if err != nil || was != existed || path != guard {
			t.Errorf("Guard = %s, %t, %v", path, was, err)
		}
	}
	plain := exec.Command("go", "build", "-tags=trace", "-o", os.DevNull, ".")
	plain.Dir = dir
	out, err := plain.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "undefined: build_with__loadgen_instrument_go_build") {
		t.Errorf("%v\n%s", err, out)
	}
	build(t, dir, "build", "-tags=trace", "-o", filepath.Join(t.TempDir(), "on"), ".").must(t)
	for _, c := range []struct{ dir, tag, want string }{
		{dir, "probes", "exists, and has another text"},
		{dir, "a,b", `"a,b" is no build tag that can be guarded`},
		{dir, "loadgen", `"loadgen" is no build tag`},
		{t.TempDir(), "trace", "go.mod file not found"},
	} {
		_, _, err := instrument.Guard(t.Context(), c.dir, c.tag)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.tag, err, c.want)
		}
	}
}

// Tables are chosen by their name, and by marks.
func TestTablesAreSelected(t *testing.T) {
	dir := module(t, `
-- go.mod --
module example.com/chosen

go 1.24
-- a.go --
package chosen

//loadgen:probe
var marked = map[string]func(){"marked": func() {}}

var plain = map[string]func(){"plain": func() {}}

type server struct {
	handlers map[string]func()
	cancels  map[string]func()
}

func (s *server) fill() { s.handlers["handler"] = s.fill; s.cancels["cancel"] = s.fill }
`)
	for _, c := range []struct {
		name   string
		o      instrument.Options
		sites  string
		others int
	}{
		{"all", instrument.Options{}, "a.go:4 marked, a.go:6 plain, a.go:13 handler, a.go:13 cancel", 0},
		{"marked", instrument.Options{Marked: true}, "a.go:4 marked", 3},
		{"by name", instrument.Options{Tables: regexp.MustCompile(`server\.handlers$`)}, "a.go:13 handler", 3},
		{"none", instrument.Options{Tables: regexp.MustCompile(`^$`)}, "", 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Dir = dir
			b := buildWith(t, c.o, "build", ".").must(t)
			if got := strings.Join(sites(t, b), ", "); got != c.sites || len(b.report.Others) != c.others {
				t.Errorf("handlers %q, and %d others", got, len(b.report.Others))
			}
		})
	}
}

// Nothing is built if one handler cannot have a probe; all problems are reported, sorted.
func TestNothingIsBuiltIfAHandlerCannotHaveAProbe(t *testing.T) {
	dir := module(t, `
-- go.mod --
module example.com/problems

go 1.24
-- b.go --
package main

var other = map[string]func(){}

func main() { var ok bool; other["x"], ok = <-make(chan func()); _ = ok } //loadgen:skp
-- a/a.go --
package a

var Table = map[string]func(){"a": rec}

func rec() { recover() }
-- c.go --
package main

import "example.com/problems/a"

//loadgen:probe
var table = map[string]func(int){}

var _ = a.Table
`)
	on := filepath.Join(t.TempDir(), "on")
	b := build(t, dir, "build", "-o", on, ".")
	if b.err != nil || len(b.report.Problems) != 4 || b.output != "" {
		t.Errorf("%v %s", b.err, b.output)
	}
	if _, err := os.Stat(on); err == nil {
		t.Error("something was built")
	}
	var at []string
	for line := range strings.Lines(b.report.ProblemText()) {
		if !strings.HasPrefix(line, "\thint: ") {
			place, _, _ := strings.Cut(line, ": ")
			at = append(at, filepath.ToSlash(place))
		}
	}
	if got := strings.Join(at, " "); got != "a/a.go:3:36 b.go:5:28 b.go:5:75 c.go:6:5" {
		t.Errorf("problems at %s\n%s", got, b.report.ProblemText())
	}
}
