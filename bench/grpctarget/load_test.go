package grpctarget_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/grpctarget"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// The server takes 50 streams of a connection. There are never more, and calls beyond them wait in the queue of the
// run: on one connection, 2,000 calls of 20 ms take 800 ms, and the last is due after 500.
func TestCallsBeyondTheLimitOfStreamsWaitInTheQueue(t *testing.T) {
	for _, c := range []struct {
		connections int
		backlog     time.Duration // at least
	}{{1, 280 * time.Millisecond}, {2, 0}} {
		t.Run(fmt.Sprint(c.connections), func(t *testing.T) {
			md := unique("sleep 20ms")
			target := open(t, grpctarget.Options{Address: server(t).Plain, Method: create, Metadata: md,
				Connections: c.connections})
			if n := target.Workers(); n != 50*c.connections || target.MaxWorkers() != n {
				t.Fatalf("%d workers: want the server's limit, %d", n, 50*c.connections)
			}
			r := run(t, target, 4000, 500*time.Millisecond, target.Workers())
			seen := server(t).seen(t, md)
			if r.Done != 2000 || seen.Requests != 2000 || seen.Peak > int64(50*c.connections) {
				t.Errorf("%d done of %d, %+v; the server saw %+v: want 2000, at most 50 a connection at once", r.Done,
					r.Offered, r.Failures, seen)
			}
			if seen.Connections != c.connections {
				t.Errorf("the server saw %d connections: want %d", seen.Connections, c.connections)
			}
			if r.Backlog < c.backlog || r.Queue.Max() < r.Backlog {
				t.Errorf("a backlog of %v: want %v or more", r.Backlog, c.backlog)
			}
			if r.Phases.Wait.Count() != 2000 {
				t.Errorf("%d calls with phases: want 2000", r.Phases.Wait.Count())
			}
		})
	}
}

