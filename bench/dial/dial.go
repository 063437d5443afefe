// Package dial opens connections to services, and accounts for them: how many, how many failed, and how long the
// lookup, the connection and the handshake of TLS took. Its errors have the kinds of package record.
package dial

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/quantile"
)

// Options say what a dialer connects to.
type Options struct {
	Host, Port string
	// Resolve replaces the addresses of hosts: a host, or host:port, and the IP address, or IP:port, to connect to.
	Resolve map[string]string
	Unix    string      // the path of a socket to connect to, instead of the host
	TLS     *tls.Config // nil without TLS
	// H2 says that the server must choose HTTP/2 in the handshake of TLS.
	H2 bool
	// Timeout bounds the lookup and the connection, and TLSTimeout the handshake after that; 0 has no bound. If there
	// are several addresses, they share Timeout.
	Timeout, TLSTimeout time.Duration
}

// A Dialer opens connections, and accounts for them. It is safe for concurrent use.
type Dialer struct {
	options Options
	fixed   []netip.AddrPort // replaces the lookup of the host
	next    atomic.Uint64    // the number of the next connection: spreads connections over addresses

	mu      sync.Mutex
	account Connections
}

// New returns a dialer.
func New(o Options) (*Dialer, error) {
	d := &Dialer{options: o, account: Connections{DNS: quantile.NewHDR(), Connect: quantile.NewHDR(),
		TLS: quantile.NewHDR()}}
	return d, d.fix()
}

// fix sets the address of the host, if it is an address or in Options.Resolve.
func (d *Dialer) fix() error {
	to := d.options.Host
	for _, from := range []string{d.options.Host, net.JoinHostPort(d.options.Host, d.options.Port)} {
		if replaced, ok := d.options.Resolve[from]; ok {
			to = replaced
		}
	}
	if ap, err := netip.ParseAddrPort(to); err == nil {
		d.fixed = []netip.AddrPort{ap}
		return nil
	}
	if ip, err := netip.ParseAddr(to); err == nil {
		ap, err := netip.ParseAddrPort(net.JoinHostPort(ip.String(), d.options.Port))
		if err != nil {
			return fmt.Errorf("the port is %q: want a number", d.options.Port)
		}
		d.fixed = []netip.AddrPort{ap}
	}
	return nil
}

// Dial opens a connection. With TLS it is a *tls.Conn after its handshake.
func (d *Dialer) Dial(ctx context.Context) (net.Conn, error) {
	c, err := d.connect(ctx)
	if err == nil && d.options.TLS != nil {
		c, err = d.handshake(ctx, c)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.account.Failed++
		if ctx.Err() != nil {
			return nil, Interrupted(ctx)
		}
		return nil, err
	}
	d.account.Opened++
	return c, nil
}

// connect looks up the host and connects to one of its addresses.
func (d *Dialer) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := bounded(ctx, d.options.Timeout)
	defer cancel()
	var dialer net.Dialer
	if d.options.Unix != "" {
		begun := time.Now()
		c, err := dialer.DialContext(ctx, "unix", d.options.Unix)
		if err != nil {
			return nil, Failed("dial", d.options.Unix, err)
		}
		d.took(begun, func(a *Connections) *quantile.HDR { return a.Connect })
		return c, nil
	}
	addresses, err := d.lookUp(ctx)
	if err != nil {
		return nil, Failed("dial", net.JoinHostPort(d.options.Host, d.options.Port), err)
	}
	first := int(d.next.Add(1) - 1)
	for i := range addresses {
		address := addresses[(first+i)%len(addresses)]
		begun := time.Now()
		share := dialer
		if deadline, ok := ctx.Deadline(); ok {
			share.Timeout = time.Until(deadline) / time.Duration(len(addresses)-i)
		}
		var c net.Conn
		if c, err = share.DialContext(ctx, "tcp", address.String()); err == nil {
			d.took(begun, func(a *Connections) *quantile.HDR { return a.Connect })
			return c, nil
		}
	}
	return nil, Failed("dial", net.JoinHostPort(d.options.Host, d.options.Port), err)
}

