package httptarget

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/record"
)

// A link is an open connection to the service.
type link interface {
	// take reports whether the connection takes another request, and keeps a place for it.
	take() bool
	// exchange sends the request of x and reads its answer. The error is a *failure.
	exchange(x *exchange) error
	// close closes the connection. It may be called during an exchange, and more than once.
	close()
}

// An exchange is a request and its answer. It belongs to a lane, which uses it again for each call.
type exchange struct {
	message
	ctx      context.Context
	at       *bench.Instants
	deadline time.Time // the end of the call by Timeout.Total; zero if there is none
	keepBody bool      // the body is needed for checks
	follows  bool      // the location is needed for redirects
	answer   answer
}

// keeps reports whether the body of an answer is kept: for checks, and for the text of errors.
func (x *exchange) keeps(status int) bool { return x.keepBody || status >= 400 }

const (
	firstBuffer = 4 << 10  // the first size of a connection's buffer
	maxHeader   = 1 << 20  // the largest header, in bytes
	keptBuffer  = 64 << 10 // larger buffers of bodies are not kept for the next call
)

// A rawLink is a connection of HTTP/1.1 of our own. It makes one call at a time, and writes and reads
// in the goroutine of the call. The codec for responses is fasthttp's.
type rawLink struct {
	conn     net.Conn
	timeout  *Timeout
	maxBody  int
	reuse    int // the number of requests; 0 has no limit
	calls    int
	wire     wire
	reader   *bufio.Reader
	response fasthttp.Response
	alive    *peeker // nil if the system cannot tell whether a connection is closed
	broken   bool
}

// A wire reads from a connection, and notes when the first byte of an answer arrives.
type wire struct {
	conn    net.Conn
	pending []byte // to be read first: from a smaller buffer
	begun   time.Time
	first   time.Duration // 0 until the first byte
	err     error         // of the connection
}

func (w *wire) Read(p []byte) (n int, err error) {
	if len(w.pending) > 0 {
		n = copy(p, w.pending)
		w.pending = w.pending[n:]
		return n, nil
	}
	n, err = w.conn.Read(p)
	if n > 0 && w.first == 0 {
		w.first = time.Since(w.begun)
	}
	if err != nil {
		w.err = err
	}
	return n, err
}

func newRawLink(conn net.Conn, o *Options) *rawLink {
	l := &rawLink{conn: conn, timeout: &o.Timeout, maxBody: o.MaxBody, reuse: o.Reuse, wire: wire{conn: conn},
		alive: newPeeker(conn)}
	l.reader = bufio.NewReaderSize(&l.wire, firstBuffer)
	return l
}

func (l *rawLink) take() bool {
	if l.broken || l.reuse > 0 && l.calls >= l.reuse {
		return false
	}
	l.calls++
	return true
}

func (l *rawLink) close() {
	_ = l.conn.Close() // nothing is lost: the answers that matter have been read
}

func (l *rawLink) exchange(x *exchange) error {
	if !x.idempotent && l.alive.closed() {
		l.broken = true
		return &failure{kind: record.KindClosedIdle, err: errClosedIdle, lost: true, kept: true}
	}
	l.wire.begun, l.wire.first, l.wire.err = x.at.Begun, 0, nil
	err := l.roundTrip(x)
	x.at.First = l.wire.first
	if err != nil {
		l.broken = true
		return err
	}
	x.answer.closes = l.response.ConnectionClose()
	// Bytes after the answer would be taken for the next answer.
	if x.answer.closes || l.reader.Buffered() > 0 || x.answer.status == http.StatusSwitchingProtocols {
		l.broken = true
	}
	return nil
}

var errClosedIdle = errors.New("the server has closed the connection between calls")

// roundTrip sends the request and reads the answer.
func (l *rawLink) roundTrip(x *exchange) error {
	begun := x.at.Begun
	if l.timeout.Headers > 0 {
		begun = time.Now() // a reconnect may have taken some time
	}
	total := l.bound(x, begun, l.timeout.Headers)
	_, writeErr := l.conn.Write(x.raw)
	x.at.Wrote = time.Since(x.at.Begun)
	if writeErr != nil && timedOut(writeErr) {
		return l.failed(x, inHeaders, total, writeErr)
	}
	// A server may answer and close before it has read the whole request.
	if err := l.readHeader(x, total); err != nil {
		var f *failure
		if writeErr != nil && errors.As(err, &f) && f.lost {
			f = l.failed(x, inHeaders, total, writeErr)
			f.lost = true
			return f
		}
		return err
	}
	if l.timeout.Body > 0 || l.timeout.Headers > 0 {
		now := begun
		if l.timeout.Body > 0 {
			now = time.Now()
		}
		total = l.bound(x, now, l.timeout.Body)
	}
	return l.readBody(x, total)
}