// More calls at once than there are streams fail in the generator, and are never left to wait in grpc-go.
func TestMoreCallsThanStreamsFail(t *testing.T) {
	for _, c := range []struct {
		name, text string
		o          grpctarget.Options
		unopened   bool
	}{
		{"by options", "more than 2 calls at once", grpctarget.Options{Streams: 2}, false},
		{"by the server", "the server allows 50 streams at once", grpctarget.Options{Streams: 100, Schema: shop},
			true},
	} {
		t.Run(c.name, func(t *testing.T) {
			md := unique("sleep 300ms")
			c.o.Address, c.o.Method, c.o.Metadata, c.o.Connections = server(t).Plain, create, md, 1
			target, err := grpctarget.New(c.o)
			if err != nil {
				t.Fatal(err)
			}
			defer target.Close()
			if !c.unopened {
				if err := target.Open(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			errs := make(chan error, 60)
			for range cap(errs) {
				go func() { errs <- target.Call(context.Background(), "") }()
			}
			failed := 0
			for range cap(errs) {
				if err := <-errs; err != nil {
					failed++
					if kind(err) != "no-connection" || !strings.Contains(err.Error(), c.text) {
						t.Errorf("kind %q (%v)", kind(err), err)
					}
				}
			}
			seen := server(t).seen(t, md)
			if failed != cap(errs)-int(seen.Requests) || failed == 0 || seen.Peak > 50 {
				t.Errorf("%d failed, and the server saw %+v", failed, seen)
			}
		})
	}
}

// A run opens more connections as calls find none free, up to a limit.
func TestConnectionsAreAdded(t *testing.T) {
	md := unique("sleep 50ms")
	target := open(t, grpctarget.Options{Address: server(t).Plain, Method: create, Metadata: md, Streams: 2,
		MaxConnections: 3})
	if n, most := target.Workers(), target.MaxWorkers(); n != 2 || most != 6 {
		t.Errorf("%d workers, at most %d: want 2 and 6", n, most)
	}
	r := run(t, target, 200, 200*time.Millisecond, 6)
	if seen := server(t).seen(t, md); seen.Connections != 3 || r.Failed > 0 || target.Connections().Reconnects > 0 {
		t.Errorf("the server saw %+v; %+v: want 3 connections", seen, r.Failures)
	}
}

// serveLocal serves on l in this process, and counts the calls that it has answered.
func serveLocal(l net.Listener, answered *atomic.Int64, options ...grpc.ServerOption) *grpc.Server {
	s := grpc.NewServer(append(options, grpc.ForceServerCodecV2(rawCodec{}), grpc.UnknownServiceHandler(
		func(_ any, stream grpc.ServerStream) error {
			var raw []byte
			if err := stream.RecvMsg(&raw); err != nil {
				return err
			}
			time.Sleep(5 * time.Millisecond)
			answered.Add(1)
			return stream.SendMsg(answer("", 1))
		}))...)
	go func() { _ = s.Serve(l) }() // until it is stopped
	return s
}

// moves runs a load, during which the server ends and another one takes over its port.
func moves(t *testing.T, end func(*grpc.Server)) (failures map[string]uint64, answered int64, done uint64,
	target *grpctarget.Target) {
	var count atomic.Int64
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	old := serveLocal(first, &count)
	target = open(t, grpctarget.Options{Address: first.Addr().String(), Method: create, Schema: shop, Streams: 8})
	arrivals, err := schedule.Constant(schedule.PerSecond(500), 600*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	moved := make(chan *grpc.Server, 1)
	move := func() {
		down := make(chan struct{})
		go func() { end(old); close(down) }()
		for {
			if second, err := net.Listen("tcp", first.Addr().String()); err == nil {
				moved <- serveLocal(second, &count)
				break
			}
			runtime.Gosched() // the old listener is still open
		}
		<-down
	}
	r, err := (&bench.Run{Arrivals: arrivals, Target: target, Workers: target.Workers(),
		Began: func() { time.AfterFunc(200*time.Millisecond, move) }}).Do(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer (<-moved).Stop()
	failures = map[string]uint64{}
	for _, f := range r.Failures {
		t.Logf("%d calls failed by %q: %s", f.Count, f.Kind, f.First)
		failures[f.Kind] = f.Count
	}
	return failures, count.Load(), r.Done, target
}

// A server that goes away says which calls it will answer. The others are made on a new connection.
func TestAServerThatGoesAwayLosesNoCall(t *testing.T) {
	failures, answered, done, target := moves(t, (*grpc.Server).GracefulStop)
	delete(failures, "refused") // between the sockets
	if n := target.Connections(); len(failures) > 0 || n.Reconnects == 0 || uint64(answered) != done {
		t.Errorf("failures %v, %+v; %d calls done, and answered %d: want a reconnect, and as many", failures, n, done,
			answered)
	}
}

// A server that stops at once loses the calls that it has, and no others.
func TestAServerThatStops(t *testing.T) {
	failures, answered, done, target := moves(t, (*grpc.Server).Stop)
	lost := failures["closed"] + failures["reset"]
	for _, known := range []string{"refused", "closed", "reset"} {
		delete(failures, known)
	}
	if n := target.Connections(); len(failures) > 0 || n.Reconnects == 0 || lost > 8 || uint64(answered) < done {
		t.Errorf("failures %v, %d lost, %+v; %d calls done, and answered %d", failures, lost, n, done, answered)
	}
}

// A server that ends its connections again and again, as many do, loses no call.
func TestAServerThatLimitsTheAgeOfConnections(t *testing.T) {
	var count atomic.Int64
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer serveLocal(l, &count, grpc.KeepaliveParams(keepalive.ServerParameters{
		MaxConnectionAge:      30 * time.Millisecond,
		MaxConnectionAgeGrace: 10 * time.Second})).Stop()
	target := open(t, grpctarget.Options{Address: l.Addr().String(), Method: create, Schema: shop, Streams: 16})
	r := run(t, target, 500, 500*time.Millisecond, target.Workers())
	if n := target.Connections(); r.Done != 250 || n.Reconnects < 2 || n.Opened != n.Reconnects+1 {
		t.Errorf("%d done, %+v; %d opened, %d reconnects: want 250 done, and several reconnects", r.Done, r.Failures,
			n.Opened, n.Reconnects)
	}
}

// rawServer speaks HTTP/2 by hand. It answers the headers of each call with what answer returns, and sends no more.
func rawServer(t *testing.T, answer func(f *http2.Framer)) (address string, calls *atomic.Int64) {
	calls = new(atomic.Int64)
	return listens(t, func(conn net.Conn) {
		_, _ = io.ReadFull(conn, make([]byte, len(http2.ClientPreface)))
		var out bytes.Buffer // so that an answer arrives in one piece
		f := http2.NewFramer(&out, conn)
		_ = f.WriteSettings()
		for {
			_, _ = out.WriteTo(conn)
			read, err := f.ReadFrame()
			if err != nil {
				return // the client has closed
			}
			if _, ok := read.(*http2.HeadersFrame); ok {
				calls.Add(1)
				answer(f)
				_, _ = out.WriteTo(conn)
				_ = conn.(*net.TCPConn).CloseWrite()
			}
		}
	}), calls
}

// A server that goes away before it has processed a call gets it once more, and no more often. One that has answered
// has answered.
func TestACallIsMadeTwiceAtMost(t *testing.T) {
	goesAway := func(last uint32, code http2.ErrCode) func(*http2.Framer) {
		return func(f *http2.Framer) { _ = f.WriteGoAway(last, code, []byte("calm")) }
	}
	for _, c := range []struct {
		name         string
		answer       func(*http2.Framer)
		calls        int64 // that the server gets
		resent       uint64
		wants, words string
	}{
		{"not processed", goesAway(0, http2.ErrCodeNo), 2, 1, "goaway", "GOAWAY with NO_ERROR"},
		{"processed", goesAway(1, http2.ErrCodeEnhanceYourCalm), 1, 0, "goaway",
			`GOAWAY with ENHANCE_YOUR_CALM "calm"`},
		{"answered", func(f *http2.Framer) {
			var block bytes.Buffer
			e := hpack.NewEncoder(&block)
			for name, value := range map[string]string{"content-type": "application/grpc", "grpc-status": "14"} {
				_ = e.WriteField(hpack.HeaderField{Name: name, Value: value})
			}
			status := append([]byte{0x88}, block.Bytes()...) // :status 200, which comes first
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: status, EndStream: true,
				EndHeaders: true})
			goesAway(1, http2.ErrCodeNo)(f)
		}, 1, 0, "grpc Unavailable", "Unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			address, calls := rawServer(t, c.answer)
			target := open(t, grpctarget.Options{Address: address, Method: create, Schema: shop})
			err := target.Call(context.Background(), "")
			if kind(err) != c.wants || !strings.Contains(err.Error(), c.words) {
				t.Errorf("kind %q (%v), want %q and %s", kind(err), err, c.wants, c.words)
			}
			if n := target.Connections(); calls.Load() != c.calls || n.Resent != c.resent ||
				n.Opened != uint64(c.calls) {
				t.Errorf("the server got %d calls; %+v: want %d calls, %d resent", calls.Load(), n, c.calls, c.resent)
			}
		})
	}
}

// A call whose message never changes allocates what grpc-go does for a generated client with the same metadata, a
// deadline and a stats.Handler, and little more. The number of allocations varies with the frames that come along.
func TestAllocationsOfACall(t *testing.T) {
	md := unique("")
	target := open(t, grpctarget.Options{Address: server(t).Plain, Method: create, Metadata: md,
		Messages: grpctarget.Messages{`{"id": "x"}`}})
	at := &bench.Instants{}
	ours := allocations(t, func() error {
		at.Begun = time.Now()
		return target.CallTimed(context.Background(), "", at)
	})
	cc, err := grpc.NewClient(server(t).Plain, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStatsHandler(silent{}))
	if err != nil {
		t.Fatal(err)
	}
	defer cc.Close()
	// A message with a text as its first field, as those of the server.
	in, out := &grpc_health_v1.HealthCheckRequest{Service: "x"}, &grpc_health_v1.HealthCheckRequest{}
	theirs := allocations(t, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return cc.Invoke(metadata.NewOutgoingContext(ctx, metadata.New(md)), "/"+create, in, out)
	})
	t.Logf("%v allocations per call, %v of grpc-go's", ours, theirs)
	const most = 5
	if ours > theirs+most {
		t.Errorf("%v allocations per call: want at most %v more than the %v of grpc-go", ours, most, theirs)
	}
}

// allocations returns the number of allocations of a call.
func allocations(t *testing.T, call func() error) float64 {
	t.Helper()
	var failed error
	n := testing.AllocsPerRun(300, func() {
		if err := call(); err != nil {
			failed = err
		}
	})
	if failed != nil {
		t.Fatal(failed)
	}
	return n
}

// silent is a stats.Handler that does nothing.
type silent struct{}

func (silent) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (silent) HandleRPC(context.Context, stats.RPCStats)                         {}
func (silent) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (silent) HandleConn(context.Context, stats.ConnStats)                       {}
