package pooled

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"google.golang.org/protobuf/encoding/protowire"
)

// A shard collects encoded spans of one tracer. The number of a record selects the shard, so
// that processors seldom compete for its lock.
type shard struct {
	mu       sync.Mutex
	buf      []byte // space for the header, followed by fields ScopeSpans.spans
	reserved int    // bytes of spans that buf may hold, as part of the BufferBytes of the tracer
	spans    int    // number of spans in buf
	ended    uint64
	dropped  uint64
	closed   bool
	_        [48]byte // keeps the locks of adjacent shards in different cache lines
}

// take encodes the ended span of r for export. It keeps no reference to r.
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

// reserve reserves space in s for n bytes of spans, where the last span has size bytes, and
// reports whether the tracer has enough left. It wakes the exporter when half of the space is
// used, or when the span does not fit. A span that is larger than BufferBytes is accepted if
// any space is left.
//
// A shard reserves more than it needs, because the count of free space is the only thing here
// that processors share.
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
			if free < limit { // otherwise nothing waits for export
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

// swap returns the buffer of s with its n spans, and replaces it by spare.
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

// close makes the shards drop all further spans.
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

// export exports whenever the buffers of a tracer are half full, when a flush is requested, and
// at every interval, until the provider is shut down.
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

// drain exports every shard once. Each shard gets the buffer of the shard exported before it, so
// that a batch contains all spans that have accumulated.
func (p *Provider) drain(spare []byte) []byte {
	p.mu.Lock()
	due := slices.Clone(p.waiters) // the spans they wait for are in the shards already
	p.mu.Unlock()
	for _, t := range p.allTracers() {
		for i := range t.shards {
			buf, n := t.swap(&t.shards[i], spare)
			if n == 0 {
				continue
			}
			p.sendAll(&t.header, buf, n)
			if spare = buf; cap(buf) > 2*(p.opts.BufferBytes+t.header.room()) {
				spare = nil // otherwise the memory of one large span would be kept for ever
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

// maxSpans is the largest size of the spans in a request, in bytes, unless it has only one span.
// By default, a collector accepts requests of 4 MiB over gRPC and 20 MiB over HTTP.
const maxSpans = 1 << 20

// sendAll exports the n spans in buf, which begin after the room of h, in as many requests as
// necessary. The header of each request overwrites spans that were exported before.
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

// cut returns the size and number of the first encoded spans in b that fit into limit bytes, or
// of the first span alone if that does not fit.
func cut(b []byte, limit int) (size, n int) {
	for size < len(b) {
		length := protowire.ConsumeFieldValue(2, protowire.BytesType, b[size+1:]) // after the tag
		if length < 0 {
			panic("pooled: the buffer contains something other than spans") // a bug in take
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

// send calls Export and counts the spans. Export runs in a goroutine of its own, so that the loop
// goes on if the exporter calls runtime.Goexit (as FailNow of a test does).
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

// sent counts n spans whose Export ended with err, and passes err to all waiters.
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
	handled := len(p.waiters) > 0
	p.mu.Unlock()
	if !handled {
		otel.Handle(err)
	}
}

// A waiter is a call of ForceFlush or Shutdown that waits for exports.
type waiter struct {
	flushed chan struct{} // receives a value when all spans have been exported; nil waits for the end of the provider
	errs    []error       // errors of exports since the call; guarded by Provider.mu
}

// wait waits until w is flushed, the provider has ended, or ctx has ended. It returns the error of
// ctx and the errors of the exports, joined.
func (p *Provider) wait(ctx context.Context, w *waiter) error {
	var err error
	select {
	case <-w.flushed:
	case <-p.done:
	case <-ctx.Done():
		select {
		case <-p.done: // nothing is left to wait for, even if ctx has ended
		default:
			err = ctx.Err()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiters = slices.DeleteFunc(p.waiters, func(other *waiter) bool { return other == w })
	return errors.Join(append([]error{err}, w.errs...)...)
}

// exporting is the key of a value in contexts that the provider passes to the exporter. ForceFlush
// and Shutdown look for it, because with such a context they would wait for themselves.
type exporting struct{ provider *Provider }

// refuse returns an error if ctx is a context that the provider passed to the exporter.
func (p *Provider) refuse(ctx context.Context, method string) error {
	if ctx.Value(exporting{p}) != nil {
		return fmt.Errorf("pooled: %s was called by the exporter, which it would wait for: call it from elsewhere",
			method)
	}
	return nil
}
