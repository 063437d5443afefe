package lgprobe_test

import (
	"flag"
	"maps"
	"os"
	"runtime"
	"testing"
	"unsafe"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe/lgprobe"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe/lgprobe/generic"
)

// A watcher keeps the entries that are registered with it, and counts the calls that it sees.
type watcher struct {
	entries              []*lgprobe.Entry
	begun, ended, failed int
}

func (w *watcher) Register(e *lgprobe.Entry) any { w.entries = append(w.entries, e); return e }
func (w *watcher) Begin(handle any, n int64) any {
	w.begun++
	if begun, _, _, _ := handle.(*lgprobe.Entry).Counts(); begun != n {
		panic("the call has the number of another one")
	}
	return handle
}
func (w *watcher) End(handle, state any, n int64, ok bool) {
	w.ended++
	if _, ended, _, _ := handle.(*lgprobe.Entry).Counts(); ended != n {
		panic("the call that has ended has the number of another one")
	}
	if !ok {
		w.failed++
	}
	if state != handle {
		panic("the state is that of another call")
	}
}

// seen is the only observer of this process: there is no way to remove one.
var seen = &watcher{}

// Benchmarks have no observer.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() == "" {
		lgprobe.Observe(seen)
	}
	os.Exit(m.Run())
}

// entry returns the entry that was registered with a key.
func entry(t *testing.T, key string) (found *lgprobe.Entry) {
	t.Helper()
	for _, e := range seen.entries {
		if e.Key == key && found != nil {
			t.Fatalf("two entries have the key %q", key)
		} else if e.Key == key {
			found = e
		}
	}
	if found == nil {
		t.Fatalf("no entry has the key %q", key)
	}
	return found
}

// A tally is what was counted before a test, by entry: entries stay for as long as the process does, so a test that is
// run again finds its own.
type tally map[*lgprobe.Entry][3]int64

// newTally returns what has been counted so far.
func newTally() tally {
	before := tally{}
	for _, e := range seen.entries {
		b, n, x, _ := e.Counts()
		before[e] = [3]int64{b, n, x}
	}
	return before
}

// want checks what the entry with a key has counted since.
func (before tally) want(t *testing.T, key string, begun, ended, broken int64) {
	t.Helper()
	found := entry(t, key)
	b, e, x, _ := found.Counts()
	was := before[found]
	if b, e, x = b-was[0], e-was[1], x-was[2]; b != begun || e != ended || x != broken {
		t.Errorf("%s: %d calls began, %d ended, %d of them broken: want %d, %d and %d", key, b, e, x, begun, ended,
			broken)
	}
}

func TestNilStaysNil(t *testing.T) {
	if lgprobe.W("nil", "nil", nil) != nil {
		t.Error("nil was wrapped")
	}
	type named func()
	if generic.Any("nil", "k", named(nil)) != nil {
		t.Error("nil of a named type was wrapped")
	}
}

// A copy is counted as what it is a copy of.
func TestAFunctionIsProbedOnce(t *testing.T) {
	before := newTally()
	n := 0
	m := map[string]func(){"first": lgprobe.W("once", "once", func() { n++ })}
	c := maps.Clone(m)
	c["copy"] = lgprobe.W("once", "copy of once", m["first"])
	lgprobe.Set("once", c, "set", m["first"])
	c["copy"]()
	c["set"]()
	before.want(t, "once", 2, 2, 0)
	if n != 2 {
		t.Errorf("%d calls", n)
	}
	for _, e := range seen.entries {
		if e.Key == "copy of once" || e.Key == "set" {
			t.Errorf("the copy has an entry: %q", e.Key)
		}
	}
}

// What is registered again at the same place under the same key goes on to count in the same entry.
func TestARegistrationMayBeRepeated(t *testing.T) {
	before := newTally()
	for range 3 {
		lgprobe.W("again", "again", func() {})()
	}
	before.want(t, "again", 3, 3, 0)
}

var insideEntry = lgprobe.Entry{Site: "inside", Key: "inside"}

// inside returns a function literal as package rewrite writes it.
func inside(f func()) func() {
	return lgprobe.L(&insideEntry, func() {
		var run lgprobe.Run
		run.Begin(&insideEntry)
		defer run.End()
		f()
		run.OK()
	})
}

// One literal is evaluated often, and is never wrapped.
func TestALiteralIsCountedInside(t *testing.T) {
	before := newTally()
	a, b := inside(func() {}), inside(func() {})
	lgprobe.W("x", "copy of inside", a)()
	b()
	before.want(t, "inside", 2, 2, 0)
	for _, e := range seen.entries {
		if e.Key == "copy of inside" {
			t.Error("the copy has an entry")
		}
	}
}

