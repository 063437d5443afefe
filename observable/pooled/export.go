package pooled

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"google.golang.org/protobuf/encoding/protowire"
)

// A shard gathers encoded spans of one tracer. Records go by their number to a
// shard, so that processors seldom meet at its lock.
type shard struct {
	mu       sync.Mutex
	buf      []byte // room for the header, then ScopeSpans.spans fields
	reserved int    // bytes of spans that buf may hold: its part of the tracer's BufferBytes
	spans    int    // in buf
	ended    uint64
	dropped  uint64
	closed   bool
	_        [48]byte // keeps the locks of neighbours in different cache lines
}

// take encodes the span of r, which has ended, for export. It keeps nothing.
func (t *Tracer) take(r *record) {
	if t.provider.opts.Exporter == nil || !r.flags.IsSampled() {
		return
	}
	s := &t.shards[int(r.shard)&(len(t.shards)-1)]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended++
	if s.closed {
		s.dropped++
		return
	}
	room := t.header.room()
	if len(s.buf) == 0 {
		s.buf = append(s.buf, make([]byte, room)...)
	}
	buf := appendSpan(s.buf, r)
	if !t.reserve(s, len(buf)-room, len(buf)-len(s.buf)) {
		s.dropped++
		return
	}
	s.buf = buf
	s.spans++
}

// reserve lets s hold n bytes of spans, of which the last has size, if the tracer has so
// much left, and wakes the exporter when half of it is gone, or all that this span needs.
// A span that is larger than all there is needs only that some is left.
//
// A shard takes more than it needs at once: the count of what is left is the one
// thing here that processors share.
func (t *Tracer) reserve(s *shard, n, size int) bool {
	need, limit := int64(n-s.reserved), int64(t.provider.opts.BufferBytes)
	if need <= 0 {
		return true
	}
	oversize := int64(size) > limit
	for {
		free := t.free.Load()
		got := min(max(need, limit/int64(8*len(t.shards))), free)
		if oversize && free > 0 {
			got = need
		}
		if got < need {
			if free < limit { // else there is nothing to export
				t.provider.kick()
			}
			return false
		}
		if !t.free.CompareAndSwap(free, free-got) {
			continue
		}
		s.reserved += int(got)
		if half := limit / 2; oversize || free > half && free-got <= half {
			t.provider.kick()
		}
		return true
	}
}

// swap takes what s holds, n spans, and leaves it spare to fill instead.
func (t *Tracer) swap(s *shard, spare []byte) (buf []byte, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spans == 0 {
		return nil, 0
	}
	buf, n = s.buf, s.spans
	t.free.Add(int64(s.reserved))
	s.buf, s.spans, s.reserved = spare[:0], 0, 0
	return buf, n
}

// close lets no more spans into the shards.
func (t *Tracer) close() {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
	}
}

func (p *Provider) kick() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// export runs until the provider is shut down: it exports when a tracer's buffers
// are half full, when asked to flush, and at every interval.
func (p *Provider) export() {
	defer close(p.done)
	tick := time.NewTicker(p.opts.Interval)
	defer tick.Stop()
	var spare []byte
	for stopped := false; !stopped; {
		select {
		case <-p.wake:
		case <-tick.C:
		case <-p.stop:
			stopped = true
		}
		spare = p.drain(spare)
	}
}

// drain exports every shard once. Each in turn gets the buffer that the export
// before left empty, so that a batch is as large as what has piled up.
func (p *Provider) drain(spare []byte) []byte {
	p.mu.Lock()
	due := slices.Clone(p.waiters) // what they wait for is in the shards by now
	p.mu.Unlock()
	for _, t := range p.all() {
		for i := range t.shards {
			buf, n := t.swap(&t.shards[i], spare)
			if n == 0 {
				continue
			}
			p.sendAll(&t.header, buf, n)
			if spare = buf; cap(buf) > 2*(p.opts.BufferBytes+t.header.room()) {
				spare = nil // lest one large span take its memory for ever
			}
		}
	}
	for _, w := range due {
		select {
		case w.flushed <- struct{}{}:
		default:
		}
	}
	return spare
}

// maxSpans is the most bytes of spans in a request, unless it has only one. A collector
// takes requests of 4 MiB over gRPC and 20 MiB over HTTP, unless it is configured otherwise.
const maxSpans = 1 << 20

// sendAll exports the n spans in buf, after room for h, in as many requests as they need.
// The header of each overwrites what was exported before.
func (p *Provider) sendAll(h *header, buf []byte, n int) {
	room := h.room()
	for len(buf) > room {
		size, k := len(buf)-room, n
		if size > maxSpans {
			size, k = cut(buf[room:], maxSpans)
		}
		p.send(h.request(buf[:room+size]), k)
		buf, n = buf[size:], n-k
	}
}

// cut returns the size and number of the first encoded spans in b that fit into limit
// bytes, or of the first span alone if it does not fit.
func cut(b []byte, limit int) (size, n int) {
	for size < len(b) {
		length := protowire.ConsumeFieldValue(2, protowire.BytesType, b[size+1:]) // after the tag
		if length < 0 {
			panic("pooled: a buffer that is not of spans") // take wrote it
		}
		if n > 0 && size+1+length > limit {
			break
		}
		size += 1 + length
		n++
	}
	return size, n
}

var errGoexit = errors.New("pooled: the exporter ended its goroutine (runtime.Goexit)")

// send makes one Export and accounts for it, in a goroutine of its own: should the
// exporter end it (as a test's FailNow does), the loop goes on.
func (p *Provider) send(request []byte, n int) {
	ctx, cancel := context.WithTimeout(p.ctx, p.opts.Timeout)
	defer cancel()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		err := errGoexit
		defer func() { p.sent(n, err) }()
		err = p.opts.Exporter.Export(ctx, request, n)
	}()
	<-sent
}

// sent notes that the Export of n spans ended with err, and tells all who wait.
func (p *Provider) sent(n int, err error) {
	if err == nil {
		p.exported.Add(uint64(n))
		return
	}
	p.failed.Add(uint64(n))
	p.mu.Lock()
	for _, w := range p.waiters {
		w.errs = append(w.errs, err)
	}
	told := len(p.waiters) > 0
	p.mu.Unlock()
	if !told {
		otel.Handle(err)
	}
}

// A waiter is a call of ForceFlush or Shutdown that waits for exports.
type waiter struct {
	flushed chan struct{} // gets a value when all has been exported; nil waits for the end
	errs    []error       // of exports since it waits; under the lock of the provider
}

// wait waits until w is flushed, the provider has ended, or ctx has. The error is
// that of ctx and those of the exports, joined.
func (p *Provider) wait(ctx context.Context, w *waiter) error {
	var err error
	select {
	case <-w.flushed:
	case <-p.done:
	case <-ctx.Done():
		select {
		case <-p.done: // nothing is left to wait for, whatever ctx says
		default:
			err = ctx.Err()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiters = slices.DeleteFunc(p.waiters, func(other *waiter) bool { return other == w })
	return errors.Join(append([]error{err}, w.errs...)...)
}

// exporting is the key of a value in the context of Export, by which ForceFlush
// and Shutdown know that they would wait for themselves.
type exporting struct{ by *Provider }

func (p *Provider) refuse(ctx context.Context, method string) error {
	if ctx.Value(exporting{p}) != nil {
		return errors.New("pooled: " + method + " was called by the exporter it would wait for")
	}
	return nil
}
