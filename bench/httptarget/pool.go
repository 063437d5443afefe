package httptarget

import (
	"context"
	"sync"

	"github.com/loadgen-go/loadgen/bench/record"
)

// A pool hands out lanes: the last one that was returned first, so that as few connections as possible
// are in use. It never waits for one: calls wait in the queue of a run, where they are accounted for.
type pool struct {
	target *Target

	mu      sync.Mutex
	sockets []*socket
	lanes   []*lane // all that are not retired
	free    []*lane
	streams int // the number of lanes of a socket
	closed  bool
}

// get returns a free lane for a call with a context. If there is none, it adds a socket.
func (p *pool) get(ctx context.Context) (*lane, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, fail(record.KindNoConnection, "the target is closed")
	}
	if len(p.free) == 0 && len(p.sockets) < p.target.options.MaxConnections {
		p.add()
	}
	if len(p.free) == 0 && !p.replace() {
		return nil, fail(record.KindNoConnection, "more than %d calls at once: want at most as many workers as "+
			"Target.MaxWorkers returns, or a larger maxConnections", len(p.lanes))
	}
	l := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	l.busyFor = ctx
	return l, nil
}

// add adds a socket with its lanes, which are free.
func (p *pool) add() {
	s := &socket{target: p.target}
	p.sockets = append(p.sockets, s)
	for range p.streams {
		p.addLane(s)
	}
}

func (p *pool) addLane(s *socket) {
	l := &lane{socket: s}
	p.lanes = append(p.lanes, l)
	p.free = append(p.free, l)
}

// replace retires a lane whose call was given up and has not returned yet, and adds another lane in its
// place. It returns false if there is no such lane.
func (p *pool) replace() bool {
	for i, l := range p.lanes {
		if l.busyFor == nil || l.busyFor.Err() == nil {
			continue
		}
		l.retired = true
		p.lanes[i] = p.lanes[len(p.lanes)-1]
		p.lanes = p.lanes[:len(p.lanes)-1]
		s := l.socket
		if p.streams == 1 {
			for k := range p.sockets {
				if p.sockets[k] == s {
					s = &socket{target: p.target}
					p.sockets[k] = s
				}
			}
		}
		p.addLane(s)
		return true
	}
	return false
}

// put returns a lane after its call.
func (p *pool) put(l *lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.busyFor = nil
	if !l.retired && !p.closed {
		p.free = append(p.free, l)
		return
	}
	l.leave()
	if p.streams == 1 { // the socket is this lane's alone
		l.socket.close()
	}
}

// close closes all connections.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	closeAll(p.sockets)
	for _, l := range p.free {
		l.leave()
	}
	p.free = nil
}
