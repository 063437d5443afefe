package grpctarget

import (
	"context"
	"sync"

	"github.com/loadgen-go/loadgen/bench/dial"
	"github.com/loadgen-go/loadgen/bench/record"
)

// A pool hands out the places of connections, in turn. It never waits for one: calls wait in the queue of a run, where
// they are accounted for.
type pool struct {
	target *Target

	mu      sync.Mutex
	places  []*place
	next    int
	streams int // the number of calls at once on a connection
	closed  bool
}

// A place is the place of one connection, which is opened again when it is lost. Calls share it.
type place struct {
	target *Target
	calls  int // guarded by pool.mu

	mu      sync.Mutex
	link    *link // nil if there has been none
	opening *opening
	closed  bool
}

// An opening is an attempt to open the connection of a place. Calls that need it wait for the same one.
type opening struct {
	done    chan struct{}
	err     error
	aborted bool // the call that opened it has ended
}

// take returns a place for a call. If there is none, it adds one.
func (p *pool) take() (*place, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, record.Errorf(record.KindNoConnection, "the target is closed")
	}
	for range p.places {
		p.next = (p.next + 1) % len(p.places)
		if at := p.places[p.next]; at.calls < p.streams {
			at.calls++
			return at, nil
		}
	}
	if len(p.places) >= p.target.options.MaxConnections {
		return nil, record.Errorf(record.KindNoConnection, "more than %d calls at once: want at most as many "+
			"workers as Target.MaxWorkers returns, more connections, or more streams", len(p.places)*p.streams)
	}
	at := &place{target: p.target, calls: 1}
	p.places = append(p.places, at)
	return at, nil
}

// put returns a place after its call.
func (p *pool) put(at *place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at.calls--
}

// close closes all connections.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	places := p.places
	p.mu.Unlock()
	for _, at := range places {
		at.close()
	}
}

// get returns the connection of a place, taken for a call, and opens it if there is none that takes one. Broken, if it
// is not nil, is a connection that must not be used.
func (at *place) get(ctx context.Context, broken *link) (*link, error) {
	for {
		at.mu.Lock()
		l, o := at.link, at.opening
		if at.closed {
			at.mu.Unlock()
			return nil, record.Errorf(record.KindNoConnection, "the target is closed")
		}
		if l != nil && l != broken {
			if ok, err := l.take(); ok || err != nil {
				at.mu.Unlock()
				return l, err
			}
		}
		if o == nil {
			o = &opening{done: make(chan struct{})}
			at.opening = o
			at.mu.Unlock()
			return at.open(ctx, o, l)
		}
		at.mu.Unlock()
		select {
		case <-o.done:
		case <-ctx.Done():
			return nil, dial.Interrupted(ctx)
		}
		if o.err != nil && !o.aborted {
			return nil, o.err
		}
	}
}

// open opens a connection in place of one that was lost, which is nil if there was none, and takes it for the call.
func (at *place) open(ctx context.Context, o *opening, lost *link) (*link, error) {
	if lost != nil {
		lost.retire()
	}
	l, err := at.target.dial(ctx)
	if err == nil {
		if lost != nil {
			at.target.dialer.Count(func(c *dial.Connections) { c.Reconnects++ })
		}
		l.calls.Add(1) // if the connection is lost already, the call says so
	}
	at.mu.Lock()
	defer at.mu.Unlock()
	if o.err, o.aborted = err, ctx.Err() != nil; err == nil {
		at.link = l
		if at.closed {
			l.close()
		}
	}
	at.opening = nil
	close(o.done)
	return l, err
}

// close closes the connection.
func (at *place) close() {
	at.mu.Lock()
	at.closed = true
	l := at.link
	at.mu.Unlock()
	if l != nil {
		l.close()
	}
}

// dial opens a connection.
func (t *Target) dial(ctx context.Context) (*link, error) {
	conn, err := t.dialer.Dial(ctx)
	if err != nil {
		return nil, err
	}
	if t.options.ConnectTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.options.ConnectTimeout)
		defer cancel()
	}
	l, err := newLink(ctx, conn, t)
	if err != nil {
		t.dialer.Count(func(c *dial.Connections) { c.Opened--; c.Failed++ })
		return nil, err
	}
	return l, nil
}
