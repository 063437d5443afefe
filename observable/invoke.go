package observable

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"sync"
	"sync/atomic"
)

// Methods is a table of typed methods by full name, such as UserService.Create, each
// with interceptors that may change while calls run. All its functions and methods are
// safe for concurrent use. The zero Methods is empty.
//
// Like the table of a [Map], the table is never changed in place, so a call takes no
// lock.
type Methods struct {
	mu    sync.Mutex // serialises RegisterMethod
	table atomic.Pointer[map[string]registered]
}

// A Method is a function that [Invoke] calls. It may be called by many goroutines at once.
type Method[Req, Resp any] func(ctx context.Context, req Req) (Resp, error)

// An Interceptor runs in the place of a method. It calls next to run the method, or the
// interceptor after it. It may pass another context or request, and may call next several
// times or not at all.
type Interceptor[Req, Resp any] func(ctx context.Context, req Req, next Method[Req, Resp]) (Resp, error)

// registered is a [method] of any types.
type registered interface {
	origin() string          // returns the file:line of the registration
	signature() reflect.Type // returns the type of the Method
	restore()                // removes the interceptors
}

type method[Req, Resp any] struct {
	from     string
	original Method[Req, Resp]
	run      atomic.Pointer[Method[Req, Resp]] // the original, or the outermost interceptor
}

func (m *method[Req, Resp]) origin() string          { return m.from }
func (m *method[Req, Resp]) signature() reflect.Type { return reflect.TypeFor[Method[Req, Resp]]() }
func (m *method[Req, Resp]) restore()                { m.run.Store(&m.original) }

// RegisterMethod adds fn under name. It returns a [*DuplicateKeyError] if name is
// registered already, and a [*NilFuncError] if fn is nil.
func RegisterMethod[Req, Resp any](t *Methods, name string, fn Method[Req, Resp]) error {
	m := &method[Req, Resp]{from: caller(2), original: fn}
	if fn == nil {
		return &NilFuncError{Key: name, From: m.from}
	}
	m.restore()
	t.mu.Lock()
	defer t.mu.Unlock()
	if first, ok := t.methods()[name]; ok {
		return &DuplicateKeyError{Key: name, From: m.from, First: first.origin()}
	}
	table := map[string]registered{name: m}
	maps.Copy(table, t.methods())
	t.table.Store(&table)
	return nil
}

// methods returns the current table, which must not be changed.
func (t *Methods) methods() map[string]registered {
	if table := t.table.Load(); table != nil {
		return *table
	}
	return nil
}

// find returns the method of name, or an error if there is none or it has other types.
func find[Req, Resp any](t *Methods, name string) (*method[Req, Resp], error) {
	found, ok := t.methods()[name]
	if !ok {
		return nil, &UnknownKeyError{Key: name}
	}
	m, ok := found.(*method[Req, Resp])
	if !ok {
		return nil, &MethodTypeError{
			Name: name,
			Have: found.signature(),
			Want: reflect.TypeFor[Method[Req, Resp]](),
			From: found.origin(),
		}
	}
	return m, nil
}

// Intercept sets the interceptors of the method name, and drops the previous ones. The
// first is the outermost: it is entered first and left last. Calls that have begun keep
// the previous interceptors; calls that begin after Intercept has returned run the new
// ones. Without interceptors, Intercept does the same as [Methods.Restore].
//
// If name is unknown or has other types, Intercept returns the same error as [Invoke]. If
// an interceptor is nil, it returns a [*NilFuncError]. In both cases nothing has changed.
func Intercept[Req, Resp any](t *Methods, name string, interceptors ...Interceptor[Req, Resp]) error {
	m, err := find[Req, Resp](t, name)
	if err != nil {
		return err
	}
	run := m.original
	for i := len(interceptors) - 1; i >= 0; i-- {
		if interceptors[i] == nil {
			return &NilFuncError{Key: name, From: caller(2)}
		}
		run = before(interceptors[i], run)
	}
	m.run.Store(&run)
	return nil
}

// before returns a method that runs i, with next as the method after it.

func before[Req, Resp any](i Interceptor[Req, Resp], next Method[Req, Resp]) Method[Req, Resp] {
	return func(ctx context.Context, req Req) (Resp, error) { return i(ctx, req, next) }
}

// Restore removes the interceptors of name, so that calls run the original method again.
// It returns an [*UnknownKeyError] if name is not registered.
func (t *Methods) Restore(name string) error {
	m, ok := t.methods()[name]
	if !ok {
		return &UnknownKeyError{Key: name}
	}
	m.restore()
	return nil
}

// Invoke calls the method name through its interceptors. It returns an [*UnknownKeyError]
// if name is not registered, and a [*MethodTypeError] if the method has other types. The
// types must be identical with the types of RegisterMethod: an interface does not match
// a type that implements it. Otherwise Invoke returns what the method returns. A panic
// passes through.
//
// Invoke takes no lock and allocates nothing, with interceptors or without.
func Invoke[Req, Resp any](ctx context.Context, t *Methods, name string, req Req) (Resp, error) {
	m, err := find[Req, Resp](t, name)
	if err != nil {
		var none Resp
		return none, err
	}
	return (*m.run.Load())(ctx, req)
}

// MethodTypeError reports that a method was used with types other than its own.
type MethodTypeError struct {
	Name string
	Have reflect.Type // the type of the registered method
	Want reflect.Type // the type it was used with
	From string       // file:line of the registration
}

func (e *MethodTypeError) Error() string {
	return fmt.Sprintf("observable: the method %q has the type %v (registered at %s), but was used with %v",
		e.Name, e.Have, e.From, e.Want)
}
