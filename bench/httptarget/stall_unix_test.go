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

// A server that is stopped for a second, under 1,000 calls per second for 10 s, has a p95, p99 and p99.9 of 501, 901
// and 991 ms by arithmetic. A generator that waits with the server would report a few milliseconds. Percentiles may be
// higher on a busy machine, and never lower.
func TestAStallOfTheServerCountsForEveryCallThatItDelays(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 10 s")
	}
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
			arrivals, err := schedule.Constant(schedule.PerSecond(1000), 10*time.Second)
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
				time.Sleep(1005 * time.Millisecond) // a little more than a second, so that no percentile is lower
				signal(syscall.SIGCONT)
			}
			r, err := (&bench.Run{Arrivals: arrivals, Target: target, Workers: target.Workers(),
				Began: func() { time.AfterFunc(4*time.Second, stall) }}).Do(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			seen, n := server.seen(t, "/ok"), target.Connections()
			if r.Offered != 10_000 || r.Done != 10_000 || seen.Requests != 10_000 {
				t.Errorf("%d offered, %d done, the server saw %d: want 10000 of each; %+v", r.Offered, r.Done,
					seen.Requests, r.Failures)
			}
			if n.Reconnects != 0 || n.Resent != 0 {
				t.Errorf("%d reconnects, %d resent: want 0", n.Reconnects, n.Resent)
			}
			for q, least := range map[float64]time.Duration{0.95: 501, 0.99: 901, 0.999: 991} {
				got, err := r.Percentile(q)
				if least *= time.Millisecond; err != nil || got < least {
					t.Errorf("p%v is %v, %v: want %v or more", 100*q, got, err, least)
				}
				t.Logf("p%v is %v, of which %v is service; want %v", 100*q, got, r.Service.Quantile(q), least)
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
