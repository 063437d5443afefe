package register

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Validate returns everything for which [Registry.Register] would refuse r, whatever the
// registry holds: a [*KindError], a [*NameError], a [*TypeError], an
// [*AttributeError], or several of them, joined.
func Validate(r Registration) error {
	var wrong []error
	policy, known := r.Kind.Policy()
	if !known {
		wrong = append(wrong, &KindError{Kind: r.Kind, Name: r.Name, From: r.From})
	}
	if r.Name == "" {
		wrong = append(wrong, &NameError{Kind: r.Kind, From: r.From})
	}
	if known && !policy.takes(r.Func) {
		wrong = append(wrong, &TypeError{
			Kind: r.Kind, Name: r.Name, From: r.From, Type: describe(r.Func), Want: policy.Wants(),
		})
	}
	for _, a := range r.Attributes {
		if a.Key == "" {
			wrong = append(wrong, &AttributeError{Kind: r.Kind, Name: r.Name, From: r.From, Value: a.Value.String()})
		}
	}
	return errors.Join(wrong...)
}

func (p Policy) takes(fn any) bool {
	v := reflect.ValueOf(fn)
	if v.Kind() != reflect.Func || v.IsNil() {
		return false
	}
	return p.Takes(written(v.Type()), signature(v.Type()))
}

// describe returns the type of fn as errors say it.
func describe(fn any) string {
	v := reflect.ValueOf(fn)
	switch {
	case !v.IsValid():
		return "nil"
	case v.Kind() == reflect.Func && v.IsNil():
		return "a nil " + written(v.Type())
	}
	return written(v.Type())
}

// written returns t with the paths of packages, as policies write types. Types that stand in
// no policy are written as package reflect does, which is no less different.
func written(t reflect.Type) string {
	switch {
	case t.PkgPath() != "":
		return t.PkgPath() + "." + t.Name()
	case t.Name() == "" && t.Kind() == reflect.Func:
		return signature(t)
	case t.Name() == "" && t.Kind() == reflect.Pointer:
		return "*" + written(t.Elem())
	}
	return t.String()
}

// signature returns the underlying type of t, a type of functions.
func signature(t reflect.Type) string {
	var in, out []string
	for p := range t.Ins() {
		in = append(in, written(p))
	}
	if t.IsVariadic() {
		in[len(in)-1] = "..." + written(t.In(t.NumIn()-1).Elem())
	}
	for r := range t.Outs() {
		out = append(out, written(r))
	}
	s := "func(" + strings.Join(in, ", ") + ")"
	switch len(out) {
	case 0:
		return s
	case 1:
		return s + " " + out[0]
	}
	return s + " (" + strings.Join(out, ", ") + ")"
}

// A KindError reports a registration of an unknown kind.
type KindError struct {
	Kind Kind
	Name string
	From string // file:line of the registration
}

func (e *KindError) Error() string {
	return fmt.Sprintf("register: %q has the unknown kind %d: want HTTPHandler, DBDriver or CustomSpan (%s)",
		e.Name, int(e.Kind), e.From)
}

// A NameError reports a registration without a name.
type NameError struct {
	Kind Kind
	From string // file:line of the registration
}

func (e *NameError) Error() string {
	return fmt.Sprintf("register: a registration of kind %v has no name: want one (%s)", e.Kind, e.From)
}

// A TypeError reports a function of a type that the policy of its kind does not take.
type TypeError struct {
	Kind Kind
	Name string
	From string // file:line of the registration
	Type string // of the function; "nil" or "a nil ..." without one
	Want string
}

func (e *TypeError) Error() string {
	return fmt.Sprintf("register: %v %q is %s: want %s (%s)", e.Kind, e.Name, e.Type, e.Want, e.From)
}

// An AttributeError reports an attribute without a key.
type AttributeError struct {
	Kind  Kind
	Name  string
	From  string // file:line of the registration
	Value string
}

func (e *AttributeError) Error() string {
	return fmt.Sprintf("register: %v %q has an attribute without a key, %s (%s)", e.Kind, e.Name, e.Value, e.From)
}

// A ConflictError reports that a name of a kind that refuses conflicts is taken.
type ConflictError struct {
	Kind  Kind
	Name  string
	From  string // file:line of this registration
	First string // file:line of the registration that holds
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("register: %v %q is registered already: choose another name (%s, first at %s)",
		e.Kind, e.Name, e.From, e.First)
}

// A FrozenError reports a registration after the initialisation of a program.
type FrozenError struct {
	Kind   Kind
	Name   string
	From   string // file:line of the registration
	Frozen string // file:line that froze the registry
}

func (e *FrozenError) Error() string {
	return fmt.Sprintf("register: %v %q comes after the initialisation: register it in an init or before Freeze "+
		"(%s, frozen at %s)", e.Kind, e.Name, e.From, e.Frozen)
}