// bound sets the deadline of the connection: a limit from now, or the end of the call, if that is
// earlier. Total says whether it is the end of the call.
func (l *rawLink) bound(x *exchange, now time.Time, limit time.Duration) (total bool) {
	deadline := x.deadline
	total = true
	if limit > 0 {
		if by := now.Add(limit); deadline.IsZero() || by.Before(deadline) {
			deadline, total = by, false
		}
	}
	// Without a bound too: an interrupt may have come too late for the call before.
	_ = l.conn.SetDeadline(deadline) // if the connection is closed, reading says so
	if x.ctx.Err() != nil {          // the interrupt may have come before this deadline
		l.interrupt()
	}
	return total
}

// interrupt ends reads and writes at once. It may be called during an exchange.
func (l *rawLink) interrupt() {
	_ = l.conn.SetDeadline(time.Unix(1, 0)) // if the connection is closed, they have ended
}

// failed returns the failure of reading or writing.
func (l *rawLink) failed(x *exchange, in phase, total bool, err error) *failure {
	switch {
	case x.ctx.Err() != nil:
		return interrupted(x.ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return l.timeout.late(in, total)
	}
	return network(x.method, x.base.String(), err)
}

// readHeader reads the headers of the answer, and passes over answers that are not final.
func (l *rawLink) readHeader(x *exchange, total bool) error {
	l.response.SkipBody = x.method == http.MethodHead
	const mostInterim = 100
	for range mostInterim {
		if err := l.readOneHeader(x, total); err != nil {
			return err
		}
		status := l.response.StatusCode()
		if status >= 200 || status == http.StatusSwitchingProtocols {
			x.answer.status = status
			if x.follows {
				x.answer.location = string(l.response.Header.Peek("Location"))
			}
			return nil
		}
	}
	return fail(record.KindMalformed, "the server sent more than %d interim answers", mostInterim)
}

func (l *rawLink) readOneHeader(x *exchange, total bool) error {
	for {
		err := l.response.Header.Read(l.reader)
		switch {
		case err == nil:
			return nil
		case l.wire.err == io.EOF && l.wire.first == 0:
			f := network(x.method, x.base.String(), io.EOF)
			f.lost = true
			return f
		case l.wire.err == io.EOF:
			return fail(record.KindClosed, "the server closed the connection within the headers")
		case l.wire.err != nil:
			f := l.failed(x, inHeaders, total, l.wire.err)
			f.lost = l.wire.first == 0 && f.kind == record.KindReset
			return f
		case !tooSmall(err):
			return fail(record.KindMalformed, "%w", err)
		case !l.grow():
			return fail(record.KindTooLarge, "the headers have more than %d bytes", maxHeader)
		}
	}
}

// tooSmall reports whether the headers are larger than the buffer.
func tooSmall(err error) bool {
	var small *fasthttp.ErrSmallBuffer
	return errors.As(err, &small)
}

// grow makes the buffer larger, and keeps what it holds. It returns false if the buffer is as large as
// headers may be.
func (l *rawLink) grow() bool {
	size := l.reader.Size()
	if size >= maxHeader {
		return false
	}
	held, err := l.reader.Peek(l.reader.Buffered())
	if err != nil {
		return false // impossible: they are buffered
	}
	l.wire.pending = append(append([]byte(nil), held...), l.wire.pending...)
	l.reader = bufio.NewReaderSize(&l.wire, 4*size)
	return true
}

// readBody reads the body of the answer to its end.
func (l *rawLink) readBody(x *exchange, total bool) error {
	status, length := x.answer.status, l.response.Header.ContentLength()
	if l.response.SkipBody || status < 200 || status == http.StatusNoContent || status == http.StatusNotModified {
		return nil
	}
	if length > l.maxBody {
		return fail(record.KindTooLarge, "the body has %d bytes: want at most %d (maxBody)", length, l.maxBody)
	}
	if length >= 0 && !x.keeps(status) {
		_, err := l.reader.Discard(length)
		return l.bodyFailure(x, total, err)
	}
	err := l.response.ReadBody(l.reader, l.maxBody)
	if length == -1 && err == nil {
		err = l.response.Header.ReadTrailer(l.reader)
	}
	if err == nil && x.keeps(status) {
		x.answer.body = l.response.Body() // of the connection: valid until its next answer
	}
	l.response.ReleaseBody(keptBuffer)
	return l.bodyFailure(x, total, err)
}

// bodyFailure returns the failure of reading a body, or nil if err is nil.
func (l *rawLink) bodyFailure(x *exchange, total bool, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return fail(record.KindTooLarge, "the body has more than %d bytes (maxBody)", l.maxBody)
	case l.wire.err == io.EOF:
		return fail(record.KindShortBody, "the server closed the connection within the body: %w", err)
	case l.wire.err != nil:
		return l.failed(x, inBody, total, l.wire.err)
	}
	return fail(record.KindMalformed, "the body: %w", err)
}

var _ link = (*rawLink)(nil)
