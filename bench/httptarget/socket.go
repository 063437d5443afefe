package httptarget

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
)

// A socket is the place of one connection, which is opened again when it is lost. Its lanes share it.
type socket struct {
	target *Target

	mu      sync.Mutex
	link    link // nil if there has been none
	opening *opening
	lost    bool // a connection was lost, and none has been opened since. Only open uses it
	closed  bool
}

// An opening is an attempt to open the connection of a socket. Calls that need it wait for the same one.
type opening struct {
	done    chan struct{}
	link    link
	err     error
	aborted bool // the call that opened it has ended
}

// get returns the connection of s, with a place for a request, and opens it if there is none that takes
// one. Fresh says that it was opened for this call. Broken, if it is not nil, is a connection of s that
// must not be used.
func (s *socket) get(ctx context.Context, deadline time.Time, broken link) (l link, fresh bool, err error) {
	for {
		s.mu.Lock()
		o, current := s.opening, s.link
		if current != nil && current != broken && current.take() {
			s.mu.Unlock()
			return current, false, nil
		}
		if o == nil {
			o = &opening{done: make(chan struct{})}
			s.opening = o
			s.mu.Unlock()
			s.open(ctx, deadline, o, current)
			return o.link, true, o.err
		}
		s.mu.Unlock()
		select {
		case <-o.done:
		case <-ctx.Done():
			return nil, true, interrupted(ctx)
		}
		if o.err != nil && !o.aborted {
			return nil, true, o.err
		}
		if o.err == nil && o.link.take() {
			return o.link, true, nil
		}
	}
}

// open opens a connection in place of the one that was lost, which is nil if there was none, and takes the
// first place.
func (s *socket) open(ctx context.Context, deadline time.Time, o *opening, lost link) {
	reuse := s.target.options.Reuse
	switch l := lost.(type) {
	case *rawLink:
		s.lost = reuse == 0 || l.calls < reuse
		l.close()
	case *clientLink:
		s.lost = reuse == 0 || l.calls.Load() < int64(reuse)
		l.retire()
	}
	if o.link, o.err = s.target.dial(ctx, deadline); o.err == nil {
		o.link.take() // if it is closed already, the exchange says so
		if s.lost {
			s.lost = false
			s.target.dialer.Count(func(c *Connections) { c.Reconnects++ })
		}
	}
	s.mu.Lock()
	s.link, s.opening, o.aborted = o.link, nil, ctx.Err() != nil
	if s.closed && o.link != nil {
		o.link.close()
	}
	s.mu.Unlock()
	close(o.done)
}

// close closes the connection.
func (s *socket) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.link != nil {
		s.link.close()
	}
}

// dial opens a connection of the target's protocol.
func (t *Target) dial(ctx context.Context, deadline time.Time) (link, error) {
	if !deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, deadline, t.options.Timeout.late(inHeaders, true))
		defer cancel()
	}
	conn, err := t.dialer.Dial(ctx)
	if err != nil {
		return nil, err
	}
	protocol := t.options.Protocol
	if protocol == Auto {
		protocol = HTTP1
		if secure, ok := conn.(*tls.Conn); ok && secure.ConnectionState().NegotiatedProtocol == "h2" {
			protocol = H2
		}
	}
	if protocol == HTTP1 && !t.options.NetHTTP {
		return newRawLink(conn, &t.options), nil
	}
	c, err := newClientLink(ctx, t.transports[protocol], conn, t.base, &t.options)
	if err != nil {
		return nil, err // not c, which is a nil pointer
	}
	return c, nil
}

// A lane makes one call at a time on a socket. The lanes of HTTP/2 share sockets.
type lane struct {
	socket *socket
	exchange
	busyFor context.Context // the context of its call; nil if it has none. Guarded by pool.mu
	retired bool            // another lane has taken its place. Guarded by pool.mu
	unwatch func() bool

	mu       sync.Mutex      // guards what interrupt reads; only the call of the lane writes it
	watching context.Context // the context whose end interrupts the call
	current  *rawLink        // the connection of the call
}

// watch makes the end of ctx interrupt the call. Calls of one run have one context, so this is done
// once.
func (l *lane) watch(ctx context.Context) {
	if l.watching == ctx {
		return
	}
	l.leave()
	l.mu.Lock()
	l.watching = ctx
	l.mu.Unlock()
	if ctx.Done() != nil {
		l.unwatch = context.AfterFunc(ctx, func() { l.interrupt(ctx) })
	}
}

// interrupt ends the call if it is one with the given context. It may be called at any time.
func (l *lane) interrupt(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != nil && l.watching == ctx {
		l.current.interrupt()
	}
}

// leave ends watching.
func (l *lane) leave() {
	if l.unwatch != nil {
		l.unwatch()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watching, l.unwatch = nil, nil
}

// use notes the connection that interrupt is for.
func (l *lane) use(link link) {
	raw, ok := link.(*rawLink)
	if !ok || l.current == raw {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current = raw
}

// do makes a call: it sends the request, sends it again if the connection was lost, and follows
// redirects.
func (l *lane) do() error {
	t := l.socket.target
	for redirects := t.options.Redirects; ; redirects-- {
		if err := l.send(); err != nil {
			return err
		}
		status, location := l.answer.status, l.answer.location
		if redirects == 0 || !isRedirect(status) || location == "" {
			return nil
		}
		if err := l.redirect(status, location); err != nil {
			return fail(kindRedirect, "status %d: %w", status, err)
		}
	}
}

// kindRedirect is the kind of calls whose redirects lead elsewhere.
const kindRedirect = "redirect"

// send sends the request and reads its answer. A kept connection may have been closed by the server when
// a request arrives there. Then it is sent again, once, unless the server may have processed it.
func (l *lane) send() error {
	link, fresh, err := l.socket.get(l.ctx, l.deadline, nil)
	if err != nil {
		return err
	}
	l.use(link)
	if err = link.exchange(&l.exchange); err != nil {
		return l.again(link, fresh, err)
	}
	return nil
}

// again sends the request again, if the error of sending it allows that, or returns the error. Fresh says
// that the connection was opened for this call.
func (l *lane) again(link link, fresh bool, err error) error {
	var f *failure
	if !errors.As(err, &f) || !f.lost || fresh && !f.kept {
		return err
	}
	unsent := f.kept && errors.Is(f, errClosedIdle)
	if !l.idempotent && !f.kept {
		return &failure{kind: record.KindClosedIdle, err: f.err}
	}
	l.at.Wrote, l.at.First = 0, 0
	if link, _, err = l.socket.get(l.ctx, l.deadline, link); err != nil {
		return err
	}
	if !unsent {
		l.socket.target.dialer.Count(func(c *Connections) { c.Resent++ })
	}
	l.use(link)
	return link.exchange(&l.exchange)
}

// isRedirect reports whether a status says to go to the location of the answer.
func isRedirect(status int) bool {
	return status >= 301 && status <= 308 && status != http.StatusNotModified
}
