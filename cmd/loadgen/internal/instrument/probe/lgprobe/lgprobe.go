//go:build go1.18

// Package lgprobe counts and times the calls of handlers. The command `loadgen instrument` adds it to a build. No
// program imports it by itself.
//
// It imports no package that has anything to initialize, not even package runtime, and has no such variables either.
// So the packages that import it are initialized in the same order as without it. Package live, below this one, has
// the clock and the output; the overlay imports it in package main.
//
// Two forms of probes exist. [L] marks a function literal that begins and ends an [Entry] by itself. [W] wraps any
// other function, which adds a frame to its stack. Neither probes a function twice.
package lgprobe

import (
	"sync/atomic"
	"unsafe"
)

// An Entry is the account of the handlers that are registered at one place under one key.
type Entry struct {
	Site, Key string // where the handler is registered, as in example.com/app/svc.go:14, and its key

	known                       atomic.Bool    // it is in the list of entries
	code                        atomic.Uintptr // of the literal that L has marked last for it
	begun, ended, broken, nanos atomic.Int64
	handles                     [mostObservers]any // what the observers have returned
	next                        *Entry
}

// Counts returns how many calls have begun and ended, how many of the latter ended in a panic or in runtime.Goexit,
// and how many nanoseconds those that ended took.
func (e *Entry) Counts() (begun, ended, broken, nanos int64) {
	broken, ended, nanos = e.broken.Load(), e.ended.Load(), e.nanos.Load()
	return e.begun.Load(), ended, broken, nanos
}

// An Observer is called before and after each call of a handler, by many goroutines at once.
type Observer interface {
	// Register is called once for each entry, before its first call. The calls pass on what it returns.
	Register(e *Entry) (handle any)
	// Begin is called in the goroutine of the nth call.
	Begin(handle any, n int64) (state any)
	// End is called after a call, the nth that has ended, with the result of Begin. Without ok, the call ended in a
	// panic or in runtime.Goexit.
	End(handle, state any, n int64, ok bool)
}

// mostObservers is how many observers a program may have.
const mostObservers = 2

// All variables are zero when the program starts.
var (
	lock      atomic.Bool // guards entries, wrapped and inside
	queue     atomic.Pointer[Locker]
	entries   *Entry
	wrapped   map[place]*Entry
	inside    map[uintptr]bool // the code of literals that L has marked
	wrapper   atomic.Uintptr   // the code of the closure that wrap returns
	clock     atomic.Pointer[func() int64]
	unwinding atomic.Pointer[func() bool]
	observers atomic.Pointer[[]Observer] // never changed in place
	idle      atomic.Bool                // the counts are not read
	flush     atomic.Pointer[func()]
)

// A place is where a handler is registered, and its key.
type place struct{ site, key string }

// A Locker is a [sync.Mutex].
type Locker interface {
	Lock()
	Unlock()
}

// SetQueue sets what goroutines wait for that register handlers at once. Until then they spin.
func SetQueue(l Locker) { queue.Store(&l) }

// acquire waits for the lock, which is held while a handler is registered, and returns what release needs. Packages
// sync and runtime have to be initialized, and a channel belongs to the bubble of testing/synctest that it was made
// in. So acquire spins as long as the program has no queue: where the runtime cannot interrupt a goroutine that spins,
// as with GODEBUG=asyncpreemptoff=1 or in WebAssembly, only a queue lets the holder go on for sure.
func acquire() (held *Locker) {
	if held = queue.Load(); held != nil {
		(*held).Lock()
	}
	for !lock.CompareAndSwap(false, true) {
		pause(1)
	}
	return held
}

// pause is a call that the runtime can interrupt a goroutine at.
//
//go:noinline
func pause(n int) {
	if n > 0 {
		pause(n - 1)
	}
}

func release(held *Locker) {
	lock.Store(false)
	if held != nil {
		(*held).Unlock()
	}
}

// Idle stops the counting of calls, unless there is an observer. From then on, a call costs a comparison.
func Idle() {
	held := acquire()
	defer release(held)
	idle.Store(observers.Load() == nil)
}

// OnFlush sets the function that Flush calls.
func OnFlush(f func()) { flush.Store(&f) }

// Flush writes all counts. It is deferred in function main.
func Flush() {
	if f := flush.Load(); f != nil {
		(*f)()
	}
}

// SetClock sets the function that returns the nanoseconds since some instant. Calls before are counted, not timed.
func SetClock(now func() int64) { clock.Store(&now) }

// Observe adds an observer, and registers all entries with it. It panics if there are too many observers.
func Observe(o Observer) {
	held := acquire()
	defer release(held)
	var all []Observer
	if p := observers.Load(); p != nil {
		all = append(all, *p...)
	}
	if all = append(all, o); len(all) > mostObservers {
		panic("lgprobe: there are too many observers")
	}
	var known []*Entry
	for e := entries; e != nil; e = e.next {
		known = append(known, e)
	}
	for i := len(known) - 1; i >= 0; i-- { // in the order of registration
		known[i].handles[len(all)-1] = o.Register(known[i])
	}
	observers.Store(&all)
	idle.Store(false)
}

