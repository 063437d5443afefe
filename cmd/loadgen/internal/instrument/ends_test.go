package instrument_test

import (
	"path/filepath"
	"testing"
)

// A call is broken if a panic or runtime.Goexit leaves the handler, whatever the functions do that it defers, and
// whether a panic is under way when it is called. The key of each handler says how many of its two calls are.
func TestCallsAreBrokenThatDoNotReturn(t *testing.T) {
	dir := module(t, `
-- go.mod --
module example.com/ends

go 1.24
-- main.go --
package main

import (
	"runtime"
)

var table = map[string]func(){
	"0 fine":                 func() { defer clean() },
	"0 recovers":             func() { defer func() { recover() }(); panic("it") },
	"0 recovers elsewhere":   func() { defer clean(); panic("it") },
	"0 recovers in a loop":   func() { for range 3 { defer clean() }; var m map[int]int; m[1] = 1 },
	"0 recovers and is done": func() { defer func() { if recover() == nil { panic("no") }; func() { return }() }(); panic(1) },
	"2 panics within":        func() { func() { defer func() { panic(recover()) }(); panic(1) }() },
	"2 panics":               func() { panic("it") },
	"2 panics, defers":       func() { defer func() {}(); panic("it") },
	"2 panics again":         func() { defer func() { recover(); panic("new") }(); panic("it") },
	"2 panics at the end":    func() { defer func() { panic("it") }(); return },
	"2 exits":                func() { runtime.Goexit() },
	"2 exits at the end":     func() { defer func() { runtime.Goexit() }() },
	"2 exits, recovers":      func() { defer runtime.Goexit(); defer clean(); panic("it") },
	"0 around":               around,
	"2 around":               broken,
}

func clean() { recover() }

func around() { defer clean(); panic("it") }

func broken() { defer func() { panic("it") }() }

func call(f func()) {
	done := make(chan bool)
	go func() {
		defer close(done)
		defer func() { recover() }()
		f()
	}()
	<-done
}

func main() {
	for _, f := range table {
		call(f)
		call(func() { defer f(); panic("under way") })
	}
}
`)
	on := filepath.Join(dir, "on")
	for _, flag := range []string{"-v", "-gcflags=-N -l"} {
		build(t, dir, "build", flag, "-o", on).must(t)
		p, r := counts(t, on)
		if r.code != 0 || len(p.Probes) != 15 {
			t.Fatalf("%+v %+v", p, r)
		}
		for _, c := range p.Probes {
			if c.Calls != 2 || c.Ended != 2 || c.Broken != int(c.Key[0]-'0') {
				t.Errorf("with %s %+v", flag, c)
			}
		}
	}
}
