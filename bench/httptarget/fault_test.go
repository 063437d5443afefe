package httptarget_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// A codec is a way of speaking HTTP to the server.
type codec struct {
	name string
	set  func(o *httptarget.Options)
	h2   bool
}

// codecs are all ways of speaking HTTP without TLS. All pass the same tests.
var codecs = []codec{
	{"our own", func(*httptarget.Options) {}, false},
	{"net/http", func(o *httptarget.Options) { o.NetHTTP = true }, false},
	{"h2c", func(o *httptarget.Options) { o.Protocol = httptarget.H2C }, true},
}

// everyCodec runs a test with each codec. HTTP/1.1 alone are those of codecs that are not HTTP/2.
func everyCodec(t *testing.T, http1Alone bool, test func(t *testing.T, c codec)) {
	for _, c := range codecs {
		if http1Alone && c.h2 {
			continue
		}
		t.Run(c.name, func(t *testing.T) { test(t, c) })
	}
}

// kind returns the kind of an error, or "" for none.
func kind(err error) string {
	if err == nil {
		return ""
	}
	return record.KindOf(err)
}

func TestEveryFaultOfAServerIsAKindOfItsOwn(t *testing.T) {
	const ms = time.Millisecond
	headers, large := httptarget.Timeout{Headers: 50 * ms}, strings.Repeat("x", 4<<20)
	for _, c := range []struct {
		name, path string
		o          httptarget.Options
		want       string
		http1      bool // the fault is one of HTTP/1.1
		kept       bool // the connection can be used for the next call
		quiet      bool // the server closes it and does not say so
	}{
		{name: "good", path: "/ok", kept: true},
		{name: "500", path: "/status/500", want: "status 500", kept: true},
		{name: "503", path: "/status/503", want: "status 503", kept: true},
		{name: "404", path: "/status/404", want: "status 404", kept: true},
		{name: "a redirect is an answer", path: "/status/302", kept: true},
		{name: "no content", path: "/status/204", kept: true},
		{name: "not modified", path: "/status/304", kept: true},
		{name: "headers late", path: "/sleep/10000/", o: httptarget.Options{Timeout: headers}, want: "header-timeout"},
		{name: "body late", path: "/dribble", o: httptarget.Options{Timeout: httptarget.Timeout{Body: 50 * ms}},
			want: "body-timeout"},
		{name: "all late", path: "/sleep/10000/", o: httptarget.Options{Timeout: httptarget.Timeout{Total: 50 * ms}},
			want: "deadline"},
		{name: "body late in all", path: "/dribble",
			o: httptarget.Options{Timeout: httptarget.Timeout{Total: 50 * ms, Headers: time.Hour}}, want: "deadline"},
		{name: "closed before the answer", path: "/raw/closed", want: "closed", http1: true},
		{name: "reset before the answer", path: "/raw/reset", want: "reset", http1: true},
		{name: "garbage", path: "/raw/garbage", want: "malformed", http1: true},
		{name: "closed in the headers", path: "/raw/half-header", want: "closed", http1: true},
		{name: "a short body", path: "/raw/short", want: "short-body", http1: true},
		{name: "a short chunk", path: "/raw/short-chunk", want: "short-body", http1: true},
		{name: "a bad chunk", path: "/raw/bad-chunk", want: "malformed", http1: true},
		{name: "a body until the end", path: "/raw/until-close", http1: true},
		{name: "an interim answer", path: "/raw/interim", http1: true, quiet: true},
		{name: "closes and says so", path: "/polite", http1: true},
		{name: "large headers", path: "/header/100000", kept: true},
		{name: "headers too large", path: "/header/1100000", want: "too-large", http1: true},
		{name: "a large body", path: "/size/3000000", kept: true},
		{name: "a large body in chunks", path: "/chunks/3000000", kept: true},
		{name: "a body too large", path: "/size/3000000", o: httptarget.Options{MaxBody: 1 << 20}, want: "too-large"},
		{name: "a body in chunks too large", path: "/chunks/3000000", o: httptarget.Options{MaxBody: 1 << 20},
			want: "too-large"},
		{name: "an answer before the request is read", path: "/early", want: "status 413", quiet: true,
			o: httptarget.Options{Requests: []httptarget.Request{{Body: httptarget.Body{Text: large}}}}},
		{name: "the answer to HEAD has no body", path: "/size/3000000",
			o: httptarget.Options{MaxBody: 10, Requests: []httptarget.Request{{Method: "HEAD"}}}, kept: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			everyCodec(t, c.http1, func(t *testing.T, codec codec) {
				t.Parallel()
				o := c.o
				codec.set(&o)
				o.URL = "http://" + server(t).Plain + c.path
				target, err := httptarget.New(o)
				if err != nil {
					t.Fatal(err)
				}
				defer target.Close()
				for range 2 {
					if err := target.Call(context.Background(), ""); kind(err) != c.want {
						t.Errorf("kind %q (%v), want %q", kind(err), err, c.want)
					}
				}
				want := uint64(2)
				if c.kept || codec.h2 {
					want = 1
				}
				if n := target.Connections(); !c.quiet && (n.Opened != want || n.Resent != 0) {
					t.Errorf("%d connections opened, %d requests resent: want %d and 0", n.Opened, n.Resent, want)
				}
			})
		})
	}
}

