package httptarget

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/quantile"
)

// Connections is the account of the connections of a target.
type Connections struct {
	Opened     uint64 `json:"opened"`     // connections opened, before the first call and in calls
	Failed     uint64 `json:"failed"`     // connections that could not be opened
	Reconnects uint64 `json:"reconnects"` // connections opened in calls, because one was lost
	Resent     uint64 `json:"resent"`     // requests sent again: the server saw as many more
	// DNS, Connect and TLS are how long the phases of opening a connection took: the lookup of the
	// host, the connection of TCP, and the handshake of TLS.
	DNS     *quantile.HDR `json:"dns"`
	Connect *quantile.HDR `json:"connect"`
	TLS     *quantile.HDR `json:"tls"`
}

// A dialer opens connections, and accounts for them.
type dialer struct {
	host, port string
	unix       string
	fixed      []netip.AddrPort // replaces the lookup of the host
	tls        *tls.Config      // nil without TLS
	mustH2     bool             // the server must choose HTTP/2
	timeout    Timeout
	next       atomic.Uint64 // the number of the next connection: spreads connections over addresses

	mu      sync.Mutex
	account Connections
}

func newDialer(o *Options, scheme, host, port string) (*dialer, error) {
	d := &dialer{host: host, port: port, unix: o.UnixSocket, timeout: o.Timeout,
		account: Connections{DNS: quantile.NewHDR(), Connect: quantile.NewHDR(), TLS: quantile.NewHDR()}}
	d.fix(o.Resolve)
	if scheme != "https" {
		if o.TLS != (TLS{}) {
			return nil, errors.New("httptarget: tls is set, and url is http://: want https://")
		}
		return d, nil
	}
	config, err := o.TLS.config(host)
	if err != nil {
		return nil, err
	}
	switch {
	case o.Protocol == H2:
		config.NextProtos, d.mustH2 = []string{"h2"}, true
	case o.Protocol == HTTP1:
		config.NextProtos = []string{"http/1.1"}
	default:
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	d.tls = config
	return d, nil
}

// fix sets the address of the host, if it is an address or in resolve.
func (d *dialer) fix(resolve map[string]string) {
	to := d.host
	for _, from := range []string{d.host, hostPort(d.host, d.port)} {
		if replaced, ok := resolve[from]; ok {
			to = replaced
		}
	}
	if ap, err := netip.ParseAddrPort(to); err == nil {
		d.fixed = []netip.AddrPort{ap}
		return
	}
	if ip, err := netip.ParseAddr(to); err == nil {
		if ap, err := netip.ParseAddrPort(hostPort(ip.String(), d.port)); err == nil { // or checkURL reports the port
			d.fixed = []netip.AddrPort{ap}
		}
	}
}

// config returns the configuration of TLS for a host.
func (t *TLS) config(host string) (*tls.Config, error) {
	c := &tls.Config{ServerName: host, InsecureSkipVerify: t.Insecure, MinVersion: tls.VersionTLS12}
	if t.ServerName != "" {
		c.ServerName = t.ServerName
	}
	if t.CA != "" {
		text, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("httptarget: tls.ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("httptarget: tls.ca is %s, which holds no certificate: want certificates in PEM",
				t.CA)
		}
	}
	if t.Cert != "" && t.Key != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("httptarget: tls.cert and tls.key: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// dial opens a connection. With TLS it is a *tls.Conn after its handshake.
func (d *dialer) dial(ctx context.Context) (net.Conn, error) {
	c, err := d.connect(ctx)
	if err == nil && d.tls != nil {
		c, err = d.handshake(ctx, c)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.account.Failed++
		if ctx.Err() != nil {
			return nil, interrupted(ctx)
		}
		return nil, err
	}
	d.account.Opened++
	return c, nil
}

// connect looks up the host and connects to one of its addresses.
func (d *dialer) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := bounded(ctx, d.timeout.Connect)
	defer cancel()
	var dialer net.Dialer
	if d.unix != "" {
		begun := time.Now()
		c, err := dialer.DialContext(ctx, "unix", d.unix)
		if err != nil {
			return nil, network("dial", d.unix, err)
		}
		d.took(begun, func(a *Connections) *quantile.HDR { return a.Connect })
		return c, nil
	}
	addresses, err := d.lookUp(ctx)
	if err != nil {
		return nil, network("dial", hostPort(d.host, d.port), err)
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
	return nil, network("dial", hostPort(d.host, d.port), err)
}

// lookUp returns the addresses of the host.
func (d *dialer) lookUp(ctx context.Context) ([]netip.AddrPort, error) {
	if d.fixed != nil {
		return d.fixed, nil
	}
	begun := time.Now()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", d.host)
	if err != nil {
		return nil, err
	}
	d.took(begun, func(a *Connections) *quantile.HDR { return a.DNS })
	port, err := net.DefaultResolver.LookupPort(ctx, "tcp", d.port)
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
func (d *dialer) handshake(ctx context.Context, c net.Conn) (net.Conn, error) {
	ctx, cancel := bounded(ctx, d.timeout.TLS)
	defer cancel()
	begun := time.Now()
	secure := tls.Client(c, d.tls)
	err := secure.HandshakeContext(ctx)
	if err != nil {
		_ = c.Close() // the error of the handshake says why
		f := network("tls", hostPort(d.host, d.port), err)
		if !strings.HasPrefix(f.kind, "tls-") {
			f.kind = record.KindTLSHandshake
		}
		return nil, f
	}
	d.took(begun, func(a *Connections) *quantile.HDR { return a.TLS })
	if got := secure.ConnectionState().NegotiatedProtocol; d.mustH2 && got != "h2" {
		_ = c.Close() // it is of no use
		return nil, fail(record.KindTLSHandshake, "the server does not speak HTTP/2 over TLS: it chose %q by ALPN",
			got)
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
func (d *dialer) took(begun time.Time, histogram func(*Connections) *quantile.HDR) {
	took := time.Since(begun)
	d.mu.Lock()
	defer d.mu.Unlock()
	histogram(&d.account).Add(took)
}

// count changes the account.
func (d *dialer) count(change func(*Connections)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.account)
}

// connections returns a copy of the account.
func (d *dialer) connections() Connections {
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
