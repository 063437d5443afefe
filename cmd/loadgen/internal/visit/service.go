package visit

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// callService opens the connections to the service of a scenario, puts it under load, and closes them.
func callService(ctx context.Context, req *Request, l loading) (*results.Visit, error) {
	s := req.Scenario
	options := serviceOptions(s, req.Seed)
	target, err := openService(ctx, options)
	if err != nil {
		return nil, err
	}
	defer target.Close()
	if err := enoughRows(s, target, req.Cell.Level); err != nil {
		return nil, err
	}
	if err := enoughConnections(s, target); err != nil {
		return nil, err
	}
	l.target, l.keys = target, target.Keys()
	if s.KeysOf(req.Cell.Level) != nil { // a replay names the request of each call
		if _, l.keys, err = s.Schedule(req.Cell.Level, req.Seed); err != nil {
			return nil, err
		}
	}
	l.workers = min(target.Workers(), bench.MaxWorkers)
	l.mostWorkers = min(target.MaxWorkers(), bench.MaxWorkers)
	l.local = IsLocal(&options)
	l.numberFrom, l.first = target.NumberFrom, uint64(len(target.Names())) // after those of FirstAnswers
	v, err := l.measure(ctx)
	if err != nil {
		return nil, err
	}
	connections := target.Connections()
	v.Connections = &connections
	return v, nil
}

// openService returns a service whose connections are open. Its error says what to do.
func openService(ctx context.Context, options httptarget.Options) (*httptarget.Target, error) {
	target, err := httptarget.New(options)
	if err != nil {
		return nil, err
	}
	if err := target.Open(ctx); err != nil {
		target.Close()
		advice := remedy(record.KindOf(err))
		if options.UnixSocket != "" && ctx.Err() == nil {
			advice = ": start the service, or correct the path of its socket (--unix-socket)"
		}
		return nil, fmt.Errorf("%s cannot be called: %s%s", options.URL,
			strings.TrimPrefix(err.Error(), "httptarget: "), advice)
	}
	return target, nil
}

// A FirstAnswer is the answer to the first request of a kind. Err is why it is not as expected; nil if it is.
type FirstAnswer struct {
	Request string
	httptarget.Answer
	Err error
}

// FirstAnswers sends one request of each kind to the service of a scenario, over one connection.
func FirstAnswers(ctx context.Context, s *scenarios.Scenario) (answers []FirstAnswer, err error) {
	options := serviceOptions(s, s.Seed)
	options.Connections, options.MaxConnections = 1, 1
	target, err := openService(ctx, options)
	if err != nil {
		return nil, err
	}
	defer target.Close()
	for n, name := range target.Names() {
		answer, err := target.Try(ctx, name, uint64(n))
		answers = append(answers, FirstAnswer{Request: name, Answer: answer, Err: err})
	}
	return answers, ctx.Err()
}

// remedies are what to do about connections that cannot be opened, by the kind of the failure.
var remedies = map[string]string{
	record.KindDNS:            "correct the host of the URL, or give its address with --resolve (http.resolve)",
	record.KindRefused:        "start the service, or correct the host and the port of the URL",
	record.KindConnectTimeout: "check that a firewall lets connections through, or raise http.timeout.connect",
	record.KindTLSExpired:     "renew the certificate, or accept any with --insecure (http.tls.insecure)",
	record.KindTLSAuthority: "name its certificate authority, or a certificate that it signed itself, with --ca " +
		"(http.tls.ca), or accept any with --insecure",
	record.KindTLSName: "correct the host of the URL, give http.tls.serverName, or accept any with --insecure",
	record.KindTLSHandshake: "check that the port is one for https://, and that the server speaks the protocol " +
		"(--http) and accepts the certificate of --cert (http.tls.cert)",
	record.KindNoPorts:       "use fewer connections, or another address of the service",
	record.KindNoDescriptors: "use fewer connections, or raise the limit of open files (ulimit -n)",
	record.KindCanceled:      "",
}

// remedy returns what to do about a failure, with the punctuation before it.
func remedy(kind string) string {
	text, known := remedies[kind]
	if !known {
		text = "check the URL, the protocol (--http), and the log of the service"
	}
	if text == "" {
		return ""
	}
	return ": " + text
}

// IsLocal reports whether a service has a loopback address, or a socket of this machine. It does not look up hosts.
func IsLocal(o *httptarget.Options) bool {
	if o.UnixSocket != "" {
		return true
	}
	u, err := url.Parse(o.URL)
	if err != nil {
		return false
	}
	host := u.Hostname()
	for from, to := range o.Resolve {
		if name, _, err := net.SplitHostPort(from); from == host || err == nil && name == host {
			host = to
			if name, _, err := net.SplitHostPort(to); err == nil {
				host = name
			}
			break
		}
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}
