package service

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

const (
	probePause = 10 * time.Millisecond // from one probe to the next
	probeTime  = 5 * time.Second       // a probe that takes longer is made again
)

// A probe asks a service whether it is ready.
type probe struct {
	name string // what is asked, for messages
	port uint16 // the port that answers on this machine, or 0 if it is not known
	ask  func(context.Context) error
}

// errHopeless is wrapped by errors of a probe that asking again does not change.
var errHopeless = errors.New("want another way to find out that it is ready")

// probe returns the probe of the options.
func (o *Options) probe(n *names, log *log) (*probe, error) {
	port := uint16(n.port)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(n.port))
	switch r := o.Ready; {
	case r.LogLine != nil:
		return &probe{fmt.Sprintf("a line of output that matches %q", r.LogLine), 0, log.ask}, nil
	case r.GRPC != nil:
		return &probe{"the gRPC health service at " + address, port, func(ctx context.Context) error {
			return askGRPC(ctx, address, *r.GRPC)
		}}, nil
	case r.HTTP == "":
		return &probe{"a TCP connection to " + address, port, func(ctx context.Context) error {
			return askTCP(ctx, address)
		}}, nil
	}
	target, err := o.readyURL(n)
	if err != nil {
		return nil, err
	}
	return &probe{"GET " + target, localPort(target), func(ctx context.Context) error {
		return askHTTP(ctx, target)
	}}, nil
}

// readyURL returns the URL that Ready.HTTP stands for.
func (o *Options) readyURL(n *names) (string, error) {
	target, err := n.expand(o.Ready.HTTP)
	if strings.HasPrefix(target, "/") {
		target = fmt.Sprintf("http://127.0.0.1:%d%s", n.port, target)
	}
	return target, err
}

// localPort returns the port of a URL on this machine, or 0 for one on another.
func localPort(target string) uint16 {
	u, err := url.Parse(target)
	if err != nil {
		return 0
	}
	if ip, err := netip.ParseAddr(u.Hostname()); u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
		return 0
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return 0
	}
	return uint16(port)
}

// awaitReady returns when the service is ready, and its port is its own.
func (s *Service) awaitReady(ctx context.Context, n *names) error {
	probe, err := s.options.probe(n, s.process.log)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, s.options.timeout())
	defer cancel()
	go func() { // a probe of a process that has ended need not time out
		select {
		case <-s.process.exited:
			cancel()
		case <-within.Done():
		}
	}()
	err = probe.repeat(within)
	switch {
	case err == nil:
		return s.checkPort(probe, n)
	case s.process.hasEnded():
		return s.process.endedByItself()
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, errHopeless):
		return fmt.Errorf("%w; %s", err, s.process.log.quote())
	}
	return fmt.Errorf("it is not ready after %s: %s: %w%s; %s", format.Duration(s.options.timeout()), probe.name, err,
		s.elsewhere(probe, n), s.process.log.quote())
}

// repeat asks until there is an answer, and returns the last error if there is none before the deadline of ctx.
func (p *probe) repeat(ctx context.Context) error {
	tick := time.NewTicker(probePause)
	defer tick.Stop()
	last := errors.New("none so far")
	for {
		once, cancel := context.WithTimeout(ctx, probeTime)
		err := p.ask(once)
		cancel()
		if err == nil || errors.Is(err, errHopeless) {
			return err
		}
		if deadline, _ := ctx.Deadline(); ctx.Err() == nil && time.Until(deadline) > 0 {
			last = err // it does not only tell that there is no more time
		}
		select {
		case <-ctx.Done():
			return last
		case <-tick.C:
		}
	}
}

// ask returns nil once a line of the output has matched.
func (l *log) ask(ctx context.Context) error {
	select {
	case <-l.matched:
		return nil
	case <-ctx.Done():
		return errors.New("there is none")
	}
}

