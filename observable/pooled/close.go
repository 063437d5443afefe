package pooled

import (
	"context"
	"errors"
)

// A flusher is an exporter that keeps spans after Export has returned.
type flusher interface{ ForceFlush(context.Context) error }

// A closer is an exporter that needs to be shut down.
type closer interface{ Shutdown(context.Context) error }

// A watcher is an exporter that can tell why it lost spans since the call of Watch.
type watcher interface{ Watch() (lost func() error) }

// watch returns a function that returns why the exporter has lost spans since, or nil.
func (p *Provider) watch() (lost func() error) {
	if w, ok := p.opts.Exporter.(watcher); ok {
		return w.Watch()
	}
	return func() error { return nil }
}

// withLoss joins err and the reason why spans were lost, unless err contains it.
func withLoss(err error, lost func() error) error {
	if why := lost(); why != nil && !errors.Is(err, why) {
		return errors.Join(err, why)
	}
	return err
}

// flushExporter flushes the exporter, unless it has been shut down.
func (p *Provider) flushExporter(ctx context.Context) error {
	f, ok := p.opts.Exporter.(flusher)
	select {
	case <-p.released:
		return nil
	default:
	}
	if !ok {
		return nil
	}
	ctx, cancel := p.bounded(ctx)
	defer cancel()
	return f.ForceFlush(ctx)
}

// release shuts the exporter down if first is set, and otherwise waits until that is done.
func (p *Provider) release(ctx context.Context, first bool) error {
	if !first {
		select {
		case <-p.released:
			return nil
		default:
		}
		select {
		case <-p.released:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer close(p.released)
	c, ok := p.opts.Exporter.(closer)
	if !ok {
		return nil
	}
	ctx, cancel := p.bounded(ctx)
	defer cancel()
	return c.Shutdown(ctx)
}

// bounded adds a deadline to ctx if it has none. It also marks ctx, so that refuse recognises a
// call of the exporter back into the provider.
func (p *Provider) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx = context.WithValue(ctx, exporting{p}, true)
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, p.opts.Timeout)
}
