// Package httptarget puts an HTTP service under load: it is a [bench.Target] for HTTP/1.1, HTTP/2 over TLS, and
// HTTP/2 without TLS (h2c).
//
//	target, err := httptarget.Open(ctx, httptarget.Options{URL: "http://127.0.0.1:8080/path"})
//	if err != nil { ... }
//	defer target.Close()
//	run := bench.Run{Arrivals: arrivals, Target: target, Workers: target.Workers(), Keys: target.Keys()}
//	record, err := run.Do(ctx)
//
// # Connections
//
// A call has a connection of its own (with HTTP/2, a stream of one), which was opened before the schedule
// began. There is no pool in which calls could wait unseen: with as many workers as [Target.Workers]
// returns, calls wait in the queue of the run, which accounts for the wait. A call whose connection was
// lost opens it again; that time is part of its latency. [Target.Connections] counts what was opened, and
// how long each phase of it took.
//
// A server may close a kept connection just when a request is sent. If the method of the request is
// idempotent and no byte of an answer came, the request is sent again, once, and counted as resent; its
// due time stays. Another request fails with the kind "closed-idle", and is never sent twice.
//
// # Latency
//
// A call ends with the last byte of the body, which is always read. Its phases are in the record:
// write (until the request is sent, with a new connection if it needs one), wait (until the first byte
// of the response), and read. [Expect] is checked after the end of the call has been noted.
//
// # Failures
//
// Calls fail by kinds, as the constants of package record: dns, refused, reset, header-timeout,
// short-body and so on. A status of 400 or more fails the call with the kind "status NNN", unless
// [Expect] says otherwise; a redirect is an answer unless Options.Redirects follows it. The kinds
// no-ports, no-descriptors and no-connection are failures of the generator, and make the run invalid.
//
// # Templates
//
// Paths, headers and bodies may have placeholders. Their values follow from Options.Seed and the number of
// the call, so call n is the same request in every run with the same seed.
//
//	{{n}}                 the number of the call, from 0 or from [Target.NumberFrom]
//	{{key}}               the name of the request
//	{{uuid}}              a random UUID
//	{{int 1 100}}         a random whole number from 1 to 100
//	{{row.id}}            column id of a row of the only table in Options.Data
//	{{row.users.id}}      column id of a row of the table users
//	{{env "TOKEN"}}       an environment variable, read by New
//	{{file "name"}}       the content of a file, read by New
//	{{port}}              a variable in Options.Vars
//	{{"{{"}}              the text {{
//
// All placeholders of a call use the same row of a table. In a path, values are percent-encoded.
//
// # Cost
//
// HTTP/1.1 has connections of our own and the codec of github.com/valyala/fasthttp for responses: a call whose
// request never changes allocates nothing. HTTP/2 is net/http's [net/http.ClientConn].
package httptarget
