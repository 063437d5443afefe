// Package registrations registers functions by kind. A comment at the end of a line is the problem that it has.
package registrations

import (
	"context"
	"net/http"

	"github.com/loadgen-go/loadgen/observable/register"
)

type (
	job   func() int
	alias = func(context.Context) (err error)
	ctx   = context.Context
	reqs  = *http.Request
	row   = register.Registration
)

func serve(w http.ResponseWriter, r *http.Request)   {}
func ping(ctx context.Context) error                 { return nil }
func counted(ctx context.Context) (n int, err error) { return 0, nil }
func two(a, b int)                                   {}
func generic[K ~int](k K, fn any) (r register.Registration) {
	return row{Kind: register.Kind(k), Func: fn}
}

const other register.Kind = 7

var (
	registry register.Registry
	h        http.HandlerFunc = serve
)

func fine(kind register.Kind, fn any) {
	name := "computed"
	for _, r := range []register.Registration{
		{Kind: register.HTTPHandler, Name: "a", Func: serve},
		{Kind: register.HTTPHandler, Name: "b", Func: http.HandlerFunc(serve)},
		{Kind: register.DBDriver, Name: "c", Func: ping},
		{Kind: register.DBDriver, Name: name, Func: alias(ping)},
		{Kind: register.DBDriver, Name: "aliases", Func: func(ctx) error { return nil }},
		{Kind: register.HTTPHandler, Name: "aliases", Func: func(http.ResponseWriter, reqs) {}},
		{Kind: register.CustomSpan, Name: "aliases", Func: func(c ctx) (ctx, func()) { return c, nil }},
		{register.CustomSpan, "d", func() {}, nil, ""},
		{Kind: register.CustomSpan, Name: "e", Func: job(nil)},
		{Kind: kind, Name: "f", Func: two},
		{Kind: register.CustomSpan, Name: "g", Func: fn},
		{Kind: 9, Name: "h"}, //loadgen:skip
		{Name: "i"},
		{},
	} {
		registry.Register(r)
	}
	registry.Register(row{Kind: register.CustomSpan, Name: "k", Func: counted})
}

func wrong() {
	_ = []row{
		{Kind: 9, Name: "a", Func: ping},                       // the registration "a" has the unknown kind 9
		{Kind: other, Func: ping},                              // the registration has the unknown kind 7
		{Kind: register.HTTPHandler, Name: "b", Func: ping},    // HTTP handler "b" is func(context.Context) error
		{Kind: register.DBDriver, Name: "c", Func: h},          // DB driver "c" is net/http.HandlerFunc
		{Kind: register.CustomSpan, Name: "d", Func: two},      // custom span "d" is func(int, int)
		{Kind: register.CustomSpan, Name: "e", Func: nil},      // custom span "e" is nil
		{Kind: register.CustomSpan, Name: "f", Func: 7},        // custom span "f" is int
		{Kind: register.CustomSpan, Name: "", Func: func() {}}, // a registration has no name
		{0, "g", ping, nil, ""},                                // the registration "g" has the unknown kind 0
	}
	registry.Register(row{Kind: register.DBDriver, Name: "h"})      // DB driver "h" is nil
	_ = register.Validate(row{Kind: register.DBDriver, Func: ping}) // a registration has no name
	register.Process.Register(row{Name: "i", Func: ping})           // the registration "i" has the unknown kind 0
}