// askTCP opens a connection.
func askTCP(ctx context.Context, address string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// client sends requests about a service, each on a connection of its own. It uses no proxy, and follows no redirects.
// It trusts any certificate, since that of a test has no authority: checkPort finds out who answered.
var client = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// get returns the answer to a GET, whose status must be from 200 to 399.
func get(ctx context.Context, target string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return nil, wrapped.Err // the caller knows the URL
	} else if err != nil {
		return nil, err
	}
	if response.StatusCode < 200 || response.StatusCode > 399 {
		return nil, errors.Join(fmt.Errorf("status %s", response.Status), response.Body.Close())
	}
	return response, nil
}

// askHTTP sends a GET. The body of the answer is not kept.
func askHTTP(ctx context.Context, target string) error {
	response, err := get(ctx, target)
	if err != nil {
		return err
	}
	_, err = io.CopyN(io.Discard, response.Body, 1<<20)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, response.Body.Close())
}

// askGRPC asks the gRPC health service about a service.
func askGRPC(ctx context.Context, address, name string) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableServiceConfig(), grpc.WithNoProxy())
	if err != nil {
		return err
	}
	defer conn.Close()
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx,
		&grpc_health_v1.HealthCheckRequest{Service: name})
	if status.Code(err) == codes.Unimplemented {
		return fmt.Errorf("it has no gRPC health service (%w): register one, or %w", err, errHopeless)
	} else if err != nil {
		return err
	}
	if answer.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("service %q is %v", name, answer.Status)
	}
	return nil
}

// freePort returns a port of this machine that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// checkPort returns an error if the port that answered belongs to another process, such as one that an earlier run
// left behind.
func (s *Service) checkPort(p *probe, n *names) error {
	port := p.port
	if s.options.Ready.LogLine != nil {
		port = uint16(n.port)
	} else if port == 0 {
		s.note("it is not known whose port answered: %s is on another machine", p.name)
		return nil
	}
	all, err := listening(s.process.family.main)
	if err != nil {
		s.note("it is not known whose port %d is: %v", port, err)
		return nil
	}
	own, err := s.ownSockets()
	if err != nil {
		s.note("it is not known whose port %d is: %v", port, err)
		return nil
	}
	found := false
	for _, x := range all {
		if ip := x.address.Addr(); x.address.Port() != port || !ip.IsLoopback() && !ip.IsUnspecified() {
			continue
		}
		if !own[x.inode] {
			return fmt.Errorf("port %d belongs to %s, not to the service%s: end that process, or find out why the "+
				"service does not listen there; %s", port, ownerOf(x), s.elsewhere(p, n), s.process.log.quote())
		}
		found = true
	}
	if !found && s.options.Ready.LogLine == nil {
		return fmt.Errorf("port %d answers, but no socket of this machine listens on it; %s", port,
			s.process.log.quote())
	}
	return nil
}

// ownSockets returns the inodes of the sockets of all processes of the service.
func (s *Service) ownSockets() (map[string]bool, error) {
	alive, err := s.process.family.members()
	own := map[string]bool{}
	for _, k := range alive {
		inodes, err := socketsOf(k.pid)
		if err != nil && !os.IsNotExist(err) {
			return nil, err
		}
		own = merged(own, inodes)
	}
	return own, err
}

// elsewhere returns where the service listens, if it does not listen where it was asked to. It returns "" if it
// listens there, too, or nowhere.
func (s *Service) elsewhere(p *probe, n *names) string {
	all, err := listening(s.process.family.main)
	own, failed := s.ownSockets()
	if err != nil || failed != nil {
		return ""
	}
	var addresses []string
	for _, x := range all {
		if !own[x.inode] {
			continue
		}
		port := x.address.Port()
		if (port == p.port || port == uint16(n.port)) && (x.address.Addr().Is4() || x.address.Addr().IsUnspecified()) {
			return ""
		}
		addresses = append(addresses, x.address.String())
	}
	if len(addresses) == 0 {
		return ""
	}
	return fmt.Sprintf(" (it listens on %s: let it listen on 127.0.0.1, port {{port}} or $PORT)",
		format.And(addresses))
}

// ownerOf returns the process that has a socket open, for messages.
func ownerOf(x socket) string {
	table, err := processes()
	if err == nil {
		for _, k := range table {
			if inodes, err := socketsOf(k.pid); err == nil && inodes[x.inode] {
				return "process " + list([]kin{k})
			}
		}
	}
	return "a process of another user"
}
