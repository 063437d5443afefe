package obsgin

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel"
)

// mostHandlers is how many handlers Gin can call for one request.
const mostHandlers = 62

// An interior is what an engine does not export.
type interior struct {
	pool  *sync.Pool    // of contexts; the first request calls its New before it looks for a route
	trees reflect.Value // the slice of the trees of all methods
}

// open returns the interior of an engine. If the engine is not built as obsgin knows it, open returns an error.
func open(engine *gin.Engine) (*interior, error) {
	v := reflect.ValueOf(engine).Elem()
	pool, err := field[sync.Pool](v, "pool")
	if err != nil {
		return nil, err
	}
	trees := v.FieldByName("trees")
	if err := knownTrees(trees); err != nil {
		return nil, err
	}
	return &interior{pool, trees}, nil
}

// knownTrees returns an error if trees is not a slice of trees as obsgin knows them.
func knownTrees(trees reflect.Value) error {
	if !trees.IsValid() || trees.Kind() != reflect.Slice || trees.Type().Elem().Kind() != reflect.Struct {
		return unknownGin("Engine.trees")
	}
	root, ok := trees.Type().Elem().FieldByName("root")
	if !ok || root.Type.Kind() != reflect.Pointer || root.Type.Elem().Kind() != reflect.Struct {
		return unknownGin("methodTree.root")
	}
	// A node of nobody tells whether all nodes have the fields.
	node := reflect.New(root.Type.Elem()).Elem()
	if children := node.FieldByName("children"); !children.IsValid() || children.Type() != reflect.SliceOf(root.Type) {
		return unknownGin("node.children")
	}
	if _, err := field[string](node, "fullPath"); err != nil {
		return err
	}
	_, err := field[gin.HandlersChain](node, "handlers")
	return err
}

// field returns a field of a struct, which must be addressable. It returns an error if there is none of the type.
func field[T any](v reflect.Value, name string) (*T, error) {
	f := v.FieldByName(name)
	if !f.IsValid() || f.Type() != reflect.TypeFor[T]() {
		return nil, unknownGin(v.Type().Name() + "." + name)
	}
	return (*T)(unsafe.Pointer(f.UnsafeAddr())), nil
}

// unknownGin returns the error about a field that is missing or has another type.
func unknownGin(what string) error {
	return fmt.Errorf("obsgin: Gin %s keeps its routes in an unknown way (%s): want a version up to v1.12, or "+
		"engine.Use with obsgin.Middleware, before routes are registered", gin.Version, what)
}

// beforeServing has f called once, before the first request looks for its route.
func (i *interior) beforeServing(f func()) {
	var once sync.Once
	original := i.pool.New
	// Every context comes from here or was put back by a request that has ended, so no request runs during f.
	i.pool.New = func() any {
		once.Do(f)
		return original()
	}
}

// chains calls f with the handlers of each route.
func (i *interior) chains(f func(path string, chain *gin.HandlersChain)) {
	for t := range i.trees.Len() {
		visit(i.trees.Index(t).FieldByName("root"), f)
	}
}

// visit calls f with the handlers of each route below a node.
func visit(pointer reflect.Value, f func(path string, chain *gin.HandlersChain)) {
	if pointer.IsNil() {
		return
	}
	node := pointer.Elem()
	// Function open has checked both fields.
	chain, _ := field[gin.HandlersChain](node, "handlers")
	path, _ := field[string](node, "fullPath")
	if len(*chain) > 0 {
		f(*path, chain)
	}
	children := node.FieldByName("children")
	for c := range children.Len() {
		visit(children.Index(c), f)
	}
}

// enter puts the handlers of o into the handlers of each route, and reads the settings of the engine.
func (o *observer) enter(i *interior) {
	for _, name := range o.engine.RemoteIPHeaders {
		o.proxied = append(o.proxied, http.CanonicalHeaderKey(name))
	}
	i.chains(func(path string, chain *gin.HandlersChain) {
		with := slices.Clone(*chain)
		if !isOurs(with[0]) {
			with = slices.Insert(with, 0, o.observe)
		}
		last := len(with) - 1
		for n, h := range with[:last] {
			if n > 0 && h != nil {
				with[n] = watch(h)
			}
		}
		with = slices.Insert(with, last, watchNext)
		if len(with) > mostHandlers {
			otel.Handle(fmt.Errorf("obsgin: the route %s has %d handlers: want at most %d, or it is not observed",
				path, len(*chain), mostHandlers-2))
			return
		}
		*chain = with
	})
}

// isOurs reports whether a handler is the method observe of an observer.
func isOurs(h gin.HandlerFunc) bool {
	return h != nil && reflect.ValueOf(h).Pointer() == observeCode
}

// observeCode is where the code of the method observe is, which all observers share.
var observeCode = reflect.ValueOf(gin.HandlerFunc((*observer)(nil).observe)).Pointer()

// know makes the keys of routes, so that those that are never called are known too.
func (o *observer) know(routes gin.RoutesInfo) {
	for _, r := range routes {
		// Gin drops the backslash of a colon that is no parameter when it begins to serve.
		o.routeOf(r.Method, strings.ReplaceAll(r.Path, `\:`, ":"))
	}
}

// A table is a map that grows and is read without a lock.
type table[K comparable, V any] struct {
	mu   sync.Mutex // serialises writers
	rows atomic.Pointer[map[K]V]
}

// get returns the value of a key. If there is none, it is made by make.
func (t *table[K, V]) get(key K, make func() V) V {
	if rows := t.rows.Load(); rows != nil {
		if v, ok := (*rows)[key]; ok {
			return v
		}
	}
	return t.grow(key, make)
}

// grow adds a key, unless it has been added meanwhile, and returns its value.
func (t *table[K, V]) grow(key K, make func() V) V {
	t.mu.Lock()
	defer t.mu.Unlock()
	rows := map[K]V{}
	if now := t.rows.Load(); now != nil {
		if v, ok := (*now)[key]; ok {
			return v
		}
		for k, v := range *now {
			rows[k] = v
		}
	}
	v := make()
	rows[key] = v
	t.rows.Store(&rows)
	return v
}
