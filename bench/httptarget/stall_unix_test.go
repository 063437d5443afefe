//go:build unix

package httptarget_test

import (
	"context"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// A server that is stopped under load gets every call that was due meanwhile, once, on the connections that are open.
// What its callers are told of the stall is checked by loadgen selftest --service.
func TestAServerThatStallsGetsEveryCall(t *testing.T) {
	for _, c := range []struct {
		name string
		o    httptarget.Options
	}{
		{"64 connections", httptarget.Options{Connections: 64}},
		{"2 connections", httptarget.Options{Connections: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server, err := start()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Stop()
			o := c.o
			o.URL = "http://" + server.Plain + "/ok"
			target := open(t, o)
			arrivals, err := schedule.Constant(schedule.PerSecond(1000), 2*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			signal := func(s syscall.Signal) {
				if err := server.Signal(s); err != nil {
					t.Error(err)
				}
			}
			stall := func() {
				signal(syscall.SIGSTOP)
				time.Sleep(500 * time.Millisecond)
				signal(syscall.SIGCONT)
			}
			r, err := (&bench.Run{Arrivals: arrivals, Target: target, Workers: target.Workers(),
				Began: func() { time.AfterFunc(500*time.Millisecond, stall) }}).Do(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			seen, n := server.seen(t, "/ok"), target.Connections()
			if r.Offered != 2_000 || r.Done != 2_000 || seen.Requests != 2_000 {
				t.Errorf("%d offered, %d done, the server saw %d: want 2000 of each; %+v", r.Offered, r.Done,
					seen.Requests, r.Failures)
			}
			if n.Reconnects != 0 || n.Resent != 0 {
				t.Errorf("%d reconnects, %d resent: want 0", n.Reconnects, n.Resent)
			}
		})
	}
}

// The system accepts connections for a server that is stopped. The calls wait, and none is refused.
func TestConnectionsToAStoppedServerWait(t *testing.T) {
	server, err := start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	const calls = 8
	o := httptarget.Options{URL: "http://" + server.Plain + "/ok", Connections: calls, Reuse: 1}
	target, err := httptarget.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if err := server.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	// The signal does not stop the server at once.
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(server.PID(), &status, syscall.WUNTRACED, nil); err != nil ||
		!status.Stopped() {
		t.Fatalf("the server has not stopped: %v, %v", status, err)
	}
	returned := make(chan error, calls)
	for range calls {
		go func() { returned <- target.Call(context.Background(), "") }()
	}
	for deadline := time.Now().Add(5 * time.Second); target.Connections().Connect.Count() < calls; {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections after 5 s: want %d", target.Connections().Connect.Count(), calls)
		}
		runtime.Gosched()
	}
	if n := len(returned); n > 0 {
		t.Fatalf("%d calls returned while the server was stopped, one with %v", n, <-returned)
	}
	if err := server.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for range calls {
		if err := <-returned; err != nil {
			t.Error(err)
		}
	}
	if n := server.seen(t, "/ok"); n.Requests != calls || n.Connections != calls {
		t.Errorf("the server saw %+v: want %d requests on as many connections", n, calls)
	}
}
