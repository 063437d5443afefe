package visit

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/dial"
	"github.com/loadgen-go/loadgen/bench/grpctarget"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A Client calls a service. It is a target of package httptarget or of package grpctarget.
type Client interface {
	bench.Timed
	numbered
	connected
	sized
	located
}

// A numbered client makes other requests from call to call, of one kind or of several.
type numbered interface {
	NumberFrom(first uint64)
	Names() []string
	Keys() schedule.Keys
}

// A connected client has connections.
type connected interface {
	Open(ctx context.Context) error
	Connections() dial.Connections
	Close()
}

// A sized client says how many calls it can make, at once and in all.
type sized interface {
	Workers() int
	MaxWorkers() int
	UsedOnce() (file string, rows uint64)
}

// A located client says where its service is.
type located interface {
	Local() bool
	Addresses(ctx context.Context) (int, error)
}

var (
	_ Client = (*httptarget.Target)(nil)
	_ Client = (*grpctarget.Target)(nil)
)

// NewClient returns the client of a service, without connections. It must be closed after use.
func NewClient(c scenarios.Called) (Client, error) {
	if c.GRPC != nil {
		t, err := grpctarget.New(*c.GRPC)
		if err != nil { // a nil pointer is no nil Client
			return nil, err
		}
		return t, nil
	}
	t, err := httptarget.New(*c.HTTP)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// calledWith returns the options of the client of the service of a scenario, for a seed. The timeout of the scenario
// replaces the default of the service, which may be shorter, and bounds the first requests too.
func calledWith(s *scenarios.Scenario, seed uint64) scenarios.Called {
	c := s.Called()
	if o := c.HTTP; o != nil {
		o.Seed = seed
		o.Timeout.Total = cmp.Or(o.Timeout.Total, s.Timeout)
	}
	if o := c.GRPC; o != nil {
		o.Seed = seed
		o.Deadline = cmp.Or(o.Deadline, s.Timeout)
	}
	return c
}

// openClient returns the client of a service, whose connections are open. Its error says what to do.
func openClient(ctx context.Context, c scenarios.Called) (Client, error) {
	client, err := NewClient(c)
	if err != nil {
		return nil, err
	}
	if err := client.Open(ctx); err != nil {
		client.Close()
		advice := remedy(c, record.KindOf(err))
		return nil, fmt.Errorf("%s cannot be called: %s%s", c.URL(),
			strings.ReplaceAll(err.Error(), c.Target()+"target: ", ""), advice)
	}
	return client, nil
}

// tryFirst makes call n of the request with a name, and returns its answer.
func tryFirst(ctx context.Context, client Client, name string, n uint64) FirstAnswer {
	a := FirstAnswer{Request: name}
	switch t := client.(type) {
	case *httptarget.Target:
		var answer httptarget.Answer
		answer, a.Err = t.Try(ctx, name, n)
		a.HTTP = &answer
	case *grpctarget.Target:
		var answer grpctarget.Answer
		answer, a.Err = t.Try(ctx, name, n)
		a.GRPC = &answer
	}
	return a
}

// streamsOf returns the account of the messages of streams of a client, or nil if there were none.
func streamsOf(client Client) *grpctarget.Streams {
	t, ok := client.(*grpctarget.Target)
	if !ok {
		return nil
	}
	streams := t.Streams()
	if streams.Sent+streams.Received == 0 {
		return nil
	}
	return &streams
}

// remedies are what to do about connections that cannot be opened, by the kind of the failure. TARGET stands for the
// field of the service.
var remedies = map[string]string{
	record.KindDNS:            "correct the host of the URL, or give its address with --resolve (TARGET.resolve)",
	record.KindRefused:        "start the service, or correct the host and the port of the URL",
	record.KindConnectTimeout: "check that a firewall lets connections through, or raise http.timeout.connect",
	record.KindTLSExpired:     "renew the certificate, or accept any with --insecure (TARGET.tls.insecure)",
	record.KindTLSAuthority: "name its certificate authority, or a certificate that it signed itself, with --ca " +
		"(TARGET.tls.ca), or accept any with --insecure",
	record.KindTLSName: "correct the host of the URL, give TARGET.tls.serverName, or accept any with --insecure",
	record.KindTLSHandshake: "check that the port is one for https://, and that the server speaks the protocol " +
		"(--http) and accepts the certificate of --cert (http.tls.cert)",
	record.KindNoPorts:       "use fewer connections, or another address of the service",
	record.KindNoDescriptors: "use fewer connections, or raise the limit of open files (ulimit -n)",
	record.KindCanceled:      "",
	record.KindNoRequest:     "", // the error says what was wanted
}

// grpcRemedies replace those of [remedies] for gRPC.
var grpcRemedies = map[string]string{
	record.KindConnectTimeout: "check that a firewall lets connections through, or raise grpc.connectTimeout",
	record.KindTLSHandshake: "check that the port is one for grpcs://, and that the server accepts the certificate " +
		"of --cert (grpc.tls.cert)",
	record.KindClosed: "check that the port is one of gRPC, and that the server has TLS if the address begins with " +
		"grpcs://, and otherwise none",
	record.KindMalformed:               "check that the port is one of gRPC",
	record.KindGRPC + " Unimplemented": "on the command line, these are --proto FILE and --protoset FILE",
	record.KindGRPC + " Unavailable":   "check that the service is ready, in its log",
}

// remedy returns what to do about a failure, with the punctuation before it.
func remedy(c scenarios.Called, kind string) string {
	text, known := remedies[kind]
	if own, ok := grpcRemedies[kind]; ok && c.GRPC != nil {
		text, known = own, true
	}
	switch {
	case c.Socket() && kind != record.KindCanceled && kind != record.KindNoRequest &&
		!strings.HasPrefix(kind, record.KindGRPC+" "):
		text = "start the service, or correct the path of its socket (--unix-socket)"
	case !known && c.GRPC != nil:
		text = "check the address, and the log of the service"
	case !known:
		text = "check the URL, the protocol (--http), and the log of the service"
	}
	if text == "" {
		return ""
	}
	return ": " + strings.ReplaceAll(text, "TARGET.", c.Target()+".")
}