func TestPanicsAndGoexitsAreBroken(t *testing.T) {
	before := newTally()
	f := lgprobe.W("broken", "broken", func() { panic("it") })
	func() {
		defer func() {
			if recover() != "it" {
				t.Error("the panic is lost")
			}
		}()
		f()
	}()
	before.want(t, "broken", 1, 1, 1)
	done := make(chan bool)
	g := lgprobe.W("goexit", "goexit", runtime.Goexit)
	go func() {
		defer close(done)
		g()
	}()
	<-done
	before.want(t, "goexit", 1, 1, 1)
}

// A call that does not return, as that of os.Exit, has begun.
func TestACallInFlightIsCounted(t *testing.T) {
	before := newTally()
	lgprobe.W("flight", "flight", func() { before.want(t, "flight", 1, 0, 0) })()
	before.want(t, "flight", 1, 1, 0)
}

func TestObserversSeeEveryCall(t *testing.T) {
	before := *seen
	f := lgprobe.W("seen", "seen", func() {})
	f()
	f()
	func() {
		defer func() { _ = recover() }()
		lgprobe.W("seen", "fails", func() { panic(1) })()
	}()
	begun, ended, failed := seen.begun-before.begun, seen.ended-before.ended, seen.failed-before.failed
	if begun != 3 || ended != 3 || failed != 1 {
		t.Errorf("%d, %d, %d", begun, ended, failed)
	}
}

type key string

type handler func()

func TestGenericHandlersAreProbedIfTheyAreHandlers(t *testing.T) {
	before := newTally()
	n := 0
	generic.Any("generic", "plain", func() { n++ })()
	generic.Any("generic", key("of named types"), handler(func() { n++ }))()
	if generic.Any("generic", 1, 2) != 2 || generic.Any("generic", "k", "v") != "v" {
		t.Error("a value that is no handler has changed")
	}
	generic.Any("generic", 1, func() { n++ })()
	generic.Any("generic", 2, handler(func() { n++ }))()
	generic.Any("generic", "k", func(int) { n++ })(1)
	before.want(t, "plain", 1, 1, 0)
	before.want(t, "of named types", 1, 1, 0)
	if n != 5 {
		t.Errorf("%d calls", n)
	}
}

func TestKeysOfNamedTypesAndOtherProbes(t *testing.T) {
	before := newTally()
	m := map[key]handler{}
	lgprobe.Set("set", m, key("named"), func() {})
	m["named"]()
	before.want(t, lgprobe.S(key("named")), 1, 1, 0)
	var keys []string
	with := func(key string, next func(int)) func(int) { keys = append(keys, key); return next }
	ints := map[string]func(int){}
	lgprobe.With(ints, with)("with", func(int) {})
	if len(keys) != 1 || keys[0] != "with" || ints["with"] == nil {
		t.Errorf("keys %q", keys)
	}
}

// A probe costs no allocation, with a clock or without, and with an observer.
func TestACallAllocatesNothing(t *testing.T) {
	now := int64(0)
	around := lgprobe.W("allocations", "allocations", func() {})
	literal := inside(func() {})
	check := func() {
		t.Helper()
		if n := testing.AllocsPerRun(100, around); n != 0 {
			t.Errorf("%v allocations around", n)
		}
		if n := testing.AllocsPerRun(100, literal); n != 0 {
			t.Errorf("%v allocations inside", n)
		}
	}
	check()
	lgprobe.SetClock(func() int64 { now += 5; return now })
	check()
	_, _, _, before := entry(t, "allocations").Counts()
	around()
	around()
	if _, _, _, after := entry(t, "allocations").Counts(); after-before != 10 {
		t.Errorf("two calls of 5 ns each took %d ns", after-before)
	}
}

// With an observer, somebody asks for the counts.
func TestProbesAreNotIdleIfThereIsAnObserver(t *testing.T) {
	before := newTally()
	lgprobe.Idle()
	lgprobe.W("idle", "idle", func() {})()
	before.want(t, "idle", 1, 1, 0)
}

func TestFlushCallsTheFunctionThatIsSet(t *testing.T) {
	lgprobe.Flush()
	n := 0
	lgprobe.OnFlush(func() { n++ })
	lgprobe.Flush()
	if n != 1 {
		t.Errorf("%d calls", n)
	}
}

// A program may have many handlers: to mark one more does not copy what is known of the others.
func TestMarkingALiteralDoesNotCopyTheOthers(t *testing.T) {
	const n = 10_000
	code := make([]uintptr, 2*n) // as of so many literals; nobody calls them
	entries := make([]lgprobe.Entry, 2*n)
	next := 0
	mark := func() {
		closure := &code[next]
		*closure = uintptr(1 + next)
		lgprobe.L(&entries[next], *(*func())(unsafe.Pointer(&closure)))
		next++
	}
	for range n {
		mark()
	}
	if allocs := testing.AllocsPerRun(n-2, mark); allocs > 1 {
		t.Errorf("%v allocations to mark one more", allocs)
	}
}
