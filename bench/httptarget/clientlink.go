package httptarget

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
)

// A clientLink is a connection of net/http: of HTTP/2, which takes several calls at once, or of HTTP/1.1.
type clientLink struct {
	conn     *http.ClientConn
	net      net.Conn
	h2       bool
	timeout  *Timeout
	maxBody  int
	reuse    int
	calls    atomic.Int64
	ending   atomic.Bool // the server closes the connection after this answer
	answered atomic.Bool // there has been an answer
}

// newTransport returns the transport that makes connections of a protocol from the connections that
// newClientLink passes to it.
func newTransport(protocol string) *http.Transport {
	t := &http.Transport{DisableCompression: true, MaxResponseHeaderBytes: maxHeader, Protocols: new(http.Protocols)}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return dialed(ctx) }
	t.DialContext, t.DialTLSContext = dial, dial
	switch protocol {
	case H2C:
		t.Protocols.SetUnencryptedHTTP2(true)
	case HTTP1:
		t.Protocols.SetHTTP1(true)
	case H2:
		t.Protocols.SetHTTP2(true)
	}
	return t
}

// connKey is the key of a context's connection.
type connKey struct{}

// dialed returns the connection of a context, which newClientLink has put there.
func dialed(ctx context.Context) (net.Conn, error) {
	if c, ok := ctx.Value(connKey{}).(net.Conn); ok {
		return c, nil
	}
	return nil, errors.New("httptarget: net/http opens a connection of its own (a fault of loadgen; please report it)")
}

// newClientLink makes a connection of net/http from c.
func newClientLink(ctx context.Context, t *http.Transport, c net.Conn, base *url.URL, o *Options) (
	*clientLink, error) {
	host, port := address(base)
	h2 := !t.Protocols.HTTP1()
	if _, secure := c.(*tls.Conn); h2 && !secure {
		c = &greeted{Conn: c}
	}
	conn, err := t.NewClientConn(context.WithValue(ctx, connKey{}, c), base.Scheme, net.JoinHostPort(host, port))
	if err != nil {
		_ = c.Close() // the error says why it is of no use
		return nil, network("dial", base.String(), err)
	}
	return &clientLink{conn: conn, net: c, h2: h2, timeout: &o.Timeout, maxBody: o.MaxBody,
		reuse: o.Reuse}, nil
}

// A greeted connection keeps the first bytes that the server sent: net/http does not always tell that a server which
// is asked in HTTP/2 answered in HTTP/1.1, since that closes the connection, too.
type greeted struct {
	net.Conn
	mu    sync.Mutex
	first []byte
}

// Read reads from the connection.
func (g *greeted) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	g.mu.Lock()
	defer g.mu.Unlock()
	if missing := len("HTTP/1.") - len(g.first); missing > 0 {
		g.first = append(g.first, p[:min(n, missing)]...)
	}
	return n, err
}

// inHTTP1 reports whether the server began in HTTP/1.
func (g *greeted) inHTTP1() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return string(g.first) == "HTTP/1."
}

// defaultLimit is the limit of streams that net/http assumes until it knows the server's.
const defaultLimit = 100

// streams returns the number of calls at once that the server allows. Net/http learns it from the
// first frame of the server, and does not tell when: streams waits for it, up to a limit.
func (l *clientLink) streams(ctx context.Context) int {
	const look, most = time.Millisecond, 200
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for range most {
		if n := l.conn.Available(); n != defaultLimit || ctx.Err() != nil || l.conn.Err() != nil {
			return max(n, 1)
		}
		<-ticker.C
	}
	return defaultLimit
}

func (l *clientLink) take() bool {
	if l.ending.Load() || l.conn.Err() != nil || l.calls.Add(1) > int64(l.reuse) && l.reuse > 0 {
		return false
	}
	// A place that is kept keeps retire from closing the connection. There is none if the server goes away,
	// or allows fewer streams than before. Net/http knows which when it gets the request.
	return !l.h2 || l.conn.Reserve() == nil || l.conn.InFlight() > 0
}

func (l *clientLink) close() {
	_ = l.conn.Close() // nothing is lost: the answers that matter have been read
}

// retire closes the connection when its last call has ended.
func (l *clientLink) retire() {
	if !l.h2 {
		l.close()
		return
	}
	closeIfIdle := func(c *http.ClientConn) {
		if c.InFlight() == 0 {
			_ = c.Close() // nothing is lost: every answer has been read
		}
	}
	l.conn.SetStateHook(closeIfIdle)
	closeIfIdle(l.conn)
}

// An attempt is the state of one exchange on a clientLink. Net/http may still call its trace after the
// exchange has ended, so it is not used again.
type attempt struct {
	begun        time.Time
	wrote, first atomic.Int64 // since begun; 0 if not yet
	cancel       context.CancelCauseFunc

	mu    sync.Mutex
	timer *time.Timer
}

func (a *attempt) since() int64 { return int64(max(time.Since(a.begun), 1)) }

// bound sets the timer: to a limit from now, or to the end of the call, if that is earlier.
func (a *attempt) bound(in phase, t *Timeout, limit time.Duration, deadline time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
	}
	total := limit <= 0
	if !deadline.IsZero() {
		if left := time.Until(deadline); total || left < limit {
			limit, total = max(left, 1), true
		}
	}
	if limit <= 0 {
		return
	}
	late := t.late(in, total)
	a.timer = time.AfterFunc(limit, func() { a.cancel(late) })
}

func (a *attempt) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
	}
	a.cancel(nil)
}

