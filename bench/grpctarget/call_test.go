package grpctarget_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/grpctarget"
)

const (
	create = "shop.Orders/Create"
	watch  = "shop.Orders/Watch"
	upload = "shop.Orders/Upload"
	chat   = "shop.Orders/Chat"
)

// Each code is a kind of its own, whether the server or the client makes it.
func TestEveryCodeIsAKind(t *testing.T) {
	for _, c := range []struct {
		name, behaviour, expect, want string
		deadline                      time.Duration
	}{
		{name: "OK"},
		{name: "unavailable", behaviour: "code UNAVAILABLE", want: "grpc Unavailable"},
		{name: "resource exhausted", behaviour: "code RESOURCE_EXHAUSTED", want: "grpc ResourceExhausted"},
		{name: "unimplemented", behaviour: "code UNIMPLEMENTED", want: "grpc Unimplemented"},
		{name: "canceled by the server", behaviour: "code CANCELLED", want: "grpc Canceled"},
		{name: "deadline here", behaviour: "hang", want: "grpc DeadlineExceeded", deadline: 200 * time.Millisecond},
		{name: "no deadline", behaviour: "sleep 1ms", deadline: -1},
		{name: "deadline there", behaviour: "code DEADLINE_EXCEEDED", want: "grpc DeadlineExceeded"},
		{name: "as expected", behaviour: "code NOT_FOUND", expect: "NotFound"},
		{name: "as expected, in capitals", behaviour: "code NOT_FOUND", expect: "NOT_FOUND"},
		{name: "OK, unexpected", expect: "NotFound", want: "grpc OK"},
		{name: "another one", behaviour: "code ABORTED", expect: "NotFound", want: "grpc Aborted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			md := unique(c.behaviour)
			target := open(t, grpctarget.Options{Address: server(t).Plain, Method: create, Metadata: md,
				Deadline: c.deadline, Expect: grpctarget.Expect{Code: c.expect}})
			for range 3 {
				if err := target.Call(context.Background(), ""); kind(err) != c.want {
					t.Errorf("kind %q (%v), want %q", kind(err), err, c.want)
				}
			}
			// Nothing is sent again, and the connection goes on.
			n := target.Connections()
			deadlines := int64(3)
			if c.deadline < 0 {
				deadlines = 0
			}
			if seen := server(t).seen(t, md); seen.Requests != 3 || seen.Deadlines != deadlines ||
				seen.Connections != 1 {
				t.Errorf("the server saw %+v: want 3 requests on one connection, %d with a deadline", seen, deadlines)
			}
			if n.Opened != 1 || n.Reconnects != 0 || n.Resent != 0 {
				t.Errorf("%d opened, %d reconnects, %d resent: want 1, 0, 0", n.Opened, n.Reconnects, n.Resent)
			}
		})
	}
}

// Answers are checked by their last message and by their first.
func TestAnswersAreChecked(t *testing.T) {
	for _, c := range []struct {
		name, method, behaviour, want string
		expect                        grpctarget.Expect
	}{
		{"values", create, "", "", grpctarget.Expect{JSON: map[string]any{".id": "ok", ".count": 1}}},
		{"a field without a value", create, "", "", grpctarget.Expect{JSON: map[string]any{".state": "UNKNOWN"}}},
		{"another value", create, "", "check json .id", grpctarget.Expect{JSON: map[string]any{".id": "no"}}},
		{"no such field", create, "", "check json .x", grpctarget.Expect{JSON: map[string]any{".x": 1}}},
		{"the last of several", watch, "count 3", "", grpctarget.Expect{JSON: map[string]any{".count": 2},
			FirstJSON: map[string]any{".count": 0}}},
		{"the first of several", watch, "count 3", "check json .count",
			grpctarget.Expect{FirstJSON: map[string]any{".count": 2}}},
		{"no message", watch, "count 0", "check messages", grpctarget.Expect{JSON: map[string]any{".count": 2}}},
		{"not a message", create, "garbage", "malformed", grpctarget.Expect{JSON: map[string]any{".count": 2}}},
		{"a latency", create, "sleep 5ms", "check latency", grpctarget.Expect{MaxLatency: time.Millisecond}},
		{"a latency of another code", create, "code NOT_FOUND", "check latency",
			grpctarget.Expect{Code: "NotFound", MaxLatency: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := open(t, grpctarget.Options{Address: server(t).Plain, Method: c.method,
				Metadata: unique(c.behaviour), Expect: c.expect})
			if err := target.Call(context.Background(), ""); kind(err) != c.want {
				t.Errorf("kind %q (%v), want %q", kind(err), err, c.want)
			}
		})
	}
}

func TestAMessageThatIsTooLarge(t *testing.T) {
	target := open(t, grpctarget.Options{Address: server(t).Plain, Method: create, Metadata: unique("big 100000"),
		MaxMessage: 10_000})
	err := target.Call(context.Background(), "")
	if kind(err) != "grpc ResourceExhausted" || !strings.Contains(err.Error(), "larger than max") {
		t.Errorf("kind %q (%v), want grpc ResourceExhausted", kind(err), err)
	}
}

