//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package httptarget

import (
	"net"
	"syscall"
)

// A peeker tells whether the server has closed a connection on which nothing is expected to arrive. A
// request that may not be sent twice should not be sent on such a connection.
type peeker struct {
	raw  syscall.RawConn
	dead bool
	buf  [1]byte
	look func(fd uintptr) // made once, so that closed does not allocate
	tls  bool             // bytes may arrive between calls
}

// newPeeker returns a peeker for c, or nil if the system cannot tell.
func newPeeker(c net.Conn) *peeker {
	p := &peeker{}
	if secure, ok := c.(interface{ NetConn() net.Conn }); ok {
		c, p.tls = secure.NetConn(), true
	}
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil
	}
	p.raw = raw
	p.look = func(fd uintptr) {
		n, _, err := syscall.Recvfrom(int(fd), p.buf[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case err == syscall.EAGAIN || err == syscall.EWOULDBLOCK || err == syscall.EINTR:
			p.dead = false
		case err != nil || n == 0:
			p.dead = true
		default:
			p.dead = !p.tls
		}
	}
	return p
}

// closed reports whether the server has closed the connection. It does not wait.
func (p *peeker) closed() bool {
	if p == nil {
		return false
	}
	p.dead = true
	err := p.raw.Control(p.look) // not Read, which fails after the deadline of the call before
	return err != nil || p.dead
}
