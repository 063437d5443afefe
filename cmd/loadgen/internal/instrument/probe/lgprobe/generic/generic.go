//go:build go1.18

// Package generic probes handlers in generic code, which does not know that they are handlers.
package generic

import (
	"reflect"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe/lgprobe"
)

// Any returns v, probed if it is a func(). Key is the key it is registered under, of any type; one that is no string
// is not a key of a table of handlers.
func Any[V any](site string, key any, v V) V {
	if f, ok := any(v).(func()); ok {
		if k := reflect.ValueOf(key); k.Kind() == reflect.String {
			return any(lgprobe.W(site, k.String(), f)).(V)
		}
		return v
	}
	r, k := reflect.ValueOf(v), reflect.ValueOf(key)
	if r.Kind() != reflect.Func || r.IsNil() || r.Type().NumIn() > 0 || r.Type().NumOut() > 0 ||
		k.Kind() != reflect.String {
		return v
	}
	f := r.Convert(reflect.TypeOf((func())(nil))).Interface().(func())
	return reflect.ValueOf(lgprobe.W(site, k.String(), f)).Convert(r.Type()).Interface().(V)
}
