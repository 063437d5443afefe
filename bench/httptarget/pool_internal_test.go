package httptarget

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/template"
)

// A call that was given up keeps its lane until it returns. Another lane takes its place at once.
func TestALaneWhoseCallWasGivenUpIsReplaced(t *testing.T) {
	target, err := New(Options{URL: "http://x", Connections: 1})
	if err != nil {
		t.Fatal(err)
	}
	p := &target.pool
	given, giveUp := context.WithCancel(context.Background())
	first, err := p.get(given)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.get(context.Background()); record.KindOf(err) != record.KindNoConnection {
		t.Errorf("a second call got %v, want no-connection", err)
	}
	giveUp()
	second, err := p.get(context.Background())
	if err != nil || second == first || second.socket == first.socket {
		t.Fatalf("%v: want another lane, on another socket", err)
	}
	if _, err := p.get(context.Background()); err == nil {
		t.Error("a third call got a lane")
	}
	p.put(first)
	if _, err := p.get(context.Background()); err == nil {
		t.Error("the lane that was given up came back")
	}
	p.put(second)
	if again, err := p.get(context.Background()); again != second || len(p.lanes) != 1 || len(p.sockets) != 1 {
		t.Errorf("%v, %d lanes, %d sockets: want one of each", err, len(p.lanes), len(p.sockets))
	}
}

// The last lane that was returned is the first to be used again, so that few connections are in use.
func TestTheLastLaneReturnedIsUsedFirst(t *testing.T) {
	target, err := New(Options{URL: "http://x", Connections: 1, MaxConnections: 3})
	if err != nil {
		t.Fatal(err)
	}
	p, ctx := &target.pool, context.Background()
	var lanes []*lane
	for range 3 {
		l, err := p.get(ctx)
		if err != nil {
			t.Fatal(err)
		}
		lanes = append(lanes, l)
	}
	for _, l := range lanes {
		p.put(l)
	}
	for i := range 2 {
		l, err := p.get(ctx)
		if err != nil || l != lanes[2] {
			t.Errorf("call %d got another lane, %v: want the last one returned", i, err)
		}
		p.put(l)
	}
	target.Close()
	if _, err := p.get(ctx); err == nil {
		t.Error("a closed target gave a lane")
	}
}

// A context may end before the connection has its deadline. Then nothing else interrupts the call.
func TestAContextThatEndedBeforeTheDeadlineWasSetEndsTheCall(t *testing.T) {
	client, server := net.Pipe() // which nobody reads
	defer server.Close()
	o := (Options{URL: "http://x"}).withDefaults()
	r, err := newRequest(&o, &url.URL{Scheme: "http", Host: "x"}, 0, &template.Parser{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	x := &exchange{ctx: ctx, at: &bench.Instants{Begun: time.Now()}, deadline: time.Now().Add(time.Hour)}
	x.set(r, 0, true)
	l := newRawLink(client, &o)
	defer l.close()
	returned := make(chan error, 1)
	go func() { returned <- l.exchange(x) }()
	select {
	case err := <-returned:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v: want canceled", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the call has not returned after 10 s")
	}
}

// The end of a context may be noticed when the lane makes a call with another context already.
func TestTheEndOfAnEarlierContextInterruptsNoCall(t *testing.T) {
	client, server := net.Pipe()
	defer server.Close()
	target, err := New(Options{URL: "http://x", Connections: 1})
	if err != nil {
		t.Fatal(err)
	}
	first, end := context.WithCancel(context.Background())
	second, endSecond := context.WithCancel(context.Background())
	defer endSecond()
	l, err := target.pool.get(first)
	if err != nil {
		t.Fatal(err)
	}
	raw := newRawLink(client, &target.options)
	defer raw.close()
	l.socket.link = raw
	l.begin(first, target.requests[0], 0, &bench.Instants{Begun: time.Now()})
	l.use(raw)
	l.begin(second, target.requests[0], 0, &bench.Instants{Begun: time.Now()})
	end()
	go func() {
		_, _ = server.Read(make([]byte, 1<<10))
		l.interrupt(first) // late
		_, _ = io.WriteString(server, "HTTP/1.1 204 No Content\r\n\r\n")
	}()
	if err := l.do(); err != nil {
		t.Errorf("the call failed: %v", err)
	}
}

// An interrupt that came too late for a call must not end the next one, even if that has no deadline.
func TestAnInterruptThatCameTooLateIsForgotten(t *testing.T) {
	client, server := net.Pipe()
	defer server.Close()
	o := (Options{URL: "http://x", Timeout: Timeout{Total: -1}}).withDefaults()
	r, err := newRequest(&o, &url.URL{Scheme: "http", Host: "x"}, 0, &template.Parser{})
	if err != nil {
		t.Fatal(err)
	}
	x := &exchange{ctx: context.Background(), at: &bench.Instants{Begun: time.Now()}}
	x.set(r, 0, true)
	l := newRawLink(client, &o)
	defer l.close()
	l.interrupt()
	go func() {
		_, _ = server.Read(make([]byte, 1<<10))
		_, _ = io.WriteString(server, "HTTP/1.1 204 No Content\r\n\r\n")
	}()
	if err := l.exchange(x); err != nil {
		t.Errorf("the call failed: %v", err)
	}
}
