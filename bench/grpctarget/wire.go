package grpctarget

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"sync/atomic"

	"golang.org/x/net/http2"

	"github.com/loadgen-go/loadgen/bench/dial"
	"github.com/loadgen-go/loadgen/bench/record"
)

// A wire is a connection, seen on its way to grpc-go. It knows what grpc-go does not tell: how many streams the server
// allows, and why the connection was lost.
type wire struct {
	net.Conn
	secure bool // it has TLS

	limit  atomic.Uint32 // the number of streams that the server allows at once
	ending atomic.Bool   // no call should begin: the server goes away, or the connection is lost

	mu     sync.Mutex
	frames frames // of the server
	away   string // the GOAWAY of the server; "" if there was none
	err    error  // the first error of the connection
	closed bool   // by this side
	done   context.CancelFunc
}

// newWire returns the wire of c. Done is called when the connection is lost.
func newWire(c net.Conn, done context.CancelFunc) *wire {
	_, secure := c.(*tls.Conn)
	w := &wire{Conn: c, secure: secure, done: done}
	w.limit.Store(math.MaxUint32)
	return w
}

// Read reads from the connection, and looks at the frames of the server.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.mu.Lock()
		w.frames.feed(p[:n], w.frame)
		w.mu.Unlock()
	}
	w.lose(err)
	return n, err
}

// Write writes to the connection.
func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.lose(err)
	return n, err
}

// Close closes the connection.
func (w *wire) Close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.ending.Store(true)
	w.done()
	return w.Conn.Close()
}

// lose notes why the connection is lost, unless err is nil or this side has closed it.
func (w *wire) lose(err error) {
	if err == nil {
		return
	}
	w.mu.Lock()
	if w.err == nil && !w.closed {
		w.err = err
	}
	w.mu.Unlock()
	w.ending.Store(true)
	w.done()
}

// frame notes a frame of the server: its settings, or that it goes away. The caller holds w.mu.
func (w *wire) frame(kind http2.FrameType, payload []byte) {
	switch kind {
	case http2.FrameSettings:
		for ; len(payload) >= 6; payload = payload[6:] {
			if http2.SettingID(binary.BigEndian.Uint16(payload)) == http2.SettingMaxConcurrentStreams {
				w.limit.Store(binary.BigEndian.Uint32(payload[2:]))
			}
		}
	case http2.FrameGoAway:
		if len(payload) < 8 {
			return // grpc-go ends the connection
		}
		code := http2.ErrCode(binary.BigEndian.Uint32(payload[4:]))
		w.away = fmt.Sprintf("GOAWAY with %v %q", code, payload[8:])
		w.ending.Store(true)
	}
}

// reason returns why the connection is lost, or nil if it is not. Err is what grpc-go says.
func (w *wire) reason(address string, err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.frames.excerpt() != "":
		return record.Errorf(record.KindMalformed, "the server does not speak HTTP/2, which gRPC needs%s: %w",
			w.frames.excerpt(), err)
	case w.away != "":
		return record.Errorf(record.KindGoAway, "the server went away: %s: %w", w.away, err)
	case w.err != nil:
		lost := dial.Failed("connection", address, w.err)
		kind := record.KindOf(lost)
		if w.secure && w.frames.firsts == 0 && (kind == record.KindReset || kind == record.KindClosed) {
			return record.Errorf(record.KindTLSHandshake, "the server ended the connection after the handshake of "+
				"TLS, as servers do that want another certificate of the client: %w", lost)
		}
		if kind == record.KindDeadline || kind == record.KindConnectTimeout {
			kind = record.KindClosed // grpc-go has set a deadline to end the connection
		}
		return record.Errorf(kind, "the connection was lost: %w", lost)
	case w.closed:
		return record.Errorf(record.KindMalformed, "the connection was closed: the server does not speak gRPC as "+
			"expected: %w", err)
	case errors.Is(err, errUsed):
		return record.Errorf(record.KindClosed, "the connection was lost: %w", err)
	}
	return nil
}

// mostPayload is the size of the largest payload to look at. Settings and GOAWAY are smaller, as far as they matter.
const mostPayload = 4 << 10

// frames cuts what a server sends into frames of HTTP/2. The zero value is ready for use.
type frames struct {
	first   [32]byte // the first bytes, for errors
	firsts  int
	header  [9]byte
	have    int // of header
	left    int // bytes of the payload that are to come
	keeps   bool
	payload []byte // kept of the payload so far
}

// feed calls seen for each SETTINGS, but no acknowledgement, and GOAWAY that ends in p. The payload is valid during
// the call. It is cut at mostPayload.
func (f *frames) feed(p []byte, seen func(kind http2.FrameType, payload []byte)) {
	if f.firsts < len(f.first) {
		f.firsts += copy(f.first[f.firsts:], p)
	}
	for len(p) > 0 {
		if f.have < len(f.header) {
			n := copy(f.header[f.have:], p)
			f.have, p = f.have+n, p[n:]
			if f.have < len(f.header) {
				return
			}
			f.begin()
		}
		n := min(f.left, len(p))
		if f.keeps {
			f.payload = append(f.payload, p[:min(n, mostPayload-len(f.payload))]...)
		}
		f.left, p = f.left-n, p[n:]
		if f.left == 0 {
			if f.keeps {
				seen(http2.FrameType(f.header[3]), f.payload)
			}
			f.have = 0
		}
	}
}

// begin begins the payload of a frame.
func (f *frames) begin() {
	f.left = int(f.header[0])<<16 | int(f.header[1])<<8 | int(f.header[2])
	kind, flags := http2.FrameType(f.header[3]), http2.Flags(f.header[4])
	f.keeps = kind == http2.FrameGoAway || kind == http2.FrameSettings && !flags.Has(http2.FlagSettingsAck)
	f.payload = f.payload[:0]
}

// excerpt returns what the server sent first, for errors, or "" if that is a frame of settings.
func (f *frames) excerpt() string {
	if f.firsts == 0 || f.firsts > 3 && http2.FrameType(f.first[3]) == http2.FrameSettings {
		return ""
	}
	return fmt.Sprintf(" (it sent %q)", f.first[:f.firsts])
}
