package httptarget_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// The path of a call of HTTP/1.1 allocates nothing.
func TestACallAllocatesNothing(t *testing.T) {
	s := server(t)
	for _, c := range []struct {
		name    string
		request httptarget.Request
	}{
		{"GET", httptarget.Request{Path: "/ok"}},
		{"POST", httptarget.Request{Path: "/ok", Body: httptarget.Body{Text: "a body"}}},
		{"a checked body", httptarget.Request{Path: "/ok", Expect: httptarget.Expect{Body: body64}}},
		{"chunks", httptarget.Request{Path: "/chunks/10000"}},
		{"a template", httptarget.Request{Path: "/ok?n={{n}}&u={{uuid}}",
			Body: httptarget.Body{Text: "{{int 1 100}}"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := open(t, httptarget.Options{URL: "http://" + s.Plain, Requests: []httptarget.Request{c.request}})
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			at := &bench.Instants{Begun: time.Now()}
			var failed error
			allocs := testing.AllocsPerRun(200, func() {
				at.N++
				if err := target.CallTimed(ctx, "", at); err != nil {
					failed = err
				}
			})
			if failed != nil || allocs != 0 {
				t.Errorf("%v allocations per call, %v: want 0", allocs, failed)
			}
		})
	}
}

// A run opens as many connections as it has workers, however many calls it makes. The server is the witness.
func TestAsManyConnectionsAsWorkers(t *testing.T) {
	const workers = 32
	everyCodec(t, true, func(t *testing.T, c codec) {
		path := unique("/sleep/5/")
		o := httptarget.Options{URL: "http://" + server(t).Plain + path, Connections: workers}
		c.set(&o)
		target := open(t, o)
		r := run(t, target, 2000, 3*time.Second, target.Workers())
		n, seen := target.Connections(), server(t).seen(t, path)
		if r.Offered != 6000 || r.Done != 6000 || r.Phases.Wait.Count() != 6000 {
			t.Errorf("%d offered, %d done, %d with phases: want 6000; %+v", r.Offered, r.Done, r.Phases.Wait.Count(),
				r.Failures)
		}
		if n.Opened > workers+n.Reconnects || seen.Connections > int64(workers+n.Reconnects) || seen.Requests != 6000 {
			t.Errorf("%d connections opened, %d reconnects; the server saw %d connections and %d requests: want %d "+
				"connections and 6000", n.Opened, n.Reconnects, seen.Connections, seen.Requests, workers)
		}
		if least := r.Service.Min(); least < 5*time.Millisecond {
			t.Errorf("a service time of %v: want 5ms or more", least)
		}
	})
}

// The server takes 50 streams of a connection. There are never more, and calls beyond them wait in the queue of the
// run: on one connection, 2,000 calls of 20 ms take 800 ms, and the last is due after 500.
func TestCallsBeyondTheLimitOfStreamsWaitInTheQueue(t *testing.T) {
	for _, c := range []struct {
		connections int
		backlog     time.Duration // at least
	}{{1, 280 * time.Millisecond}, {2, 0}} {
		t.Run(fmt.Sprint(c.connections), func(t *testing.T) {
			path := unique("/sleep/20/")
			target := open(t, httptarget.Options{URL: "http://" + server(t).Plain + path, Protocol: httptarget.H2C,
				Connections: c.connections})
			if n := target.Workers(); n != 50*c.connections {
				t.Fatalf("%d workers: want the server's limit, %d", n, 50*c.connections)
			}
			r := run(t, target, 4000, 500*time.Millisecond, target.Workers())
			seen := server(t).seen(t, path)
			if r.Done != 2000 || seen.Requests != 2000 || seen.Peak > int64(50*c.connections) {
				t.Errorf("%d done of %d, %+v; the server saw %+v: want 2000, at most 50 a connection at once", r.Done,
					r.Offered, r.Failures, seen)
			}
			if seen.Connections != int64(c.connections) {
				t.Errorf("the server saw %d connections: want %d", seen.Connections, c.connections)
			}
			if r.Backlog < c.backlog || r.Queue.Max() < r.Backlog {
				t.Errorf("a backlog of %v: want %v or more", r.Backlog, c.backlog)
			}
		})
	}
}

// A body that nothing checks is read and not kept.
func TestALargeBodyIsNotKept(t *testing.T) {
	everyCodec(t, false, func(t *testing.T, c codec) {
		o := httptarget.Options{URL: "http://" + server(t).Plain + "/size/100000000", MaxBody: 1 << 30}
		c.set(&o)
		target := open(t, o)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := target.Call(context.Background(), ""); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 50<<20 {
			t.Errorf("%d bytes were allocated for a body of 100 MB: want less than 50 MiB", n)
		}
	})
}

// A server that goes away says which calls it will answer. The others are made on a new connection.
func TestAServerThatGoesAwayLosesNoCall(t *testing.T) {
	var served atomic.Int64
	serve := func(l net.Listener) *http.Server {
		s := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(
			func(http.ResponseWriter, *http.Request) { served.Add(1); time.Sleep(5 * time.Millisecond) })}
		s.Protocols.SetUnencryptedHTTP2(true)
		go func() { _ = s.Serve(l) }() // until Shutdown
		return s
	}
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	old := serve(first)
	target := open(t, httptarget.Options{URL: "http://" + first.Addr().String(), Protocol: httptarget.H2C, Streams: 8})
	arrivals, err := schedule.Constant(schedule.PerSecond(500), 600*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	moved := make(chan *http.Server, 1)
	move := func() {
		// Shutdown closes the listener at once, and returns when the last call has been answered.
		down := make(chan error, 1)
		go func() { down <- old.Shutdown(context.Background()) }()
		for {
			if second, err := net.Listen("tcp", first.Addr().String()); err == nil {
				moved <- serve(second)
				break
			}
			runtime.Gosched() // the old listener is still open
		}
		if err := <-down; err != nil {
			t.Error(err)
		}
	}
	r, err := (&bench.Run{Arrivals: arrivals, Target: target, Workers: target.Workers(),
		Began: func() { time.AfterFunc(200*time.Millisecond, move) }}).Do(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer (<-moved).Close()
	for _, f := range r.Failures {
		if f.Kind != "refused" {
			t.Errorf("%d calls failed by %q: %s", f.Count, f.Kind, f.First)
		}
	}
	n := target.Connections()
	if n.Reconnects == 0 || uint64(served.Load()) != r.Done {
		t.Errorf("%d reconnects; %d calls done, and served %d: want a reconnect, and as many", n.Reconnects, r.Done,
			served.Load())
	}
	t.Logf("%d of %d done, %+v, %d opened, %d resent", r.Done, r.Offered, r.Failures, n.Opened, n.Resent)
}

// A stream that the server ends is one call's failure, and the connection goes on.
func TestAStreamThatIsReset(t *testing.T) {
	target := open(t, httptarget.Options{URL: "http://" + server(t).Plain, Protocol: httptarget.H2C,
		Requests: []httptarget.Request{{Name: "abort", Path: "/abort"}, {Name: "ok", Path: "/ok"}}})
	for key, want := range map[string]string{"abort": "stream-reset INTERNAL_ERROR", "ok": ""} {
		if err := target.Call(context.Background(), key); kind(err) != want {
			t.Errorf("%s: kind %q (%v), want %q", key, kind(err), err, want)
		}
	}
	if n := target.Connections(); n.Opened != 1 {
		t.Errorf("%d connections opened: want 1", n.Opened)
	}
}

// Try says what the answer to a request was, and whether it was as expected.
func TestTryReturnsTheAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/lost":
			w.WriteHeader(http.StatusNotFound)
		case "/moved":
			w.Header().Set("Location", "/")
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusMovedPermanently)
		case "/made":
			w.Header().Set("Location", "/made/1")
			w.WriteHeader(http.StatusCreated)
		}
		_, _ = io.WriteString(w, "hello")
	}))
	defer server.Close()
	target, err := httptarget.Open(t.Context(), httptarget.Options{URL: server.URL, Connections: 1,
		Requests: []httptarget.Request{{Name: "found", Path: "/"}, {Name: "lost", Path: "/lost"},
			{Name: "moved", Path: "/moved", Method: "PUT"}, {Name: "made", Path: "/made"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if names := target.Names(); !slices.Equal(names, []string{"found", "lost", "moved", "made"}) {
		t.Errorf("names %q", names)
	}
	for _, c := range []struct {
		name, sent, location string
		status               int
		failed               bool
	}{{"found", "GET /", "", 200, false}, {"lost", "GET /lost", "", 404, true}, {"moved", "PUT /moved", "/", 301,
		false}, {"made", "GET /made", "", 201, false}} {
		t.Run(c.name, func(t *testing.T) {
			a, err := target.Try(t.Context(), c.name, 0)
			if sent := a.Method + " " + strings.TrimPrefix(a.URL, server.URL); sent != c.sent {
				t.Errorf("sent %s, want %s", sent, c.sent)
			}
			if a.Location != c.location || a.Closes != (c.location != "") {
				t.Errorf("location %q, closes %v", a.Location, a.Closes)
			}
			if a.Status != c.status || a.Size != 5 || a.Took <= 0 || (err != nil) != c.failed {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
}

// A server that does not speak HTTP/2 without TLS is told apart from one that answers nonsense.
func TestAServerWithoutHTTP2IsNamed(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	target, err := httptarget.New(httptarget.Options{URL: server.URL, Protocol: httptarget.H2C})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	err = target.Call(t.Context(), "")
	if kind(err) != "malformed" || !strings.Contains(err.Error(), "want protocol http/1.1") {
		t.Errorf("kind %q, %v", kind(err), err)
	}
}