func (l *clientLink) exchange(x *exchange) error {
	a := &attempt{begun: x.at.Begun}
	ctx, cancel := context.WithCancelCause(x.ctx)
	a.cancel = cancel
	defer a.stop()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest:         func(httptrace.WroteRequestInfo) { a.wrote.Store(a.since()) },
		GotFirstResponseByte: func() { a.first.CompareAndSwap(0, a.since()) },
	})
	err := l.roundTrip(ctx, x, a)
	x.at.Wrote, x.at.First = time.Duration(a.wrote.Load()), time.Duration(a.first.Load())
	if err != nil && !l.h2 {
		l.close() // an answer may be on its way
	}
	return err
}

func (l *clientLink) roundTrip(ctx context.Context, x *exchange, a *attempt) error {
	request, err := x.forNetHTTP(ctx)
	if err != nil {
		l.conn.Release()
		return fail(record.KindMalformed, "the request: %w", err)
	}
	a.bound(inHeaders, l.timeout, l.timeout.Headers, x.deadline)
	response, err := l.conn.RoundTrip(request)
	if err != nil {
		return l.lost(ctx, x, a, err)
	}
	l.answered.Store(true)
	x.answer.status = response.StatusCode
	x.answer.closes = response.Close
	if response.Close {
		l.ending.Store(true)
	}
	if x.follows {
		x.answer.location = response.Header.Get("Location")
	}
	if l.timeout.Body > 0 || l.timeout.Headers > 0 {
		a.bound(inBody, l.timeout, l.timeout.Body, x.deadline)
	}
	err = l.readBody(ctx, x, response)
	if closeErr := response.Body.Close(); err == nil && closeErr != nil {
		err = l.failed(ctx, x, closeErr)
	}
	return err
}

// forNetHTTP returns the request for net/http.
func (x *exchange) forNetHTTP(ctx context.Context) (*http.Request, error) {
	target, err := url.ParseRequestURI(string(x.target))
	if err != nil {
		return nil, err
	}
	target.Scheme, target.Host = x.base.Scheme, x.base.Host
	r := &http.Request{Method: x.method, URL: target, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: x.header(), Host: string(x.host.Append(nil, &x.values)), Close: x.close}
	if len(x.body) > 0 {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(x.body)), int64(len(x.body))
	}
	return r.WithContext(ctx), nil
}

// failed returns the failure of an operation.
func (l *clientLink) failed(ctx context.Context, x *exchange, err error) *failure {
	if ctx.Err() != nil {
		return interrupted(ctx)
	}
	f := network(x.method, x.base.String(), err)
	if !slices.Contains(ofNetwork, f.kind) && !strings.HasPrefix(f.kind, record.KindStreamReset) {
		f.kind = record.KindMalformed // an error of a parser, which has no type
	}
	return f
}

// ofNetwork are the kinds of errors of an open connection, besides reset streams.
var ofNetwork = []string{record.KindReset, record.KindClosed, record.KindConnectTimeout, record.KindGoAway,
	record.KindTooLarge, record.KindTLSHandshake}

// notProcessed are parts of the texts with which net/http says that the server has not processed a
// request, so that it may be sent again. It has no types for them.
var notProcessed = []string{"graceful shutdown GOAWAY", "client connection is not usable", "client conn not usable",
	"REFUSED_STREAM", "connection is unavailable"}

// lost returns the failure of a request without an answer.
func (l *clientLink) lost(ctx context.Context, x *exchange, a *attempt, err error) *failure {
	if g, ok := l.net.(*greeted); ok && g.inHTTP1() {
		return fail(record.KindMalformed, "the server answers in HTTP/1.1, and protocol asks for HTTP/2: want "+
			"protocol http/1.1: %w", err)
	}
	f := l.failed(ctx, x, err)
	for _, text := range notProcessed {
		f.kept = f.kept || strings.Contains(f.Error(), text)
	}
	nothing := a.first.Load() == 0 && ctx.Err() == nil
	if nothing && f.kind == record.KindMalformed && (!l.h2 || l.conn.Err() != nil) {
		f.kind = record.KindClosed // net/http knows no more
	}
	f.lost = f.kept || nothing && (f.kind == record.KindClosed || f.kind == record.KindReset)
	if _, secure := l.net.(*tls.Conn); secure && nothing && f.lost && !f.kept && !l.answered.Load() {
		f = fail(record.KindTLSHandshake, "the server ended the connection after the handshake of TLS, as servers do "+
			"that want another certificate of the client: %w", f.err)
		f.lost = true
	}
	return f
}

// readBody reads the body of a response to its end.
func (l *clientLink) readBody(ctx context.Context, x *exchange, response *http.Response) error {
	if response.ContentLength > int64(l.maxBody) && x.method != http.MethodHead {
		return fail(record.KindTooLarge, "the body has %d bytes: want at most %d (maxBody)", response.ContentLength,
			l.maxBody)
	}
	var kept bytes.Buffer
	var into io.Writer = io.Discard
	if x.keeps(x.answer.status) {
		into = &kept
	}
	n, err := io.Copy(into, io.LimitReader(response.Body, int64(l.maxBody)+1))
	x.answer.body = kept.Bytes()
	switch {
	case n > int64(l.maxBody):
		return fail(record.KindTooLarge, "the body has more than %d bytes (maxBody)", l.maxBody)
	case errors.Is(err, io.ErrUnexpectedEOF) && ctx.Err() == nil:
		return fail(record.KindShortBody, "the server closed the connection within the body: %w", err)
	case err != nil:
		return l.failed(ctx, x, err)
	}
	return nil
}

var _ link = (*clientLink)(nil)
