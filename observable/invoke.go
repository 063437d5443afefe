package observable

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"sync"
	"sync/atomic"
)

// Methods is a table of typed methods by their full name, such as
// UserService.Create, each with interceptors that may change while calls run. Its
// functions are safe for concurrent use; the zero Methods is empty.
//
// Like a [Map], it is never changed in place, so that a call takes no lock.
type Methods struct {
	mu    sync.Mutex // serialises RegisterMethod
	table atomic.Pointer[map[string]registered]
}

// A Method is what is invoked. It may be called by many goroutines at once.
type Method[Req, Resp any] func(ctx context.Context, req Req) (Resp, error)

// An Interceptor runs in the place of a method. To run what it stands before, it
// calls next: with another context or request, several times, or not at all.
type Interceptor[Req, Resp any] func(ctx context.Context, req Req, next Method[Req, Resp]) (Resp, error)

// registered is a method of whichever types.
type registered interface {
	origin() string          // file:line that registered it
	signature() reflect.Type // of a Method
	restore()                // takes the interceptors away
}

type method[Req, Resp any] struct {
	from     string
	original Method[Req, Resp]
	run      atomic.Pointer[Method[Req, Resp]] // the original, or what is before it
}

func (m *method[Req, Resp]) origin() string          { return m.from }
func (m *method[Req, Resp]) signature() reflect.Type { return reflect.TypeFor[Method[Req, Resp]]() }
func (m *method[Req, Resp]) restore()                { m.run.Store(&m.original) }

// RegisterMethod adds fn under a name. A name that is taken is a
// [*DuplicateKeyError], a nil fn a [*NilFuncError].
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

// methods is the table as it is now. It must not be changed.
func (t *Methods) methods() map[string]registered {
	if table := t.table.Load(); table != nil {
		return *table
	}
	return nil
}

// find is the method of a name, if it has these types.
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

// Intercept puts interceptors before the method of a name, in the place of those
// that were there. The first is the outermost: it is entered first and left last.
// Calls that have begun keep the interceptors they began with; those that begin
// after Intercept returned have the new ones. No interceptors are as
// [Methods.Restore].
//
// The error is that of [Invoke] for an unknown name or other types, or a
// [*NilFuncError]; nothing has changed then.
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

func before[Req, Resp any](i Interceptor[Req, Resp], next Method[Req, Resp]) Method[Req, Resp] {
	return func(ctx context.Context, req Req) (Resp, error) { return i(ctx, req, next) }
}

// Restore takes the interceptors of a name away, so that calls run the original
// method again. A name that nobody registered is an [*UnknownKeyError].
func (t *Methods) Restore(name string) error {
	m, ok := t.methods()[name]
	if !ok {
		return &UnknownKeyError{Key: name}
	}
	m.restore()
	return nil
}

// Invoke calls the method of a name through its interceptors, or by itself if it
// has none. A name that nobody registered is an [*UnknownKeyError], a method of
// other types a [*MethodTypeError]: types have to be those of RegisterMethod, an
// interface does not stand for what implements it. All else is what the method
// returns; a panic passes through.
//
// It takes no lock and allocates nothing, with interceptors or without.
func Invoke[Req, Resp any](ctx context.Context, t *Methods, name string, req Req) (Resp, error) {
	m, err := find[Req, Resp](t, name)
	if err != nil {
		var none Resp
		return none, err
	}
	return (*m.run.Load())(ctx, req)
}

// MethodTypeError is the use of a method with types that it does not have.
type MethodTypeError struct {
	Name string
	Have reflect.Type // the method as it was registered
	Want reflect.Type // the method as it was asked for
	From string       // file:line of the registration
}

func (e *MethodTypeError) Error() string {
	return fmt.Sprintf("observable: the method %q is a %v (%s), and was used as a %v", e.Name, e.Have, e.From, e.Want)
}
