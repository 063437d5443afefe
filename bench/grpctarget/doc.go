// Package grpctarget puts a gRPC service under load: it is a [bench.Target] for unary calls and for streams.
//
//	target, err := grpctarget.Open(ctx, grpctarget.Options{Address: "127.0.0.1:8080", Method: "shop.Orders/Create"})
//	if err != nil { ... }
//	defer target.Close()
//	run := bench.Run{Arrivals: arrivals, Target: target, Workers: target.Workers(), Keys: target.Keys()}
//	record, err := run.Do(ctx)
//
// # Connections
//
// A call has a stream of its own, on a connection which was opened before the schedule began. Each connection
// is one of HTTP/2 and has a client of grpc-go to itself: no name is resolved, no load is balanced and nothing
// is dialed behind our back. With as many workers as [Target.Workers] returns, calls wait in the queue of the
// run, which accounts for the wait. If the server allows fewer streams at once than Options.Streams,
// [Target.Open] uses the server's limit, which it reads from the settings of the connection. A call beyond the
// limit, which grpc-go would let wait unseen, fails with the kind "no-connection".
//
// A call whose connection was lost opens it again, without grpc-go's waits between attempts; that time is part
// of its latency. [Target.Connections] counts what was opened, and how long each phase of it took. A call is
// not sent again when it fails. The exception is a call that the server has not processed: it was not sent, or
// the server went away and says so. Such a call is made once more, and counted as resent if it had been sent;
// its due time stays.
//
// # Calls
//
// The messages of a request are JSON, with the names and rules of protocol buffers. What they mean is in the
// schema: from server reflection (v1, then v1alpha), from .proto files, or from a set of descriptors.
//
// A call of a stream is the whole stream: the client sends [Stream].Send messages, one Every so often, and ends
// its side; it receives messages until the server ends the stream, or it has as many as Receive says and ends
// the stream itself. Methods whose server streams send and receive at the same time. A stream that ends with
// fewer messages than these fails with the kind "check messages". [Target.Streams] counts the messages, and has
// the gaps between those received.
//
// # Latency
//
// A call ends with its status. Its phases are in the record: write (until the first message was handed to the
// connection, with a new connection if it needs one), wait (until the headers of the response, or the status if
// there are none), and read. [Expect] is checked after the end of the call has been noted.
//
// # Failures
//
// Calls fail by kinds, as the constants of package record. A status other than OK is the kind "grpc CODE", such
// as "grpc DeadlineExceeded", whether the server or the client makes it, unless [Expect] says otherwise. Calls
// without an answer whose connection failed have the kind of that: dns, refused, tls-expired, goaway, closed,
// reset and so on. The error of a stream tells how many messages were sent and received. The kinds no-ports,
// no-descriptors and no-connection are failures of the generator, and make the run invalid.
//
// # Templates
//
// Messages and metadata may have placeholders. Their values follow from Options.Seed and the number of the
// call, so call n is the same request in every run with the same seed, byte for byte.
//
//	{{n}}                 the number of the call, from 0
//	{{message}}           the number of the message within the call, from 0
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
// All messages of a call have the same values but for {{message}}, and use the same row of a table. Rows and
// keys are escaped as within a string of JSON; files, variables and texts are not. The address may have
// placeholders that do not change: {{port}}, {{env "HOST"}}.
//
// # Cost
//
// A message without placeholders is encoded once, and sent as bytes; messages received are decoded only if
// [Expect] looks at them. Such a call allocates some 100 times, nearly all of it in grpc-go. A message with
// placeholders is rendered, parsed as JSON and encoded for each call.
package grpctarget
