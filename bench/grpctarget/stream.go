package grpctarget

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/quantile"
)

// Streams is the account of the messages of streams. Calls that failed count, too.
type Streams struct {
	Sent     uint64 `json:"sent"`     // messages sent
	Received uint64 `json:"received"` // messages received
	// Gaps are the times between one message received and the next.
	Gaps *quantile.HDR `json:"gaps"`
}

// A tally collects the account of the messages of streams.
type tally struct {
	mu sync.Mutex
	Streams
}

// add adds a call.
func (t *tally) add(c *call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Sent += uint64(c.sent)
	t.Received += uint64(c.in.messages)
	t.addGaps(c)
}

func (t *tally) addGaps(c *call) {
	for _, gap := range c.gaps {
		t.Gaps.Add(gap)
	}
	c.gaps = c.gaps[:0]
}

// gaps adds the gaps that a call holds.
func (t *tally) gaps(c *call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.addGaps(c)
}

// streams returns a copy of the account.
func (t *tally) streams() Streams {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.Streams
	s.Gaps = quantile.NewHDR()
	if err := s.Gaps.Merge(t.Gaps); err != nil {
		panic(err) // impossible: both have the same buckets
	}
	return s
}

// kindMessages is the kind of streams with fewer messages than expected.
const kindMessages = "check messages"

// stream makes a call of a stream. The error is grpc-go's; nil means that it ended with OK, or that the client has
// ended it as told.
func (c *call) stream(ctx context.Context, l *link) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream
	s, err := l.cc.NewStream(ctx, &c.request.desc, c.request.path)
	if err != nil {
		return err
	}
	if c.request.desc.ServerStreams {
		err = c.exchange(ctx, cancel, s)
	} else if err = c.send(ctx, s); err == nil {
		err = c.receive(s)
	}
	switch {
	case err != nil:
	case c.sent < c.request.send:
		c.ended = c.short("the server ended the stream before everything was sent: want %d messages sent",
			c.request.send)
	case c.in.messages < c.request.most:
		c.ended = c.short("the server ended the stream: want %d messages received (stream.receive)", c.request.most)
	}
	return err
}

// exchange sends and receives at the same time.
func (c *call) exchange(ctx context.Context, cancel func(), s grpc.ClientStream) error {
	sent := make(chan error, 1)
	go func() {
		err := c.send(ctx, s)
		if err != nil {
			cancel() // receiving ends
		}
		sent <- err
	}()
	err := c.receive(s)
	if err == nil && c.request.most > 0 && c.in.messages == c.request.most {
		err = <-sent // the stream is whole when everything has been sent
		if err == nil && ctx.Err() != nil {
			err = status.FromContextError(ctx.Err()).Err()
		}
		return err
	}
	failed := ctx.Err() != nil // perhaps because of the sender
	if err == nil {
		cancel() // the sender need not wait
	}
	if sendErr := <-sent; failed && sendErr != nil {
		return sendErr
	}
	return err
}

// short returns the error of a stream with too few messages.
func (c *call) short(format string, args ...any) error {
	return c.counted(kindMessages, record.Errorf(kindMessages, format, args...))
}

// send sends the messages, and tells the server that there are no more. If the server has ended the stream, it
// returns nil: receiving says why.
func (c *call) send(ctx context.Context, s grpc.ClientStream) error {
	var tick *time.Ticker
	for c.sent < c.request.send {
		if tick == nil && c.request.every > 0 && c.sent > 0 {
			tick = time.NewTicker(c.request.every)
			defer tick.Stop()
		}
		if tick != nil {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil // receiving says why
			}
		}
		m, err := c.request.message(&c.values, c.sent)
		if err != nil {
			return err
		}
		switch err := s.SendMsg(m); {
		case errors.Is(err, io.EOF):
			return nil // receiving says why
		case err != nil:
			return err
		}
		c.sent++
	}
	return s.CloseSend()
}

// receive receives messages until the server ends the stream, or all that are wanted have come.
func (c *call) receive(s grpc.ClientStream) error {
	var last time.Time
	for {
		err := s.RecvMsg(&c.in)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case !c.request.desc.ServerStreams:
			return nil
		}
		now := time.Now()
		if c.in.messages > 1 {
			c.gap(now.Sub(last))
		}
		if last = now; c.in.messages == c.request.most {
			return nil
		}
	}
}

// gap notes the time between two messages.
func (c *call) gap(d time.Duration) {
	const most = 1 << 10 // held by a call
	if c.gaps = append(c.gaps, d); len(c.gaps) == most {
		c.tally.gaps(c)
	}
}
