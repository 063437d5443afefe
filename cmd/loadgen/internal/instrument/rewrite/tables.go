package rewrite

import (
	"go/types"
)

// core returns the underlying type of t; of a type parameter, the one that all types of its set have, or the type
// parameter itself if they have none in common.
func core(t types.Type) types.Type {
	p, ok := types.Unalias(t).(*types.TypeParam)
	if !ok {
		return t.Underlying()
	}
	i, ok := p.Constraint().Underlying().(*types.Interface)
	if !ok {
		return p
	}
	if common := coreOf(i); common != nil {
		return common
	}
	return p
}

// coreOf returns the underlying type that all types of an interface's set have, or nil.
func coreOf(i *types.Interface) (common types.Type) {
	agree := func(t types.Type) bool {
		if common == nil {
			common = t
		}
		return t != nil && types.Identical(common, t)
	}
	for n := range i.NumEmbeddeds() {
		switch e := types.Unalias(i.EmbeddedType(n)).(type) {
		case *types.Union:
			for k := range e.Len() {
				if !agree(e.Term(k).Type().Underlying()) {
					return nil
				}
			}
		default:
			inner, ok := e.Underlying().(*types.Interface)
			switch {
			case !ok && !agree(e.Underlying()):
				return nil
			case ok && (inner.NumEmbeddeds() > 0 && !agree(coreOf(inner))):
				return nil
			}
		}
	}
	return common
}

// isTypeParam reports whether t is a type parameter.
func isTypeParam(t types.Type) bool {
	_, ok := types.Unalias(t).(*types.TypeParam)
	return ok
}

// isHandler reports whether the values of t are of the type func().
func isHandler(t types.Type) bool {
	s, ok := core(t).(*types.Signature)
	return ok && s.Params().Len() == 0 && s.Results().Len() == 0
}

// isString reports whether the values of t are strings.
func isString(t types.Type) bool {
	b, ok := core(t).(*types.Basic)
	return ok && b.Info()&types.IsString != 0
}

// A class says whether a type is a table of handlers.
type class int

const (
	no      class = iota
	yes           // a map[string]func()
	perhaps       // a map whose elements are of a type parameter that may stand for func()
)

// classify returns the class of t, and its map type, which is nil if t is no map.
func classify(t types.Type) (class, *types.Map) {
	if t == nil {
		return no, nil
	}
	m, ok := core(t).(*types.Map)
	switch {
	case !ok:
		return no, nil
	case isString(m.Key()) && isHandler(m.Elem()):
		return yes, m
	case isTypeParam(core(m.Elem())) && (isString(m.Key()) || isTypeParam(m.Key())):
		return perhaps, m
	}
	return no, m
}

// innermost returns the type of what t holds at last: t itself, or of the elements of pointers, slices, arrays, and
// maps of maps. Of a type that holds itself, it returns t.
func innermost(t types.Type) types.Type {
	inner, seen := t, map[types.Type]bool{}
	for !seen[inner] {
		seen[inner] = true
		switch u := inner.Underlying().(type) {
		case *types.Pointer:
			inner = u.Elem()
		case *types.Slice:
			inner = u.Elem()
		case *types.Array:
			inner = u.Elem()
		case *types.Map:
			switch u.Elem().Underlying().(type) {
			case *types.Pointer, *types.Slice, *types.Array, *types.Map:
				inner = u.Elem()
			default:
				return inner
			}
		default:
			return inner
		}
	}
	return t
}
