package grpctarget

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/dial"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/template"
)

// A call is one call, and what is known of it. Grpc-go may tell of it after it has ended, so it is not used again.
type call struct {
	request *request
	tally   *tally
	values  template.Values
	begun   time.Time

	wrote, first atomic.Int64 // since begun; 0 if not yet
	headers      atomic.Int32 // how often the request was sent
	answered     atomic.Bool  // the server has ended the call

	in    incoming
	sent  int
	gaps  []time.Duration // between messages received
	ended error           // why a stream ended before its time; nil if it did not
	code  codes.Code
}

// callKey is the key of a context's call.
type callKey struct{}

// An observer notes when parts of a call pass.
type observer struct{}

// TagRPC returns ctx, which has the call.
func (observer) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC notes an event of a call.
func (observer) HandleRPC(ctx context.Context, event stats.RPCStats) {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return // a call for the schema
	}
	switch event.(type) {
	case *stats.OutHeader:
		c.headers.Add(1)
	case *stats.OutPayload:
		c.wrote.CompareAndSwap(0, c.since())
	case *stats.InHeader:
		c.first.CompareAndSwap(0, c.since())
	case *stats.InTrailer:
		c.first.CompareAndSwap(0, c.since())
		c.answered.Store(true)
	}
}

func (c *call) since() int64 { return int64(max(time.Since(c.begun), 1)) }

// TagConn returns ctx.
func (observer) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn does nothing: a wire knows more.
func (observer) HandleConn(context.Context, stats.ConnStats) {}

var _ stats.Handler = observer{}

// do makes the call on a connection of a place. If the server has not processed it because the connection ended, the
// call is made again, once, on another connection. (Grpc-go itself sends a call again, once, that the server refused
// without processing it.)
func (c *call) do(parent context.Context, at *place) error {
	ctx, cancel := parent, context.CancelFunc(func() {})
	if c.request.deadline > 0 {
		ctx, cancel = context.WithDeadline(parent, c.begun.Add(c.request.deadline))
	}
	defer cancel()
	l, err := at.get(ctx, nil)
	if err != nil {
		return c.unconnected(parent, ctx, err)
	}
	err = c.make(ctx, l)
	if err != nil && c.unprocessed(ctx, err) {
		if l, err = at.get(ctx, l); err != nil {
			return c.unconnected(parent, ctx, err)
		}
		c.sent, c.ended = 0, nil
		c.wrote.Store(0)
		err = c.make(ctx, l)
	}
	if again := c.headers.Load() - 1; again > 0 {
		at.target.dialer.Count(func(n *dial.Connections) { n.Resent += uint64(again) })
	}
	return c.result(parent, l, err)
}

// unprocessed reports whether the server has not processed a call, or says so.
func (c *call) unprocessed(ctx context.Context, err error) bool {
	// Grpc-go has no type for it: it wanted another connection for the call, and was told errUsed.
	return ctx.Err() == nil && c.in.messages == 0 && !c.answered.Load() && strings.Contains(err.Error(),
		errUsed.Error())
}

// make makes the call on a connection that was taken for it. The error is grpc-go's.
func (c *call) make(ctx context.Context, l *link) error {
	defer l.put()
	ctx = context.WithValue(ctx, callKey{}, c)
	md, err := c.request.metadata(&c.values)
	if err != nil {
		return err
	}
	if len(md) > 0 {
		ctx = metadata.NewOutgoingContext(ctx, md)
	}
	if c.request.streams() {
		return c.stream(ctx, l)
	}
	message, err := c.request.message(&c.values, 0)
	if err != nil {
		return err
	}
	c.sent = 1
	return l.cc.Invoke(ctx, c.request.path, message, &c.in)
}

// unconnected returns the error of a call without a connection.
func (c *call) unconnected(parent, ctx context.Context, err error) error {
	if parent.Err() == nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return record.Errorf(record.KindDeadline, "no connection was open within the deadline of %v: %w",
			c.request.deadline, err)
	}
	return err
}

// result returns the error of a call that ended with an error of grpc-go, or nil if it ended as expected.
func (c *call) result(parent context.Context, l *link, err error) error {
	if err != nil {
		var kinded interface{ Kind() string }
		switch {
		case errors.As(err, &kinded):
			return err // of ours
		case parent.Err() != nil:
			return dial.Interrupted(parent)
		}
	}
	c.code = status.Code(err)
	if c.code == codes.Unavailable && !c.answered.Load() {
		if lost := l.wire.reason(l.address, err); lost != nil {
			return c.counted(record.KindOf(lost), lost)
		}
	}
	if c.code == c.request.code {
		return c.ended
	}
	switch {
	case err == nil:
		err = fmt.Errorf("the call ended with OK: want %v", c.request.code)
	case c.code == codes.DeadlineExceeded && !c.answered.Load():
		err = fmt.Errorf("the call took longer than its deadline of %v%s: %w", c.request.deadline, c.endless(), err)
	}
	return c.counted(record.KindGRPC+" "+c.code.String(), err)
}

// endless returns what to do about a server that may never end its stream, or "" if it is not that.
func (c *call) endless() string {
	if !c.request.desc.ServerStreams || c.request.most > 0 || c.in.messages == 0 {
		return ""
	}
	return ", and the server had not ended the stream (stream.receive is the number of messages after which the " +
		"client ends it)"
}

// counted returns an error of a kind, with the counts of messages if the call is of a stream.
func (c *call) counted(kind string, err error) error {
	if !c.request.streams() {
		return record.Errorf(kind, "%w", err)
	}
	return record.Errorf(kind, "%w (messages sent: %d, received: %d)", err, c.sent, c.in.messages)
}

// instants sets the instants of a call.
func (c *call) instants(at *bench.Instants) {
	at.Wrote, at.First = time.Duration(c.wrote.Load()), time.Duration(c.first.Load())
	if at.First > 0 {
		at.First = max(at.First, at.Wrote) // a server may answer before the first message
	}
}