// The phases of a call are in order, and a call that does not begin has none.
func TestPhasesAreInOrder(t *testing.T) {
	for _, method := range []string{create, watch, upload, chat} {
		t.Run(method, func(t *testing.T) {
			target := open(t, grpctarget.Options{Address: server(t).Plain, Method: method,
				Metadata: unique("sleep 2ms")})
			at := &bench.Instants{Begun: time.Now()}
			if err := target.CallTimed(context.Background(), "", at); err != nil {
				t.Fatal(err)
			}
			if at.Wrote <= 0 || at.First < at.Wrote || at.Ended < at.First || at.First < 2*time.Millisecond {
				t.Errorf("wrote %v, first %v, ended %v: want them in this order, the first after the 2ms of the "+
					"server",
					at.Wrote, at.First, at.Ended)
			}
		})
	}
}

// Try says what the answer to a request was, and whether it was as expected.
func TestTryReturnsTheAnswer(t *testing.T) {
	target := open(t, grpctarget.Options{Address: server(t).Plain, Requests: []grpctarget.Request{
		{Name: "order", Method: create, Metadata: unique("")},
		{Name: "stream", Method: chat, Metadata: unique("echo"), Stream: grpctarget.Stream{Send: 3}},
		{Name: "missing", Method: create, Metadata: unique("code NOT_FOUND")}}})
	for _, c := range []struct {
		name, method   string
		code           codes.Code
		sent, received int
		failed         bool
	}{{"order", create, codes.OK, 1, 1, false}, {"stream", chat, codes.OK, 3, 3, false},
		{"missing", create, codes.NotFound, 1, 0, true}} {
		t.Run(c.name, func(t *testing.T) {
			a, err := target.Try(t.Context(), c.name, 0)
			if a.Method != c.method || a.Code != c.code || a.Sent != c.sent || a.Received != c.received ||
				a.Took <= 0 || (a.Size > 0) != (c.received > 0) || (err != nil) != c.failed {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
	if a, err := target.Try(t.Context(), "other", 0); kind(err) != "no-request" || a != (grpctarget.Answer{}) {
		t.Errorf("%+v, %v: want no-request", a, err)
	}
}

// A call whose run is interrupted is canceled, and returns at once.
func TestAnInterruptedCallReturns(t *testing.T) {
	for _, method := range []string{create, chat} {
		t.Run(method, func(t *testing.T) {
			md := unique("hang")
			target := open(t, grpctarget.Options{Address: server(t).Plain, Method: method, Metadata: md})
			ctx, cancel := context.WithCancel(context.Background())
			go func() {
				for server(t).seen(t, md).Requests == 0 {
				}
				cancel()
			}()
			if err := target.Call(ctx, ""); kind(err) != "canceled" {
				t.Errorf("kind %q (%v), want canceled", kind(err), err)
			}
		})
	}
}

// With nothing there, every call fails by the same kind, and dials once at most.
func TestNothingListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	target, err := grpctarget.New(grpctarget.Options{Address: address, Method: create, Schema: shop, Connections: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	r := run(t, target, 1000, 200*time.Millisecond, 10)
	n := target.Connections()
	if r.Failed != 200 || len(r.Failures) != 1 || r.Failures[0].Kind != "refused" || n.Opened != 0 || n.Failed == 0 ||
		n.Failed > 200 {
		t.Errorf("%d failed, %+v; %d opened, %d failed to: want 200 refused, and at most as many dials", r.Failed,
			r.Failures, n.Opened, n.Failed)
	}
	if err := target.Open(context.Background()); err == nil {
		t.Error("Open after calls: no error")
	}
	if _, err := grpctarget.Open(context.Background(), grpctarget.Options{Address: address,
		Method: create}); kind(err) !=
		"refused" || !strings.Contains(err.Error(), "connection 1 of 4") {
		t.Errorf("Open: kind %q (%v)", kind(err), err)
	}
}

// What answers is not always gRPC.
func TestAServerThatIsNone(t *testing.T) {
	for _, c := range []struct {
		name, want string
		serve      func(net.Conn)
	}{
		{"one of HTTP/1.1", "malformed", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
		}},
		{"one that closes", "closed", func(net.Conn) {}},
		{"one that says nothing", "connect-timeout", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			target, err := grpctarget.New(grpctarget.Options{Address: listens(t, c.serve), Method: create,
				Schema:         shop,
				ConnectTimeout: 100 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer target.Close()
			got := kind(target.Call(context.Background(), ""))
			if got != c.want && (c.want != "closed" || got != "reset") { // what was sent may be unread when it closes
				t.Errorf("kind %q, want %q", got, c.want)
			}
			if n := target.Connections(); n.Opened != 0 || n.Failed != 1 {
				t.Errorf("%d opened, %d failed: want 0 and 1", n.Opened, n.Failed)
			}
		})
	}
}

// listens accepts connections, and calls f for each, which is closed afterwards.
func listens(t *testing.T, f func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			go func() {
				f(c)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

// A deadline that passes while there is no connection says so.
func TestADeadlineWithoutAConnection(t *testing.T) {
	address := listens(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	target, err := grpctarget.New(grpctarget.Options{Address: address, Method: create, Schema: shop,
		Deadline: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if err := target.Call(context.Background(), ""); kind(err) != "deadline" {
		t.Errorf("kind %q (%v), want deadline", kind(err), err)
	}
}