// Addresses looks up the host, and returns the number of its addresses, over which connections are spread. It is 1 for
// a socket.
func (d *Dialer) Addresses(ctx context.Context) (int, error) {
	if d.options.Unix != "" {
		return 1, nil
	}
	ctx, cancel := bounded(ctx, d.options.Timeout)
	defer cancel()
	addresses, err := d.lookUp(ctx)
	return len(addresses), err
}

// Local reports whether the dialer connects to a loopback address, or to a socket of this machine. It does not look up
// the host.
func (d *Dialer) Local() bool {
	switch {
	case d.options.Unix != "":
		return true
	case d.fixed != nil:
		return d.fixed[0].Addr().Unmap().IsLoopback()
	}
	return d.options.Host == "localhost" || strings.HasSuffix(d.options.Host, ".localhost")
}

// lookUp returns the addresses of the host.
func (d *Dialer) lookUp(ctx context.Context) ([]netip.AddrPort, error) {
	if d.fixed != nil {
		return d.fixed, nil
	}
	begun := time.Now()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", d.options.Host)
	if err != nil {
		return nil, err
	}
	d.took(begun, func(a *Connections) *quantile.HDR { return a.DNS })
	port, err := net.DefaultResolver.LookupPort(ctx, "tcp", d.options.Port)
	if err != nil {
		return nil, err
	}
	addresses := make([]netip.AddrPort, len(ips))
	for i, ip := range ips {
		addresses[i] = netip.AddrPortFrom(ip.Unmap(), uint16(port))
	}
	return addresses, nil
}

// handshake makes the handshake of TLS on c, and closes c if that fails.
func (d *Dialer) handshake(ctx context.Context, c net.Conn) (net.Conn, error) {
	ctx, cancel := bounded(ctx, d.options.TLSTimeout)
	defer cancel()
	begun := time.Now()
	secure := tls.Client(c, d.options.TLS)
	err := secure.HandshakeContext(ctx)
	if err != nil {
		_ = c.Close() // the error of the handshake says why
		err = Failed("tls", net.JoinHostPort(d.options.Host, d.options.Port), err)
		if !strings.HasPrefix(record.KindOf(err), "tls-") {
			err = record.Errorf(record.KindTLSHandshake, "%w", err)
		}
		return nil, err
	}
	d.took(begun, func(a *Connections) *quantile.HDR { return a.TLS })
	if got := secure.ConnectionState().NegotiatedProtocol; d.options.H2 && got != "h2" {
		_ = c.Close() // it is of no use
		return nil, record.Errorf(record.KindTLSHandshake, "the server does not speak HTTP/2 over TLS: it chose %q "+
			"by ALPN", got)
	}
	return secure, nil
}

// bounded returns ctx with a timeout, unless it is 0.
func bounded(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, timeout)
}

// took adds the time since begun to a histogram of the account.
func (d *Dialer) took(begun time.Time, histogram func(*Connections) *quantile.HDR) {
	took := time.Since(begun)
	d.mu.Lock()
	defer d.mu.Unlock()
	histogram(&d.account).Add(took)
}

// Count changes the account.
func (d *Dialer) Count(change func(*Connections)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.account)
}

// Connections returns a copy of the account.
func (d *Dialer) Connections() Connections {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.account
	for _, h := range []**quantile.HDR{&a.DNS, &a.Connect, &a.TLS} {
		dup := quantile.NewHDR()
		if err := dup.Merge(*h); err != nil {
			panic(err) // impossible: both have the same buckets
		}
		*h = dup
	}
	return a
}

// Failed returns the error of an operation of the network. The kinds of such errors are known to package record by the
// wrapping that net/http's client uses. An error that has a kind keeps it.
func Failed(op, address string, err error) error {
	return &url.Error{Op: op, URL: address, Err: err}
}

// Interrupted returns the error of a call whose context has ended. If the cause has a kind, it is the cause.
func Interrupted(ctx context.Context) error {
	err := context.Cause(ctx)
	if _, ok := err.(interface{ Kind() string }); ok {
		return err
	}
	return record.Errorf(record.KindOf(err), "the call was interrupted: %w", err)
}