// An answer that belongs to no request must not be taken for the answer of the next. (Net/http takes it, if it arrives
// before net/http looks.)
func TestBytesAfterAnAnswerAreNotTheNextAnswer(t *testing.T) {
	target := open(t, httptarget.Options{URL: "http://" + server(t).Plain, Requests: []httptarget.Request{
		{Name: "twice", Path: "/raw/twice"}, {Name: "fine", Path: "/fine", Expect: httptarget.Expect{Body: body64}}}})
	for _, key := range []string{"twice", "fine"} {
		if err := target.Call(context.Background(), key); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// run makes calls at a rate, and returns the record.
func run(t testing.TB, target *httptarget.Target, perSecond uint64, d time.Duration, workers int) *record.Record {
	t.Helper()
	arrivals, err := schedule.Constant(schedule.PerSecond(perSecond), d)
	if err != nil {
		t.Fatal(err)
	}
	r, err := (&bench.Run{Arrivals: arrivals, Target: target, Workers: workers, Keys: target.Keys()}).Do(
		context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNothingListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	everyCodec(t, false, func(t *testing.T, c codec) {
		o := httptarget.Options{URL: "http://" + dead, Connections: 4}
		c.set(&o)
		if _, err := httptarget.Open(context.Background(), o); kind(err) != "refused" {
			t.Errorf("Open: kind %q (%v), want refused", kind(err), err)
		}
		target, err := httptarget.New(o)
		if err != nil {
			t.Fatal(err)
		}
		defer target.Close()
		r := run(t, target, 200, 200*time.Millisecond, 4)
		if r.Failed != 40 || r.Failures[0].Kind != "refused" || r.Failures[0].Count != 40 {
			t.Errorf("%d calls failed, %+v: want 40 refused", r.Failed, r.Failures)
		}
		if n := target.Connections(); n.Failed > 40 || n.Opened != 0 {
			t.Errorf("%d attempts to connect for 40 calls: want at most one a call", n.Failed)
		}
	})
}

// A server that closes every connection after its answer costs a connection for each call, and no errors.
func TestAServerThatClosesConnectionsLosesNoCall(t *testing.T) {
	for _, c := range []struct{ name, path, method string }{
		{"says so, GET", "/polite", "GET"}, {"says so, POST", "/polite", "POST"},
		{"does not, GET", "/raw/quiet", "GET"},
	} {
		t.Run(c.name, func(t *testing.T) {
			everyCodec(t, true, func(t *testing.T, codec codec) {
				path := fmt.Sprintf("%s?%s", c.path, t.Name())
				o := httptarget.Options{URL: "http://" + server(t).Plain,
					Requests: []httptarget.Request{{Method: c.method, Path: strings.ReplaceAll(path, " ", "")}}}
				codec.set(&o)
				target, before := open(t, o), server(t).seen(t, c.path)
				const calls = 20
				for range calls {
					if err := target.Call(context.Background(), ""); err != nil {
						t.Fatal(err)
					}
				}
				n, after := target.Connections(), server(t).seen(t, c.path)
				if n.Reconnects != calls-1 || n.Opened != calls {
					t.Errorf("%d opened, %d reconnects: want %d, %d", n.Opened, n.Reconnects, calls, calls-1)
				}
				if seen := after.Requests - before.Requests; seen != calls {
					t.Errorf("the server saw %d requests: want %d", seen, calls)
				}
			})
		})
	}
}

// A request that may be sent twice is sent again, once, and counted. Another one fails, and is never sent twice.
func TestARequestLostOnAKeptConnection(t *testing.T) {
	everyCodec(t, true, func(t *testing.T, codec codec) {
		s, base := server(t), server(t).seen(t, "/raw/second")
		o := httptarget.Options{URL: "http://" + s.Plain + "/raw/second"}
		codec.set(&o)
		get := open(t, o)
		for range 10 {
			if err := get.Call(context.Background(), ""); err != nil {
				t.Fatal(err)
			}
		}
		seen := s.seen(t, "/raw/second")
		if n := get.Connections(); n.Resent != 9 || seen.Requests-base.Requests != 10+9 {
			t.Errorf("GET: %d resent, the server saw %d: want 9, and 19", n.Resent, seen.Requests-base.Requests)
		}
		o.Requests = []httptarget.Request{{Method: "POST", Body: httptarget.Body{Text: "x"}}}
		post, failed := open(t, o), 0
		for range 10 {
			switch err := post.Call(context.Background(), ""); kind(err) {
			case "":
			case "closed-idle":
				failed++
			default:
				t.Errorf("kind %q (%v): want closed-idle", kind(err), err)
			}
		}
		after := s.seen(t, "/raw/second")
		if n := post.Connections(); failed != 5 || n.Resent != 0 || after.Posts-base.Posts != 10 {
			t.Errorf("POST: %d failed, %d resent, the server saw %d of 10: want 5, 0 and 10", failed, n.Resent,
				after.Posts-base.Posts)
		}
	})
}

// A request that must not be sent twice is not sent on a connection that the server has closed.
func TestAPostIsNotSentOnAClosedConnection(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the system does not tell whether a connection is closed")
	}
	var served atomic.Int64
	closed := make(chan bool)
	address := listens(t, func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
			return // the test is over
		}
		served.Add(1)
		_, _ = io.WriteString(c, okAnswer)
		_ = c.Close()
		closed <- true
	})
	target := open(t, httptarget.Options{URL: "http://" + address, Requests: []httptarget.Request{{Method: "POST"}}})
	for range 10 {
		if err := target.Call(context.Background(), ""); err != nil {
			t.Fatal(err)
		}
		<-closed
	}
	if n := target.Connections(); served.Load() != 10 || n.Reconnects != 9 || n.Resent != 0 {
		t.Errorf("%d served, %d reconnects, %d resent: want 10, 9 and 0", served.Load(), n.Reconnects, n.Resent)
	}
}

