package pooled

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
)

// A shard gathers encoded spans of one tracer. Records go by their number to a
// shard, so that processors seldom meet at its lock.
type shard struct {
	mu      sync.Mutex
	buf     []byte // room for the header, then ScopeSpans.spans fields
	spans   int    // in buf
	ended   uint64
	dropped uint64
	closed  bool
	_       [56]byte // keeps the locks of neighbours in different cache lines
}

// take encodes the span of r, which has ended, for export. It keeps nothing.
func (t *Tracer) take(r *record) {
	if t.provider.opts.Exporter == nil || !r.flags.IsSampled() {
		return
	}
	limit := t.provider.opts.BufferBytes
	s := &t.shards[int(r.shard)&(len(t.shards)-1)]
	s.mu.Lock()
	s.ended++
	before := len(s.buf)
	if before == 0 {
		s.buf = append(s.buf, make([]byte, t.header.room())...)
	}
	buf := s.buf
	if !s.closed {
		buf = appendSpan(buf, r)
	}
	if s.closed || len(buf) > limit {
		s.dropped++
	} else {
		s.buf = buf
		s.spans++
	}
	after := len(s.buf)
	s.mu.Unlock()
	if before < limit/2 && after >= limit/2 {
		t.provider.kick()
	}
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

// export runs until the provider is shut down: it exports when a buffer is half
// full, when asked to flush, and at every interval.
func (p *Provider) export() {
	defer close(p.done)
	tick := time.NewTicker(p.opts.Interval)
	defer tick.Stop()
	var spare []byte
	for {
		var flushed chan<- struct{}
		select {
		case <-p.wake:
		case <-tick.C:
			p.setClock()
		case flushed = <-p.flush:
		case <-p.stop:
			p.drain(spare)
			return
		}
		spare = p.drain(spare)
		if flushed != nil {
			close(flushed)
		}
	}
}

// drain exports every shard once. Each in turn gets the buffer that the export
// before left empty, so that a batch is as large as what has piled up.
func (p *Provider) drain(spare []byte) []byte {
	if p.opts.Exporter == nil {
		return nil
	}
	for _, t := range p.all() {
		for i := range t.shards {
			s := &t.shards[i]
			s.mu.Lock()
			if s.spans == 0 {
				s.mu.Unlock()
				continue
			}
			buf, n := s.buf, s.spans
			s.buf, s.spans = spare[:0], 0
			s.mu.Unlock()
			if err := p.opts.Exporter.Export(context.Background(), t.header.request(buf), n); err != nil {
				p.failed.Add(uint64(n))
				otel.Handle(err)
			} else {
				p.exported.Add(uint64(n))
			}
			spare = buf
		}
	}
	return spare
}
