// Package register is a table of functions that a program registers by kind and name, as
// handlers of requests, drivers of databases or spans of its own. Each kind has a [Policy]
// that says which functions are taken, what happens when a name is taken already, and
// whether the program may still register after its initialisation:
//
//	kind         function                                 name is taken      after Freeze
//	HTTPHandler  http.HandlerFunc or its type, exactly    overrides, warns   overrides
//	DBDriver     func(context.Context) error, exactly     is refused         is refused
//	CustomSpan   func() or func(context.Context), any     merges attributes  merges
//	             results
//
// A registry holds one HTTPHandler, whatever its name. [Process] is the registry of the
// process:
//
//	func init() {
//		_, err := register.Process.Register(register.Registration{
//			Kind: register.DBDriver, Name: "orders", Func: ping,
//		})
//		...
//	}
//
//	func main() {
//		register.Process.Freeze()
//		...
//	}
//
// What Register refuses is an error that names the two places in the source, and what it
// overrides is a value, so that the program decides where a warning goes. The command
// loadgen instrument check reports the registrations of constant kind that [Validate] would
// refuse, before the program runs.
//
// # Cost
//
// Lookup is a map access and takes no lock. Register copies the table.
package register

import (
	"cmp"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
)

// A Registration is a function and what is known of it.
type Registration struct {
	Kind Kind
	Name string // not empty
	// Func is the function. The policy of the kind says which types it may have.
	Func any
	// Attributes describe the function. Of two with one key the later one holds.
	Attributes []attribute.KeyValue
	// From is the file:line that registers the function. Register sets it to the place
	// of its caller if it is empty.
	From string
}

// An Override is a registration that took the place of another one.
type Override struct{ Now, Before Registration }

// String returns the override as a warning of one line.
func (o *Override) String() string {
	return fmt.Sprintf("register: %v %q (%s) overrides %q (%s): a program has one",
		o.Now.Kind, o.Now.Name, o.Now.From, o.Before.Name, o.Before.From)
}

// Process is the registry of the process.
var Process = new(Registry)

// A Registry is a table of registrations. Its methods are safe for concurrent use. The
// zero Registry is empty.
type Registry struct {
	mu  sync.Mutex // serialises writers
	now atomic.Pointer[state]
}

// A state is what a registry holds at one time. It is never changed.
type state struct {
	held   map[place]Registration
	counts [kinds]Count // by kind; those of unknown kinds at 0
	frozen string       // file:line that froze the registry; empty if it is not frozen
}

// A place is where a registration is kept: one for each name, or one for all names of a
// kind that has a single registration.
type place struct {
	kind Kind
	name string
}

func (p Policy) place(r Registration) place {
	if p.Single {
		return place{kind: r.Kind}
	}
	return place{r.Kind, r.Name}
}

func (g *Registry) state() *state {
	if s := g.now.Load(); s != nil {
		return s
	}
	return new(state)
}

// Register enters r as the policy of its kind says. If r overrides another registration,
// Register returns both. It returns the errors of [Validate], a [*ConflictError] if the
// name is taken, or a [*FrozenError] if the registry is frozen. An error changes nothing
// but the count of refusals. The registry keeps copies of the attributes.
func (g *Registry) Register(r Registration) (*Override, error) {
	r.From = cmp.Or(r.From, caller())
	invalid := Validate(r)
	g.mu.Lock()
	defer g.mu.Unlock()
	next := *g.state()
	defer func() { g.now.Store(&next) }()
	policy, known := r.Kind.Policy()
	if !known {
		next.counts[0].Refused++
		return nil, invalid
	}
	count := &next.counts[r.Kind]
	err := invalid
	if err == nil {
		err = next.refuses(r, policy)
	}
	if err != nil {
		count.Refused++
		return nil, err
	}
	return next.enter(r, policy), nil
}

// refuses returns why r, which is valid, cannot be entered into s, or nil.
func (s *state) refuses(r Registration, policy Policy) error {
	if policy.Freezes && s.frozen != "" {
		return &FrozenError{Kind: r.Kind, Name: r.Name, From: r.From, Frozen: s.frozen}
	}
	if first, taken := s.held[policy.place(r)]; taken && policy.Conflict == Refuses {
		return &ConflictError{Kind: r.Kind, Name: r.Name, From: r.From, First: first.From}
	}
	return nil
}

// enter enters r into s, with a table of its own.
func (s *state) enter(r Registration, policy Policy) (over *Override) {
	at, count := policy.place(r), &s.counts[r.Kind]
	before, taken := s.held[at]
	attributes := slices.Clone(r.Attributes) // NewSet sorts its arguments
	switch {
	case !taken:
		count.Added++
	case policy.Conflict == Merges:
		count.Merged++
		attributes = slices.Concat(before.Attributes, attributes)
	default:
		count.Overridden++
		over = &Override{Now: r.copied(), Before: before.copied()}
	}
	set := attribute.NewSet(attributes...) // the last value of a key holds
	r.Attributes = set.ToSlice()
	held := make(map[place]Registration, len(s.held)+1)
	maps.Copy(held, s.held)
	held[at] = r
	s.held = held
	return over
}

// Freeze ends the initialisation: from now on, registrations of kinds that freeze are
// refused. The program calls it as the first statement of main, after every init. Only the
// first call has an effect.
func (g *Registry) Freeze() {
	from := caller()
	g.mu.Lock()
	defer g.mu.Unlock()
	if next := *g.state(); next.frozen == "" {
		next.frozen = from
		g.now.Store(&next)
	}
}

// Lookup returns the registration of name, and whether there is one. A kind that has a
// single registration is found by every name.
func (g *Registry) Lookup(kind Kind, name string) (Registration, bool) {
	policy, known := kind.Policy()
	if !known {
		return Registration{}, false
	}
	r, ok := g.state().held[policy.place(Registration{Kind: kind, Name: name})]
	return r.copied(), ok
}

// copied returns r with attributes of its own.
func (r Registration) copied() Registration {
	r.Attributes = slices.Clone(r.Attributes)
	return r
}

// caller returns the file and line of the caller of its caller.
func caller() string {
	_, file, line, ok := runtime.Caller(2)
	if !ok {
		return "unknown"
	}
	return fmt.Sprintf("%s:%d", file, line)
}