func TestAnInterruptedCallReturnsAtOnce(t *testing.T) {
	everyCodec(t, false, func(t *testing.T, c codec) {
		o := httptarget.Options{URL: "http://" + server(t).Plain + "/sleep/20000/",
			Timeout: httptarget.Timeout{Total: -1}}
		c.set(&o)
		target := open(t, o)
		ctx, cancel := context.WithCancel(context.Background())
		returned := make(chan error)
		go func() { returned <- target.Call(ctx, "") }()
		cancel()
		select {
		case err := <-returned:
			if kind(err) != "canceled" {
				t.Errorf("kind %q (%v), want canceled", kind(err), err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the call has not returned 10 s after its context ended")
		}
	})
}

// The end of one run's context does not end the connections, so that a run can follow a warm-up.
func TestConnectionsOutliveAContext(t *testing.T) {
	everyCodec(t, false, func(t *testing.T, c codec) {
		o := httptarget.Options{URL: "http://" + server(t).Plain, Timeout: httptarget.Timeout{Total: -1}}
		c.set(&o)
		target := open(t, o)
		for range 3 {
			ctx, cancel := context.WithCancel(context.Background())
			if err := target.Call(ctx, ""); err != nil {
				t.Error(err)
			}
			cancel()
		}
		if n := target.Connections(); n.Opened != 1 || n.Reconnects != 0 {
			t.Errorf("%d opened, %d reconnects: want 1 and 0", n.Opened, n.Reconnects)
		}
	})
}

// A run with a timeout gives calls up. Their connections must not be missing in the calls after them.
func TestCallsThatWereGivenUpDoNotKeepConnections(t *testing.T) {
	everyCodec(t, false, func(t *testing.T, c codec) {
		o := httptarget.Options{URL: "http://" + server(t).Plain + "/sleep/20000/", Connections: 2, Streams: 1}
		c.set(&o)
		target := open(t, o)
		arrivals, err := schedule.Constant(schedule.PerSecond(50), 200*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		r, err := (&bench.Run{Arrivals: arrivals, Target: target, Workers: 2, Timeout: 20 * time.Millisecond}).Do(
			context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Failures) != 1 || r.Failures[0].Kind != "timeout" || r.GivenUp == 0 {
			t.Errorf("%d given up, %+v: want nothing but timeouts", r.GivenUp, r.Failures)
		}
	})
}

// More calls at once than connections are an error that says so, and the generator's.
func TestMoreWorkersThanConnectionsAreAnError(t *testing.T) {
	o := httptarget.Options{URL: "http://" + server(t).Plain + "/sleep/20/"}
	target := open(t, o)
	r := run(t, target, 200, 100*time.Millisecond, 8)
	if r.Failed == 0 || r.Failures[0].Kind != record.KindNoConnection ||
		!strings.Contains(r.Failures[0].First, "maxConnections") {
		t.Errorf("%+v: want failures for lack of a connection", r.Failures)
	}
	limited := false
	for _, reason := range r.Verdict() {
		limited = limited || reason.Name == record.GeneratorLimited
	}
	if !limited {
		t.Errorf("verdict %+v: want it to blame the generator", r.Verdict())
	}
	o.MaxConnections = 8
	target = open(t, o)
	if r := run(t, target, 200, 100*time.Millisecond, 8); r.Failed != 0 {
		t.Errorf("%+v: want no failures with 8 connections", r.Failures)
	}
}