// register adds e to the list of entries, and to the observers. The caller holds the lock.
func register(e *Entry) {
	if e.known.Load() {
		return
	}
	e.next, entries = entries, e
	if all := observers.Load(); all != nil {
		for i, o := range *all {
			e.handles[i] = o.Register(e)
		}
	}
	e.known.Store(true)
}

// L marks f, which is a function literal that is probed from inside, and returns it. So a copy of f is not probed
// again.
func L(e *Entry, f func()) func() {
	code := codeOf(f)
	if e.code.Load() == code {
		return f
	}
	held := acquire()
	defer release(held)
	register(e)
	if inside == nil {
		inside = map[uintptr]bool{}
	}
	inside[code] = true
	e.code.Store(code)
	return f
}

// W returns f probed from outside. Nil stays nil, and a function that is probed already stays as it is.
func W(site, key string, f func()) func() {
	if f == nil {
		return nil
	}
	code := codeOf(f)
	if code == wrapper.Load() {
		return f
	}
	e := wrappedAt(place{site, key}, code)
	if e == nil {
		return f
	}
	w := wrap(e, f)
	wrapper.Store(codeOf(w))
	return w
}

// wrappedAt returns the entry of functions that are wrapped at a place, or nil if L has marked the code of the one to
// be wrapped.
func wrappedAt(at place, code uintptr) *Entry {
	held := acquire()
	defer release(held)
	if inside[code] {
		return nil
	}
	e := wrapped[at]
	if e == nil {
		if wrapped == nil {
			wrapped = map[place]*Entry{}
		}
		e = &Entry{Site: at.site, Key: at.key}
		wrapped[at] = e
		register(e)
	}
	return e
}

// wrap is not inlined, so that all closures have the same code.
//
//go:noinline
func wrap(e *Entry, f func()) func() {
	return func() {
		var r Run
		r.Begin(e)
		defer r.End()
		f()
		r.OK()
	}
}

// codeOf returns the address of the code of f, as reflect.Value.Pointer does. A func is a pointer to a closure, which
// begins with that address.
func codeOf(f func()) uintptr { return **(**uintptr)(unsafe.Pointer(&f)) }

// A Run is one call of a handler. It is a variable of the handler, which its methods fill in: to return and copy one
// would take as long as a third of a clock read.
type Run struct {
	e      *Entry // nil: the call is not counted
	begun  int64  // on the clock; -1: there was none
	ok     bool
	seen   *[]Observer // those that saw it begin
	states [mostObservers]any
}

// Begin begins a call, with a zero Run. A call that ends the process, as os.Exit does, is counted, too.
func (r *Run) Begin(e *Entry) {
	if idle.Load() {
		return
	}
	n := e.begun.Add(1)
	r.e, r.begun = e, -1
	if seen := observers.Load(); seen != nil {
		r.seen = seen
		r.observe(n)
	}
	if now := clock.Load(); now != nil {
		r.begun = (*now)()
	}
}

func (r *Run) observe(n int64) {
	if !r.e.known.Load() {
		held := acquire()
		register(r.e)
		release(held)
	}
	for i, o := range *r.seen {
		r.states[i] = o.Begin(r.e.handles[i], n)
	}
}

// OK says that the handler returns. Without it, the call ends in a panic or in runtime.Goexit.
func (r *Run) OK() { r.ok = true }

// SetUnwinding sets the function that reports whether a panic or runtime.Goexit runs the deferred function that calls
// its caller.
func SetUnwinding(f func() bool) { unwinding.Store(&f) }

// EndLast ends a call of a handler that defers functions of its own, which have run before. They may have recovered
// from a panic, or have begun one after OK.
func (r *Run) EndLast() {
	if f := unwinding.Load(); f != nil && r.e != nil {
		r.ok = !(*f)()
	}
	r.End()
}

// End ends a call.
func (r *Run) End() {
	if r.e == nil {
		return
	}
	if now := clock.Load(); now != nil && r.begun >= 0 {
		if took := (*now)() - r.begun; took > 0 {
			r.e.nanos.Add(took)
		}
	}
	if !r.ok {
		r.e.broken.Add(1)
	}
	n := r.e.ended.Add(1)
	if r.seen != nil {
		for i, o := range *r.seen {
			o.End(r.e.handles[i], r.states[i], n, r.ok)
		}
	}
}

// S returns the string that a key is.
func S[K ~string](k K) string { return string(k) }

// Set assigns f, probed, to m[k]. It is for keys that must not be evaluated twice. G is the type of f, which may
// differ from F in its name.
func Set[M ~map[K]F, K ~string, F, G ~func()](site string, m M, k K, f G) {
	m[k] = F(W(site, string(k), f))
}

// With returns a function that assigns to m[k] what with makes of f.
func With[M ~map[K]F, K ~string, F any](m M, with func(string, F) F) func(k K, f F) {
	return func(k K, f F) { m[k] = with(string(k), f) }
}

// Each calls f with every entry.
func Each(f func(e *Entry)) {
	held := acquire()
	defer release(held)
	for e := entries; e != nil; e = e.next {
		f(e)
	}
}
