package visit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// callService puts the service of a scenario under load. It starts the service before, and stops it after, if the
// scenario says how.
func callService(ctx context.Context, req *Request, l loading) (v *results.Visit, err error) {
	options := serviceOptions(req.Scenario, req.Seed)
	if req.Scenario.Service == nil {
		return callAt(ctx, req, options, l)
	}
	up, err := startService(ctx, req.Scenario, req.Cell, req.Provided, req.Log)
	if err != nil {
		return nil, err
	}
	alive, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // a service that is gone answers no more calls
		select {
		case <-up.Gone():
			cancel(up.Err())
		case <-alive.Done():
		}
	}()
	l.up = up
	if v, err = up.load(alive, req, options, l); err != nil {
		_, stopErr := up.Stop(ctx)
		return nil, errors.Join(err, stopErr, up.closeSink(ctx))
	}
	gone := up.Err()
	calls := v.Warmup + v.Record.Done + v.Record.Failed + v.Connections.Resent
	cost, doubts, err := up.stop(ctx, calls)
	v.Service, v.Verdict = cost, append(v.Verdict, doubts...)
	if gone != nil {
		v.Error = fmt.Sprintf("service-gone: %v\nIt was sent %s before", gone, format.Plural(int(calls), "call"))
	}
	if err = errors.Join(err, up.errUnless(gone)); err != nil { // what was measured is kept beside the error
		v.Error = strings.TrimPrefix(v.Error+"\n"+err.Error(), "\n")
	}
	return v, nil
}

// errUnless returns what went wrong at the beginning and the end of the load, unless it is that the service was gone.
func (up *started) errUnless(gone error) error {
	if gone != nil {
		return nil
	}
	return up.err
}

// load confines this process, measures the service without load, and then puts it under load.
func (up *started) load(ctx context.Context, req *Request, options httptarget.Options, l loading) (
	*results.Visit, error) {
	options, err := up.addressed(options)
	if err != nil {
		return nil, err
	}
	if len(up.generator) > 0 {
		if err := up.generator.Confine(); err != nil {
			return nil, err
		}
	}
	if idle := req.Scenario.Service.IdleTime(); idle > 0 {
		if err := up.Idle(ctx, idle); err != nil {
			return nil, err
		}
	}
	return callAt(ctx, req, options, l)
}

// callAt opens the connections to a service, puts it under load, and closes them.
func callAt(ctx context.Context, req *Request, options httptarget.Options, l loading) (*results.Visit, error) {
	s := req.Scenario
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
	Arm     string // of the service that was started; "" if it has none
	Request string
	httptarget.Answer
	Err error
}

// FirstAnswers sends one request of each kind to the service of a scenario, over one connection. It starts and stops
// each arm of a service before.
func FirstAnswers(ctx context.Context, s *scenarios.Scenario, p Provided) (answers []FirstAnswer, err error) {
	if s.Service == nil {
		return firstAnswers(ctx, serviceOptions(s, s.Seed))
	}
	seen := map[string]bool{}
	for _, c := range s.Cells() {
		arm := c.Value(scenarios.ServiceArm)
		if seen[arm] {
			continue
		}
		seen[arm] = true
		of, err := firstAnswersOf(ctx, s, c, p)
		for _, a := range of {
			a.Arm = arm
			answers = append(answers, a)
		}
		if err != nil {
			return answers, err
		}
	}
	return answers, nil
}

// firstAnswersOf starts the service of a cell, sends one request of each kind to it, and stops it.
func firstAnswersOf(ctx context.Context, s *scenarios.Scenario, c scenarios.Cell, p Provided) (answers []FirstAnswer,
	err error) {
	up, err := startService(ctx, s, c, p, "")
	if err != nil {
		return nil, err
	}
	options, err := up.addressed(serviceOptions(s, s.Seed))
	if err == nil {
		answers, err = firstAnswers(ctx, options)
	}
	_, stopErr := up.Stop(ctx)
	return answers, errors.Join(err, stopErr, up.closeSink(ctx))
}

// firstAnswers sends one request of each kind to a service that runs.
func firstAnswers(ctx context.Context, options httptarget.Options) (answers []FirstAnswer, err error) {
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
